package ircbridge

import (
	"fmt"
	"slices"
	"time"

	"passerelle/transports"
)

// What people said to the user alone while he was not there is asked of networks that keep it, one person after the other.

// maxPastTargets bounds the people whose messages are asked for after one connection.
const maxPastTargets = 50

// privatePast is what was said to the user alone, while it is being asked for.
type privatePast struct {
	since  time.Time
	left   int
	ask    bool      // with whom there were conversations is to be asked
	asked  bool      // it is
	by     time.Time // when the answer is overdue
	people []string  // who are still to be asked for
	now    *catching // who is asked for
	got    []transports.Message
	then   []transports.Event // what became of them and of earlier ones
	whole  bool
	along  map[uint64]bool
}

// beginPrivatePast tells the host that it can be asked for.
func (s *session) beginPrivatePast(c *conn) {
	if c.can(capChathistory) && c.can(capBatch) && c.can(capServerTime) {
		c.private = &privatePast{whole: true}
		s.post(transports.Behind{})
	}
}

// catchUpPrivately takes what the host wants of it.
func (s *session) catchUpPrivately(c *conn, q transports.CatchUp) {
	if c == nil || c.private == nil || c.private.left > 0 {
		return
	}
	if q.Max <= 0 || q.Since.IsZero() {
		c.private = nil
		return
	}
	c.private.since, c.private.left, c.private.ask = q.Since, min(q.Max, maxPast), true
	s.startWriter(c)
}

// askPrivately asks the next question.
func (c *conn) askPrivately() {
	switch p := c.private; {
	case p == nil:
	case p.ask:
		p.ask = false
		c.enqueue(outLine{text: fmt.Sprintf("CHATHISTORY TARGETS %s %s %d", pastTime(p.since.Add(-pastSkew)),
			pastTime(time.Now().Add(24*time.Hour)), min(maxPastTargets, c.isup.historyPage())), targets: p})
	case p.now != nil && p.now.ask:
		p.now.ask = false
		c.enqueue(outLine{text: p.now.question(c.isup), past: p.now})
	}
}

// heardTargets takes with whom there were conversations. Each has the time of its last message.
func (s *session) heardTargets(c *conn, b *batch) {
	p := c.private
	if p == nil || !p.asked {
		return
	}
	p.asked, p.by = false, time.Time{}
	p.whole = !b.cut
	for _, e := range b.lines {
		if e.Command != "CHATHISTORY" || len(e.Params) < 2 || e.Params[0] != "TARGETS" {
			continue
		}
		name := e.Params[1]
		switch {
		case c.isup.isChannel(name), !validContact(name), isServices(name), c.isup.casemap.equal(name, s.nick), len(p.people) >= maxPastTargets,
			slices.ContainsFunc(p.people, func(known string) bool { return c.isup.casemap.equal(known, name) }):
		default:
			p.people = append(p.people, name)
		}
	}
	s.nextPrivatePast(c)
}

// nextPrivatePast asks for the next person, or hands over what was said.
func (s *session) nextPrivatePast(c *conn) {
	p := c.private
	if len(p.people) > 0 && p.left > 0 {
		p.now = &catching{name: p.people[0], since: p.since, left: p.left, ask: true}
		p.people = p.people[1:]
		s.startWriter(c)
		return
	}
	c.private = nil
	slices.SortStableFunc(p.got, func(a, b transports.Message) int { return a.Time.Compare(b.Time) })
	p.got = slices.DeleteFunc(p.got, func(m transports.Message) bool { return p.along[pastKey(&m)] })
	s.post(transports.Missed{Messages: p.got, Complete: p.whole && len(p.people) == 0})
	s.post(p.then...)
	s.askRead(c, p.got)
}

// heardPrivatePast takes a page.
func (s *session) heardPrivatePast(c *conn, b *batch) {
	p := c.private
	k := p.now
	k.by = time.Time{}
	got, then := s.privatePastOf(c, b, k.name, k.since)
	k.before(then)
	if k.take(b, got, c.isup, s.pastRoom(c)) {
		k.ask = true
		s.startWriter(c)
		return
	}
	p.then = append(p.then, k.then...)
	p.got, p.left, p.whole, p.now = append(p.got, k.got...), k.left, p.whole && k.whole, nil
	s.nextPrivatePast(c)
}

// privatePastOf translates what one person said to the user, and what he said to that person with another client, as far as it can be told from
// what he said here: that comes back with the network's time (IRCv3 echo-message), so the host knows up to when it knows all.
func (s *session) privatePastOf(c *conn, b *batch, name string, since time.Time) ([]transports.Message, []transports.Event) {
	t := s.translator(c)
	t.room = func(string) (transports.Target, bool) { return transports.Target{}, false }
	wanted := func(room, to transports.Target, by *transports.Person) bool {
		return room == (transports.Target{}) && to == (transports.Target{}) && by != nil && c.isup.casemap.equal(by.Nick, name)
	}
	got := s.translatePast(t, b, since, func(m *transports.Message) bool {
		own := c.can(capEcho) && m.To != (transports.Target{}) && c.isup.casemap.equal(m.To.ID, name) && !m.Services && !c.toldAfterConnect(m.To)
		return own || wanted(m.Room, m.To, m.From)
	})
	return pastChanges(t, b, since, got, wanted)
}

// playedPrivately takes what one person said, from a bouncer that says it without being asked.
func (s *session) playedPrivately(c *conn, b *batch) {
	got, then := s.privatePastOf(c, b, b.param(), time.Time{})
	if len(got) > 0 {
		s.post(transports.Missed{Messages: got})
	}
	s.post(then...)
}

// privatePastFailed goes on without what the network does not tell.
func (s *session) privatePastFailed(c *conn) {
	p := c.private
	p.whole, p.asked, p.by, p.now = false, false, time.Time{}, nil
	s.nextPrivatePast(c)
}

// heardPrivately notes what is heard while the past is being asked for.
func (c *conn) heardPrivately(m *transports.Message) {
	p := c.private
	if p == nil || len(p.along) >= maxAlong {
		return
	}
	if p.along == nil {
		p.along = make(map[uint64]bool)
	}
	p.along[pastKey(m)] = true
}
