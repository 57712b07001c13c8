package transports

import "testing"

func TestFeaturesLines(t *testing.T) {
	t.Parallel()
	f := Features{LineBytes: 10}
	for body, want := range map[string]int{
		"": 0, "one": 1, "one\ntwo": 2, "one\n\n \r\ntwo\n": 2, "0123456789": 1, "0123456789a": 2, "0123456789a\nb": 3,
	} {
		if got := f.Lines(body); got != want {
			t.Errorf("Lines(%q) = %d, want %d", body, got, want)
		}
	}
	if got := (Features{}).Lines("one\ntwo"); got != 1 {
		t.Errorf("without lines: %d", got)
	}
}
