package compose

import (
	"strings"

	"passerelle/transports"
)

// signs are how people say in plain text how it looks, from the outer to the inner.
var signs = [...]struct {
	style transports.Style
	sign  string
}{
	{transports.StyleBold, "*"},
	{transports.StyleItalic, "_"},
	{transports.StyleStrike, "~"},
	{transports.StyleMono, "`"},
}

// signed is a text with signs around what looks otherwise, in each line for itself: it shall say in plain text what it said as its author wrote it. What is
// preformatted in several lines stays as it is.
func signed(text string, spans []transports.Span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.From])
		at = s.To
		piece := text[s.From:s.To]
		if s.Look.Style.Has(transports.StyleMono) && strings.Contains(strings.TrimSpace(piece), "\n") {
			b.WriteString(piece)
			continue
		}
		for line := range strings.SplitAfterSeq(piece, "\n") {
			said := strings.TrimSpace(line)
			if said == "" {
				b.WriteString(line)
				continue
			}
			before, behind, _ := strings.Cut(line, said)
			b.WriteString(before)
			for _, sign := range signs {
				if s.Look.Style.Has(sign.style) {
					b.WriteString(sign.sign)
				}
			}
			b.WriteString(said)
			for i := len(signs) - 1; i >= 0; i-- {
				if s.Look.Style.Has(signs[i].style) {
					b.WriteString(signs[i].sign)
				}
			}
			b.WriteString(behind)
		}
	}
	b.WriteString(text[at:])
	return b.String()
}
