package avatar

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"passerelle/transports"
)

// Pictures of people are small, always the same, and not the same for everybody.
func TestIdenticons(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for i := range 200 {
		name := "p" + strconv.Itoa(i) + "@example.com"
		a, b := identicon(name), identicon(name)
		if !bytes.Equal(a.Data, b.Data) || len(a.Data) > 1024 {
			t.Errorf("%s: %d bytes, the same %v", name, len(a.Data), bytes.Equal(a.Data, b.Data))
		}
		if other, ok := seen[string(a.Data)]; ok {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[string(a.Data)] = name
	}
}

// A face is read once and until it is forgotten; what is read of one that has changed meanwhile does not count.
func TestFaces(t *testing.T) {
	t.Parallel()
	var f Faces
	bob := transports.Target{Kind: transports.TargetContact, ID: "bob@example.com"}
	pattern, small, large := New(identicon(bob.ID)).Hash(), drawn(t, 16), drawn(t, 32)
	hash := func(data []byte) string {
		i, err := Read(data)
		if err != nil {
			t.Fatal(err)
		}
		return New(i).Hash()
	}
	reads := 0
	read := func(data []byte, err error) func() ([]byte, error) {
		return func() ([]byte, error) { reads++; return data, err }
	}
	errAway := errors.New("the database is away")
	for i, step := range []struct {
		do    func() error
		err   error
		known bool
		shown string
		reads int
	}{
		{func() error { return nil }, nil, false, pattern, 0},
		{func() error { return f.Read(bob, read(nil, errAway)) }, errAway, false, pattern, 1},
		{func() error { return f.Read(bob, read(small, nil)) }, nil, true, hash(small), 2},
		{func() error { return f.Read(bob, read(large, nil)) }, nil, true, hash(small), 2},
		{func() error { f.Forget(bob); return nil }, nil, false, pattern, 2},
		{func() error {
			return f.Read(bob, func() ([]byte, error) { f.Forget(bob); return read(small, nil)() })
		}, nil, false, pattern, 3},
		{func() error { return f.Read(bob, read([]byte("GIF89a"), nil)) }, nil, true, pattern, 4},
	} {
		if err := step.do(); !errors.Is(err, step.err) {
			t.Errorf("step %d: %v", i, err)
		}
		if got := f.Of(bob).Hash(); got != step.shown || f.Known(bob) != step.known || reads != step.reads {
			t.Errorf("step %d: known %v, shown %s, after %d reads; want %v, %s, %d", i, f.Known(bob), got, reads, step.known, step.shown, step.reads)
		}
	}
}

// However many contacts are shown, what is kept of their pictures has bounds.
func TestFacesAreBounded(t *testing.T) {
	t.Parallel()
	var f Faces
	i := Image{Data: make([]byte, maxBytes), Type: "image/png"}
	for n := range 2 * maxFaceBytes / maxBytes {
		f.mu.Lock()
		f.keep(transports.Target{ID: strconv.Itoa(n)}, New(i), len(i.Data))
		f.mu.Unlock()
		if f.bytes > maxFaceBytes || f.bytes < len(i.Data) {
			t.Fatalf("%d bytes are kept", f.bytes)
		}
	}
	for n := range maxPatterns + 10 {
		f.Of(transports.Target{ID: "p" + strconv.Itoa(n)})
	}
	if len(f.patterns) > maxPatterns {
		t.Errorf("%d patterns are kept", len(f.patterns))
	}
}
