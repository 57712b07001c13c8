package muc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// A network tells of each sign that is put to a message or taken away; XMPP of all that one has put there (XEP-0444 §2.2). So it is remembered
// who put what, as long as the line is.

// maxReactors is how many people's reactions to one message are remembered; who comes then is not shown.
const maxReactors = 50

// reactor is somebody who reacted to a line.
type reactor struct {
	who   string // as occupantKey has him
	nick  string
	signs []putSign
	time  time.Time
	told  bool // in a line of its own, since the network carries no signs
}

// putSign is a sign with the network's id of what put it there.
type putSign struct{ text, netID string }

// reactor finds or adds somebody; nil where there are too many.
func (l *line) reactor(who string) *reactor {
	n := l.now()
	for i := range n.reactors {
		if n.reactors[i].who == who {
			return &n.reactors[i]
		}
	}
	if len(n.reactors) >= maxReactors {
		return nil
	}
	n.reactors = append(n.reactors, reactor{who: who})
	return &n.reactors[len(n.reactors)-1]
}

// reacted are the signs that somebody has put to a line, with spaces between them.
func (l *line) reacted(who string) string {
	if l.since == nil {
		return ""
	}
	for i := range l.since.reactors {
		if p := &l.since.reactors[i]; p.who == who {
			return p.text()
		}
	}
	return ""
}

func (p *reactor) text() string {
	all := make([]string, len(p.signs))
	for i := range p.signs {
		all[i] = p.signs[i].text
	}
	return strings.Join(all, " ")
}

// become notes all the signs of somebody, with spaces between them.
func (p *reactor) become(nick, signs string, at time.Time) {
	if p == nil {
		return
	}
	before := p.signs
	p.nick, p.signs, p.time = nick, nil, at
	for sign := range strings.FieldsSeq(signs) {
		s := putSign{text: sign}
		if i := slices.IndexFunc(before, func(b putSign) bool { return b.text == sign }); i >= 0 {
			s = before[i]
		}
		p.signs = append(p.signs, s)
	}
}

// change puts signs there and takes others away, and reports whether that changes anything.
func (p *reactor) change(e *transports.Reacted) (changed bool) {
	for _, sign := range e.Remove {
		n := len(p.signs)
		p.signs = slices.DeleteFunc(p.signs, func(s putSign) bool { return s.text == clean(sign) })
		changed = changed || len(p.signs) < n
	}
	for _, sign := range e.Add {
		sign = clean(sign)
		if sign == "" || len(p.signs) >= downgrade.MaxSigns || slices.ContainsFunc(p.signs, func(s putSign) bool { return s.text == sign }) {
			continue
		}
		p.signs = append(p.signs, putSign{sign, e.ID})
		changed = true
	}
	return changed
}

// clean is a sign without spaces, as it is kept.
func clean(sign string) string { return strings.Join(strings.Fields(sign), "") }

// react asks the network to put a client's signs to a message, and reports whether it can.
func (r *Room) react(p pending, out *Out) bool {
	f, l := r.features(), r.known(p.text.ReactsTo)
	added, removed := p.text.Added, p.text.Removed
	if !f.Unreacts {
		removed = nil
	}
	if l == nil || len(l.netIDs) == 0 || !f.Reacts || len(added)+len(removed) == 0 {
		return false
	}
	p.on, p.netIDs = l.stanzaID, []string{l.netIDs[0]}
	r.ask(out, p, func(ref transports.Ref) transports.Request {
		return transports.React{Ref: ref, To: r.opt.Target, On: p.netIDs[0], Add: added, Remove: removed}
	})
	return true
}

// reacted shows the signs that somebody has put to a message now.
func (r *Room) reacted(e transports.Reacted, out *Out) {
	l := r.byNetwork(e.On)
	if l == nil || e.From == nil {
		return // nobody here has heard it, or it is too long ago
	}
	nick := e.From.Nick
	if o, ok := r.occupants.find(nick); ok && o.person != nil {
		r.settle(nick, out)
		r.hear(e.From, out)
	}
	own := nick == r.nick
	p := l.reactor(cmp.Or(r.speakerID(nick, e.From), nick))
	if p == nil || own && r.asked(pendingRefer, e.On) {
		// What a client of his asked for is shown once the network has all of it. What it calls that is of use meanwhile.
		if p != nil {
			p.change(&e)
		}
		return
	}
	if !p.change(&e) {
		return
	}
	r.showReactor(l, p, e, out)
}

func (r *Room) showReactor(of *line, p *reactor, e transports.Reacted, out *Out) {
	l := r.bare(e.From.Nick, e.From, reactions(of.stanzaID, p))
	if !e.Time.IsZero() {
		l.time = e.Time
	}
	p.nick, p.time = l.nick, l.time
	l.stanzaID = r.keep(KeepHeard, &transports.Message{From: e.From, ID: e.ID, Time: l.time, Clocked: e.Clocked}, &l)
	l.id = l.stanzaID
	r.deliver(l, downgrade.Text{Passing: true}, out)
}

// asked reports whether a client waits for the network to do something with a message of that id.
func (r *Room) asked(kind pendingKind, netID string) bool {
	for _, p := range r.pending {
		if p.kind == kind && slices.Contains(p.netIDs, netID) {
			return true
		}
	}
	return false
}

// byReaction finds what put a sign to a line, by the network's id of that.
func (r *Room) byReaction(id string) (*line, *reactor, string) {
	find := func(l *line) (*reactor, string) {
		if l.since == nil {
			return nil, ""
		}
		for i := range l.since.reactors {
			p := &l.since.reactors[i]
			for _, s := range p.signs {
				if s.netID == id && id != "" {
					return p, s.text
				}
			}
		}
		return nil, ""
	}
	for i := range r.history.lines {
		if p, sign := find(&r.history.lines[i]); p != nil {
			return &r.history.lines[i], p, sign
		}
	}
	for _, l := range r.older {
		if p, sign := find(l); p != nil {
			return l, p, sign
		}
	}
	return nil, nil, ""
}

// reactions is the payload of all of somebody's signs on a message (XEP-0444 §2.2).
func reactions(id string, p *reactor) string {
	var b stanza.Builder
	b.StartNS("reactions", downgrade.NSReactions).Attr("id", id)
	for _, s := range p.signs {
		b.Start("reaction").Text(s.text).End()
	}
	b.End()
	b.StartNS("store", nsHints).End() // XEP-0444 §3
	return string(b.Bytes())
}

// sendReactions shows a client that enters who has put what to a line of the history.
func (r *Room) sendReactions(c *client, of line, out *Out) {
	if of.since == nil {
		return
	}
	for i := range of.since.reactors {
		p := &of.since.reactors[i]
		if len(p.signs) == 0 || p.told {
			continue
		}
		l := line{nick: p.nick, id: r.opt.NewID(), payload: reactions(of.stanzaID, p), time: p.time}
		if l.occupant = p.who; l.occupant == p.nick {
			l.occupant = ""
		}
		r.sendLine(c, l, true, out)
	}
}
