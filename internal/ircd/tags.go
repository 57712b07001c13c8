package ircd

import (
	"fmt"
	"slices"
	"strings"
)

// What lines say beside text (IRCv3 message-tags): tags of clients are passed on, lines have ids, and can be taken back
// (draft/message-redaction).

const (
	capTags      = "message-tags"
	capRedaction = "draft/message-redaction"
)

// said is a line that can be taken back.
type said struct {
	target string
	by     *client
}

// clientTags keeps those of a client's tags that are passed on.
func clientTags(tags string) string {
	var kept []string
	for tag := range strings.SplitSeq(tags, ";") {
		if strings.HasPrefix(tag, "+") {
			kept = append(kept, tag)
		}
	}
	return strings.Join(kept, ";")
}

// name gives a line to a target an id, where the server has tags.
func (s *Server) name(c *client, target string) string {
	if !slices.Contains(s.opt.Caps, capTags) {
		return ""
	}
	if s.said == nil {
		s.said = make(map[string]said)
	}
	id := fmt.Sprintf("m-%d", len(s.said)+1)
	s.said[id] = said{target, c}
	return id
}

// tagged is a line as somebody gets it.
func (c *client) tagged(id, tags, line string) string {
	if !c.caps[capTags] {
		return line
	}
	if tags != "" {
		tags = ";" + tags
	}
	if c.caps["server-time"] {
		tags += ";time=" + timestamp()
	}
	return "@msgid=" + id + tags + " " + line
}

// tagmsg passes tags on to those who want them.
func (s *Server) tagmsg(c *client, to string) {
	if !c.caps[capTags] || c.tags == "" {
		return
	}
	s.pass(c, to, c.tags, ":"+c.mask()+" TAGMSG "+to, func(p *client) bool { return p.caps[capTags] })
}

// redact takes a line back: for who said it, and for operators.
func (s *Server) redact(c *client, to, id, reason string) {
	said, ok := s.said[id]
	ch := s.channels[fold(to)]
	fail := func(code, rest, text string) {
		c.reply(fmt.Sprintf(":%s FAIL REDACT %s %s%s :%s", s.opt.Name, code, to, rest, text))
	}
	switch {
	case ch == nil && s.nicks[fold(to)] == nil:
		fail("INVALID_TARGET", "", "You cannot delete messages from "+to)
		return
	case !ok || fold(said.target) != fold(to):
		fail("UNKNOWN_MSGID", " "+id, "This message does not exist or is too old")
		return
	case said.by != c && (ch == nil || !strings.Contains(ch.members[c], "o")):
		fail("REDACT_FORBIDDEN", " "+id, "You are not authorised to delete this message")
		return
	}
	line := ":" + c.mask() + " REDACT " + to + " " + id
	if reason != "" {
		line += " :" + reason
	}
	s.pass(c, to, "", line, func(p *client) bool { return p.caps[capRedaction] })
}

// pass sends a line to a target, and back to who sent it where he wants that, each as he gets it.
func (s *Server) pass(c *client, to, tags, line string, wants func(*client) bool) {
	id := s.name(c, to)
	if ch := s.channels[fold(to)]; ch != nil {
		if modes, in := ch.members[c]; !in && ch.has('n') || ch.has('m') && modes == "" {
			c.numeric("404", ch.name+" :Cannot send to channel")
			return
		}
		for _, m := range ch.order {
			if m != c && wants(m) {
				m.send(m.tagged(id, tags, line))
			}
		}
	} else if p := s.nicks[fold(to)]; p == nil {
		c.numeric("401", to+" :No such nick/channel")
		return
	} else if wants(p) {
		p.send(p.tagged(id, tags, line))
	}
	if c.caps["echo-message"] && wants(c) {
		c.reply(c.tagged(id, tags, line))
	}
}
