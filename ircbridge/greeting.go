package ircbridge

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

const (
	maxGreeting    = 16 << 10        // what a network greets with, in bytes
	greetingTail   = 5 * time.Second // for which a server's notices count as a part of it
	maxGreetingEnd = 8               // of them are known again
)

// greet takes a line of what a network says to who has just come in: what it is, how many are on it, and its message of the day.
func (s *session) greet(c *conn, e *girc.Event) {
	line := e.Last() // most have a number or a name in front, which is in the text as well
	switch e.Command {
	case girc.RPL_MYINFO, girc.RPL_MOTDSTART, girc.RPL_UMODEIS:
		return
	case girc.RPL_LUSEROP, girc.RPL_LUSERUNKNOWN, girc.RPL_LUSERCHANNELS:
		line = numericText(e)
	case girc.RPL_MOTD:
		line = strings.TrimPrefix(strings.TrimPrefix(line, "-"), " ") // RFC 2812 §5.1
	}
	if c.ready || s.greeted || len(c.greeting)+len(line) >= maxGreeting {
		return
	}
	c.greeting = append(append(c.greeting, plain(line)...), '\n')
}

// showGreeting shows the greeting once, to a user who has come in himself: who is taken back in again and again knows it.
func (s *session) showGreeting(c *conn) {
	text := strings.Trim(string(c.greeting), "\n")
	c.greeting = nil
	waits := func(r *room) bool { return r.enter != nil && len(r.enter.refs) > 0 }
	if s.greeted || text == "" || !slices.ContainsFunc(s.rooms, waits) {
		return
	}
	s.greeted = true
	s.post(transports.Notice{Text: text})
}

// greetedSo says whether a server's notice was said at the beginning of an earlier connection of the session too, behind the greeting itself:
// InspIRCd tells so how the connection is encrypted, each time.
func (s *session) greetedSo(c *conn, text string) bool {
	if !c.ready || time.Since(c.since) > greetingTail {
		return false
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it never fails
	for _, said := range s.greetings {
		if said.sum == h.Sum64() {
			return said.at != c.since
		}
	}
	if len(s.greetings) < maxGreetingEnd {
		s.greetings = append(s.greetings, greetingEnd{h.Sum64(), c.since})
	}
	return false
}

// greetingEnd is a notice that a server said behind its greeting.
type greetingEnd struct {
	sum uint64    // of its text
	at  time.Time // when the connection on which it was said first was made
}
