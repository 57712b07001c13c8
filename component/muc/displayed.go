package muc

import (
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// How far the user has read a room is between his clients (XEP-0333), of which some may be on the network by themselves.

// markRead tells the network what a client has displayed.
func (r *Room) markRead(m *stanza.Element, out *Out) {
	d := m.Child(nsMarkers, "displayed")
	if d == nil {
		return
	}
	l := r.known(d.Attr("id"))
	if l == nil || l.nick == "" || l.stanzaID == r.readTo {
		return
	}
	r.readTo = l.stanzaID
	out.Requests = append(out.Requests, Ask{Room: r, Request: transports.MarkRead{In: r.opt.Target, Time: l.time}})
}

// readElsewhere tells the clients what the user has read with another client, as the room tells them what he has displayed with one of
// these.
func (r *Room) readElsewhere(e transports.Read, out *Out) {
	var read *line
	for i := range r.history.lines {
		// The network's time has milliseconds.
		if l := &r.history.lines[i]; l.nick != "" && !l.time.Truncate(time.Millisecond).After(e.Time) {
			read = l
		}
	}
	if read == nil || read.stanzaID == "" || read.stanzaID == r.readTo {
		return
	}
	r.readTo = read.stanzaID
	for i := range r.clients {
		c := &r.clients[i]
		if !c.in {
			continue
		}
		b := out.Stanzas.Start("message").JID("from", r.occupantJID(r.nick)).JID("to", c.addr).Attr("type", "groupchat").Attr("id", r.opt.NewID())
		b.StartNS("displayed", nsMarkers).Attr("id", read.stanzaID).End() // XEP-0333 §4.1: in a room, the id that it gave
		AppendOccupantID(b, r.OccupantID(r.nick))
		b.StartNS("no-store", nsHints).End()
		b.End()
	}
}
