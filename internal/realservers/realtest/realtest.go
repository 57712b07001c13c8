// Package realtest is in charge of giving tests their real servers: started for the test, stopped at its end, and skipped where
// they are not installed, unless REQUIRE_SERVERS=1 is set. What the servers are is package realservers' business.
package realtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"passerelle/internal/realservers"
)

// Prosody starts an XMPP server that stops at the end of the test.
func Prosody(t testing.TB, o realservers.ProsodyOptions) *realservers.Prosody {
	t.Helper()
	return start(t, realservers.StartProsody, o)
}

// Federation starts XMPP servers that know each other and stop at the end of the test.
func Federation(t testing.TB, options ...realservers.ProsodyOptions) []*realservers.Prosody {
	t.Helper()
	skipIfShort(t)
	servers, err := realservers.StartFederation(t.Context(), options...)
	started(t, err)
	for _, p := range servers {
		t.Cleanup(func() { stopped(t, p.Stop()) })
	}
	return servers
}

// Ejabberd starts an XMPP server that stops at the end of the test.
func Ejabberd(t testing.TB, o realservers.EjabberdOptions) *realservers.Ejabberd {
	t.Helper()
	return start(t, realservers.StartEjabberd, o)
}

// Biboumi starts the gateway that people come from, which stops at the end of the test.
func Biboumi(t testing.TB, o realservers.BiboumiOptions) *realservers.Biboumi {
	t.Helper()
	return start(t, realservers.StartBiboumi, o)
}

// Ngircd starts an IRC server that stops at the end of the test.
func Ngircd(t testing.TB, o realservers.NgircdOptions) *realservers.Ngircd {
	t.Helper()
	return start(t, realservers.StartNgircd, o)
}

// Inspircd starts an IRC server that stops at the end of the test.
func Inspircd(t testing.TB, o realservers.InspircdOptions) *realservers.Inspircd {
	t.Helper()
	return start(t, realservers.StartInspircd, o)
}

// Atheme starts the services of an IRC network that stop at the end of the test.
func Atheme(t testing.TB, o realservers.AthemeOptions) *realservers.Atheme {
	t.Helper()
	return start(t, realservers.StartAtheme, o)
}

// Postfix starts a mail server that stops at the end of the test.
func Postfix(t testing.TB, o realservers.PostfixOptions) *realservers.Postfix {
	t.Helper()
	return start(t, realservers.StartPostfix, o)
}

// Dovecot starts a server with mailboxes that stops at the end of the test.
func Dovecot(t testing.TB, o realservers.DovecotOptions) *realservers.Dovecot {
	t.Helper()
	return start(t, realservers.StartDovecot, o)
}

// Sink starts a mail server that forgets what it gets, and stops at the end of the test.
func Sink(t testing.TB, o realservers.SinkOptions) *realservers.Sink {
	t.Helper()
	return start(t, realservers.StartSink, o)
}

func start[S interface{ Stop() error }, O any](t testing.TB, start func(context.Context, O) (S, error), options O) S {
	t.Helper()
	skipIfShort(t)
	s, err := start(t.Context(), options)
	started(t, err)
	t.Cleanup(func() { stopped(t, s.Stop()) })
	return s
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
