package markup

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"passerelle/transports"
)

// writeStyling gives a text the signs of XEP-0393 for those of its spans that they can say, so that readers see these and none that nobody meant.
// The others stay without. Signs are of one line each; several lines that are preformatted become a block.
func writeStyling(text string, spans []transports.Span) string {
	if len(spans) == 0 || strings.Contains(text, fence) {
		return text // it has a block, perhaps
	}
	if !strings.ContainsRune(text, '\n') {
		return signLine(text, spans)
	}
	var b strings.Builder
	b.Grow(len(text) + 4*len(spans))
	for from, next := 0, 0; from < len(text); from = next {
		if next = blockEnd(text, from, spans); next > from {
			b.WriteString(fence + "\n" + text[from:next])
			if text[next-1] != '\n' {
				b.WriteByte('\n')
			}
			b.WriteString(fence)
			if next < len(text) {
				b.WriteByte('\n')
			}
			continue
		}
		end := len(text)
		if next = end; strings.ContainsRune(text[from:], '\n') {
			end = from + strings.IndexByte(text[from:], '\n')
			next = end + 1
		}
		for len(spans) > 0 && spans[0].To <= from {
			spans = spans[1:] // lines and spans are gone through together
		}
		b.WriteString(signLine(text[from:end], transports.CutSpans(until(spans, end), from, end, 0)))
		b.WriteString(text[end:next])
	}
	return b.String()
}

// until are the spans that begin in front of a byte.
func until(spans []transports.Span, end int) []transports.Span {
	n := 0
	for n < len(spans) && spans[n].From < end {
		n++
	}
	return spans[:n]
}

// blockEnd is where a block ends that begins at a line: two lines or more of which all is preformatted and nothing else. It is from where
// none begins.
func blockEnd(text string, from int, spans []transports.Span) int {
	mono := transports.Look{Style: transports.StyleMono}
	for _, s := range spans {
		if s.Look != mono || s.From > from || s.To <= from {
			continue
		}
		end := min(s.To, len(text))
		if end < len(text) && text[end] != '\n' && text[end-1] != '\n' {
			end = from + strings.LastIndexByte(text[from:end], '\n') + 1 // the last line goes on otherwise
		} else if end < len(text) && text[end] == '\n' {
			end++
		}
		if block := strings.TrimRight(text[from:max(from, end)], "\n"); !strings.ContainsRune(block, '\n') {
			return from
		}
		return end
	}
	return from
}

// signLine is writeStyling for one line.
func signLine(text string, spans []transports.Span) string {
	if len(spans) == 0 {
		return text
	}
	lo, _ := quoted(text, maxQuotes)
	before := readMarks(nil, text, lo, len(text), 0)
	signed := runs(text, spans, lo)
	if !says(text, lo, signed, before) { // then those that can be said together
		all := signed[:min(len(signed), maxTried)]
		signed = nil
		for _, m := range all {
			if tried := append(slices.Clone(signed), m); says(text, lo, tried, before) {
				signed = tried
			}
		}
	}
	said, _ := sign(text, signed)
	return said
}

// runs are the pieces of a text that look alike in one of the ways which signs have, from the first to the last of them that is no white space.
// Of those that begin together longer ones come first, and what is preformatted last: it stands in all others.
func runs(text string, spans []transports.Span, lo int) []mark {
	var all []mark
	for _, sign := range []byte(signs) {
		style := signStyle(sign)
		from, to := lo, lo
		flush := func() {
			piece := text[from:to]
			from += len(piece) - len(strings.TrimLeftFunc(piece, isSpace))
			to = from + len(strings.TrimRightFunc(text[from:max(from, to)], isSpace))
			if from < to && canOpen(text, from, lo) {
				all = append(all, mark{from, to, sign})
			}
		}
		for _, s := range spans {
			switch {
			case !s.Look.Style.Has(style) || s.To <= lo:
			case s.From == to:
				to = s.To
			default:
				flush()
				from, to = max(s.From, lo), s.To
			}
		}
		flush()
	}
	slices.SortStableFunc(all, func(a, b mark) int { return cmp.Or(a.open-b.open, b.end-a.end) })
	return all[:min(len(all), maxSigned)]
}

// canOpen reports whether a directive can stand in front of a byte.
func canOpen(text string, at, lo int) bool {
	if at == lo {
		return true
	}
	r, _ := utf8.DecodeLastRuneInString(text[:at])
	return isSpace(r)
}

// says reports whether signs for marks make a reader see them and what he would have seen without them, but for what is preformatted now, and
// nothing else.
func says(text string, lo int, marks, before []mark) bool {
	said, want := sign(text, marks)
	for _, m := range before {
		if slices.ContainsFunc(marks, func(code mark) bool { return code.sign == '`' && code.open <= m.open && m.end < code.end }) {
			continue
		}
		want = append(want, mark{m.open + signsUpTo(marks, m.open), m.end + signsUpTo(marks, m.end), m.sign})
	}
	got := readMarks(nil, said, lo, len(said), 0)
	byPlace := func(a, b mark) int { return a.open - b.open }
	slices.SortFunc(got, byPlace)
	slices.SortFunc(want, byPlace)
	return slices.Equal(got, want)
}

// signsUpTo is how many signs stand in front of a byte of a text that is given marks.
func signsUpTo(marks []mark, at int) int {
	n := 0
	for _, m := range marks {
		if m.open <= at {
			n++
		}
		if m.end <= at {
			n++
		}
	}
	return n
}

// sign puts the signs of marks into a text, which are in the order of runs, and gives the marks as they are in what comes out.
func sign(text string, marks []mark) (string, []mark) {
	type event struct{ at, of, end int }
	events := make([]event, 0, 2*len(marks))
	for i, m := range marks {
		events = append(events, event{m.open, i, 0}, event{m.end, -i, 1})
	}
	// What ends ends before something begins: the outer one begins first, and ends last.
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(a.at-b.at, b.end-a.end, a.of-b.of) })
	var b strings.Builder
	b.Grow(len(text) + len(events))
	placed := slices.Clone(marks)
	at := 0
	for _, e := range events {
		b.WriteString(text[at:e.at])
		at = e.at
		if e.end == 1 {
			placed[-e.of].end = b.Len()
			b.WriteByte(marks[-e.of].sign)
		} else {
			placed[e.of].open = b.Len()
			b.WriteByte(marks[e.of].sign)
		}
	}
	b.WriteString(text[at:])
	return b.String(), placed
}
