package ircbridge

import (
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Who is writing something (IRCv3 client tag typing): the user, which the network is told, and others, of whom it tells.

const (
	// typingApart lies between two notifications to one target at least, and typingAgain after which time one that still holds is repeated.
	typingApart = 3 * time.Second
	typingAgain = 4 * time.Second
	// typingHolds is for how long it is believed that somebody is writing, pausedHolds that he will go on.
	typingHolds = 6 * time.Second
	pausedHolds = 30 * time.Second
	// typingLongest is for how long the network is told that the user writes, when nothing comes of it.
	typingLongest = 2 * time.Minute
	// typingSpare is how many lines the user must still have to say at once, for the network to be told what he has not said yet.
	typingSpare = 2

	maxTypingTo = 20  // conversations that the user writes in
	maxTypers   = 100 // people who write at a time; of more it is not told
	// shownApart lies between two changes that are shown of one person: an honest one says less.
	shownApart = time.Second
)

// ownTyping is something that the user writes.
type ownTyping struct {
	to    transports.Target
	state transports.Composing
	since time.Time            // that it is so
	told  transports.Composing // what the network was told last
	at    time.Time            // when; zero for never
}

// due is when the network is to be told next; zero where there is nothing to tell.
func (o *ownTyping) due() time.Time {
	switch {
	case o.state == o.told && o.state != transports.ComposingActive:
		return time.Time{}
	case o.at.IsZero():
		return o.since
	case o.state == o.told:
		return o.at.Add(typingAgain)
	}
	return o.at.Add(typingApart)
}

// setTyping takes that the user writes something, or does not any more.
func (s *session) setTyping(q transports.Type) *transports.Error {
	c := s.conn
	if s.phase != phaseOnline || !c.passes(tagTyping) || s.writesTo(q.To) == "" {
		return nil
	}
	now := time.Now()
	i := slices.IndexFunc(c.typing, func(o ownTyping) bool { return o.to == q.To })
	switch {
	case i < 0 && (q.State == transports.ComposingNot || len(c.typing) >= maxTypingTo):
		return nil
	case i < 0:
		c.typing = append(c.typing, ownTyping{to: q.To, state: q.State, since: now})
	default:
		c.typing[i].state, c.typing[i].since = q.State, now
	}
	s.tellTyping(c, now)
	return nil
}

// typed notes that the user said something: that ends what he was writing, and everybody sees it.
func (c *conn) typed(to transports.Target) {
	for i := range c.typing {
		if o := &c.typing[i]; o.to == to {
			o.state, o.told = transports.ComposingNot, transports.ComposingNot
		}
	}
}

// writesTo is what a target is called in a line, empty where the user cannot write to it.
func (s *session) writesTo(t transports.Target) string {
	switch {
	case t.Kind == transports.TargetRoom:
		if r := s.room(t); r != nil && (r.state == roomIn || r.state == roomEntering) {
			return r.name
		}
	case t.Kind == transports.TargetContact && t.Network == s.net.ID && validContact(t.ID) && !isServices(t.ID):
		return t.ID
	}
	return ""
}

// tellTyping tells the network what the user writes, as far as it is time to, and wakes for the rest. What is of the moment waits for nothing
// that he said: it is left out where there is no room for it.
func (s *session) tellTyping(c *conn, now time.Time) {
	keep := c.typing[:0]
	for _, o := range c.typing {
		if o.state != transports.ComposingNot && now.Sub(o.since) >= typingLongest {
			o.state = transports.ComposingNot
		}
		to := s.writesTo(o.to)
		due := o.due()
		if to != "" && !due.IsZero() && !due.After(now) {
			if len(c.queue) == 0 && s.hasTokens(c, typingSpare, now) {
				c.enqueue(outLine{tags: tagTyping + "=" + typingValue(o.state), text: "TAGMSG " + to})
				s.startWriter(c)
				o.told = o.state
			}
			o.at = now
			due = o.due()
		}
		if to == "" || due.IsZero() && now.Sub(o.at) >= typingApart {
			continue
		}
		if due.IsZero() {
			due = o.at.Add(typingApart) // to be forgotten
		}
		s.wakeBy(c, due)
		keep = append(keep, o)
	}
	clear(c.typing[len(keep):])
	if c.typing = keep; len(keep) == 0 {
		c.typing = nil
	}
}

// typingDue is when tellTyping has something to do; zero for never.
func (c *conn) typingDue() time.Time {
	var first time.Time
	for i := range c.typing {
		due := c.typing[i].due()
		if due.IsZero() {
			due = c.typing[i].at.Add(typingApart)
		}
		if first.IsZero() || due.Before(first) {
			first = due
		}
	}
	return first
}

// hasTokens reports whether n more lines than one could go out at once.
func (s *session) hasTokens(c *conn, n int, now time.Time) bool {
	return c.burst == 0 || min(float64(c.burst), c.tokens+now.Sub(c.tokensAt).Seconds()*s.t.rules().Rate) >= min(float64(n+1), float64(c.burst))
}

func typingValue(state transports.Composing) string {
	switch state {
	case transports.ComposingActive:
		return "active"
	case transports.ComposingPaused:
		return "paused"
	}
	return "done"
}

func readTyping(value string) (transports.Composing, bool) {
	for _, state := range []transports.Composing{transports.ComposingNot, transports.ComposingActive, transports.ComposingPaused} {
		if typingValue(state) == value {
			return state, true
		}
	}
	return 0, false
}

// typer is somebody who writes something.
type typer struct {
	room    transports.Target // zero: to the user alone
	nick    string
	state   transports.Composing
	until   time.Time // it holds
	shown   transports.Composing
	shownAt time.Time
}

// due is when something is to be done about him.
func (p *typer) due() time.Time {
	if p.state != p.shown {
		if due := p.shownAt.Add(shownApart); due.Before(p.until) || p.state == transports.ComposingNot {
			return due
		}
	}
	return p.until
}

// heardTyping takes that somebody writes something, and shows it where it is a change.
func (s *session) heardTyping(c *conn, e transports.Typing) {
	now := time.Now()
	i := slices.IndexFunc(c.typers, func(p typer) bool { return p.room == e.Room && c.isup.casemap.equal(p.nick, e.Nick) })
	if i < 0 {
		if e.State == transports.ComposingNot || len(c.typers) >= maxTypers {
			return
		}
		c.typers = append(c.typers, typer{room: e.Room, nick: strings.Clone(e.Nick)})
		i = len(c.typers) - 1
	}
	p := &c.typers[i]
	p.state = e.State
	if p.until = now.Add(typingHolds); e.State == transports.ComposingPaused {
		p.until = now.Add(pausedHolds)
	}
	s.showTyping(c, now)
}

// showTyping shows what changed of who writes something, as far as it is time to, and wakes for the rest.
func (s *session) showTyping(c *conn, now time.Time) {
	keep := c.typers[:0]
	for _, p := range c.typers {
		if !p.until.After(now) {
			p.state = transports.ComposingNot
		}
		if p.state != p.shown && !p.shownAt.Add(shownApart).After(now) {
			p.shown, p.shownAt = p.state, now
			s.postIn(p.room, transports.Typing{Room: p.room, Nick: p.nick, State: p.state})
		}
		if p.shown == transports.ComposingNot && p.state == transports.ComposingNot {
			continue
		}
		s.wakeBy(c, p.due())
		keep = append(keep, p)
	}
	clear(c.typers[len(keep):])
	if c.typers = keep; len(keep) == 0 {
		c.typers = nil
	}
}

// typersDue is when showTyping has something to do; zero for never.
func (c *conn) typersDue() time.Time {
	var first time.Time
	for i := range c.typers {
		if due := c.typers[i].due(); first.IsZero() || due.Before(first) {
			first = due
		}
	}
	return first
}

// saidIt notes that somebody said what he was writing. Left says that he is not there any more, where nobody needs to be told.
func (s *session) saidIt(c *conn, room transports.Target, nick string) {
	c.typers = slices.DeleteFunc(c.typers, func(p typer) bool {
		match := p.room == room && c.isup.casemap.equal(p.nick, nick)
		if match && p.shown != transports.ComposingNot {
			s.postIn(room, transports.Typing{Room: room, Nick: p.nick})
		}
		return match
	})
}

// forgetTyper forgets what somebody was writing who left a room, or with the zero Target all of them and the conversation.
func (c *conn) forgetTyper(room transports.Target, nick string) {
	c.typers = slices.DeleteFunc(c.typers, func(p typer) bool {
		return (p.room == room || room == transports.Target{}) && c.isup.casemap.equal(p.nick, nick)
	})
}

// tagmsg translates a line of tags alone (IRCv3 message-tags).
func (t translator) tagmsg(dst []transports.Event, e *girc.Event) []transports.Event {
	who, ok := t.author(e)
	if !ok || len(e.Params) < 1 {
		return dst
	}
	room, to, ok := t.conversation(e.Params[0], who.Nick)
	if !ok {
		return dst
	}
	if value, ok := tag(e, tagTyping); ok {
		if state, known := readTyping(value); known && !t.isup.casemap.equal(who.Nick, t.nick) {
			dst = append(dst, transports.Typing{Room: room, Nick: who.Nick, State: state})
		}
	}
	return t.reaction(dst, e, who, room, to)
}

// conversation is where a line that is no text belongs: a room that the user is in, or what he says to somebody, or what somebody says to him.
func (t translator) conversation(name, from string) (room, to transports.Target, ok bool) {
	if channel, some := t.isup.ranksOf(name); some {
		name = channel // for those in it who have the rank (STATUSMSG)
	}
	switch {
	case t.isup.isChannel(name):
		room, ok = t.room(name)
	case t.isup.casemap.equal(from, t.nick):
		to, ok = transports.Target{Kind: transports.TargetContact, Network: t.network, ID: lowerASCII(name)}, true
	default:
		ok = t.isup.casemap.equal(name, t.nick)
	}
	return room, to, ok
}
