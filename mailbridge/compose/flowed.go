package compose

import (
	"strings"
	"unicode/utf8"
)

// flowWidth is how many characters a line of flowed text has at most, but for words that are longer (RFC 3676 §4.2).
const flowWidth = 72

// flow makes flowed text of lines as people write them in a chat, one line a paragraph.
func flow(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n") {
		quotes, rest := quoteDepth(line)
		prefix := strings.Repeat(">", quotes)
		if quotes > 0 {
			prefix += " "
		}
		flowLine(&b, prefix, plain(rest))
	}
	out := strings.TrimRight(b.String(), "\r\n")
	if out == "" {
		return ""
	}
	return out + "\r\n"
}

// quoteDepth takes the signs of quotes from a line ("> > so" or ">> so", XEP-0393 §5.1.3); ">_<" is none.
func quoteDepth(line string) (depth int, rest string) {
	rest = line
	for strings.HasPrefix(rest, ">") {
		next := strings.TrimLeft(rest, ">")
		if next != "" && next[0] != ' ' {
			break
		}
		depth += len(rest) - len(next)
		rest = strings.TrimPrefix(next, " ")
	}
	return depth, rest
}

// flowLine writes a paragraph as lines that end with a space where they go on (RFC 3676 §4.1).
func flowLine(b *strings.Builder, prefix, line string) {
	if line != "-- " { // RFC 3676 §4.3: the line above a signature has a space that means nothing
		line = strings.TrimRight(line, " ")
	}
	for {
		cut := lineEnd(line, flowWidth-len(prefix))
		b.WriteString(prefix)
		// RFC 3676 §4.4: what would look like a quote, or like a line of a mailbox file, is moved by a space. So is what begins with one.
		// Behind signs of a quote the space is there.
		if piece := line[:cut]; prefix == "" && (strings.HasPrefix(piece, " ") || strings.HasPrefix(piece, ">") || strings.HasPrefix(piece, "From ")) {
			b.WriteString(" ")
		}
		b.WriteString(line[:cut])
		b.WriteString("\r\n")
		if line = line[cut:]; line == "" {
			return
		}
	}
}

// lineEnd is where a line that is too long is cut: behind the spaces after the last word that fits, or after the first word.
func lineEnd(line string, width int) int {
	if utf8.RuneCountInString(line) <= width {
		return len(line)
	}
	best, runes, seen := 0, 0, false
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		seen = seen || r != ' '
		i += size
		runes++
		if r == ' ' && seen && i < len(line) && line[i] != ' ' {
			if runes > width && best > 0 {
				return best
			}
			best = i
			if runes > width {
				return best
			}
		}
	}
	if best == 0 || runes <= width {
		return len(line)
	}
	return best
}

// plain drops what no text of a mail has.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || 0x7f <= r && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
