package muc

import (
	"slices"
	"time"

	"passerelle/component/downgrade"
	"passerelle/transports"
)

// What was said while the user was not in a room, some networks tell when he is back. It goes where it would have gone had he been there: into
// the archive, into the history of those who come, and to the clients that have missed it.

// tellSkew is how much of what he has heard a network may tell again: clocks differ.
const tellSkew = 20 * time.Second

// heardLine is a line that the user has heard, for what is told again.
type heardLine struct {
	nick, body string
	ids        []string // the network's
	at         time.Time
	told       bool // again, each once
}

// CatchUp says since when the user has heard nothing, zero where he never heard anything, and how many messages he wants of what was said since:
// at most limit, and where he never was there no more than his history has. Past is what he heard last, where the room has forgotten.
func (r *Room) CatchUp(past []Past, limit int) (since time.Time, most int) {
	r.heardLast = r.heardLast[:0]
	for _, p := range past {
		r.heardLast = append(r.heardLast, heardLine{nick: p.Nick, body: p.Body, ids: []string{p.NetworkID}, at: p.Time})
	}
	for i := range r.history.lines {
		l := &r.history.lines[i]
		if !slices.ContainsFunc(past, func(p Past) bool { return p.StanzaID == l.stanzaID }) {
			r.heardLast = append(r.heardLast, heardLine{nick: l.nick, body: l.body, ids: l.netIDs, at: l.time})
		}
	}
	for i := range r.heardLast {
		if at := r.heardLast[i].at; at.After(since) {
			since = at
		}
	}
	r.catching = true
	if since.IsZero() {
		since = r.enteredAt
	}
	if since.IsZero() {
		most, since = r.opt.Host.History(r.opt.Target)
		return since, min(most, limit)
	}
	return since, limit
}

// Caught reports whether it was asked what the user missed, so that what he heard before is known.
func (r *Room) Caught() bool { return r.catching || !r.forgot }

// knows reports whether the user has heard a line that is told.
func (r *Room) knows(l *line) bool {
	var newest time.Time
	for i := range r.heardLast {
		k := &r.heardLast[i]
		if len(l.netIDs) > 0 && slices.Contains(k.ids, l.netIDs[0]) {
			return true
		}
		if !k.told && k.nick == l.nick && k.body == l.body && k.at.Sub(l.time).Abs() <= tellSkew {
			k.told = true
			return true
		}
		if k.at.After(newest) {
			newest = k.at
		}
	}
	// What he said himself the archive may have in another form.
	return l.own && !l.time.After(newest)
}

// missed keeps what the user missed, and returns what is to be shown to clients that missed it.
func (r *Room) missed(m *transports.Missed) []line {
	if m == nil {
		return nil
	}
	if !r.catching {
		r.CatchUp(nil, 0)
	}
	var show []line
	for i := range m.Messages {
		e := &m.Messages[i]
		l := r.lineOf(e)
		if e.ID != "" {
			l.netIDs = []string{e.ID}
		}
		if r.knows(&l) {
			continue
		}
		l.stanzaID = r.keep(KeepHeard, e, &l)
		l.id = l.stanzaID
		l = r.lookOf(l, e)
		r.remember(l, downgrade.Text{Said: l.body})
		show = append(show, l)
	}
	r.heardLast, r.catching = nil, false
	return show
}

// show sends clients what they missed, with the time when it was said.
func (r *Room) showMissed(lines []line, which func(*client) bool, out *Out) {
	for i := range r.clients {
		if c := &r.clients[i]; c.in && which(c) {
			for _, l := range lines {
				r.sendLine(c, l, l.nick != "", out)
			}
		}
	}
}

func everybody(*client) bool { return true }

// missedLate takes what comes after Entered.
func (r *Room) missedLate(m transports.Missed, out *Out) {
	gap := r.awaited
	r.awaited = ""
	var show []line
	if gap != "" && !m.Complete {
		show = append(show, r.keepMark(gap))
	}
	r.showMissed(append(show, r.missed(&m)...), everybody, out)
}

// gapOf is what is said of a gap, where there is still one; while it is awaited what it was, that is not said yet.
func (r *Room) gapOf(gap string, e *transports.Entered) string {
	switch {
	case e.Awaited:
		r.awaited = gap
		return ""
	case e.Missed != nil && e.Missed.Complete:
		return ""
	}
	return gap
}
