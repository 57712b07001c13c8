package killtest

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Main(func() { os.Exit(m.Run()) }, map[string]func([]string) error{"count": count, "end": func([]string) error { return errors.New("the end") }})
}

// count prints numbers behind a word.
func count(args []string) error {
	for i := 0; ; i++ {
		if _, err := fmt.Println(args[0], i); err != nil {
			return err
		}
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	said := After(t, 100, "count", "a b")
	if len(said) < 100 {
		t.Errorf("%d lines came", len(said))
	}
	for i, line := range said {
		if want := fmt.Sprint("a b ", i); line != want {
			t.Fatalf("got %q, want %q", line, want)
		}
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	c := Start(t, "count", "x")
	c.Until("x 7")
	if left := c.Kill(); len(left) > 0 && left[0] != "x 8" {
		t.Errorf("behind it came %q", left[0])
	}
}

// failing is a test that is to fail.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Fatalf(format string, args ...any) { f.said = fmt.Sprintf(format, args...); panic(f) }

// A child that ends by itself is no child that was killed.
func TestEndsByItself(t *testing.T) {
	t.Parallel()
	f := &failing{TB: t}
	defer func() {
		if recover() != any(f) || f.said != "the child ended by itself after 0 lines: exit status 1" {
			t.Errorf("it says %q", f.said)
		}
	}()
	After(f, 1, "end")
	t.Error("nothing has failed")
}
