package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testBox(tb testing.TB, n byte) *box {
	tb.Helper()
	b, err := newBox(testKey(n))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestSealPlace: a value opens where it was sealed and nowhere else.
func TestSealPlace(t *testing.T) {
	t.Parallel()
	b := testBox(t, 1)
	sealed := b.seal("hunter2", "settings", "sealed", "domain", "jid", "scope", "name")
	if got, err := b.open(sealed, "settings", "sealed", "domain", "jid", "scope", "name"); err != nil || got != "hunter2" {
		t.Fatalf("got %q, %v", got.Reveal(), err)
	}
	for _, place := range [][]string{
		{"other", "sealed", "domain", "jid", "scope", "name"},
		{"settings", "other", "domain", "jid", "scope", "name"},
		{"settings", "sealed", "other", "jid", "scope", "name"},
		{"settings", "sealed", "domain", "jid", "scope", "other"},
		{"settings", "sealed", "domain", "jid", "scope"},
		{"settings", "sealed", "domain", "jid", "scope", "name", ""},
		{"settings", "sealed", "domainj", "id", "scope", "name"},
		{"settings", "sealed", "domain\x03jid", "scope", "name"},
	} {
		if got, err := b.open(sealed, place[0], place[1], place[2:]...); err == nil {
			t.Errorf("it opened as %q: %q", place, got.Reveal())
		}
	}
}

// TestSealChanged: no byte of a sealed value can be changed, and none can lack.
func TestSealChanged(t *testing.T) {
	t.Parallel()
	b := testBox(t, 1)
	sealed := b.seal("x", "t", "f", "row")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := b.open(changed, "t", "f", "row"); err == nil {
			t.Errorf("it opened with byte %d changed", i)
		}
		if _, err := b.open(sealed[:i], "t", "f", "row"); err == nil {
			t.Errorf("the first %d bytes of it opened", i)
		}
	}
	if _, err := testBox(t, 2).open(sealed, "t", "f", "row"); err == nil || !strings.Contains(err.Error(), "sealed with the key") {
		t.Errorf("with another key: got the error %v, want one that names the keys", err)
	}
	if again := b.seal("x", "t", "f", "row"); bytes.Equal(sealed, again) {
		t.Error("the same value was sealed to the same bytes")
	}
}

// TestSecretHides prints secrets in every way that a careless caller would.
func TestSecretHides(t *testing.T) {
	t.Parallel()
	o := Occupancy{UserID: user(1), Nick: "alice", Password: "hunter2"}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("joined", "password", o.Password, "occupancy", o, "pointer", &o)
	}
	marshalled, err := json.Marshal(map[string]any{"password": o.Password, "occupancy": o})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"slog":     log.String(),
		"json":     string(marshalled),
		"String":   o.Password.String(),
		"Sprint":   fmt.Sprint(o.Password, o, &o),
		"Sprintln": fmt.Sprintln(o.Password),
		"error":    fmt.Errorf("join with %v: %w", o.Password, errTest).Error(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		texts[verb] = fmt.Sprintf(verb+" "+verb, o.Password, o)
	}
	for name, text := range texts {
		for _, s := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
			if strings.Contains(text, s) {
				t.Errorf("%s shows the secret: %s", name, text)
			}
		}
		if !strings.Contains(text, redacted) {
			t.Errorf("%s: got %q, want %q in it", name, text, redacted)
		}
	}
	if got := o.Password.Reveal(); got != "hunter2" {
		t.Errorf("Reveal: got %q, want hunter2", got)
	}
}

// FuzzOpenSealed opens what somebody without the key wrote into the database: nothing may open but what was sealed for the place.
func FuzzOpenSealed(f *testing.F) {
	b := testBox(f, 1)
	good := b.seal("hunter2", "t", "f", "row")
	f.Add(good)
	f.Add([]byte(nil))
	f.Add(good[:sealMinSize-1])
	f.Add(good[:sealMinSize])
	f.Add(append(bytes.Clone(good), 0))
	f.Add(b.seal("swapped", "t", "f", "another row"))
	f.Add(testBox(f, 2).seal("another key's", "t", "f", "row"))
	f.Add(bytes.Repeat([]byte{sealVersion}, sealMinSize))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := b.open(sealed, "t", "f", "row")
		if bytes.Equal(sealed, good) && err != nil {
			t.Errorf("the sealed value does not open: %v", err)
		}
		if err == nil && got != "hunter2" {
			t.Errorf("%x opened as %q", sealed, got.Reveal())
		}
	})
}

// FuzzSeal: whatever is sealed comes back.
func FuzzSeal(f *testing.F) {
	b := testBox(f, 1)
	f.Add("", "")
	f.Add("hunter2", "alice@example.org")
	f.Add("\x00\xff", strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, plain, row string) {
		got, err := b.open(b.seal(Secret(plain), "t", "f", row), "t", "f", row)
		if err != nil || got.Reveal() != plain {
			t.Errorf("got %q, %v, want %q", got.Reveal(), err, plain)
		}
	})
}
