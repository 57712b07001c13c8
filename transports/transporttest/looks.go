package transporttest

import (
	"fmt"
	"strings"

	"passerelle/transports"
)

// Looks writes a text with how pieces of it look, for tests: "a{b}c{}" has a bold c. The letters are those of bold, italic, underlined, struck,
// monospace and reversed; colours stand behind them.
func Looks(text string, spans []transports.Span) string {
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.From] + "{")
		for i, letter := range "biusmr" {
			if s.Look.Style.Has(1 << i) {
				b.WriteRune(letter)
			}
		}
		if s.Look.Fore != 0 {
			fmt.Fprintf(&b, "#%06x", s.Look.Fore.RGB())
		}
		if s.Look.Back != 0 {
			fmt.Fprintf(&b, "/%06x", s.Look.Back.RGB())
		}
		b.WriteString("}" + text[s.From:s.To] + "{}")
		at = s.To
	}
	return b.String() + text[at:]
}
