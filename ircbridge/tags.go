package ircbridge

import (
	"slices"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Message tags (IRCv3 message-tags): what a line says beside its text.

// Client-only tags that are read and written. Those with a vendor are of specifications that are not final; of either form the one that a
// network passes on is written, and both are read.
const (
	tagTyping       = "+typing"
	tagReply        = "+reply"
	tagReplyDraft   = "+draft/reply"
	tagReact        = "+react"
	tagReactDraft   = "+draft/react"
	tagUnreact      = "+unreact"
	tagUnreactDraft = "+draft/unreact"
)

// maxTagData is how many bytes of tags a client may send, without the "@" and the space around them.
const maxTagData = 4094

// tag is the value of a tag, and whether the line has it. girc's own method would undo the escapes twice.
func tag(e *girc.Event, names ...string) (string, bool) {
	for _, name := range names {
		if v, ok := e.Tags[name]; ok {
			return v, true
		}
	}
	return "", false
}

// fixTags reads the tags of a line again where one has an escape: girc leaves those alone that the specification does not name, and
// a lone backslash at the end, which both mean nothing.
func fixTags(e *girc.Event, line string) {
	tags, _, _ := strings.Cut(strings.TrimPrefix(line, "@"), " ")
	if len(e.Tags) == 0 || strings.IndexByte(tags, '\\') < 0 {
		return
	}
	for t := range strings.SplitSeq(tags, ";") {
		key, value, _ := strings.Cut(t, "=")
		if _, ok := e.Tags[key]; ok && strings.IndexByte(value, '\\') >= 0 {
			e.Tags[key] = unescapeTag(value)
		}
	}
}

// unescapeTag undoes escapeTag.
func unescapeTag(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			break
		}
		switch s[i] {
		case ':':
			b.WriteByte(';')
		case 's':
			b.WriteByte(' ')
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

var tagEscapes = strings.NewReplacer(";", `\:`, " ", `\s`, `\`, `\\`, "\r", `\r`, "\n", `\n`, "\x00", "")

// escapeTag writes a value so that it can stand in a line.
func escapeTag(s string) string { return tagEscapes.Replace(s) }

// maxMsgID bounds the ids of messages that are kept, in bytes; a longer one counts as none.
const maxMsgID = 128

// validMsgID reports whether an id can be sent back, also as a parameter.
func validMsgID(id string) bool {
	return id != "" && len(id) <= maxMsgID && id[0] != ':' && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

// msgID is the network's id of a line (IRCv3 message-ids), empty where it gives none.
func msgID(e *girc.Event) string {
	if id, _ := tag(e, "msgid", "draft/msgid"); validMsgID(id) {
		return strings.Clone(id)
	}
	return ""
}

// replyTo is the id of the message that a line answers, or empty.
func replyTo(e *girc.Event) string {
	if id, _ := tag(e, tagReply, tagReplyDraft); validMsgID(id) {
		return strings.Clone(id)
	}
	return ""
}

// isBot reports whether a line is tagged as that of a program (IRCv3 bot-mode).
func isBot(e *girc.Event) bool {
	_, ok := tag(e, "bot", "draft/bot", "inspircd.org/bot")
	return ok
}

// tagDeny is which client-only tags a network drops (IRCv3 message-tags, CLIENTTAGDENY).
type tagDeny struct {
	all   bool
	names []string // without the plus sign: those that it drops, or with all those that it passes on
}

// equal reports whether two say the same; either may be nil.
func (d *tagDeny) equal(other *tagDeny) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.all == other.all && slices.Equal(d.names, other.names)
}

// maxTagDeny bounds what is kept of it, in names.
const maxTagDeny = 50

// parseTagDeny reads "*,-typing" or "react,typing".
func parseTagDeny(value string) *tagDeny {
	d := &tagDeny{}
	for name := range strings.SplitSeq(value, ",") {
		passed, excepted := strings.CutPrefix(name, "-")
		switch {
		case name == "*":
			d.all = true
		case name != "" && excepted == d.all && len(d.names) < maxTagDeny:
			d.names = append(d.names, intern(passed))
		}
	}
	return d
}

// passes reports whether the network passes a client-only tag on to others.
func (c *conn) passes(name string) bool {
	if !c.can(capTags) {
		return false
	}
	d := c.isup.tagDeny
	return d == nil || slices.Contains(d.names, strings.TrimPrefix(name, "+")) == d.all
}

// passed is the first of the names of a tag that the network passes on, or empty.
func (c *conn) passed(names ...string) string {
	for _, name := range names {
		if c.passes(name) {
			return name
		}
	}
	return ""
}

// features is what a conversation can carry beside text, as far as this network goes.
func (c *conn) features() transports.Features {
	reply := c.passed(tagReply, tagReplyDraft) != ""
	return transports.Features{
		Types:    c.passes(tagTyping),
		Replies:  reply,
		Reacts:   reply && c.passed(tagReactDraft, tagReact) != "",
		Unreacts: reply && c.passed(tagUnreactDraft, tagUnreact) != "",
		Redacts:  c.can(capRedaction) && c.can(capTags),
		Marks:    c.can(capReadMarker),
	}
}

// replyTags are the tags of a line that refers to a message: both names while clients are of two minds.
func (c *conn) replyTags(id string) string {
	var tags []string
	for _, name := range []string{tagReply, tagReplyDraft} {
		if c.passes(name) && validMsgID(id) {
			tags = append(tags, name+"="+escapeTag(id))
		}
	}
	return strings.Join(tags, ";")
}
