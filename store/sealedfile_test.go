package store

import (
	"bytes"
	"testing"
)

// TestSealedFile: it opens with its key and under its name alone, and what was never sealed is as it was.
func TestSealedFile(t *testing.T) {
	t.Parallel()
	plain := []byte("hunter2\n\x00\xff")
	text, err := SealFile(testKey(1), "a.pem", plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("it can be read:\n%s", text)
	}
	if got, sealed, err := OpenFile(testKey(1), "a.pem", text); err != nil || !sealed || !bytes.Equal(got, plain) {
		t.Errorf("got %q, %v, %v", got, sealed, err)
	}
	for what, open := range map[string]func() ([]byte, bool, error){
		"another key":  func() ([]byte, bool, error) { return OpenFile(testKey(2), "a.pem", text) },
		"another name": func() ([]byte, bool, error) { return OpenFile(testKey(1), "b.pem", text) },
		"cut short":    func() ([]byte, bool, error) { return OpenFile(testKey(1), "a.pem", text[:len(text)/2]) },
	} {
		if got, sealed, err := open(); err == nil || !sealed || len(got) > 0 {
			t.Errorf("%s: got %q, %v, %v", what, got, sealed, err)
		}
	}
	if got, sealed, err := OpenFile(testKey(1), "a.pem", plain); err != nil || sealed || !bytes.Equal(got, plain) {
		t.Errorf("of what is not sealed: got %q, %v, %v", got, sealed, err)
	}
}
