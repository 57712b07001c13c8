package muc

import (
	"cmp"
	"slices"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Messages refer to others: by the network's ids there, by stanza ids here (XEP-0359). The room knows those of its history, and asks the
// archive for older ones, of which it remembers some.

// maxOlder is how many lines from beyond the history a room remembers that somebody referred to.
const maxOlder = 20

// maxBuried is how many lines that were taken back a room remembers.
const maxBuried = 50

// features is what the room's network can carry beside text.
func (r *Room) features() transports.Features { return r.opt.Host.Features(r.opt.Target) }

// known finds a line by its id here, of the message or of the room.
func (r *Room) known(id string) *line {
	if l := r.recent(id); l != nil || id == "" || r.opt.Archive == nil {
		return l
	}
	return r.recollect(r.opt.Archive.Find(id, ""))
}

// recent is known for what the room remembers itself.
func (r *Room) recent(id string) *line {
	if l := r.history.find(id); l != nil || id == "" {
		return l
	}
	for _, l := range r.older {
		if l.stanzaID == id || l.own && l.id == id {
			return l
		}
	}
	return nil
}

// byNetwork finds a line by the network's id.
func (r *Room) byNetwork(id string) *line {
	if id == "" {
		return nil
	}
	for i := len(r.history.lines) - 1; i >= 0; i-- {
		if l := &r.history.lines[i]; slices.Contains(l.netIDs, id) {
			return l
		}
	}
	for _, l := range r.older {
		if slices.Contains(l.netIDs, id) {
			return l
		}
	}
	if r.opt.Archive == nil {
		return nil
	}
	return r.recollect(r.opt.Archive.Find("", id))
}

// recollect remembers a line that the archive knows.
func (r *Room) recollect(p Past, ok bool) *line {
	if !ok || p.Body == "" || slices.Contains(r.buried, p.StanzaID) {
		return nil
	}
	l := p.line()
	r.recollected(&l)
	return &l
}

// recollected remembers a line from beyond the history, in place of the one that is longest there.
func (r *Room) recollected(l *line) {
	if len(r.older) == maxOlder {
		r.older = slices.Delete(r.older, 0, 1)
	}
	r.older = append(r.older, l)
}

// refer takes what a client does with an earlier message, where the network can carry that: a reaction, a retraction. It reports whether
// it took it.
func (r *Room) refer(from transports.Address, m *stanza.Element, t downgrade.Text, out *Out) bool {
	if t.ReactsTo == "" && t.Retracts == "" {
		return false
	}
	p := pending{kind: pendingRefer, client: from, id: m.Attr("id"), text: t, payload: Payload(m), noStore: !downgrade.ReadHints(m).Archived(true)}
	switch {
	case p.payload == "":
		return false
	case t.ReactsTo != "":
		return r.react(p, out)
	}
	return r.retract(p, out)
}

// referred shows the user's clients what the network has taken of one of them.
func (r *Room) referred(p *pending, out *Out) {
	l := line{nick: r.nick, id: p.id, payload: p.payload, occupant: r.OccupantID(r.nick), time: r.opt.Now(), own: true}
	how := KeepOwn
	if p.noStore {
		how = KeepNot
	}
	l.stanzaID = r.keep(how, &transports.Message{From: &transports.Person{Nick: r.nick}, Time: l.time}, &l)
	if l.id == "" {
		l.id = l.stanzaID
	}
	of := r.known(p.on)
	switch {
	case p.text.ReactsTo != "":
		if of != nil {
			of.reactor(r.occupantKey(r.nick)).become(r.nick, p.text.Reacted, l.time)
		}
		r.deliver(l, downgrade.Text{Passing: true}, out)
	default:
		if of != nil {
			of = new(*of) // its place in the history may be another line's by then
		}
		r.deliver(l, downgrade.Text{}, out)
		r.forgetLine(of, Tombstone{By: l.nick, Retraction: l.id, Time: l.time})
	}
}

// occupantKey is what people are told apart by over their nicks.
func (r *Room) occupantKey(nick string) string { return cmp.Or(r.OccupantID(nick), nick) }

// bare makes a line that has no text of its own, but says something about another one.
func (r *Room) bare(nick string, from *transports.Person, payload string) line {
	l := line{payload: payload, time: r.opt.Now()}
	if nick != "" {
		l.nick, l.occupant, l.own = nick, r.speakerID(nick, from), nick == r.nick
	}
	return l
}
