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
	m  map[iqKey]pendingIQ
}

type pendingIQ struct {
	done chan error            // capacity 1, sent to once
	read func(*stanza.Element) // takes the result, while the reader waits; may be nil
}

// Why a request has no result.
var (
	errIQTimeout     = errors.New("no answer")
	errAnsweredError = errors.New("answered with an error")
)

// expect registers a request before it is sent; the channel gets nil for a result, which read took, and an error otherwise.
func (p *pendingIQs) expect(k iqKey, read func(*stanza.Element)) <-chan error {
	q := pendingIQ{done: make(chan error, 1), read: read}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = make(map[iqKey]pendingIQ)
	}
	p.m[k] = q
	return q.done
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
	q, ok := p.m[k]
	delete(p.m, k)
	p.mu.Unlock()
	if !ok {
		return false
	}
	var err error
	if iq.AttrIs("type", "error") {
		err = errAnsweredError
	} else if q.read != nil {
		q.read(iq)
	}
	q.done <- err
	return true
}

// ask sends a request and waits for its answer: nil for a result, which read takes where it is not nil, errAnsweredError for an error.
// read runs on the reader's goroutine: it keeps copies, and may run still when ask has given up.
func (g *Gateway) ask(ctx context.Context, typ string, from, to transports.Address, timeout time.Duration, payload func(*stanza.Builder), read func(*stanza.Element)) error {
	k := iqKey{id: stanza.NewID(time.Now()), to: to, from: from}
	answer := g.iqs.expect(k, read)
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
	err := g.ask(ctx, "get", from, to, timeout, func(b *stanza.Builder) { b.StartNS("ping", nsPing).End() }, nil)
	if errors.Is(err, errAnsweredError) {
		return nil
	}
	return err
}
