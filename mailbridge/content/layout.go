package content

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"passerelle/transports"
)

// layOut makes text of a stream of text and marks: white space collapses, lines and paragraphs begin, quotes get their signs.
func layOut(stream []byte, limit int) rich {
	w := layout{limit: limit}
	for i := 0; i < len(stream); {
		c := stream[i]
		if c >= markStyle && c <= markItem && i+1 < len(stream) {
			w.markWith(c, int(stream[i+1]&0x7f))
			i += 2
			continue
		}
		if w.truncated {
			i++
			continue
		}
		switch {
		case c == markBreak || c == markBlock || c == markPara:
			w.newLine(c)
		case c == markCell:
			w.cell = w.atText
			w.space = true
		case c == markSpace:
			if w.pre {
				w.write(" ")
			} else {
				w.space = true
				w.hard = w.hard || !w.atText
			}
		case c == '\n' && w.pre:
			w.newLine(markBreak)
		case (c == ' ' || c == '\t') && w.pre:
			w.write(string(c))
		case c == ' ' || c == '\t' || c == '\n':
			w.space = true
		case c < ' ':
		case c < utf8.RuneSelf:
			// A run without white space and marks.
			n := i + 1
			for n < len(stream) && stream[n] > ' ' && stream[n] < utf8.RuneSelf {
				n++
			}
			w.write(string(stream[i:n]))
			i = n
			continue
		default:
			r, n := utf8.DecodeRune(stream[i:])
			if r == 0x200c || r == 0x200d { // joiners, as padding beside spaces
				if !w.atText || w.space || i+n >= len(stream) || stream[i+n] <= ' ' || isJoiner(stream[i+n:]) {
					i += n
					continue
				}
			}
			w.write(string(stream[i : i+n]))
			i += n
			continue
		}
		i++
	}
	w.endSpan()
	doc := rich{truncated: w.truncated}
	doc.Text = strings.TrimRight(w.b.String(), "\n ")
	doc.Spans = transports.CutSpans(w.spans, 0, len(doc.Text), 0)
	for _, c := range w.cites {
		doc.cites = append(doc.cites, [2]int{min(c[0], len(doc.Text)), min(c[1], len(doc.Text))})
	}
	if w.citing > 0 {
		doc.cites = append(doc.cites, [2]int{min(w.citeFrom, len(doc.Text)), len(doc.Text)})
	}
	for _, c := range w.sigs {
		doc.sigs = append(doc.sigs, [2]int{min(c[0], len(doc.Text)), min(c[1], len(doc.Text))})
	}
	return doc
}

func isJoiner(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return r == 0x200c || r == 0x200d || unicode.IsSpace(r)
}

type layout struct {
	b       strings.Builder
	limit   int
	spans   []transports.Span
	style   transports.Style // of what is written
	from    int              // where the span began
	spanned transports.Style // of it

	lines  int  // line ends before the next text
	space  bool // a space is, too
	hard   bool // a space that does not break makes a line of its own
	atText bool // something stands on this line
	bullet bool // but only the sign of an item
	cell   bool // the next text is in another cell than the last one
	quotes int
	last   int // quotes of the line before
	indent int
	pre    bool

	cites, sigs       [][2]int
	citing, signing   int
	citeFrom, sigFrom int
	truncated         bool
}

func (w *layout) newLine(c byte) {
	if w.bullet { // <li><p>: the item begins on the line of its sign
		if c != markBreak {
			return
		}
	}
	n := 1
	if c == markPara {
		n = 2
	}
	if w.hard && c != markBreak && !w.atText {
		w.lines = min(w.lines+1, 2)
	}
	switch {
	case c == markBreak:
		w.lines = min(w.lines+1, 2)
		if w.pre {
			w.lines = max(w.lines, 1)
		}
	default:
		w.lines = max(w.lines, n)
	}
	w.space, w.atText, w.cell, w.hard, w.indent = false, false, false, false, 0
	w.bullet = false
}

func (w *layout) markWith(c byte, arg int) {
	switch c {
	case markStyle:
		w.style = transports.Style(arg)
	case markQuote:
		if arg != w.quotes {
			w.newLine(markBlock)
			w.quotes = arg
		}
	case markPre:
		w.pre = arg != 0
	case markItem:
		w.bullet = false
		w.newLine(markBlock)
		w.indent = 2 * (arg - 1)
		w.bullet = true
	case markCite:
		w.newLine(markBlock)
		if arg == 1 {
			if w.citing++; w.citing == 1 {
				w.citeFrom = w.next()
			}
		} else if w.citing > 0 {
			if w.citing--; w.citing == 0 {
				w.cites = appendPiece(w.cites, w.citeFrom, w.b.Len())
			}
		}
	case markSig:
		w.newLine(markBlock)
		if arg == 1 {
			if w.signing++; w.signing == 1 {
				w.sigFrom = w.next()
			}
		} else if w.signing > 0 {
			if w.signing--; w.signing == 0 {
				w.sigs = appendPiece(w.sigs, w.sigFrom, w.b.Len())
			}
		}
	}
}

// maxPieces bounds the quotes and the signatures of a mail that are told apart.
const maxPieces = 50

func appendPiece(pieces [][2]int, from, to int) [][2]int {
	if from >= to || len(pieces) >= maxPieces {
		return pieces
	}
	return append(pieces, [2]int{from, to})
}

// next is where the next text stands, or before it: line ends come first.
func (w *layout) next() int { return w.b.Len() }

func (w *layout) endSpan() {
	if w.spanned != 0 {
		w.spans = transports.AppendSpan(w.spans, w.from, w.b.Len(), transports.Look{Style: w.spanned})
		w.spanned = 0
	}
}

// write writes text without line ends.
func (w *layout) write(s string) {
	if w.b.Len()+len(s) > w.limit {
		w.truncated = true
		return
	}
	if w.lines > 0 || w.b.Len() == 0 {
		w.endSpan()
		if w.b.Len() > 0 {
			for i := range w.lines {
				w.b.WriteByte('\n')
				if i < w.lines-1 { // a line without text, in quotes where both around it are
					w.b.WriteString(strings.Repeat(">", min(w.quotes, w.last)))
				}
			}
		}
		w.lines, w.space = 0, false
		if w.quotes > 0 {
			w.b.WriteString(strings.Repeat(">", w.quotes))
			w.b.WriteByte(' ')
		}
		w.b.WriteString(strings.Repeat(" ", w.indent))
		w.last = w.quotes
	}
	if w.style != w.spanned || w.cell || w.space {
		if w.style != w.spanned || w.cell {
			w.endSpan()
		}
		if w.cell {
			w.b.WriteString(" |")
		}
		if w.space && w.atText {
			w.b.WriteByte(' ')
		}
	}
	w.space, w.cell, w.hard = false, false, false
	if w.spanned != w.style {
		w.from, w.spanned = w.b.Len(), w.style
	}
	w.b.WriteString(s)
	if w.bullet && w.atText {
		w.bullet = false
	}
	w.atText = true
}
