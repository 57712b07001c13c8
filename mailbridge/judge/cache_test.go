package judge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counting answers for some names, and counts how often it was asked.
type counting struct {
	Resolver
	asked int
}

func (c *counting) LookupTXT(_ context.Context, name string) ([]string, error) {
	c.asked++
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "away"):
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	case strings.HasPrefix(name, "none"):
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	case strings.HasPrefix(name, "large"):
		return []string{strings.Repeat("x", maxText)}, nil
	}
	return []string{"v=" + name}, nil
}

// TestTextsAreKept: the DNS is asked once a minute for the texts of a name, and again for what it did not answer.
func TestTextsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name string
			asks int // of three times
		}{{"a.test", 1}, {"none.test", 1}, {"away.test", 3}, {"large.test", 3}} {
			dns := &counting{}
			r := newCached(dns)
			first, failed := dns.LookupTXT(t.Context(), c.name)
			dns.asked = 0
			for _, name := range []string{c.name, strings.ToUpper(c.name[:1]) + c.name[1:], c.name} {
				if got, err := r.LookupTXT(t.Context(), name); c.asks == 1 && !cmp.Equal(got, first) || (err == nil) != (failed == nil) {
					t.Errorf("%s: got %q, %v", name, got, err)
				}
			}
			if dns.asked != c.asks {
				t.Errorf("%s was asked for %d times, want %d", c.name, dns.asked, c.asks)
			}
			time.Sleep(keepTexts) // of the fake clock
			if _, err := r.LookupTXT(t.Context(), c.name); (err == nil) != (failed == nil) || dns.asked != c.asks+1 {
				t.Errorf("%s, a minute later: %v, asked for %d times, want %d", c.name, err, dns.asked, c.asks+1)
			}
		}
	})
}

// TestTextsAreBounded: a stranger who makes up names does not fill the memory.
func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	r := newCached(&counting{})
	for i := range maxTexts + 10 {
		if _, err := r.LookupTXT(t.Context(), fmt.Sprintf("n%d.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.texts); n != maxTexts {
		t.Errorf("%d names are kept, want %d", n, maxTexts)
	}
}
