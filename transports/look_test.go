package transports

import (
	"slices"
	"testing"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	bold, red := Look{Style: StyleBold}, Look{Fore: RGB(0xff0000)}
	var got []Span
	for _, s := range []Span{{0, 2, bold}, {2, 3, bold}, {3, 3, red}, {3, 5, Look{}}, {5, 6, red}, {6, 8, bold}} {
		got = AppendSpan(got, s.From, s.To, s.Look)
	}
	want := []Span{{0, 3, bold}, {5, 6, red}, {6, 8, bold}}
	if !slices.Equal(got, want) {
		t.Errorf("appended: got %v, want %v", got, want)
	}
	if got, want := CutSpans(got, 2, 7, 10), []Span{{10, 11, bold}, {13, 14, red}, {14, 15, bold}}; !slices.Equal(got, want) {
		t.Errorf("cut: got %v, want %v", got, want)
	}
	got = nil
	for i := range 2 * MaxSpans {
		got = AppendSpan(got, 2*i, 2*i+1, bold)
	}
	if len(got) != MaxSpans {
		t.Errorf("%d spans were kept, want %d", len(got), MaxSpans)
	}
}
