package component

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// maxRawLines is how many lines one message to a network may have.
const maxRawLines = 10

// isLoud reports whether somebody writes the first word as lines of protocols are written. Help is for everybody.
func isLoud(word string) bool {
	return len(word) > 1 && word == strings.ToUpper(word) && word != strings.ToLower(word) && readWord(word).means == meansNothing
}

// rawLines hands lines to a network in its own protocol, each a command (as biboumi takes them), and answers with what the network says to
// them. Passwords may be among them: nothing of it is logged, and no archive is to keep the answers.
func (u *user) rawLines(s said, e entity) {
	var lines []string
	for line := range strings.Lines(s.body) {
		line = strings.TrimLeft(strings.TrimSpace(line), "/")
		if word, rest, ok := strings.Cut(line, " "); ok && (strings.EqualFold(word, "quote") || strings.EqualFold(word, "raw")) {
			line = rest // as in IRC clients
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	n := u.networks.of(e.target.Network)
	switch {
	case n == nil:
		u.sayOnce(s, text.Say(s.lang, "You are not connected to %s, so this was not sent. Join a room there first, for instance %s.",
			e.target.Network, u.exampleRoom(e.target.Network)))
		return
	case len(lines) > maxRawLines:
		u.sayOnce(s, text.Say(s.lang, "These are too many lines: %d at a time are the most.", maxRawLines))
		return
	}
	for _, line := range lines {
		n.ask(func(ref transports.Ref) transports.Request {
			return transports.Raw{Ref: ref, Line: line}
		}, func(ev transports.Event, err *transports.Error) {
			switch answer, ok := ev.(transports.RawAnswer); {
			case err != nil:
				u.sayOnce(s, u.inWords(s.lang, err).Text)
			case ok:
				u.rawAnswer(s, answer)
			}
		})
	}
}

// goWays does of a line what the network is not asked for: the user is shown the way into rooms, and taken out of others.
func (u *user) goWays(s said, a transports.RawAnswer) {
	for _, join := range a.Join { // only a client can enter a room
		if u.awaited >= maxAwaited {
			u.say(s, text.Say(s.lang, "Too much of yours is waiting. Try again in a moment."))
			break
		}
		u.background(func(ctx context.Context) func() {
			said := u.g.showIn(ctx, u.jid, s.lang, join.Room, join.Password)
			return func() { u.say(s, said) }
		})
	}
	for _, room := range a.Leave {
		u.leaveRoom(room)
	}
}

// rawAnswer says what a network said to a line.
func (u *user) rawAnswer(s said, a transports.RawAnswer) {
	u.goWays(s, a)
	switch {
	case len(a.Lines) > 0:
		said := strings.Join(a.Lines, "\n")
		if a.Cut {
			said += "\n" + text.Say(s.lang, "The rest is not shown.")
		}
		u.sayOnce(s, said)
	case len(a.Join)+len(a.Leave) == 0:
		u.sayOnce(s, text.Say(s.lang, "The network has nothing to say to that."))
	}
}
