// Package realtest is in charge of giving tests their real servers: started for the test, stopped at its end, and skipped where
// they are not installed, unless REQUIRE_SERVERS=1 is set. What the servers are is package realservers' business.
package realtest

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"passerelle/internal/realservers"
)

// Prosody starts an XMPP server that stops at the end of the test.
func Prosody(t testing.TB, o realservers.ProsodyOptions) *realservers.Prosody {
	t.Helper()
	skipIfShort(t)
	p, err := realservers.StartProsody(t.Context(), o)
	started(t, err)
	t.Cleanup(func() { stopped(t, p.Stop()) })
	return p
}

// Ngircd starts an IRC server that stops at the end of the test.
func Ngircd(t testing.TB, o realservers.NgircdOptions) *realservers.Ngircd {
	t.Helper()
	skipIfShort(t)
	n, err := realservers.StartNgircd(t.Context(), o)
	started(t, err)
	t.Cleanup(func() { stopped(t, n.Stop()) })
	return n
}

// Missing skips the test because something that it needs is not installed, or fails it where all servers are required.
func Missing(t testing.TB, what error) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatalf("%v, and REQUIRE_SERVERS=1", what)
	}
	t.Skipf("%v; `make test` installs it", what)
}

func skipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real server, and -short is set")
	}
}

func started(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) {
		Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func stopped(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("stop: %v", err)
	}
}
