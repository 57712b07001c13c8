package archive

import "slices"

// Span is the lines From..To.
type Span struct{ From, To int64 }

// Spans gathers the lines that a session heard, until they are written down as what its user may read. A session mostly hears one
// line after the other, so what it heard in a minute is one span. The zero value is empty. What numbers lines is the caller's choice.
type Spans struct{ spans []Span }

// Add adds a line.
func (s *Spans) Add(n int64) {
	// The first span that ends at or behind the line before n.
	i, _ := slices.BinarySearchFunc(s.spans, n-1, func(x Span, n int64) int {
		if x.To < n {
			return -1
		}
		return 1
	})
	if i == len(s.spans) || s.spans[i].From > n+1 {
		s.spans = slices.Insert(s.spans, i, Span{n, n})
		return
	}
	x := &s.spans[i]
	x.From, x.To = min(x.From, n), max(x.To, n)
	if i+1 < len(s.spans) && s.spans[i+1].From == x.To+1 {
		x.To = s.spans[i+1].To
		s.spans = slices.Delete(s.spans, i+1, i+2)
	}
}

// Spans returns what was gathered, in ascending order and as few spans as it takes. It is valid until the next Add.
func (s *Spans) Spans() []Span { return s.spans }

// Reset empties s.
func (s *Spans) Reset() { s.spans = s.spans[:0] }
