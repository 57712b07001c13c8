package realtest_test

import (
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestDovecot: it takes mail for those who are there, keeps it, and survives a crash.
func TestDovecot(t *testing.T) {
	t.Parallel()
	d := realtest.Dovecot(t, realservers.DovecotOptions{Users: map[string]string{"bob@there.test": "secret"}})
	ask(t, d.LMTP, "LHLO x.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<nobody@there.test>\r\n", "550 5.1.1")
	ask(t, d.LMTP, "LHLO x.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bob@there.test>\r\nDATA\r\nSubject: one\r\n\r\nHello\r\n.\r\n", "250 2.0.0 <bob@there.test>")
	check := func() {
		t.Helper()
		mails, err := d.Inbox(t.Context(), "bob@there.test")
		if err != nil || len(mails) != 1 || !strings.Contains(mails[0], "Subject: one\r\n\r\nHello\r\n") {
			t.Errorf("in the mailbox are %q, %v", mails, err)
		}
	}
	check()
	d.Kill()
	if err := d.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
}
