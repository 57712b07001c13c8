package ircbridge

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"passerelle/transports"
)

// Limits of one message, so that a paste does not keep the user's connection busy for minutes.
const (
	maxParts = 50
	maxBody  = 64 << 10
)

// minRoom is the least number of bytes that a line offers to its text, whatever the network says of itself.
const minRoom = 64

// splitBody appends to parts what it cuts a body into: what fits into lines with room for limit bytes each, codes of its look included, written
// in a charset. A line feed begins a new line, blank lines are skipped. A long line is cut at a space where that saves a word, else between two grapheme clusters, and
// within one only where a single cluster is longer than a line. Nothing that could end a line early or begin a CTCP is left in the pieces, of
// which each has its look by itself.
func splitBody(parts []transports.Styled, body transports.Styled, limit int, c *charset) ([]transports.Styled, error) {
	if len(body.Text) > maxBody {
		return nil, tooLong()
	}
	limit = max(limit, minRoom)
	body = clean(body)
	at := 0
	for line := range strings.SplitSeq(body.Text, "\n") {
		next := at + len(line) + 1
		if strings.TrimSpace(line) == "" {
			at = next
			continue
		}
		for line != "" {
			if len(parts) == maxParts {
				return nil, tooLong()
			}
			part, rest := cutStyled(line, body.Spans, at, limit, c)
			parts = append(parts, part)
			at += len(line) - len(rest)
			line = rest
		}
		at = next
	}
	if len(parts) == 0 {
		return nil, refused(transports.BadRequest, "The message is empty.")
	}
	return parts, nil
}

// cutStyled takes a piece off the front of a line, which begins at byte at of the text that has the spans.
func cutStyled(line string, spans []transports.Span, at, limit int, c *charset) (part transports.Styled, rest string) {
	for room := limit; ; {
		part.Text, rest = cutLine(line, room, c)
		if len(spans) == 0 {
			return part, rest
		}
		part.Spans = transports.CutSpans(spans, at, at+len(part.Text), 0)
		over := c.size(writeCodes(part.Text, part.Spans)) - limit
		if over <= 0 {
			return part, rest
		}
		if room -= over; room < minCodedRoom {
			break
		}
	}
	part.Spans = nil // more codes than text
	part.Text, rest = cutLine(line, limit, c)
	return part, rest
}

// minCodedRoom is how much text a line has at least beside codes, in bytes.
const minCodedRoom = minRoom / 4

// clean is a text with one kind of line ending and without what could break out of a line.
func clean(s transports.Styled) transports.Styled {
	if len(s.Spans) == 0 {
		return transports.Styled{Text: cleanLines(s.Text)}
	}
	var text strings.Builder
	var spans []transports.Span
	at := 0
	add := func(to int, look transports.Look) {
		if to > at {
			from := text.Len()
			text.WriteString(cleanLines(s.Text[at:to]))
			spans = transports.AppendSpan(spans, from, text.Len(), look)
			at = to
		}
	}
	for _, span := range s.Spans {
		add(span.From, transports.Look{})
		add(span.To, span.Look)
	}
	add(len(s.Text), transports.Look{})
	return transports.Styled{Text: text.String(), Spans: spans}
}

func tooLong() error {
	return refused(transports.TooLarge, "The message is too long for IRC: it would take more than %d lines.", maxParts)
}

func oneLineEnding(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// cutControls drops what would end a line (RFC 2812 §2.3.1), begin a CTCP or a formatting code, and bytes that are no UTF-8.
func cutControls(s string) string { return strings.Map(withoutControls, s) }

func withoutControls(r rune) rune {
	if r < 0x20 && r != '\t' || r == 0x7f || r == utf8.RuneError {
		return -1
	}
	return r
}

// cleanLines is cutControls for each of several lines.
func cleanLines(s string) string {
	if printableASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return withoutControls(r)
	}, oneLineEnding(s))
}

// oneLine makes s fit for a single line: reasons and topics have no second one.
func oneLine(s string, limit int) string {
	s = strings.TrimSpace(cutControls(strings.ReplaceAll(oneLineEnding(s), "\n", " ")))
	part, _ := cutLine(s, limit, nil)
	return part
}

// wordSize is how much room the word takes that a text begins with, as far as its first bytes tell.
func wordSize(s string, most int, c *charset) int {
	s = s[:min(len(s), most+utf8.UTFMax)]
	word, _, _ := strings.Cut(s, " ")
	return c.size(word)
}

// cutLine takes a piece of at most limit bytes off the front of line. The space at which it cuts belongs to neither half; what has to be cut
// in any case, as text in scripts without spaces, begins behind it in the same piece where that would be less than half full.
func cutLine(line string, limit int, c *charset) (part, rest string) {
	if c.size(line) <= limit {
		return line, ""
	}
	// One character behind the limit is enough to see where the last cluster ends. Without the bound a message of combining
	// accents alone would be walked through once for every piece.
	most := limit
	if !c.utf8() {
		most *= utf8.UTFMax // of UTF-8 may be one byte
	}
	window := line[:min(len(line), most+utf8.UTFMax)]
	cut, size, space, state := 0, 0, 0, -1
	for cut < len(window) {
		cluster, _, _, next := uniseg.FirstGraphemeClusterInString(window[cut:], state)
		if cluster == " " && cut > 0 {
			space = cut
		}
		if size += c.size(cluster); size > limit {
			break
		}
		cut += len(cluster)
		state = next
	}
	if space > cut/2 || space > 0 && wordSize(line[space+1:], most, c) <= limit {
		return line[:space], line[space+1:]
	}
	if cut == 0 {
		// One cluster longer than a line, such as a letter under a hundred accents: between two characters then.
		for size = 0; size <= limit; {
			_, n := utf8.DecodeRuneInString(line[cut:])
			if size += c.size(line[cut : cut+n]); size <= limit {
				cut += n
			}
		}
	}
	return line[:cut], line[cut:]
}
