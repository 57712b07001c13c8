package markup

import (
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Colours that stand for those of the reader where a text has them swapped.
const (
	ink   = 0x000000
	paper = 0xffffff
)

// shown are spans as XHTML-IM can show them: it has no word for swapped colours.
func shown(spans []transports.Span) []transports.Span {
	var all []transports.Span
	for _, s := range spans {
		if s.Look.Style.Has(transports.StyleReverse) {
			fore, back := s.Look.Back, s.Look.Fore
			if fore == 0 {
				fore = transports.RGB(paper)
			}
			if back == 0 {
				back = transports.RGB(ink)
			}
			s.Look = transports.Look{Style: s.Look.Style &^ transports.StyleReverse, Fore: fore, Back: back}
		}
		all = transports.AppendSpan(all, s.From, s.To, s.Look)
	}
	return all
}

// appendXHTML writes a text with its looks (XEP-0071 §4), with no more than the elements and styles of its profile (§6).
func appendXHTML(b *stanza.Builder, text string, spans []transports.Span) {
	b.StartNS("html", NSXHTMLIM).StartNS("body", nsXHTML)
	at, space := 0, true
	for _, s := range spans {
		space = appendText(b, text[at:s.From], space)
		b.Start("span").Attr("style", css(s.Look))
		space = appendText(b, text[s.From:s.To], space)
		b.End()
		at = s.To
	}
	appendText(b, text[at:], space)
	b.End().End()
}

// appendText writes character data whose white space is seen as it is: of several spaces XHTML shows one, and none at the beginning of a line.
func appendText(b *stanza.Builder, text string, space bool) bool {
	first := true
	for line := range strings.SplitSeq(text, "\n") {
		if !first {
			b.Start("br").End()
			space = true
		}
		first = false
		for line != "" {
			n := 0
			for n < len(line) && (line[n] != ' ' || !space) {
				space = line[n] == ' '
				n++
			}
			b.Text(line[:n])
			if line = line[n:]; line != "" {
				b.Text("\u00a0")
				line = line[1:]
			}
		}
	}
	return space
}

// css are the styles of a look (XEP-0071 §6.6).
func css(l transports.Look) string {
	var b []byte
	add := func(name, value string) {
		if len(b) > 0 {
			b = append(b, "; "...)
		}
		b = append(append(append(b, name...), ": "...), value...)
	}
	if l.Style.Has(transports.StyleBold) {
		add("font-weight", "bold")
	}
	if l.Style.Has(transports.StyleItalic) {
		add("font-style", "italic")
	}
	switch under, through := l.Style.Has(transports.StyleUnderline), l.Style.Has(transports.StyleStrike); {
	case under && through:
		add("text-decoration", "underline line-through")
	case under:
		add("text-decoration", "underline")
	case through:
		add("text-decoration", "line-through")
	}
	if l.Style.Has(transports.StyleMono) {
		add("font-family", "monospace")
	}
	if l.Fore != 0 {
		add("color", hex(l.Fore))
	}
	if l.Back != 0 {
		add("background-color", hex(l.Back))
	}
	return string(b)
}

func hex(c transports.Colour) string {
	const digits = "0123456789abcdef"
	b := []byte("#000000")
	for i := range 6 {
		b[6-i] = digits[c.RGB()>>(4*i)&15]
	}
	return string(b)
}

// Payload is what Append writes.
func Payload(prefix, text string, spans []transports.Span, show Show) string {
	var b stanza.Builder
	Append(&b, prefix, text, spans, show)
	return string(b.Bytes())
}
