package logging

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.+Z-]+`)

func TestNew(t *testing.T) {
	t.Parallel()
	all := LevelTrace
	for _, test := range []struct {
		name    string
		options Options
		want    string
	}{
		{"text", Options{}, `time=TIME level=INFO msg=i in=out g.n=1
time=TIME level=WARN msg="two\nlines" in=out g.n=1
time=TIME level=ERROR msg=e in=out g.n=1
`},
		{"all", Options{Level: all}, `time=TIME level=TRACE msg=t in=out g.n=1
time=TIME level=DEBUG msg=d in=out g.n=1
time=TIME level=INFO msg=i in=out g.n=1
time=TIME level=WARN msg="two\nlines" in=out g.n=1
time=TIME level=ERROR msg=e in=out g.n=1
`},
		{"journal", Options{Level: all, Journal: true}, `<7>level=TRACE msg=t in=out g.n=1
<7>level=DEBUG msg=d in=out g.n=1
<6>level=INFO msg=i in=out g.n=1
<4>level=WARN msg="two\nlines" in=out g.n=1
<3>level=ERROR msg=e in=out g.n=1
`},
		{"json", Options{Level: slog.LevelWarn, JSON: true, Journal: true}, `{"time":"TIME","level":"WARN","msg":"two\nlines","in":"out","g":{"n":1}}
{"time":"TIME","level":"ERROR","msg":"e","in":"out","g":{"n":1}}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			log := New(&b, test.options).With("in", "out").WithGroup("g")
			log.Log(context.Background(), LevelTrace, "t", "n", 1)
			log.Debug("d", "n", 1)
			log.Info("i", "n", 1)
			log.Warn("two\nlines", "n", 1)
			log.Error("e", "n", 1)
			if got := timestamp.ReplaceAllString(b.String(), "TIME"); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// The level can change while the program runs.
func TestLevelChanges(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	var level slog.LevelVar
	log := New(&b, Options{Level: &level, Journal: true})
	log.Debug("before")
	level.Set(slog.LevelDebug)
	log.Debug("after")
	if got, want := b.String(), "<7>level=DEBUG msg=after\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each line keeps its own priority, whoever else logs.
func TestJournalFromManyGoroutines(t *testing.T) {
	t.Parallel()
	const each = 100
	var b bytes.Buffer
	log := New(&b, Options{Journal: true})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			derived := log.With("i", i)
			for range each {
				derived.Info("x")
				derived.Error("y")
			}
		})
	}
	wg.Wait()
	info := regexp.MustCompile(`(?m)^<6>level=INFO msg=x i=\d$`).FindAllString(b.String(), -1)
	fault := regexp.MustCompile(`(?m)^<3>level=ERROR msg=y i=\d$`).FindAllString(b.String(), -1)
	if len(info) != 4*each || len(fault) != 4*each {
		t.Errorf("%d and %d whole lines, want %d of each", len(info), len(fault), 4*each)
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]slog.Level{
		"trace": -8, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		if got, err := ParseLevel(name); err != nil || got != want {
			t.Errorf("ParseLevel(%s) = %v, %v; want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "INFO", "warning"} {
		if got, err := ParseLevel(name); err == nil {
			t.Errorf("ParseLevel(%q) = %v, want an error", name, got)
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	key := []byte("a key")
	show := func(i *Identities, jid string) string {
		var b bytes.Buffer
		New(&b, Options{Journal: true}).Info("m", i.User(jid))
		return strings.TrimSpace(strings.TrimPrefix(b.String(), "<6>level=INFO msg=m "))
	}
	for _, test := range []struct {
		names *Identities
		jid   string
		want  string
	}{
		// printf %s juliet@example.org | openssl dgst -sha256 -hmac "a key"
		{NewIdentities(key, false), "juliet@example.org", "user=7972f85b6488"},
		{NewIdentities(key, false), "juliet@example.org/balcony", "user=7972f85b6488"},
		{NewIdentities(key, true), "juliet@example.org/balcony", "user=juliet@example.org/balcony"},
	} {
		if got := show(test.names, test.jid); got != test.want {
			t.Errorf("User(%s) = %s, want %s", test.jid, got, test.want)
		}
	}
	random := NewIdentities(nil, false)
	first, again, other := show(random, "a@example.org"), show(random, "a@example.org"), show(random, "b@example.org")
	if first != again || first == other || first == show(NewIdentities(nil, false), "a@example.org") {
		t.Errorf("random key: %s, again %s, another user %s", first, again, other)
	}
	if s := fmt.Sprint(random.User("a@example.org")); strings.Contains(s, "a@example") {
		t.Errorf("printed as %s", s)
	}
}
