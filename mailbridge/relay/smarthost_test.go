package relay

import (
	"slices"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// A mail arrives as it is, and each recipient gets what the server says of him.
func TestSend(t *testing.T) {
	t.Parallel()
	for _, offers := range []string{"PIPELINING;SIZE 1000000;DSN;8BITMIME;ENHANCEDSTATUSCODES", "SIZE"} {
		p := listen(t, behave(offers, map[string]string{
			"RCPT TO:<nobody@": "550 5.1.1 unknown", "RCPT TO:<busy@": "452 4.2.2 full\x07 \xff\u202e", "DOT": "250-2.0.0 thank\r\n250 2.0.0 you",
		}))
		r := start(t, plain(p.addr))
		got := send(t, r, envelope(t, "bob@example.com", "nobody@example.com", "busy@example.com", `"odd one"@example.com`, "x@bücher.example"))
		wantResults(t, got, "bob@example.com sent 250 2.0.0 thank you", "nobody@example.com never 550 5.1.1 unknown", "busy@example.com later 452 4.2.2 full \uFFFD",
			`"\"odd one\""@example.com sent 250 2.0.0 thank you`, "x@bücher.example sent 250 2.0.0 thank you")
		if got := p.got(); len(got) != 1 || got[0] != testMail {
			t.Errorf("%s: the mail arrived as %q", offers, got)
		}
		if !slices.ContainsFunc(p.said(), func(s string) bool { return strings.HasPrefix(s, "RCPT TO:<x@xn--bcher-kva.example>") }) {
			t.Errorf("the server heard %q", p.said())
		}
		r.Close()
	}
}

// One connection carries mail after mail, and one that is over meanwhile costs none of them.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	p := listen(t, behave("PIPELINING", nil))
	r := start(t, plain(p.addr))
	for range maxPerConn + 1 {
		wantResults(t, send(t, r, envelope(t, "bob@example.com")), "bob@example.com sent 250 2.0.0 queued as 1")
	}
	if n := p.connections(); n != 2 {
		t.Errorf("%d mails took %d connections, want 2", maxPerConn+1, n)
	}
}

// What smtp-sink does wrong is said for each recipient.
func TestSink(t *testing.T) {
	t.Parallel()
	const (
		hard, soft = "500 5.3.0 Error: command failed", "450 4.3.0 Error: command failed"
		gone       = "later 451 4.4.2 the connection broke: it ended the connection (away)"
	)
	for _, c := range []struct{ args, want string }{
		{"", "sent 250 2.0.0 Ok"},
		{"-p", "sent 250 2.0.0 Ok"},
		{"-N", "sent 250 2.0.0 Ok"},
		{"-8", "sent 250 2.0.0 Ok"},
		{"-e", "sent 250 2.0.0 Ok"},
		{"-E", "sent 250 2.0.0 Ok"},
		{"-P", "sent 250 2.0.0 Ok"},
		{"-w 1", "sent 250 2.0.0 Ok"},
		{"-H 1", "sent 250 2.0.0 Ok"},
		{"-f EHLO", "sent 250 2.0.0 Ok"},
		{"-f CONNECT", "later 451 4.3.0 greeting: Error: command failed (away)"},
		{"-f MAIL", "never " + hard},
		{"-f RCPT", "never " + hard},
		{"-f DATA", "never " + hard},
		{"-f .", "never " + hard},
		{"-r MAIL", "later " + soft},
		{"-r RCPT", "later " + soft},
		{"-r DATA", "later " + soft},
		{"-r .", "later " + soft},
		{"-q CONNECT", "later 451 4.4.1 it ended the connection (away)"},
		{"-q MAIL", gone},
		{"-q RCPT", gone},
		{"-q DATA", gone},
		{"-q .", "later 451 4.4.2 whether it has taken the mail is not known: it ended the connection"},
		{"-Q MAIL", "later 421 4.0.0 Server closing connection (away)"},
		{"-Q RCPT", "later 421 4.0.0 Server closing connection (away)"},
		{"-Q .", "later 421 4.0.0 Server closing connection (away)"},
		{"-A 0", "never 550 5.0.0 This violates SMTP"},
	} {
		t.Run("smtp-sink "+c.args, func(t *testing.T) {
			t.Parallel()
			sink := realtest.Sink(t, realservers.SinkOptions{Args: strings.Fields(c.args)})
			r := start(t, plain(sink.Addr))
			for range 2 {
				wantResults(t, send(t, r, envelope(t, "bob@example.com")), "bob@example.com "+c.want)
			}
		})
	}
}
