package ircbridge

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Bounds of whom a session watches, and of the lines that this takes.
const (
	maxWatched      = 500
	watchLine       = 400 // bytes of a line, to be safe of every server's limit
	userhostTargets = 5   // nicks in one USERHOST (RFC 2812 §4.8)
	pollInterval    = 60 * time.Second
)

// watch is whom a session watches. The network tells by itself of as many as it takes (IRCv3 MONITOR), the others are asked for now and
// then with ISON.
type watch struct {
	people    []*watched          // in the order in which they were asked for
	byNick    map[string]*watched // as the network folds nicks; nil while there is no connection
	monitored int
	toDrop    map[string]struct{} // nicks that the network is to be told not to tell of any more; at most maxWatched
	toAdd     []*watched          // people of whom it is to be told, behind that
	asked     [][]*watched        // lines of ISON that are not answered yet
	again     bool                // somebody is to be asked for once they are
	nextPoll  time.Time           // zero where nobody is asked for
}

// watched is somebody who is watched, and what the network said of him.
type watched struct {
	target    transports.Target
	monitored bool // the network was told, or will be
	told      bool
	online    bool
	away      bool
	text      string
}

func (p *watched) event() transports.Presence {
	return transports.Presence{Who: p.target, Online: p.online, Away: p.away, Text: p.text}
}

// watch takes whom the host wants to hear of. One who cannot be watched keeps nobody else from it.
func (s *session) watch(q transports.Watch) *transports.Error {
	if q.Stop {
		s.unwatch(q.Who)
		return nil
	}
	if s.watching == nil {
		s.watching = &watch{}
	}
	w := s.watching
	var added []*watched
	var refusal *transports.Error
	for _, t := range q.Who {
		switch {
		case t.Kind != transports.TargetContact || t.Network != s.net.ID || !validContact(t.ID):
			refusal = refused(transports.BadRequest, "%q is nobody on %s.", t.ID, s.net.Name)
			continue
		case slices.ContainsFunc(w.people, func(p *watched) bool { return p.target == t }):
			continue
		case len(w.people) >= maxWatched:
			refusal = refused(transports.Policy, "You have more contacts on %s than can be watched.", s.net.Name)
			continue
		}
		p := &watched{target: t}
		w.people, added = append(w.people, p), append(added, p)
	}
	if s.phase == phaseOnline {
		s.begin(s.conn, added)
	}
	return refusal
}

func (s *session) unwatch(gone []transports.Target) {
	w := s.watching
	if w == nil {
		return
	}
	for _, t := range gone {
		i := slices.IndexFunc(w.people, func(p *watched) bool { return p.target == t })
		if i < 0 {
			continue
		}
		p := w.people[i]
		w.people = slices.Delete(w.people, i, i+1)
		if s.phase != phaseOnline {
			continue
		}
		delete(w.byNick, s.conn.isup.casemap.fold(t.ID))
		if p.monitored {
			w.monitored--
			w.toAdd = slices.DeleteFunc(w.toAdd, func(a *watched) bool { return a == p })
		}
		if p.told {
			if w.toDrop == nil {
				w.toDrop = make(map[string]struct{})
			}
			w.toDrop[t.ID] = struct{}{}
			s.startWriter(s.conn)
		}
	}
}

// tellMonitor puts a line for the network's list behind what waits, when there is nothing else to say: so who comes and goes as fast as he
// can, in a contact list, costs no more lines than the network takes, and messages go first.
func (s *session) tellMonitor(c *conn) {
	w := s.watching
	if w == nil || len(c.queue) > 0 || s.closed || s.phase != phaseOnline {
		return
	}
	if len(w.toDrop) > 0 {
		lines := joinNicks("MONITOR - ", ",", slices.Sorted(maps.Keys(w.toDrop)), maxWatched)
		c.enqueue(outLine{text: lines[0]})
		for nick := range strings.SplitSeq(strings.TrimPrefix(lines[0], "MONITOR - "), ",") {
			delete(w.toDrop, nick)
		}
		return
	}
	if len(w.toAdd) == 0 {
		return
	}
	var nicks []string
	for _, p := range w.toAdd {
		nicks = append(nicks, p.target.ID)
	}
	line := joinNicks("MONITOR + ", ",", nicks, maxWatched)[0]
	c.enqueue(outLine{text: line})
	n := strings.Count(line, ",") + 1 // no nick has one
	for _, p := range w.toAdd[:n] {
		p.told = true
	}
	w.toAdd = w.toAdd[n:]
}

// watchAll begins to watch on a fresh connection.
func (s *session) watchAll(c *conn) {
	w := s.watching
	if w == nil {
		return
	}
	w.byNick = make(map[string]*watched, len(w.people))
	for _, p := range w.people {
		*p = watched{target: p.target}
	}
	w.monitored, w.asked, w.again, w.nextPoll = 0, nil, false, time.Time{}
	w.toDrop, w.toAdd = nil, nil
	s.begin(c, w.people)
}

// begin begins to watch people whom the network has not been told of.
func (s *session) begin(c *conn, people []*watched) {
	w := s.watching
	if w.byNick == nil {
		w.byNick = make(map[string]*watched)
	}
	for _, p := range people {
		w.byNick[c.isup.casemap.fold(p.target.ID)] = p
		if w.monitored < c.isup.monitor {
			p.monitored = true
			w.monitored++
			w.toAdd = append(w.toAdd, p)
		}
	}
	s.startWriter(c)
	s.pollBy(c, time.Now())
}

// pollBy sees to it that those who are not monitored are asked for, where there are any.
func (s *session) pollBy(c *conn, t time.Time) {
	w := s.watching
	if len(w.people) > w.monitored && (w.nextPoll.IsZero() || t.Before(w.nextPoll)) {
		w.nextPoll = t
		s.wakeBy(c, t)
	}
}

// poll asks who of those that the network does not tell of is there (RFC 2812 §4.9). While the answer to the last time is missing,
// nobody is asked: it says only who is there, so that each answer has to be taken for the line that it answers.
func (s *session) poll(c *conn) {
	w := s.watching
	if w.nextPoll = time.Now().Add(pollInterval); len(w.people) == w.monitored {
		w.nextPoll = time.Time{}
		return
	}
	if w.again = len(w.asked) > 0; w.again || c.full(len(w.people)/8+1) {
		return
	}
	line, batch := "", []*watched(nil)
	flush := func() {
		if len(batch) > 0 {
			c.enqueue(outLine{text: line})
			w.asked = append(w.asked, batch)
		}
		line, batch = "ISON", nil
	}
	flush()
	for _, p := range w.people {
		if p.monitored {
			continue
		}
		if len(line)+1+len(p.target.ID) > watchLine {
			flush()
		}
		line, batch = line+" "+p.target.ID, append(batch, p)
	}
	flush()
	s.startWriter(c)
}

// joinNicks makes lines of nicks, at most so many in each.
func joinNicks(command, separator string, nicks []string, most int) []string {
	var lines []string
	line, n := command, 0
	for _, nick := range nicks {
		if n > 0 && (n >= most || len(line)+len(separator)+len(nick) > watchLine) {
			lines = append(lines, line)
			line, n = command, 0
		}
		if n > 0 {
			line += separator
		}
		line, n = line+nick, n+1
	}
	if n > 0 {
		lines = append(lines, line)
	}
	return lines
}

// watchNumeric takes numerics about people who are watched, and reports whether it was nothing else.
func (s *session) watchNumeric(c *conn, e *girc.Event) bool {
	switch e.Command {
	case "730", "731": // RPL_MONONLINE, RPL_MONOFFLINE
		var come []string
		for mask := range strings.SplitSeq(e.Last(), ",") {
			nick, _, _ := strings.Cut(mask, "!")
			if e.Command == "731" {
				s.nickFreed(c, nick)
			}
			if s.seen(c, nick, e.Command == "730") {
				come = append(come, nick)
			}
		}
		s.askAway(c, come)
	case "732", "733": // the list, which nobody asked for
	case "734": // ERR_MONLISTFULL: who is in it is asked for
		if len(e.Params) > 2 {
			full := *c.isup
			full.monitor = 0
			c.isup = s.t.isupports.share(full)
			for nick := range strings.SplitSeq(e.Params[2], ",") {
				if p := s.watched(c, nick); p != nil && p.told {
					p.monitored, p.told = false, false
					s.watching.monitored--
				}
			}
			if s.watching != nil {
				s.pollBy(c, time.Now())
			}
		}
	case girc.RPL_ISON:
		s.isOn(c, e.Last())
	case girc.RPL_USERHOST: // RFC 2812 §4.8: "nick[*]=(+|-)host", minus for who is away
		for reply := range fields(e.Last()) {
			nick, host, _ := strings.Cut(reply, "=")
			if p := s.watched(c, strings.TrimSuffix(nick, "*")); p != nil && p.online && host != "" {
				s.setAway(p, host[0] == '-', p.text)
			}
		}
	case girc.RPL_AWAY:
		s.setAwayOf(c, param1(e), true, e.Last())
		s.tellOfAway(c, e)
	default:
		return false
	}
	return true
}

// isOn takes who of those in the oldest line of ISON is there.
func (s *session) isOn(c *conn, nicks string) {
	w := s.watching
	if w == nil || len(w.asked) == 0 {
		return
	}
	batch := w.asked[0]
	w.asked = w.asked[1:]
	here := make(map[*watched]bool, len(batch))
	for nick := range fields(nicks) {
		if p := s.watched(c, nick); p != nil {
			here[p] = true
		}
	}
	var come []string
	for _, p := range batch {
		if w.byNick[c.isup.casemap.fold(p.target.ID)] == p && s.seen(c, p.target.ID, here[p]) {
			come = append(come, p.target.ID)
		}
	}
	s.askAway(c, come)
	if len(w.asked) == 0 && w.again {
		s.pollBy(c, time.Now())
	}
}

// watched finds somebody who is watched.
func (s *session) watched(c *conn, nick string) *watched {
	if s.watching == nil {
		return nil
	}
	return s.watching.byNick[c.isup.casemap.fold(nick)]
}

// seen notes that somebody is on the network or not, and reports whether he has come.
func (s *session) seen(c *conn, nick string, online bool) bool {
	p := s.watched(c, nick)
	if p == nil || p.online == online {
		return false
	}
	p.online, p.away, p.text = online, false, ""
	s.post(p.event())
	return online
}

// setAway notes that somebody is away or back. Text is what he says of it.
func (s *session) setAway(p *watched, away bool, text string) {
	text = awayWords(text)
	if !away {
		text = ""
	}
	if p.away == away && p.text == text {
		return
	}
	p.away, p.text = away, strings.Clone(text)
	s.post(p.event())
}

// askAway asks whether people who have come are away. Where many come at once the rest is learnt when it changes.
func (s *session) askAway(c *conn, nicks []string) {
	s.askDetails(c, nicks)
	for _, line := range joinNicks("USERHOST ", " ", nicks, userhostTargets) {
		if !c.answer(line) {
			break
		}
	}
	s.startWriter(c)
}

// setAwayOf notes that somebody, who is there then, is away or back.
func (s *session) setAwayOf(c *conn, nick string, away bool, text string) {
	if p := s.watched(c, nick); p != nil {
		s.seen(c, nick, true)
		s.setAway(p, away, text)
	}
}

// noticed takes what a channel shows of people who are watched: it is faster than asking.
func (s *session) noticed(c *conn, event transports.Event) {
	if s.watching == nil {
		return
	}
	switch e := event.(type) {
	case transports.Joined:
		s.seen(c, e.Member.Person.Nick, true)
	case transports.Renamed:
		s.seen(c, e.Old, false)
		s.seen(c, e.New, true)
	case transports.Parted:
		if e.Room == (transports.Target{}) {
			s.seen(c, e.Nick, false)
		}
	}
}
