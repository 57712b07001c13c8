package ircbridge

import (
	"cmp"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Who is away: the user, which the network is told, and others, which it tells (RFC 2812 §4.1, IRCv3 away-notify).

const (
	// awayDelay is how long a user has to be away until the network is told: clients come and go.
	awayDelay = 5 * time.Second
	// awayInterval lies between two times that it is told so, since everybody in his channels may be told. That he is back it is told at once.
	awayInterval = time.Minute
	// awayText is what is said of it where he says nothing.
	awayText = "Away"

	// maxWho is up to how many members it is asked of a channel who of them is away.
	maxWho = 100
	// whoInterval is how often, where the network does not tell of changes.
	whoInterval = 5 * time.Minute
)

// away is whether the user is away.
type away struct {
	text   string    // what he says of it; empty while he is there
	since  time.Time // that he says so
	told   string    // what this connection's network was told
	toldAt time.Time // that he is away, for the last time
}

// setOwnAway takes that the user is away or back.
func (s *session) setOwnAway(q transports.SetAway) *transports.Error {
	if s.away == nil {
		if !q.Away {
			return nil
		}
		s.away = &away{}
	}
	text := ""
	if q.Away {
		if text = oneLine(q.Text, maxSetting); text == "" {
			text = awayText
		}
	}
	if s.away.text != text {
		s.away.text, s.away.since = text, time.Now()
	}
	if s.phase == phaseOnline {
		s.tellAway(s.conn, time.Now())
	}
	return nil
}

// awayDue is when the network is to be told how the user is; zero where it knows.
func (s *session) awayDue() time.Time {
	a := s.away
	switch {
	case a == nil || a.text == a.told:
		return time.Time{}
	case a.text == "":
		return a.since
	}
	due := a.since.Add(awayDelay)
	if next := a.toldAt.Add(awayInterval); next.After(due) {
		return next
	}
	return due
}

// tellAway tells the network how the user is, once it is time to (RFC 2812 §4.1).
func (s *session) tellAway(c *conn, now time.Time) {
	due := s.awayDue()
	switch {
	case due.IsZero():
	case due.After(now):
		s.wakeBy(c, due)
	case c.full(1):
		s.wakeBy(c, now.Add(awayDelay))
	default:
		line := "AWAY"
		if s.away.told = s.away.text; s.away.text != "" {
			line, s.away.toldAt = line+" :"+oneLine(s.away.text, cmp.Or(c.isup.awayLen, maxSetting)), now
		}
		c.enqueue(outLine{text: line})
		s.startWriter(c)
	}
}

// awayAnew begins to tell the network of a fresh connection, which takes the user for being there unless he was said to be away before.
func (s *session) awayAnew(c *conn) {
	if s.away != nil {
		if !c.preAway {
			s.away.told, s.away.toldAt = "", time.Time{}
		}
		s.tellAway(c, time.Now())
	}
}

// tellAwayFirst tells the network that the user is away before it lets him in, where it takes that: nobody sees him come who is not there
// (IRCv3 pre-away).
func (s *session) tellAwayFirst(c *conn) {
	if s.away != nil && s.away.text != "" && c.can(capPreAway) {
		c.preAway = true
		s.away.told, s.away.toldAt = s.away.text, time.Now()
		c.urgent = append(c.urgent, "AWAY :"+oneLine(s.away.text, cmp.Or(c.isup.awayLen, maxSetting)))
	}
}

// awayWords is what somebody says of his being away, for people. A star is nothing (IRCv3 pre-away).
func awayWords(text string) string {
	if text == "*" {
		return ""
	}
	return oneLine(plain(text), maxSetting)
}

// askWho puts the question who in a channel is away behind what waits. It is asked once after a small channel was entered and, where the
// network does not tell of changes, now and then.
func (s *session) askWho(c *conn) {
	if s.closed || s.phase != phaseOnline {
		return
	}
	for _, r := range s.rooms {
		if r.askWho && r.state == roomIn {
			r.askWho = false
			line := "WHO " + r.name // RFC 2812 §3.6.1
			if c.isup.whox {
				line += " " + whoxFields
			}
			c.enqueue(outLine{text: line})
			if !c.can(capAwayNotify) && c.nextWho.IsZero() {
				c.nextWho = time.Now().Add(whoInterval)
				s.wakeBy(c, c.nextWho)
			}
			return
		}
	}
}

// askWhoAgain asks of all small channels, unless the user is away himself and would see nothing of it.
func (s *session) askWhoAgain(c *conn) {
	c.nextWho = time.Now().Add(whoInterval)
	if s.away != nil && s.away.text != "" {
		return
	}
	s.askWhoOfAll(c)
}

// askWhoOfAll asks of all small channels.
func (s *session) askWhoOfAll(c *conn) {
	for _, r := range s.rooms {
		r.askWho = r.small
	}
	s.startWriter(c)
}

// awayChanged takes that somebody is away or back (IRCv3 away-notify).
func (s *session) awayChanged(c *conn, e *girc.Event) {
	if e.Source == nil || !validNick(e.Source.Name) {
		return
	}
	gone := len(e.Params) > 0 && e.Last() != ""
	s.setAwayOf(c, e.Source.Name, gone, e.Last())
	event := transports.Away{Nick: strings.Clone(e.Source.Name), Away: gone}
	if gone {
		event.Text = strings.Clone(awayWords(e.Last()))
	} else {
		delete(c.awayTold, c.isup.casemap.fold(e.Source.Name))
	}
	s.post(event)
}

// maxAwayTold bounds the people of whom it is remembered that the user was told.
const maxAwayTold = 100

// tellOfAway tells the user that somebody to whom he wrote is away, once until that changes.
func (s *session) tellOfAway(c *conn, e *girc.Event) {
	nick, text := param1(e), awayWords(e.Last())
	key := c.isup.casemap.fold(nick)
	if told, ok := c.awayTold[key]; ok && told == text || nick == "" {
		return
	}
	if c.awayTold == nil || len(c.awayTold) >= maxAwayTold {
		c.awayTold = make(map[string]string)
	}
	c.awayTold[key] = strings.Clone(text)
	if text == "" {
		s.post(transports.NoticeOf(transports.Target{}, "%s is away.", nick))
		return
	}
	s.post(transports.NoticeOf(transports.Target{}, "%s is away: %s", nick, text))
}
