package ircbridge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Lines that a user has sent to a network after each connection, before any channel is joined.

// Bounds of them.
const (
	maxAfterConnect     = 20
	maxAfterConnectLine = 400 // bytes
)

// masked stands for what is secret in a line.
const masked = "••••••••"

// credential finds the word behind which a line has a password: of services, whoever they are said to, and of commands. channelKey finds what is
// behind a mode +k (RFC 2812 §3.2.3).
var (
	credential = regexp.MustCompile(`(?i)(^|[ :])(identify|sidentify|id|auth|authenticate|login|logon|register|ghost|recover|regain|release|oper|vhost|` +
		`pass|password|newpass|setpass|resetpass|drop|verify|confirm|challenge)( +\S.*)$`)
	channelKey = regexp.MustCompile(`(?i)^(mode +[#&]\S+ +[^ +]*\+[a-z]*k\S*)( +\S.*)$`)
)

// maskCredential hides what is secret in a line. Where a line only looks as if it had a password nothing is lost but its look.
func maskCredential(line string) string {
	if m := channelKey.FindStringSubmatchIndex(line); m != nil {
		return line[:m[4]] + " " + masked
	}
	m := credential.FindStringSubmatchIndex(line)
	if m == nil {
		return line
	}
	return line[:m[6]] + " " + masked
}

// checkAfterConnect says what is wrong with the lines that a user would have sent.
func checkAfterConnect(lang, value string) (wrong string) {
	lines := strings.Split(value, "\n")
	if value != "" && len(lines) > maxAfterConnect {
		return text.Say(lang, "Write at most %d lines.", maxAfterConnect)
	}
	for _, line := range lines {
		e := parse(line)
		switch {
		case line == "":
		case strings.Contains(line, masked):
			return text.Say(lang, "“%s”: write the whole line once more, with its password.", line)
		case len(line) > maxAfterConnectLine:
			return text.Say(lang, "“%s”: this is too long, %d bytes is the most.", firstWord(line), maxAfterConnectLine)
		case e == nil || e.Source != nil || len(e.Tags) > 0 || cutControls(line) != line || !isCommand(e.Command):
			return text.Say(lang, "“%s”: write lines as IRC has them, such as MODE yournick +i or PRIVMSG NickServ :HELP.", firstWord(line))
		case ownWords(e.Command), slices.Contains([]string{girc.NICK, girc.QUIT, girc.JOIN, girc.PART}, e.Command): // of which the session keeps track
			return text.Say(lang, "“%s”: this is what the gateway says itself.", firstWord(line))
		}
	}
	return ""
}

// firstWord is how a line is called where it may have a password.
func firstWord(line string) string {
	word, _, _ := strings.Cut(line, " ")
	return oneLine(word, 40)
}

// isCommand reports whether a word is a command that a client may say (RFC 2812 §2.3.1).
func isCommand(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// afterConnect are the lines that a user has set. Those that may not be sent, by the rules of this version, are left out.
func afterConnect(set map[string]string) []string {
	var lines []string
	for line := range strings.SplitSeq(set[SettingAfterConnect], "\n") {
		if line != "" && checkAfterConnect("", line) == "" && len(lines) < maxAfterConnect {
			lines = append(lines, line)
		}
	}
	return lines
}

// sayAfterConnect sends them, before the channels are joined: some are what lets the user in there.
func (s *session) sayAfterConnect(c *conn) {
	for _, line := range c.after {
		c.enqueue(outLine{text: line})
		if e := girc.ParseEvent(line); e != nil && (e.Command == girc.PRIVMSG || e.Command == girc.NOTICE) && len(e.Params) > 0 {
			c.told = append(c.told, lowerASCII(e.Params[0]))
		}
	}
	c.after = nil
	s.startWriter(c)
}

// toldAfterConnect reports whether something was said to somebody after connecting: mostly it is a program that lets one in for a password.
// What the network echoes of that is shown nowhere.
func (c *conn) toldAfterConnect(to transports.Target) bool {
	name, _, _ := strings.Cut(to.ID, "@")
	return slices.ContainsFunc(c.told, func(told string) bool {
		told, _, _ = strings.Cut(told, "@")
		return to.Kind == transports.TargetContact && c.isup.casemap.equal(told, name)
	})
}

// afterConnectSetting is the setting of them. All is sealed, and what is no password is shown.
func afterConnectSetting() setting {
	return setting{transports.Setting{Field: transports.Field{
		Name: SettingAfterConnect, Label: "Lines to send after connecting, such as MODE yournick +i", Type: transports.FieldLines, Mask: maskCredential,
	}}, maxAfterConnect * (maxAfterConnectLine + 1)}
}
