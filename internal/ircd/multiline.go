package ircd

import (
	"strconv"
	"strings"
	"time"
)

// clientBatch is a message of several lines that a client is sending (draft/multiline).
type clientBatch struct {
	ref, target, label string
	tags               []string
	lines              []saidLine
	bytes              int
}

// multilineLimit is a limit of the capability's value; 0 where it has none.
func (s *Server) multilineLimit(key string) int {
	for _, name := range s.opt.Caps {
		value, ok := strings.CutPrefix(name, "draft/multiline=")
		if !ok {
			continue
		}
		for token := range strings.SplitSeq(value, ",") {
			if k, v, _ := strings.Cut(token, "="); k == key {
				n, err := strconv.Atoi(v)
				if err == nil {
					return n
				}
			}
		}
	}
	return 0
}

// clientBatch handles BATCH of a client.
func (s *Server) clientBatch(c *client, params []string) {
	ref := first(params)
	switch {
	case !c.caps["draft/multiline"] || !c.caps["batch"]:
		c.numeric("421", "BATCH :Unknown command")
	case len(params) == 3 && strings.HasPrefix(ref, "+") && params[1] == "draft/multiline" && c.batch == nil:
		c.batch = &clientBatch{ref: ref[1:], target: params[2], label: c.label, tags: c.passedTags()}
		c.label = ""
	case c.batch != nil && ref == "-"+c.batch.ref:
		b := c.batch
		c.batch = nil
		blank := true
		for _, l := range b.lines {
			blank = blank && l.text == ""
		}
		if c.label = b.label; blank { // "Clients MUST NOT send messages consisting entirely of blank lines"
			c.fail("BATCH", "MULTILINE_INVALID", "Invalid multiline batch")
			return
		}
		s.say(c, &spoken{at: time.Now(), mask: c.mask(), verb: "PRIVMSG", to: b.target, lines: b.lines, tags: b.tags})
	default:
		s.failBatch(c, "MULTILINE_INVALID", "Invalid multiline batch")
	}
}

// failBatch refuses what a client is sending.
func (s *Server) failBatch(c *client, words ...string) {
	if c.batch != nil {
		c.label = c.batch.label
		c.batch = nil
	}
	c.fail(append([]string{"BATCH"}, words...)...)
}

// inBatch takes a line of a client that sends a message of several lines; false where it has none to do with that.
func (s *Server) inBatch(c *client, name string, params []string) bool {
	b := c.batch
	if b == nil {
		_, tagged := c.lineTags["batch"]
		return tagged // of one that was refused
	}
	_, concat := c.lineTags["draft/multiline-concat"]
	switch {
	case name == "BATCH":
		return false
	case name != "PRIVMSG" || c.lineTags["batch"] != b.ref || len(params) < 2 || concat && params[1] == "":
		// "Clients MUST NOT send messages other than PRIVMSG while a multiline batch is open"
		s.failBatch(c, "MULTILINE_INVALID", "Invalid multiline batch")
		return true
	case fold(params[0]) != fold(b.target):
		s.failBatch(c, "MULTILINE_INVALID_TARGET", b.target, params[0], "Invalid multiline target")
		return true
	}
	if len(b.lines) > 0 && !concat {
		b.bytes++ // the line feed
	}
	b.bytes += len(params[1])
	b.lines = append(b.lines, saidLine{params[1], concat})
	if n := s.multilineLimit("max-bytes"); n > 0 && b.bytes > n {
		s.failBatch(c, "MULTILINE_MAX_BYTES", strconv.Itoa(n), "Multiline batch max-bytes exceeded")
	} else if n := s.multilineLimit("max-lines"); n > 0 && len(b.lines) > n {
		s.failBatch(c, "MULTILINE_MAX_LINES", strconv.Itoa(n), "Multiline batch max-lines exceeded")
	}
	return true
}

// passedTags are the client-only tags of the line that is being handled.
func (c *client) passedTags() []string {
	if c.tags == "" {
		return nil
	}
	return strings.Split(c.tags, ";")
}
