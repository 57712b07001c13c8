package ircbridge

import (
	"cmp"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// How far the user has read (IRCv3 read-marker) is between his clients, of which some may be at a bouncer or at a server that keeps what
// was said.

// maxMarks bounds the conversations of which that is remembered, for a connection.
const maxMarks = maxRooms + 100

// mark is how far a conversation is read.
type mark struct {
	at   time.Time
	tell bool // the network does not know yet
	ask  bool // it has to be asked: it tells by itself how far channels are read, and not what people say
}

// markRead takes how far the user has read.
func (s *session) markRead(q transports.MarkRead) *transports.Error {
	c, name := s.conn, q.In.ID
	if c == nil || s.phase != phaseOnline || !c.can(capReadMarker) || q.Time.IsZero() {
		return nil
	}
	switch q.In.Kind {
	case transports.TargetRoom:
		r := s.room(q.In)
		if r == nil || r.state != roomIn {
			return nil
		}
		name = r.name
	case transports.TargetContact:
		if !validContact(name) {
			return nil
		}
	default:
		return nil
	}
	if c.mark(name, q.Time, true) {
		s.startWriter(c)
	}
	return nil
}

// mark notes how far a conversation is read, and reports whether that was not known.
func (c *conn) mark(name string, at time.Time, tell bool) bool {
	key := c.isup.casemap.fold(name)
	known, ok := c.marks[key]
	if !at.After(known.at) || !ok && len(c.marks) >= maxMarks {
		return false
	}
	if c.marks == nil {
		c.marks = make(map[string]mark)
	}
	c.marks[key] = mark{at: at, tell: tell}
	return true
}

// tellRead tells the network where nothing else waits to be written: of several marks in between only the last counts.
func (s *session) tellRead(c *conn) {
	if len(c.queue) > 0 || s.closed || s.phase != phaseOnline {
		return
	}
	for name, m := range c.marks {
		line := "MARKREAD " + name
		switch {
		case m.tell:
			line += " " + pastTime(m.at)
		case !m.ask:
			continue
		}
		m.tell, m.ask = false, false
		c.marks[name] = m
		c.enqueue(outLine{text: line})
		return
	}
}

// askRead asks how far the user has read with another client what people said to him while this one was not there.
func (s *session) askRead(c *conn, missed []transports.Message) {
	if !c.can(capReadMarker) {
		return
	}
	for i := range missed {
		key := c.isup.casemap.fold(cmp.Or(missed[i].To.ID, missed[i].From.Nick))
		if _, known := c.marks[key]; known || len(c.marks) >= maxMarks {
			continue
		}
		if c.marks == nil {
			c.marks = make(map[string]mark)
		}
		c.marks[key] = mark{ask: true}
	}
	s.startWriter(c)
}

// readUpTo takes the network's word how far the user has read with another client of his.
func (s *session) readUpTo(c *conn, e *girc.Event) {
	if len(e.Params) < 2 || !c.can(capReadMarker) {
		return
	}
	value, ok := strings.CutPrefix(e.Params[1], "timestamp=")
	at, err := time.Parse(time.RFC3339, value)
	never := e.Params[1] == "*"
	if !never && (!ok || err != nil || at.After(time.Now().Add(pastSkew))) {
		return
	}
	in := transports.Target{Kind: transports.TargetContact, Network: s.net.ID, ID: lowerASCII(e.Params[0])}
	if r := s.lookup(e.Params[0]); r != nil {
		in = r.target
	} else if c.isup.isChannel(e.Params[0]) || !validContact(e.Params[0]) {
		return
	}
	switch {
	case never:
		if _, known := c.marks[c.isup.casemap.fold(e.Params[0])]; !known {
			s.postIn(in, transports.Read{In: in})
		}
	case c.mark(e.Params[0], at, false): // else it is what we have told
		s.postIn(in, transports.Read{In: in, Time: at.UTC()})
	}
}
