package ircbridge

import (
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Standard replies (IRCv3 standard-replies) say what became of a command: FAIL, WARN or NOTE, the command or "*", a code for programs, what
// it is about, and a description for people.

// standardReply takes one of them, and reports whether nobody is to be shown it.
func (s *session) standardReply(c *conn, e *girc.Event) bool {
	if len(e.Params) < 3 {
		return false
	}
	if e.Command != "FAIL" {
		return s.hearReply(e, false)
	}
	command := strings.ToUpper(e.Params[0])
	if s.failed(c, e, command) || s.hearReply(e, true) {
		return true
	}
	if !c.registered && (command == "*" || command == girc.USER) {
		s.notLetIn(c, e)
		return true
	}
	return command == "TAGMSG" || command == "METADATA" // what was typed, not what was said; what nobody asked for
}

// failed ends the request that a FAIL is about, by its label, by what it names, or as the one that waits longest.
func (s *session) failed(c *conn, e *girc.Event, command string) bool {
	if s.redactFailed(c, e) || s.pastFailed(c, e) || s.multilineFailed(c, e) {
		return true
	}
	kind, why := failKind(e.Params[1]), sentence(e)
	name, r := s.subject(e.Params[2 : len(e.Params)-1])
	if s.joinRefused(c, e, c.label(e), r) {
		return true
	}
	switch command {
	case girc.PRIVMSG, girc.NOTICE, "TAGMSG", "BATCH":
		if command != "TAGMSG" && r == nil && len(e.Params) == 3 {
			name = c.lastSent()
		} else if r == nil && len(e.Params) > 3 {
			name = e.Params[2]
		}
		return s.sendFailed(c, e, name, refused(kind, "%s does not take the message: %s.", s.net.Name, why))
	case girc.JOIN:
		for _, joining := range s.rooms {
			if r == nil && joining.state == roomJoining {
				r = joining
			}
		}
		if r == nil || r.state != roomJoining {
			return false
		}
		s.refuse(r, s.joinRefusal(c, e, r))
		return true
	case girc.NICK:
		return c.registered && s.nickFailed(refused(kind, "Your nick stays as it is: %s.", why))
	case girc.TOPIC:
		return s.pendingFailed(c.label(e), requestTopic, r, refused(kind, "The topic stays as it is: %s.", why))
	case girc.MODE, girc.KICK:
		return s.pendingFailed(c.label(e), requestChange, r, refused(kind, "%s does not do this: %s.", s.net.Name, why))
	case girc.INVITE:
		return s.pendingFailed(c.label(e), requestInvite, r, refused(kind, "%s does not do this: %s.", s.net.Name, why))
	case girc.LIST:
		waits := s.list != nil
		s.listFailed(refused(kind, "%s does not list its channels: %s.", s.net.Name, why))
		return waits
	}
	return false
}

// pendingFailed ends the request with a label, or else the oldest of a kind, in a room where one is named.
func (s *session) pendingFailed(label string, kind requestKind, r *room, err *transports.Error) bool {
	if i := s.byLabel(label); i >= 0 {
		s.endRefused(i, err)
		return true
	}
	if s.conn.isOver(label) {
		return true
	}
	ref, ok := s.answer(func(p *pending) bool { return p.kind == kind && (r == nil || p.room == r) })
	if ok && ref != 0 {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	return ok
}

// lastSent is where the message went that waits longest for its echo, or else the last one; empty where there is none.
func (c *conn) lastSent() string {
	switch {
	case len(c.inflight) > 0:
		return c.inflight[0].name
	case len(c.recent) > 0:
		return c.recent[len(c.recent)-1].name
	}
	return ""
}

// hearReply takes what is said to a line of the user's own.
func (s *session) hearReply(e *girc.Event, failed bool) bool {
	for i := range s.pending {
		if r := s.pending[i].raw; r != nil && r.open && r.before != "" {
			r.hear(plain(e.Last()))
			r.answer.Refused = r.answer.Refused || failed
			return true
		}
	}
	return false
}

// notLetIn takes why a network does not let somebody in, before it hangs up.
func (s *session) notLetIn(c *conn, e *girc.Event) {
	why := sentence(e)
	if failKind(e.Params[1]) == transports.NotRegistered {
		c.refuse(refused(transports.NotRegistered, "%s lets nobody in without an account: %s. Set yours with the command login.", s.net.Name, why), true)
		return
	}
	c.notLetIn = why
}

// failKind is what somebody can do about a FAIL, by its code. There are more codes than one can know, but their words are few.
func failKind(code string) transports.Kind {
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(code, word) {
				return true
			}
		}
		return false
	}
	switch code = strings.ToUpper(code); {
	case has("ACCOUNT_REQUIRED", "NEED_REGISTRATION", "REGISTRATION_REQUIRED", "NOT_LOGGED_IN", "LOGIN_REQUIRED"):
		return transports.NotRegistered
	case has("RATE_LIMIT", "TOO_SOON", "TOO_FAST", "THROTTLE", "TEMPORARILY", "TRY_AGAIN", "TIMEOUT", "INTERNAL_ERROR"):
		return transports.Busy
	case has("MAX_BYTES", "MAX_LINES", "TOO_LONG", "TOO_LARGE"):
		return transports.TooLarge
	case has("NO_SUCH", "NOT_FOUND", "UNKNOWN_MSGID"):
		return transports.NotFound
	case has("UNKNOWN_COMMAND", "UNSUPPORTED", "NOT_SUPPORTED", "DISABLED", "UNAVAILABLE"):
		return transports.Unsupported
	case has("IN_USE", "ALREADY", "EXISTS"):
		return transports.Conflict
	case has("INVALID", "NEED_MORE_PARAMS", "BAD_", "MALFORMED"):
		return transports.BadRequest
	}
	return transports.Denied
}
