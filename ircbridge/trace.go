package ircbridge

import (
	"context"
	"strconv"
	"strings"

	"passerelle/internal/logging"
)

// tracing reports whether the wire is to be shown. It costs next to nothing, so it is asked before anything is written for it.
func (s *session) tracing() bool { return s.log.Enabled(context.Background(), logging.LevelTrace) }

// trace shows a line that was received or is sent.
func (s *session) trace(message, line string) {
	s.log.Log(context.Background(), logging.LevelTrace, message, "network", s.net.ID, "line", shape(line))
}

// shape writes a line as its source, its command and what it is about. Who hears the rest, and passwords and keys most of all,
// stays out of the log: of tags, texts and everything unknown there is the length alone.
func shape(line string) string {
	var b strings.Builder
	mask := func(s string) {
		b.WriteByte('[')
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteString(" bytes]")
	}
	rest := line
	if tags, ok := strings.CutPrefix(rest, "@"); ok {
		tags, rest, _ = strings.Cut(tags, " ")
		b.WriteByte('@')
		mask(tags)
		b.WriteByte(' ')
	}
	if source, ok := strings.CutPrefix(rest, ":"); ok {
		source, rest, _ = strings.Cut(source, " ")
		nick, _, _ := strings.Cut(source, "!")
		b.WriteByte(':')
		if validNick(nick) {
			b.WriteString(nick)
		} else {
			mask(nick)
		}
		b.WriteByte(' ')
	}
	command, _, _ := strings.Cut(rest, " ")
	params := cutParams(line)
	shown := shownParams(command, len(params))
	if len(command) > len("AUTHENTICATE") || !printable(command) {
		mask(command)
	} else {
		b.WriteString(command)
	}
	for i, p := range params {
		b.WriteByte(' ')
		if i < shown && validNick(p) {
			b.WriteString(p)
		} else {
			mask(p)
		}
	}
	return b.String()
}

// shownParams is how many of n parameters say what a command is about: channels, nicks, the letters of modes.
func shownParams(command string, n int) int {
	switch strings.ToUpper(command) {
	case "JOIN", "PART", "NAMES", "NICK":
		return 1
	case "PRIVMSG", "NOTICE", "TOPIC":
		return min(1, n-1) // the last is text
	case "KICK", "MODE", "INVITE":
		return 2
	case "CAP":
		return 3
	case "353": // RPL_NAMREPLY: our nick, a sign, the channel
		return 3
	}
	if len(command) == 3 && isDigit(command[0]) {
		return min(2, n-1) // our nick, and what it is about
	}
	return 0
}
