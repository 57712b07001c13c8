package muc

import (
	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// tellTyping tells the network that the user writes something, unless he does not want that (XEP-0085).
func (r *Room) tellTyping(t downgrade.Text, out *Out) {
	if t.Writes == nil || !r.features().Types {
		return
	}
	state := *t.Writes
	if !r.opt.Host.MayType(r.opt.Target) {
		state = transports.ComposingNot // while he wanted it he may have begun
	}
	out.Requests = append(out.Requests, Ask{Room: r, Request: transports.Type{To: r.opt.Target, State: state}})
}

// typing shows that somebody writes something. It is nothing to be remembered.
func (r *Room) typing(e transports.Typing, out *Out) {
	o, ok := r.occupants.find(e.Nick)
	if !ok || e.Nick == r.nick || r.owed[e.Nick] != nil {
		return
	}
	for i := range r.clients {
		c := &r.clients[i]
		if !c.in {
			continue
		}
		b := out.Stanzas.Start("message").JID("from", r.occupantJID(e.Nick)).JID("to", c.addr).Attr("type", "groupchat").Attr("id", r.opt.NewID())
		AppendState(b, e.State)
		AppendOccupantID(b, r.occupantID(o))
		b.End()
	}
}

// AppendState appends a chat state (XEP-0085 §4), which nobody keeps (XEP-0334 §4).
func AppendState(b *stanza.Builder, state transports.Composing) {
	name := "active"
	switch state {
	case transports.ComposingActive:
		name = "composing"
	case transports.ComposingPaused:
		name = "paused"
	}
	b.StartNS(name, nsChatStates).End()
	b.StartNS("no-store", nsHints).End()
}
