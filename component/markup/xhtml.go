package markup

import (
	"fmt"
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
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.Start("br").End()
			space = true
		}
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
	var all []string
	add := func(name, value string) { all = append(all, name+": "+value) }
	if l.Style.Has(transports.StyleBold) {
		add("font-weight", "bold")
	}
	if l.Style.Has(transports.StyleItalic) {
		add("font-style", "italic")
	}
	var lines []string
	if l.Style.Has(transports.StyleUnderline) {
		lines = append(lines, "underline")
	}
	if l.Style.Has(transports.StyleStrike) {
		lines = append(lines, "line-through")
	}
	if lines != nil {
		add("text-decoration", strings.Join(lines, " "))
	}
	if l.Style.Has(transports.StyleMono) {
		add("font-family", "monospace")
	}
	if l.Fore != 0 {
		add("color", fmt.Sprintf("#%06x", l.Fore.RGB()))
	}
	if l.Back != 0 {
		add("background-color", fmt.Sprintf("#%06x", l.Back.RGB()))
	}
	return strings.Join(all, "; ")
}

// Payload is what Append writes.
func Payload(prefix, text string, spans []transports.Span, show Show) string {
	var b stanza.Builder
	Append(&b, prefix, text, spans, show)
	return string(b.Bytes())
}
