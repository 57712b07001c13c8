package muc

import (
	"iter"
	"time"

	"passerelle/transports"
)

// Where a network falls apart thousands leave a channel in one moment, and most of them come back soon: as many presences to each client as
// there are people, twice, would hold up everybody else on the stream. So who left in a netsplit is kept for a while as if he were there, and
// where very much changes at once the clients are told bit by bit: what they believe of somebody is remembered until they learn how it is, in
// the end and not in between. Before somebody says something they learn how it is with him (XEP-0045 §7.4 has messages from occupants).

const (
	// splitHold is for how long somebody who left in a netsplit is kept, backHold how long one who came back waits for the ranks that he had.
	splitHold = time.Minute
	backHold  = 5 * time.Second
	// splitSaid is how long it is counted who left before it is said.
	splitSaid = 2 * time.Second
	// maxAtOnce changes are shown as they come, and everyRate more a second; what is beyond that waits a moment.
	maxAtOnce = 100
	everyRate = 50
	moment    = time.Second
)

// owed is what the clients believe of somebody, where that is not how it is, or may not be for long.
type owed struct {
	was    occupant // without a person where they believe that he is not there
	away   bool
	text   string // that he said of it
	again  bool   // something else of him is new
	due    time.Time
	how    transports.PartKind // he left, if he did
	reason string
}

// netsplit is one that is going on.
type netsplit struct {
	reason     string
	since      time.Time
	gone, back int32
	said       bool
}

// Owes reports whether the clients have still to be told of changes, by Settle.
func (r *Room) Owes() bool { return len(r.owed) > 0 }

// belief is what the clients believe of somebody of whom they know all.
func (r *Room) belief(nick string) owed {
	text, away := r.absent[nick]
	return owed{was: r.occupants.get(nick), away: away, text: text}
}

// changed notes that it is otherwise with somebody than it was, which clients learn now, or once hold is over at the earliest. Part says how he
// left; nil where he did not.
func (r *Room) changed(nick string, was owed, part *transports.Parted, hold time.Duration, out *Out) {
	if len(r.clients) == 0 {
		return
	}
	o := r.owed[nick]
	if o == nil {
		o = &was
		if hold == 0 && r.mayChange() {
			o.left(part)
			r.tell(nick, o, out)
			return
		}
		if r.owed == nil {
			r.owed = make(map[string]*owed)
		}
		r.owed[nick] = o
	}
	o.left(part)
	o.again = o.again || was.again
	o.due = r.opt.Now().Add(max(hold, moment))
	if o.was.person == nil && r.occupants.get(nick).person == nil {
		delete(r.owed, nick) // he came and went, and nobody saw him
	}
}

func (o *owed) left(part *transports.Parted) {
	if part != nil {
		o.how, o.reason = part.How, part.Reason
	}
}

// mayChange counts a change, and reports whether clients are told of it at once.
func (r *Room) mayChange() bool {
	now := r.opt.Now()
	r.changes = max(0, r.changes-now.Sub(r.changedAt).Seconds()*everyRate)
	r.changedAt = now
	if r.changes >= maxAtOnce {
		return false
	}
	r.changes++
	return true
}

// tell tells the clients how it is with somebody, and reports of how many stanzas that took.
func (r *Room) tell(nick string, o *owed, out *Out) int {
	is := r.occupants.get(nick)
	text, away := r.absent[nick]
	gone := o.was.person != nil && (is.person == nil || r.occupantID(is) != r.occupantID(o.was))
	come := is.person != nil && (o.was.person == nil || gone || is.role != o.was.role || away != o.away || text != o.text || moved(o.was, is) || is.bot() != o.was.bot() || o.again)
	code := 0
	if o.how == transports.PartLost {
		code = statusFault
	}
	n := 0
	for i := range r.clients {
		c := &r.clients[i]
		if gone {
			r.sendGone(c, nick, o.was, code, o.reason, out)
			n++
		}
		if come {
			r.sendOccupant(c, nick, is, out)
			n++
		}
	}
	return n
}

// settle tells the clients now how it is with somebody.
func (r *Room) settle(nick string, out *Out) int {
	o := r.owed[nick]
	if o == nil {
		return 0
	}
	if delete(r.owed, nick); len(r.owed) == 0 {
		r.owed = nil
	}
	return r.tell(nick, o, out)
}

// Settle tells the clients what is due, in about as many stanzas as it may use. It reports how many it used, and when to call it again; zero
// for not before the room owes something again.
func (r *Room) Settle(most int, out *Out) (used int, again time.Duration) {
	if len(r.clients) == 0 {
		r.owed, r.split = nil, netsplit{}
		return 0, 0
	}
	now := r.opt.Now()
	next := now.Add(splitHold)
	gone := 0 // in the netsplit, and not back
	for nick, o := range r.owed {
		switch {
		case o.due.After(now):
			if o.due.Before(next) {
				next = o.due
			}
			if o.how == transports.PartLost {
				gone++
			}
		case used >= most:
			next = now
		default:
			used += r.settle(nick, out)
		}
	}
	r.saySplit(now, gone > 0 || next.Equal(now), out)
	if !r.split.said && r.split.reason != "" {
		next = r.split.since.Add(splitSaid)
	}
	if !r.Owes() {
		return used, 0
	}
	return used, max(next.Sub(now), time.Millisecond)
}

// parting notes that somebody left in a netsplit.
func (r *Room) parting(e transports.Parted) {
	if len(r.clients) == 0 {
		return
	}
	if r.split.reason != e.Reason {
		r.split = netsplit{reason: e.Reason, since: r.opt.Now()}
	}
	r.split.gone++
}

// saySplit says how many a netsplit took, once, and how many of them it gave back.
func (r *Room) saySplit(now time.Time, goesOn bool, out *Out) {
	s := &r.split
	if s.reason == "" || now.Sub(s.since) < splitSaid {
		return
	}
	if !s.said {
		s.said = true
		said := r.opt.Host.Words("%s That takes one person along, who may be back in a moment.", s.reason)
		if s.gone != 1 {
			said = r.opt.Host.Words("%s That takes %d people along, who may be back in a moment.", s.reason, s.gone)
		}
		r.Say(said, out)
	}
	if !goesOn {
		switch {
		case s.back == 1:
			r.Say(r.opt.Host.Words("After the netsplit one person is back."), out)
		case s.back > 0:
			r.Say(r.opt.Host.Words("After the netsplit %d people are back.", s.back), out)
		}
		r.split = netsplit{}
	}
}

// believed is who is in the room as far as the clients know.
func (r *Room) believed() iter.Seq2[string, occupant] {
	return func(yield func(string, occupant) bool) {
		for nick, o := range r.occupants.all() {
			if r.owed[nick] == nil && !yield(nick, o) {
				return
			}
		}
		for nick, o := range r.owed {
			if o.was.person != nil && !yield(nick, o.was) {
				return
			}
		}
	}
}
