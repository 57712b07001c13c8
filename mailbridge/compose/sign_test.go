package compose

import (
	"testing"

	"passerelle/transports"
)

// What an author has set in some way is told in plain text by the signs that he wrote it with.
func TestSigned(t *testing.T) {
	t.Parallel()
	look := func(from, to int, style transports.Style) transports.Span {
		return transports.Span{From: from, To: to, Look: transports.Look{Style: style}}
	}
	for _, c := range []struct {
		text  string
		spans []transports.Span
		want  string
	}{
		{"plain * text", nil, "plain * text"},
		{"a bold word", []transports.Span{look(2, 6, transports.StyleBold)}, "a *bold* word"},
		{"a bold word", []transports.Span{look(1, 7, transports.StyleBold)}, "a *bold* word"},
		{"ab", []transports.Span{look(0, 1, transports.StyleBold|transports.StyleItalic), look(1, 2, transports.StyleStrike)}, "*_a_*~b~"},
		{"two\nlines", []transports.Span{look(0, 9, transports.StyleItalic)}, "_two_\n_lines_"},
		{"x = 1\ny = 2\n", []transports.Span{look(0, 12, transports.StyleMono)}, "x = 1\ny = 2\n"},
		{"call f() now", []transports.Span{look(5, 8, transports.StyleMono)}, "call `f()` now"},
		{"under", []transports.Span{look(0, 5, transports.StyleUnderline)}, "under"},
		{" \n ", []transports.Span{look(0, 3, transports.StyleBold)}, " \n "},
	} {
		if got := signed(c.text, c.spans); got != c.want {
			t.Errorf("%q with %v: got %q, want %q", c.text, c.spans, got, c.want)
		}
	}
}
