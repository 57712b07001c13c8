package component

import (
	"runtime"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// inbound is a stanza on its way to its user.
type inbound struct {
	st       *stanza.Stanza
	from, to transports.Address
}

// root is the stanza's element; all that is read from it is valid while the stanza is handled.
func (in *inbound) root() *stanza.Element { return in.st.Root }

// wantsAnswer reports whether an error may answer the stanza (RFC 6120 §8.3.1): never an error, never a result, and no presence
// that is unavailable.
func wantsAnswer(name, typ string) bool {
	switch name {
	case "iq":
		return typ == "get" || typ == "set"
	case "message":
		return typ != "error"
	case "presence":
		return typ == "" || typ == "subscribe"
	default:
		return false
	}
}

// handle routes one stanza. It runs on the reader's goroutine, so it does nothing that could wait.
func (g *Gateway) handle(st *stanza.Stanza) {
	e := st.Root
	if g.tracing() {
		g.traceIn(e)
	}
	if e.Space != stanza.NSComponent {
		g.metrics.ignored.Inc()
		st.Release()
		return
	}
	switch e.Name {
	case "message", "presence", "iq":
		g.metrics.received(e.Name)
	default: // RFC 6120 §4.9.3.24 would end the stream; we only ignore it
		g.metrics.ignored.Inc()
		st.Release()
		return
	}
	to, errTo := g.addr.parse(e.RawAttr("to"))
	from, errFrom := g.addr.parse(e.RawAttr("from"))
	switch {
	case errFrom != nil:
		// Nobody to answer, unless the server lets us write to what it wrote itself.
		g.metrics.malformed.Inc()
		g.malformed(e, "from", errFrom)
	case errTo != nil:
		g.metrics.malformed.Inc()
		g.malformed(e, "to", errTo)
	case to.Domain != g.domain.Domain:
		g.metrics.ignored.Inc()
		g.log.Warn("a stanza for another domain", "to_domain", to.Domain)
	case e.Name == "iq" && (e.AttrIs("type", "result") || e.AttrIs("type", "error")):
		if !g.iqs.answer(iqKey{id: e.Attr("id"), to: from, from: to}, e) {
			g.metrics.unasked.Inc()
		}
	case e.Name == "message" && e.AttrIs("type", "error") && g.outbox.bounced(from, e):
	case e.Name == "message" && e.AttrIs("type", "error") && to == g.domain && g.people.refused(from, e):
	case e.Name == "message" && to == g.domain && g.grants.take(from, e, g.rules().OwnDomains):
		g.log.Info("the XMPP server grants privileges", "server", from.Domain)
	case g.follow.hears(from, to, e):
	case g.feeds.takes(inbound{st: st, from: from, to: to}):
		return
	case g.follow.aliased(inbound{st: st, from: from, to: to}):
		return
	default:
		if from == g.domain && to == g.domain && e.Name == "iq" && !g.iqs.waits(iqKey{id: e.Attr("id"), to: to, from: from}) {
			// ejabberd lets two processes in and gives each a part of the stanzas: the other one's ping to itself has come here.
			g.log.Error((&connectError{reason: reasonConflict}).advice(g.opt.Domain, g.opt.Server))
		}
		g.toUser(inbound{st: st, from: from, to: to})
		return
	}
	st.Release()
}

// stoppingText answers what comes while the gateway stops.
const stoppingText = "The gateway is being stopped. Try again in a minute."

// manyAtWork is how many users work at a time before the reader lets them go first: of a thousand who come at once no more are begun with than
// are done with, so that they take turns with the same memory. It never waits for them.
const manyAtWork = 64

// toUser hands a stanza to the goroutine of its sender.
func (g *Gateway) toUser(in inbound) {
	if g.working.n.Load() >= manyAtWork {
		runtime.Gosched()
	}
	for {
		u, ok := g.user(in.from.Bare())
		if !ok {
			g.answerError(in.root(), transports.NewError(transports.Busy, stoppingText, nil))
			in.st.Release()
			return
		}
		switch u.offer(in) {
		case offerTaken:
			return
		case offerFull:
			g.metrics.refused.Inc()
			g.answerError(in.root(), transports.NewError(transports.Busy, "", nil))
			in.st.Release()
			return
		case offerGone:
			// The user was removed while we looked; look again.
		}
	}
}

// user finds or makes the user of a bare JID. It reports false when the gateway stops.
func (g *Gateway) user(jid transports.Address) (*user, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if u := g.users[jid]; u != nil {
		return u, true
	}
	if g.stopping {
		return nil, false
	}
	u := newUser(g, jid)
	g.users[jid] = u
	return u, true
}

// answerError answers a stanza with an error where it may be answered. It never waits: where the queue to the server is full,
// the answer is dropped.
func (g *Gateway) answerError(e *stanza.Element, err *transports.Error) {
	if !wantsAnswer(e.Name, e.Attr("type")) {
		return
	}
	var b stanza.Builder
	b.Start(e.Name).Attr("type", "error").Attr("from", e.Attr("to")).Attr("to", e.Attr("from")).Attr("id", e.Attr("id"))
	b.Error(err).End()
	g.offer(&b)
}

// malformed answers a stanza with an address that is none (RFC 6120 §8.3.3.8). Its answer comes from the domain, since a server may
// end the stream of a component that sends from what it cannot read.
func (g *Gateway) malformed(e *stanza.Element, which string, err error) {
	g.log.Debug("malformed address", "attribute", which, "error", err)
	if !wantsAnswer(e.Name, e.Attr("type")) || e.Attr("from") == "" {
		return
	}
	var b stanza.Builder
	b.Start(e.Name).Attr("type", "error").JID("from", g.domain).Attr("to", e.Attr("from")).Attr("id", e.Attr("id"))
	b.RawError("modify", "jid-malformed", "The address in \""+which+"\" is not valid: "+err.Error()+".").End()
	g.offer(&b)
}

// refused answers a stanza that the reader refused.
func (g *Gateway) refused(r *stanza.Refused) {
	g.metrics.malformed.Inc()
	g.log.Warn("a stanza was refused", "kind", r.Kind, "condition", r.Condition, "reason", r.Text)
	if r.Kind == "iq" && (r.Type == "result" || r.Type == "error") {
		to, errTo := transports.ParseAddress(r.To)
		from, errFrom := transports.ParseAddress(r.From)
		if errTo == nil && errFrom == nil {
			g.iqs.refused(iqKey{id: r.ID, to: from, from: to})
		}
	}
	if r.From == "" || !wantsAnswer(r.Kind, r.Type) {
		return
	}
	from := g.domain
	if a, err := transports.ParseAddress(r.To); err == nil && a.Domain == g.domain.Domain {
		from = a
	}
	var b stanza.Builder
	b.Start(r.Kind).Attr("type", "error").JID("from", from).Attr("to", r.From).Attr("id", r.ID)
	b.RawError("modify", r.Condition, r.Text).End()
	g.offer(&b)
}

// offer queues an answer where there is room.
func (g *Gateway) offer(b *stanza.Builder) {
	if err := g.out.offer(b.Bytes()); err != nil {
		g.metrics.dropped.Inc()
		return
	}
	if g.tracing() {
		g.traceOut(b.Bytes())
	}
	g.metrics.sent.Add(float64(b.Len()))
}

// addressCache remembers parsed addresses, since the same few come again and again. It belongs to the reader goroutine.
type addressCache struct {
	m map[string]transports.Address
}

// cachedAddresses bounds the cache: when it is full it starts anew, which costs less than keeping track of use.
const cachedAddresses = 1024

func (c *addressCache) parse(raw []byte) (transports.Address, error) {
	if a, ok := c.m[string(raw)]; ok {
		return a, nil
	}
	s := string(raw)
	a, err := transports.ParseAddress(s)
	if err != nil {
		return a, err
	}
	if c.m == nil || len(c.m) >= cachedAddresses {
		c.m = make(map[string]transports.Address, 64)
	}
	c.m[s] = a
	return a, nil
}
