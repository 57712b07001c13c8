package archive

import (
	"hash/maphash"
	"slices"
	"time"
)

const (
	// Window is how many lines a channel remembers for sessions that are behind the others: what a flood puts into sockets and queues on
	// the way to one that is slower. A session that is further behind gets copies of its own.
	Window = 1024

	// spare is how many lines go when the window is full: each session is asked what it waits for then, which at each line would be
	// too often while one of them hears nothing.
	spare = Window / 4

	// maxSkew is how much the clocks of a network's servers may differ for a line to be the same by order.
	maxSkew = 10 * time.Second

	// minForget is how many lines there are before it is worth looking which of them nobody waits for any more.
	minForget = 16
)

// Line is what a session heard.
type Line struct {
	MsgID string    // as the network says it; empty where it does not
	Time  time.Time // the server's; zero where it does not say
	Nick  string
	Text  string // all that makes two lines different: what kind of message it is belongs to it
	// Loose says that the place of the line among the others is unknown: the session's own line, shown when it was written because
	// the network sends no echo. Others hear it earlier or later.
	Loose bool
}

// Heard is which line of the archive a line is.
type Heard struct {
	Number int64  // of the line, from 1, without gaps; not used again while the channel lives
	ID     string // stanza id of the line
	New    bool   // no session heard it before, so it is to be stored
}

// Channel is the sessions in one channel and the lines that some of them may still hear. It belongs to one goroutine.
type Channel struct {
	newID    func() string
	sessions []*Session
	lines    []entry // the last ones, oldest first, Window at most
	next     int64   // number of the next line
	enough   int     // lines, after which to forget some
	held     int64   // number of the first line that is held for others; 0 for none

	seed  maphash.Seed
	last  map[uint64]int64 // number of the last line of each sum
	alike []int64          // of find, kept for its memory
}

// entry is a line that is remembered.
type entry struct {
	Line
	id   string
	sum  uint64 // of what makes two lines different
	prev int64  // number of the line before that has the same sum; it may be forgotten

	shared bool // more than one session has heard it
	gone   bool // nobody hears it any more
}

// NewChannel makes a channel without sessions. newID makes stanza ids: unique and unpredictable (XEP-0359 §4).
func NewChannel(newID func() string) Channel {
	return Channel{newID: newID, next: 1, enough: minForget, seed: maphash.MakeSeed()}
}

// Enter notes that a session entered the channel: it hears what comes from now on. Who entered before begins anew.
func (c *Channel) Enter(s *Session) {
	if s.place == 0 {
		c.sessions = append(c.sessions, s)
		s.place = len(c.sessions)
	}
	s.entered, s.cursor, s.heard = c.next, c.next, s.heard[:0]
}

// Leave notes that a session left.
func (c *Channel) Leave(s *Session) {
	if s.place == 0 {
		return
	}
	n := len(c.sessions)
	last := c.sessions[n-1]
	c.sessions[s.place-1], last.place = last, s.place
	c.sessions[n-1] = nil
	c.sessions = c.sessions[:n-1]
	s.place = 0
}

// Hold has the channel remember what comes from now on, until Release, for sessions that enter later and hear it too: what was said
// while none of them was there.
func (c *Channel) Hold() {
	if c.held == 0 {
		c.held = c.next
	}
}

// Release ends that.
func (c *Channel) Release() { c.held = 0 }

// Alone reports whether fewer than two sessions are in the channel, so that nobody else hears what one of them says.
func (c *Channel) Alone() bool { return len(c.sessions) < 2 }

// Hear tells which line it is that a session heard. A session that did not enter enters with it.
func (c *Channel) Hear(me *Session, l Line) Heard {
	if me.place == 0 {
		c.Enter(me)
	}
	sum := maphash.String(c.seed, l.Nick)*31 + maphash.String(c.seed, l.Text)
	n, found := c.find(me, l, sum)
	if !found {
		n = c.add(l, sum)
	}
	e := c.at(n)
	e.shared = e.shared || found && !me.hasHeard(n)
	if e.MsgID == "" { // who said it did not learn that
		e.MsgID = l.MsgID
	}
	if e.Time.IsZero() {
		e.Time = l.Time
	}
	me.hear(n, e.Loose || l.Loose)
	return Heard{Number: n, ID: e.id, New: !found}
}

// Withdraw notes that a line, which is named by its stanza id, was heard by nobody on the network but by who said it, and reports whether that
// is so as far as the sessions know: then none hears it from now on. What is not remembered any more may have been heard by others.
func (c *Channel) Withdraw(id string) bool {
	for i := range slices.Backward(c.lines) {
		if e := &c.lines[i]; e.id == id {
			e.gone = !e.shared
			return e.gone
		}
	}
	return false
}

// find returns the line that a session hears as l, if it is one that is remembered.
func (c *Channel) find(me *Session, l Line, sum uint64) (int64, bool) {
	c.alike = c.alike[:0]
	for n := c.last[sum]; n >= c.first(); n = c.at(n).prev {
		c.alike = append(c.alike, n)
	}
	var byTime, byOrder int64
	for _, n := range slices.Backward(c.alike) {
		e := c.at(n)
		if e.gone || e.Nick != l.Nick || e.Text != l.Text {
			continue // whatever its msgid: a network may say one thing to one session and another to the next
		}
		if e.MsgID != "" && l.MsgID != "" {
			if e.MsgID == l.MsgID {
				return n, true // also if it heard it already: networks play history
			}
			continue
		}
		if me.hasHeard(n) {
			continue
		}
		timed := !e.Time.IsZero() && !l.Time.IsZero()
		switch {
		case timed && e.Time.Equal(l.Time):
			if byTime == 0 || byTime < me.cursor && n >= me.cursor { // of equal ones rather the next than one that it missed
				byTime = n
			}
		case timed && e.Time.Sub(l.Time).Abs() > maxSkew:
		case byOrder == 0 && n >= me.entered && (n >= me.cursor || e.Loose || l.Loose):
			byOrder = n
		}
	}
	if byTime != 0 {
		return byTime, true
	}
	return byOrder, byOrder != 0
}

// add remembers a new line.
func (c *Channel) add(l Line, sum uint64) int64 {
	if len(c.lines) >= c.enough {
		c.forget()
	}
	if c.last == nil {
		c.last = make(map[uint64]int64)
	}
	n := c.next
	c.lines = append(c.lines, entry{Line: l, id: c.newID(), sum: sum, prev: c.last[sum]})
	c.last[sum] = n
	c.next++
	return n
}

// first is the number of the oldest line that is remembered.
func (c *Channel) first() int64 { return c.next - int64(len(c.lines)) }

func (c *Channel) at(n int64) *entry { return &c.lines[n-c.first()] }

// forget drops the oldest lines: those that nobody waits for, and some of a window that is full.
func (c *Channel) forget() {
	keep := c.next
	for _, l := range c.sessions {
		keep = min(keep, c.awaited(l))
	}
	if c.held != 0 {
		keep = min(keep, max(c.held, c.first()))
	}
	drop := int(keep - c.first())
	if len(c.lines) >= Window {
		drop = max(drop, spare)
	}
	for i := range c.lines[:drop] {
		if e := &c.lines[i]; c.last[e.sum] == c.first()+int64(i) {
			delete(c.last, e.sum)
		}
	}
	c.lines = slices.Delete(c.lines, 0, drop)
	c.enough = min(Window, max(minForget, 2*len(c.lines)))
	for _, l := range c.sessions {
		l.forget(c.first())
	}
}

// awaited is the number of the first line that a session may still hear. What its cursor has passed can come by id, by time or
// because it has no place; where it never comes it is remembered until the window is full. What it has heard it does not wait for: who is
// the only one to speak hears nothing but his own lines, which leave the cursor where it is.
func (c *Channel) awaited(l *Session) int64 {
	for n := max(c.first(), l.entered); n < l.cursor; n++ {
		e := c.at(n)
		if (e.Loose || e.MsgID != "" || !e.Time.IsZero()) && !e.gone && !l.hasHeard(n) {
			return n
		}
	}
	n := l.cursor
	for n < c.next && l.hasHeard(n) {
		n++
	}
	return n
}
