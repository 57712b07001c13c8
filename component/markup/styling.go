package markup

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"passerelle/transports"
)

// Bounds of signs: how deep quotations are looked into, how many pieces of a text get signs, and how many of those that cannot all have them are
// tried one by one.
const (
	maxQuotes = 16
	maxSigned = 32
	maxTried  = 8
)

// fence begins a preformatted block, and ends it (XEP-0393 §5.1.2).
const fence = "```"

// signs are the directives of spans (XEP-0393 §5.2).
const signs = "*_~`"

func hasSigns(text string) bool { return strings.ContainsAny(text, signs) }

func signStyle(c byte) transports.Style {
	switch c {
	case '*':
		return transports.StyleBold
	case '_':
		return transports.StyleItalic
	case '~':
		return transports.StyleStrike
	case '`':
		return transports.StyleMono
	}
	return 0
}

// mark is a span with the places of its two directives.
type mark struct {
	open, end int
	sign      byte
}

// readMarks appends the spans of line[lo:hi], which is a block or, where around is not zero, what stands between two of those directives, outer
// ones first.
func readMarks(marks []mark, line string, lo, hi int, around byte) []mark {
	var unclosed [256]bool // signs that end nothing any more
	space := true          // what is in front is white, or nothing
	for i := lo; i < hi; {
		r, n := utf8.DecodeRuneInString(line[i:hi])
		c := line[i]
		// Only behind white space, at the beginning, and behind another opening directive.
		if signStyle(c) != 0 && space && c != around && !unclosed[c] && !spaceAt(line[i+1:hi]) {
			end := closing(line, i+1, hi)
			if end < 0 {
				unclosed[c] = true
			} else if end > i+1 {
				marks = append(marks, mark{i, end, c})
				if c != '`' { // what is preformatted has no spans
					marks = readMarks(marks, line, i+1, end, c)
				}
				i = end + 1
				space = false
				continue
			}
		}
		space, around = isSpace(r), 0
		i += n
	}
	return marks
}

// closing is the first directive that can end the span which begins with the sign before from, -1 if there is none.
func closing(line string, from, hi int) int {
	sign := line[from-1]
	for i := from; i < hi; i++ {
		if line[i] != sign {
			continue
		}
		if i == from {
			return i // of nothing, which is no span (XEP-0393 §5.2)
		}
		if r, _ := utf8.DecodeLastRuneInString(line[from:i]); !isSpace(r) {
			return i
		}
	}
	return -1
}

// isSpace reports whether XEP-0393 §4 takes r for white space.
func isSpace(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Z, r)
}

// spaceAt reports whether s begins with white space or is empty.
func spaceAt(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n == 0 || isSpace(r)
}

// quoted is how many bytes of a line say that it is quoted, and how many times, most at most (XEP-0393 §5.1.3).
func quoted(line string, most int) (n, depth int) {
	for depth < most && strings.HasPrefix(line[n:], ">") {
		n++
		depth++
		if r, size := utf8.DecodeRuneInString(line[n:]); size > 0 && isSpace(r) {
			n += size
		}
	}
	return n, depth
}

// painter puts a text together.
type painter struct {
	text  strings.Builder
	spans []transports.Span
	lines int
}

func (p *painter) add(s string, look transports.Look) {
	from := p.text.Len()
	p.text.WriteString(s)
	p.spans = transports.AppendSpan(p.spans, from, p.text.Len(), look)
}

func (p *painter) newLine() {
	if p.lines++; p.lines > 1 {
		p.text.WriteByte('\n')
	}
}

// readStyling reads a body without the signs of XEP-0393; nil where it has none, or nothing else. Quotations keep theirs, and preformatted blocks
// lose their fences.
func readStyling(body string) *transports.Styled {
	var p painter
	pre, preDepth := false, 0
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if pre {
			if n, depth := quoted(line, preDepth); depth == preDepth {
				if line[n:] == fence {
					pre = false
					continue
				}
				p.newLine()
				p.add(line[:n], transports.Look{})
				p.add(line[n:], transports.Look{Style: transports.StyleMono})
				continue
			}
			pre = false // with the quotation that it is in
		}
		n, depth := quoted(line, maxQuotes)
		if info, ok := strings.CutPrefix(line[n:], fence); ok {
			pre, preDepth = true, depth
			if strings.ContainsAny(info, " `") { // not the name of a language: it is meant to be read
				p.newLine()
				p.add(line, transports.Look{})
			}
			continue
		}
		p.newLine()
		p.add(line[:n], transports.Look{})
		p.addSpans(line[n:])
	}
	text := p.text.String()
	if len(p.spans) == 0 || strings.TrimSpace(text) == "" {
		return nil
	}
	return &transports.Styled{Text: text, Spans: p.spans}
}

// addSpans adds a line without its directives.
func (p *painter) addSpans(line string) {
	if !hasSigns(line) {
		p.add(line, transports.Look{})
		return
	}
	var look transports.Look
	at := 0
	for _, d := range directives(readMarks(nil, line, 0, len(line), 0)) {
		p.add(line[at:d.at], look)
		look.Style ^= signStyle(d.sign)
		at = d.at + 1
	}
	p.add(line[at:], look)
}

// directive is one that stands in a line, or in front of a byte of a line that is to have it.
type directive struct {
	at   int
	sign byte
}

// directives are those of marks that are nested, in the order of the line.
func directives(marks []mark) []directive {
	all := make([]directive, 0, 2*len(marks))
	for _, m := range marks {
		all = append(all, directive{m.open, m.sign}, directive{m.end, m.sign})
	}
	slices.SortFunc(all, func(a, b directive) int { return a.at - b.at })
	return all
}
