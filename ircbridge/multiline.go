package ircbridge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// A message of several lines, or of one that is too long, is one message on networks that know that (IRCv3 multiline): a batch of lines, of
// which one that is too long for IRC goes on in the next.

const (
	// maxMultilineLines is how many lines a batch has at most where the network does not say how many it takes.
	maxMultilineLines = 100
	// multilineSpare is what is left of each line for what a network may put into it (IRCv3 multiline, "Splitting long lines").
	multilineSpare = 10

	tagConcat = "multiline-concat"
)

// multilineLimits are what a network takes: the value of the capability.
func (c *conn) multilineLimits() (bytes, lines int, ok bool) {
	if !c.can(capMultiline) || !c.can(capBatch) || !c.can(capTags) {
		return 0, 0, false
	}
	lines = maxMultilineLines
	for token := range strings.SplitSeq(c.caps.values[capMultiline], ",") {
		key, value, _ := strings.Cut(token, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n <= 0:
		case key == "max-bytes":
			bytes = min(n, maxMultiline)
		case key == "max-lines":
			lines = min(n, maxMultilineLines)
		}
	}
	return bytes, lines, bytes > 0
}

// multiline makes one part of a message that does not fit into a line; false where the network takes no such messages, or none so long.
func (s *session) multiline(to string, body transports.Styled, c *charset) (block []string, said transports.Styled, ok bool) {
	most, lines, ok := s.conn.multilineLimits()
	if !ok {
		return nil, said, false
	}
	pieces := splitMultiline(body, max(s.lineRoom(to, false)-multilineSpare, minRoom), c)
	if len(pieces) < 2 || len(pieces) > lines {
		return nil, said, false
	}
	draft := ""
	if s.conn.caps.draft.has(capMultiline) {
		draft = capDraft
	}
	s.conn.batchID++
	id := strconv.FormatUint(s.conn.batchID, 36)
	bytes := 0
	block = append(block, "BATCH +"+id+" "+draft+"multiline "+to)
	for i, p := range pieces {
		tags := "@batch=" + id
		switch {
		case p.concat:
			tags += ";" + draft + tagConcat
		case i > 0:
			said.Text += "\n"
			bytes++
		}
		for _, span := range p.Spans {
			said.Spans = transports.AppendSpan(said.Spans, len(said.Text)+span.From, len(said.Text)+span.To, span.Look)
		}
		said.Text += p.Text
		text := writeCodes(p.Text, p.Spans)
		bytes += c.size(text)
		block = append(block, tags+" "+privmsg(to, text, false))
	}
	block = append(block, "BATCH -"+id)
	return block, said, bytes <= most
}

// piece is a line of a message of several.
type piece struct {
	transports.Styled
	concat bool // it goes on where the last one ended
}

// splitMultiline cuts a body as splitBody does, but keeps blank lines within it, and a space at which a line is cut.
func splitMultiline(body transports.Styled, limit int, c *charset) []piece {
	if len(body.Text) > maxMultiline {
		return nil
	}
	body = clean(body)
	var pieces []piece
	at := 0
	for line := range strings.SplitSeq(body.Text, "\n") {
		next := at + len(line) + 1
		if strings.TrimSpace(line) == "" {
			line = "" // "Clients MUST NOT send blank lines with the concat tag"
		}
		for first := true; first || line != ""; first = false {
			if len(pieces) == maxMultilineLines {
				return nil
			}
			part, rest := cutKeeping(line, body.Spans, at, limit, c)
			pieces = append(pieces, piece{part, !first})
			at += len(line) - len(rest)
			line = rest
		}
		at = next
	}
	for len(pieces) > 0 && pieces[0].Text == "" {
		pieces = pieces[1:]
	}
	for len(pieces) > 0 && pieces[len(pieces)-1].Text == "" {
		pieces = pieces[:len(pieces)-1]
	}
	return pieces
}

// cutKeeping is cutStyled with the space at which it cuts at the end of the first half, where what follows is not all spaces.
func cutKeeping(line string, spans []transports.Span, at, limit int, c *charset) (part transports.Styled, rest string) {
	part, rest = cutStyled(line, spans, at, limit-1, c) // the space has to fit as well
	switch n := len(line) - len(rest); {
	case strings.TrimSpace(rest) == "":
		rest = ""
	case len(part.Text) < n:
		part.Text = line[:n]
	}
	return part, rest
}

// message is the message that the lines of a batch are; nil for none.
func (b *batch) message(isup *isupport) *girc.Event {
	var m *girc.Event
	var text strings.Builder
	for _, e := range b.lines {
		if e.Command != girc.PRIVMSG && e.Command != girc.NOTICE || len(e.Params) < 2 || !isup.casemap.equal(e.Params[0], b.param()) {
			continue
		}
		if m == nil {
			m = &girc.Event{Source: e.Source, Command: e.Command, Params: []string{b.param(), ""}, Timestamp: e.Timestamp, Tags: girc.Tags{}}
			if b.first.Source != nil && b.first.Source.Ident != "" {
				m.Source = b.first.Source
			}
			b.tag(m, e)
		} else {
			if e.Command != m.Command || !sameSource(e.Source, m.Source) {
				continue
			}
			_, draft := tag(e, capDraft+tagConcat)
			if _, final := tag(e, tagConcat); !draft && !final {
				text.WriteByte('\n')
			}
		}
		text.WriteString(e.Params[len(e.Params)-1])
	}
	if m != nil {
		m.Params[1] = text.String()
	}
	return m
}

// tag gives the message what stands at the beginning of its batch, and the time of its first line where that has none.
func (b *batch) tag(m, first *girc.Event) {
	for _, from := range []*girc.Event{first, b.first} {
		for key, value := range from.Tags {
			if key != "batch" {
				m.Tags[key] = value
			}
		}
	}
	if b.outer != nil && b.outer.id != "" {
		m.Tags["batch"] = b.outer.id
	}
	if _, told := tag(b.first, "time"); told {
		m.Timestamp = b.first.Timestamp
	}
}

func sameSource(a, b *girc.Source) bool { return a == b || a != nil && b != nil && a.Name == b.Name }

// styledLines is styled for what may have several lines.
func styledLines(s string) (string, []transports.Span) {
	if strings.IndexByte(s, '\n') < 0 {
		return styled(s)
	}
	var b strings.Builder
	var spans []transports.Span
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		text, looks := styled(line)
		for _, span := range looks {
			spans = transports.AppendSpan(spans, b.Len()+span.From, b.Len()+span.To, span.Look)
		}
		b.WriteString(text)
	}
	return b.String(), spans
}

// multilineFailed takes the network's word that it does not take a batch, and reports whether it is that. Without a label it is the first
// that waits for its echo, or the last that was written.
func (s *session) multilineFailed(c *conn, e *girc.Event) bool {
	if e.Params[0] != "BATCH" || c.label(e) != "" {
		return false
	}
	name := ""
	for _, r := range c.recent {
		if r.batch && !r.failed {
			name = r.name
		}
	}
	if i := slices.IndexFunc(c.inflight, func(p *sentPart) bool { return p.batch }); i >= 0 {
		name = c.inflight[i].name
	}
	return name != "" && s.sendFailed(c, e, name, refused(transports.Denied, "%s does not take the message: %s.", s.net.Name, sentence(e)))
}
