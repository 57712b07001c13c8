package ircbridge

import (
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Bounds of what a network says to one line of a user's.
const (
	maxRawLine   = 510 // RFC 2812 §2.3, without the ending
	maxRawLines  = 100
	maxRawAnswer = 16 << 10 // bytes
)

// rawLine is a line of the user's own that the network is answering: between the answers to the PING before it and to the one behind it all
// numerics are said to it.
type rawLine struct {
	before string // the token of the first PING; empty where the line is alone, since a bouncer would answer PINGs by itself
	open   bool
	answer transports.RawAnswer
	size   int
}

// raw sends a line as the user wrote it. What he wants of channels, nicks and people goes the way that it always goes, so that everybody
// else knows of it; what is the session's own business is refused.
func (s *session) raw(q transports.Raw) *transports.Error {
	if err := s.mayAsk(); err != nil {
		return err
	}
	line := strings.TrimSpace(q.Line)
	if q.Room != (transports.Target{}) {
		var err *transports.Error
		if line, err = s.typed(q.Room, line); err != nil {
			return err
		}
	}
	e := parse(line)
	switch {
	case len(line) > maxRawLine:
		return refused(transports.TooLarge, "The line is too long for IRC: %d bytes is the most.", maxRawLine)
	case e == nil || e.Source != nil || len(e.Tags) > 0 || cutControls(line) != line:
		return refused(transports.BadRequest, "This is no line of IRC.")
	}
	params := e.Params
	if ownWords(e.Command) || e.Command == girc.PING {
		return refused(transports.Policy, "%s is what this gateway says itself: your login is set with the command configure.", e.Command)
	}
	switch e.Command {
	case girc.QUIT:
		return refused(transports.Policy, "To leave %s, leave its channels, or run the command disconnect-from-irc-server.", s.net.Name)
	case girc.JOIN: // RFC 2812 §3.2.1
		return s.rawJoin(q, params)
	case girc.PART: // RFC 2812 §3.2.2
		return s.rawPart(q, params)
	case girc.NICK:
		if len(params) > 0 {
			return s.setNick(transports.SetNick{Ref: q.Ref, Nick: params[0]})
		}
	case girc.PRIVMSG:
		if to, ok := s.addressee(params); ok {
			return s.send(transports.Send{Ref: q.Ref, To: to, Body: params[1], Receipt: true})
		}
	}
	return s.askRaw(q.Ref, line)
}

// ownWords reports whether a command is of the registration, of what keeps the connection, or none of clients.
func ownWords(command string) bool {
	switch command {
	case girc.PASS, girc.USER, girc.CAP, girc.AUTHENTICATE, girc.PONG, girc.ERROR, girc.SERVER, "SERVICE", "WEBIRC", "STARTTLS", "BATCH":
		return true
	}
	return false
}

// typed makes a line of a command as it is typed in a channel.
func (s *session) typed(room transports.Target, command string) (string, *transports.Error) {
	r, err := s.inRoom(room)
	if err != nil {
		return "", err
	}
	word, rest, _ := strings.Cut(command, " ")
	rest = strings.TrimSpace(rest)
	switch word = strings.ToUpper(word); {
	case word == girc.MODE && isChannel(rest): // as IRC clients have it
		return word + " " + rest, nil
	case word == girc.MODE, word == girc.TOPIC && rest == "":
		return word + " " + r.name + " " + rest, nil
	case word == girc.TOPIC:
		return word + " " + r.name + " :" + rest, nil
	case word == girc.KICK && rest != "":
		nick, reason, _ := strings.Cut(rest, " ")
		return word + " " + r.name + " " + nick + " :" + strings.TrimSpace(reason), nil
	case word == girc.INVITE && rest != "":
		return word + " " + rest + " " + r.name, nil
	case word == girc.PART && !isChannel(rest): // what follows is why he goes, as clients of IRC have it
		return word + " " + r.name, nil
	case rest != "" && (word == girc.JOIN || word == girc.PART || word == girc.WHOIS): // not of this channel
		return word + " " + rest, nil
	}
	return "", refused(transports.BadRequest, "This was not said. The commands that one can type here are /join, /part, /whois, /mode, /topic, /kick, /invite and /me; "+
		"other lines are written to %s itself. To say it all the same, put a space in front of it.", s.net.Name)
}

// askRaw sends a line, and listens to what is said to it.
func (s *session) askRaw(ref transports.Ref, line string) *transports.Error {
	c := s.conn
	if c.full(3) {
		return s.busy()
	}
	s.hintLogin(line)
	p := pending{kind: requestRaw, ref: ref, raw: &rawLine{answer: transports.RawAnswer{Ref: ref}}}
	if c.bouncer {
		p.raw.open, p.by = true, time.Now().Add(bouncerTimeout)
		c.enqueue(outLine{text: line})
	} else {
		p.raw.before, p.fence = c.nextFence(), c.nextFence()
		c.enqueue(outLine{text: "PING :" + p.raw.before}, outLine{text: line}, outLine{text: "PING :" + p.fence})
	}
	s.wait(p)
	s.startWriter(c)
	return nil
}

// rawJoin has the host enter channels: which of the user's clients are in is its business.
func (s *session) rawJoin(q transports.Raw, params []string) *transports.Error {
	answer := transports.RawAnswer{Ref: q.Ref}
	if len(params) > 0 {
		keys := ""
		if len(params) > 1 {
			keys = params[1]
		}
		for name := range strings.SplitSeq(params[0], ",") {
			var key string
			key, keys, _ = strings.Cut(keys, ",")
			room, err := s.rawChannel(name)
			if err != nil {
				return err
			}
			answer.Join = append(answer.Join, transports.Join{Room: room, Password: key})
		}
	}
	if n := len(answer.Join); n == 0 || n > maxJoinTargets {
		return refused(transports.BadRequest, "Name the channel to join, as in JOIN #channel.")
	}
	s.post(answer)
	return nil
}

// rawPart has the host leave channels.
func (s *session) rawPart(q transports.Raw, params []string) *transports.Error {
	answer := transports.RawAnswer{Ref: q.Ref}
	if len(params) > 0 {
		for name := range strings.SplitSeq(params[0], ",") {
			r := s.lookup(name)
			if r == nil || r.state == roomLeaving {
				return refused(transports.NotJoined, "You are not in %s.", plain(name))
			}
			answer.Leave = append(answer.Leave, r.target)
		}
	}
	if len(answer.Leave) == 0 {
		return refused(transports.BadRequest, "Name the channel to leave, as in PART #channel.")
	}
	s.post(answer)
	return nil
}

// rawChannel is the channel that a user names.
func (s *session) rawChannel(name string) (transports.Target, *transports.Error) {
	if !validChannel(name) || !s.conn.isup.isChannel(name) {
		return transports.Target{}, refused(transports.BadRequest, "%s is no channel on %s.", plain(name), s.net.Name)
	}
	return transports.Target{Kind: transports.TargetRoom, Network: s.net.ID, ID: lowerASCII(name)}, nil
}

// addressee is the one whom the parameters of a PRIVMSG mean; false where they mean several, or nobody whom one could write to here.
func (s *session) addressee(params []string) (transports.Target, bool) {
	switch {
	case len(params) != 2 || params[1] == "" || params[1][0] == '\x01':
		return transports.Target{}, false
	case s.conn.isup.isChannel(params[0]):
		r := s.lookup(params[0])
		if r == nil {
			return transports.Target{}, false // it may let outsiders speak
		}
		return r.target, true
	}
	return transports.Target{Kind: transports.TargetContact, Network: s.net.ID, ID: params[0]}, validContact(params[0])
}

// heardRaw takes a numeric that is said to a line of the user's, and reports whether nobody else is to see it.
func (s *session) heardRaw(e *girc.Event) bool {
	switch e.Command {
	case "730", "731", girc.RPL_LOGGEDIN, girc.RPL_LOGGEDOUT:
		return false // of people who are watched, of the account: said whenever it changes
	}
	for i := range s.pending {
		if r := s.pending[i].raw; r != nil && r.open {
			if r.before == "" && s.mayAnswer(e) {
				return false
			}
			r.hear(numericText(e))
			r.answer.Refused = r.answer.Refused || '4' <= e.Command[0] && e.Command[0] <= '5' // RFC 2812 §5.2
			// How a channel is set up, and what the network hides of us, is of use in any case.
			return e.Command != girc.RPL_CHANNELMODEIS && e.Command != "396"
		}
	}
	return false
}

// mayAnswer reports whether a numeric may be for somebody else who waits, where nothing tells what it is said to.
func (s *session) mayAnswer(e *girc.Event) bool {
	if _, r := s.subject(e.Params); r != nil && r.state == roomJoining {
		return true
	}
	return e.Command >= "400" && e.Command < "600" && slices.ContainsFunc(s.pending, func(p pending) bool { return p.raw == nil })
}

// hear takes a line of the answer.
func (r *rawLine) hear(text string) {
	if r.size += len(text); len(r.answer.Lines) >= maxRawLines || r.size > maxRawAnswer {
		r.answer.Cut = true
		return
	}
	r.answer.Lines = append(r.answer.Lines, text)
}

// rawFence takes the answer to a PING before a line of the user's, or behind it: then the network has said all.
func (s *session) rawFence(token string) {
	for i := range s.pending {
		if r := s.pending[i].raw; r != nil && r.before == token {
			r.open = true
		}
	}
	s.rawDone(func(p *pending) bool { return p.fence == token })
}

// rawDone hands what the network said to whoever asked.
func (s *session) rawDone(match func(*pending) bool) {
	var raw *rawLine
	if _, ok := s.answer(func(p *pending) bool {
		if p.raw != nil && match(p) {
			raw = p.raw
		}
		return raw != nil
	}); ok {
		s.post(raw.answer)
	}
}
