package archive_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"passerelle/component/archive"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	var s archive.Spans
	if got := s.Spans(); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
	for _, c := range []struct {
		add  []int64
		want []archive.Span
	}{
		{[]int64{1, 2, 3}, []archive.Span{{1, 3}}},
		{[]int64{3, 2, 1, 2}, []archive.Span{{1, 3}}},
		{[]int64{1, 3, 2}, []archive.Span{{1, 3}}},
		{[]int64{5, 1, 9}, []archive.Span{{1, 1}, {5, 5}, {9, 9}}},
	} {
		s.Reset()
		for _, n := range c.add {
			s.Add(n)
		}
		if got := s.Spans(); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.add, got, c.want)
		}
	}
}

// TestSpansRandom: whatever the order, spans hold what was added and nothing else, and no two could be one.
func TestSpansRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var s archive.Spans
		added := map[int64]bool{}
		for range r.IntN(60) {
			n := int64(r.IntN(40))
			added[n] = true
			s.Add(n)
		}
		last := int64(-2)
		held := 0
		for _, x := range s.Spans() {
			if x.From <= last+1 || x.To < x.From {
				t.Fatalf("span %v behind one that ends at %d", x, last)
			}
			for n := x.From; n <= x.To; n++ {
				if !added[n] {
					t.Fatalf("span %v holds %d, which was not added", x, n)
				}
				held++
			}
			last = x.To
		}
		if held != len(added) {
			t.Fatalf("the spans hold %d, %d were added", held, len(added))
		}
	}
}
