package muc

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
)

// KeepHistory is how many messages a room has for clients that join; DefaultHistory is how many
// of them a client gets that does not ask for a number, where Options.History says nothing else.
const (
	KeepHistory    = 50
	DefaultHistory = 20
)

// stanzaChars is what a line of the history has beside what was said: its addresses and ids.
const stanzaChars = 500

// maxHistoryBytes is how much text those messages have. Longer ones leave less room for others: a network may send very long ones in all rooms.
const maxHistoryBytes = 256 << 10

// historySlack is how many messages a history has room for beyond those that it keeps: with the next one all of them are moved.
const historySlack = 14

// keepRecent is how many messages a room at work remembers of those that are in the archive: what people refer to. With twice as many the
// older ones go.
const keepRecent = 8

// history is the last messages of a room, oldest first. A room in which nothing was said costs nothing.
type history struct{ lines []line }

type line struct {
	nick, body string
	payload    string // all of the message as XML, where it was one of ours
	subject    bool   // body is a new subject
	id         string
	stanzaID   string
	occupant   string // id of who said it
	time       time.Time
	own        bool     // the user said it
	kept       bool     // the archive has it, or will
	netIDs     []string // the network's ids of it, one for each part; nil where it gives none
	since      *since   // nil where nothing became of it
}

// since is what became of a line after it was said, for those that refer to it then.
type since struct {
	said     string // without what it quotes, and corrected
	reactors []reactor
}

// add remembers a line with what the network got of it, and what that makes of earlier lines.
func (r *Room) add(l line, t downgrade.Text) {
	if of := r.recent(t.Corrects); of != nil && of.own {
		of.now().said = t.Said
	}
	if of := r.recent(t.ReactsTo); of != nil {
		if p := of.reactor(cmp.Or(l.occupant, l.nick)); p != nil {
			p.become(l.nick, t.Reacted, l.time)
			p.told = true
		}
	}
	if t.Said != l.body {
		l.since = &since{said: t.Said}
	}
	r.history.push(l)
}

// push puts a line behind the others, of which the oldest goes.
func (h *history) push(l line) {
	size, keep := l.size(), 0
	for keep < min(len(h.lines), KeepHistory-1) && size < maxHistoryBytes {
		keep++
		size += h.lines[len(h.lines)-keep].size()
	}
	if size > maxHistoryBytes && keep > 0 {
		keep--
	}
	clear(h.lines[:len(h.lines)-keep])
	h.lines = h.lines[len(h.lines)-keep:]
	if n := len(h.lines); n == cap(h.lines) && n > KeepHistory/2 { // append would make room for twice as many
		h.lines = append(make([]line, 0, KeepHistory+historySlack), h.lines...)
	}
	h.lines = append(h.lines, l)
}

func (l *line) size() int { return len(l.body) + len(l.payload) }

// shedOlder leaves what was said before the last messages to the archive, as far as that has it: from there whoever comes gets it. What became
// of those that go is remembered for a while, and what the user said himself: clients correct it by an id that the archive does not look for.
func (r *Room) shedOlder() {
	if len(r.history.lines) < 2*keepRecent || r.recalling || r.catching || r.opt.Archive == nil || slices.ContainsFunc(r.clients, func(c client) bool { return !c.in }) {
		return
	}
	n := len(r.history.lines) - keepRecent
	for i := range n {
		if !r.history.lines[i].kept {
			n = i // it is nowhere else
			break
		}
	}
	if n == 0 {
		return
	}
	for i := range n {
		if l := &r.history.lines[i]; l.since != nil || l.own {
			r.recollected(new(*l))
		}
	}
	r.history.lines, r.forgot = slices.Delete(r.history.lines, 0, n), true
}

// find finds the newest line with an id: its own, or the one that the room gave it.
func (h *history) find(id string) *line {
	for i := len(h.lines) - 1; i >= 0 && id != ""; i-- {
		if l := &h.lines[i]; l.id == id || l.stanzaID == id {
			return l
		}
	}
	return nil
}

func (l *line) now() *since {
	if l.since == nil {
		l.since = &since{said: l.body}
	}
	return l.since
}

// Forget forgets what was said before a time, everything where it is zero.
func (r *Room) Forget(before time.Time) {
	r.history.lines = slices.DeleteFunc(r.history.lines, func(l line) bool { return before.IsZero() || l.time.Before(before) })
	if before.IsZero() || r.subject.time.Before(before) {
		r.subject.stanzaID = "" // the archive does not have it any more
	}
}

// historyRequest is what a client wants of the history (XEP-0045 §7.2.14).
type historyRequest struct {
	set     bool
	stanzas int // -1: no limit of its own
	chars   int // -1: no limit
	since   time.Time
	seconds int // -1: no limit
}

func parseHistoryRequest(x *stanza.Element) historyRequest {
	e := x.Child(NS, "history")
	req := historyRequest{set: e != nil, stanzas: -1, chars: -1, seconds: -1}
	if e == nil {
		return req
	}
	number := func(name string) int {
		if n, err := strconv.ParseInt(e.Attr(name), 10, 32); err == nil && n >= 0 { // as many seconds are 68 years
			return int(n)
		}
		return -1
	}
	req.stanzas, req.chars, req.seconds = number("maxstanzas"), number("maxchars"), number("seconds")
	if t, err := time.Parse(time.RFC3339, e.Attr("since")); err == nil { // XEP-0082 §3.2
		req.since = t
	}
	return req
}

// WantsHistory reports whether a presence is that of a client that joins and asks for more than nothing.
func WantsHistory(p *stanza.Element) bool {
	x := p.Child(NS, "x")
	req := parseHistoryRequest(x)
	return x != nil && req.stanzas != 0 && req.chars != 0
}

// pickHistory gives the lines that a request asks for, oldest first.
func (r *Room) pickHistory(req historyRequest) []line {
	limit, since := r.opt.Host.History(r.opt.Target)
	return r.history.pick(req, limit, since, r.opt.Now())
}

// pick gives the lines that a request asks for, limit of them where it does not say how many, and none from before since.
func (h *history) pick(req historyRequest, limit int, since, now time.Time) []line {
	lines := h.lines
	if req.stanzas >= 0 {
		limit = req.stanzas
	}
	if len(lines) > limit {
		lines = lines[len(lines)-limit:]
	}
	from := req.since
	if since.After(from) {
		from = since
	}
	if req.seconds >= 0 {
		if t := now.Add(-time.Duration(req.seconds) * time.Second); t.After(from) {
			from = t
		}
	}
	for len(lines) > 0 && lines[0].time.Before(from) {
		lines = lines[1:]
	}
	if req.chars >= 0 { // XEP-0045 §7.2.14: of whole stanzas
		chars := 0
		for i := len(lines) - 1; i >= 0; i-- {
			if chars += stanzaChars + max(len(lines[i].body), len(lines[i].payload)); chars > req.chars {
				return lines[i+1:]
			}
		}
	}
	return lines
}

// Past is a message that was said in the room before anybody was in it now.
type Past struct {
	Nick, ID, StanzaID, Occupant string
	Body                         string
	Payload                      string // all of it as XML, but for what the room adds
	Time                         time.Time
	NetworkID                    string // what the network calls it
	// Instead of a body: ReactsTo is the stanza id of a message to which its sender reacts with these signs, that have spaces between them.
	ReactsTo, Reacted string
}

func (p *Past) line() line {
	l := line{nick: p.Nick, id: p.ID, stanzaID: p.StanzaID, occupant: p.Occupant, body: p.Body, payload: p.Payload, time: p.Time, kept: true}
	if p.NetworkID != "" {
		l.netIDs = []string{p.NetworkID}
	}
	return l
}

// Recall reports whether the history of the room is in the archive, from where it has to be read for a client that wants it. Then clients that
// come wait for Remember.
func (r *Room) Recall() bool {
	if !r.forgot || r.recalling {
		return false
	}
	r.recalling = true
	return true
}

// Forgot reports whether what was said in the room is in the archive, and not remembered.
func (r *Room) Forgot() bool { return r.forgot }

// Remember gives a room its history, oldest message first, and lets those in who waited for it.
func (r *Room) Remember(past []Past, out *Out) {
	heard := r.history.lines // meanwhile; some of it may have been read as well
	r.history.lines = nil
	for _, p := range past {
		if !slices.ContainsFunc(heard, func(l line) bool { return l.stanzaID == p.StanzaID }) {
			if p.ReactsTo == "" {
				r.history.push(p.line())
			} else if of := r.history.find(p.ReactsTo); of != nil {
				of.reactor(cmp.Or(p.Occupant, p.Nick)).become(p.Nick, p.Reacted, p.Time)
			}
		}
	}
	for _, l := range heard {
		r.history.push(l)
	}
	r.forgot, r.recalling = false, false
	switch {
	case r.entered:
		r.letIn(out)
	case len(r.clients) > 0:
		r.askIn(&r.clients[0], out)
	}
}
