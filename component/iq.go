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
	errIQRefused     = errors.New("the answer is more than is read")
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
	defer p.mu.Unlock() // until read is done, so that it never runs after forget
	q, ok := p.m[k]
	delete(p.m, k)
	if !ok {
		return false
	}
	var err error
	if iq.AttrIs("type", "error") {
		err = readIQError(iq)
	} else if q.read != nil {
		q.read(iq)
	}
	q.done <- err
	return true
}

// refused ends a request whose answer was refused.
func (p *pendingIQs) refused(k iqKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q, ok := p.m[k]; ok {
		delete(p.m, k)
		q.done <- errIQRefused
	}
}

// ask sends a request and waits for its answer: nil for a result, which read takes where it is not nil, an *iqError for an error.
// read runs on the reader's goroutine, with nobody else's answer being taken: it only keeps copies.
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

// iqError is the error that answered a request of ours, with what XEP-0363 §5 and XEP-0060 §16.3 add to it.
type iqError struct {
	typ, condition string
	pubsub         string
	maxSize        int64
	retry          time.Time
}

func (e *iqError) Error() string {
	return errAnsweredError.Error() + ": " + e.condition + " (" + e.typ + ")"
}

// isMissing reports whether there is nothing of what was asked for.
func isMissing(err error) bool {
	e, ok := errors.AsType[*iqError](err)
	return ok && e.condition == "item-not-found"
}

// Is lets errors.Is find any answer that is an error.
func (e *iqError) Is(target error) bool { return target == errAnsweredError }

// readIQError copies an error out of an answer.
func readIQError(iq *stanza.Element) *iqError {
	x := iq.Child(iq.Space, "error") // of a user's it is another one
	e := &iqError{typ: x.Attr("type"), condition: "undefined-condition"}
	for c := range x.Children() {
		if c.Space == stanza.NSStanzas && c.Name != "text" {
			e.condition = c.Name
			break
		}
	}
	if c := x.Child(nsPubSub+"#errors", ""); c != nil {
		e.pubsub = c.Name
	}
	e.maxSize = parseSize(x.Child(nsUpload, "file-too-large").Child(nsUpload, "max-file-size").Text())
	if stamp, err := time.Parse(time.RFC3339, x.Child(nsUpload, "retry").Attr("stamp")); err == nil { // XEP-0082 §3.2
		e.retry = stamp
	}
	return e
}
