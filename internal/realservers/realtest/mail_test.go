package realtest_test

import (
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestPostfix: it takes mail for the domains that it has a way for, and survives a crash.
func TestPostfix(t *testing.T) {
	t.Parallel()
	p := realtest.Postfix(t, realservers.PostfixOptions{Routes: map[string]string{"there.test": "discard:"}, TLS: true})
	const envelope = "EHLO x.test\r\nMAIL FROM:<bob@x.test>\r\nRCPT TO:<alice@"
	check := func() {
		t.Helper()
		ask(t, p.Addr, envelope+"there.test>\r\n", "250 2.1.5 Ok")
		ask(t, p.Addr, envelope+"elsewhere.test>\r\n", "554 5.7.1")
		ask(t, p.Addr, "EHLO x.test\r\n", "STARTTLS")
	}
	check()
	p.Kill()
	for range 2 { // once after Kill, once while it runs
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if queue, err := p.Queue(t.Context()); err != nil || queue != "" {
		t.Errorf("its queue: got %q, %v, want none", queue, err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}
