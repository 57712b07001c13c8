package component

import (
	"context"
	"errors"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// iqKey identifies a request of ours. An answer counts only if it comes from whom we asked, to whom asked (RFC 6120 §8.1.3): an id
// alone could be guessed or overheard.
type iqKey struct {
	id       string
	to, from transports.Address
}

// pendingIQs are our requests that wait for an answer. Safe to call from any goroutine.
type pendingIQs struct {
	mu sync.Mutex
	m  map[iqKey]chan error
}

// Why a request has no result.
var (
	errIQTimeout     = errors.New("no answer")
	errAnsweredError = errors.New("answered with an error")
)

// expect registers a request before it is sent; the channel gets nil for a result and an error otherwise.
func (p *pendingIQs) expect(k iqKey) <-chan error {
	c := make(chan error, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = make(map[iqKey]chan error)
	}
	p.m[k] = c
	return c
}

func (p *pendingIQs) forget(k iqKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.m, k)
}

// waits reports whether a request of ours has no answer yet.
func (p *pendingIQs) waits(k iqKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.m[k]
	return ok
}

// answer hands a result or an error to who asked, and reports whether anybody did.
func (p *pendingIQs) answer(k iqKey, iq *stanza.Element) bool {
	p.mu.Lock()
	c, ok := p.m[k]
	delete(p.m, k)
	p.mu.Unlock()
	if !ok {
		return false
	}
	var err error
	if iq.AttrIs("type", "error") {
		err = errAnsweredError
	}
	c <- err // capacity 1, sent once
	return true
}

// ask sends a request and waits for its answer: nil for a result, errAnsweredError for an error.
func (g *Gateway) ask(ctx context.Context, typ string, from, to transports.Address, timeout time.Duration, payload func(*stanza.Builder)) error {
	k := iqKey{id: stanza.NewID(time.Now()), to: to, from: from}
	answer := g.iqs.expect(k)
	defer g.iqs.forget(k)
	var b stanza.Builder
	b.Start("iq").Attr("type", typ).JID("from", from).JID("to", to).Attr("id", k.id)
	payload(&b)
	b.End()
	if err := g.out.offer(b.Bytes()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errIQTimeout)
	defer cancel()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ping asks "to" for a sign of life (XEP-0199 §4) as "from". An error is one as well.
func (g *Gateway) ping(ctx context.Context, from, to transports.Address, timeout time.Duration) error {
	err := g.ask(ctx, "get", from, to, timeout, func(b *stanza.Builder) { b.StartNS("ping", nsPing).End() })
	if errors.Is(err, errAnsweredError) {
		return nil
	}
	return err
}
