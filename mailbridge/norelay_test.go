package mailbridge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/receive"
	"passerelle/transports"
)

// TestNoRelay: whatever the configuration, a stranger who says it to the SMTP port has mail taken for users of ours alone.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	elsewhere := []string{
		"<bob@elsewhere.test>", "<bob%elsewhere.test@elsewhere.test>", "<bob%elsewhere.test@example.org>", "<elsewhere.test!bob@example.org>", "<elsewhere.test!bob>",
		"<@example.org:bob@elsewhere.test>", "<@elsewhere.test:romeo@example.org>", "<@a,@b:c@d.test>", "<romeo@example.org@elsewhere.test>", "<bob@elsewhere.test@example.org>",
		`<"bob@elsewhere.test"@example.org>`, `<"romeo@example.org"@elsewhere.test>`, `<"bob@elsewhere.test">`, "<romeo@[127.0.0.1]>", "<romeo@xmpp.example>", "<romeo@mail.example>",
		`<"bob\\40elsewhere.test"@example.org>`, `<"bob\\40elsewhere.test"@mail.example>`, "<bob%elsewhere.test@mail.example>", "<romeo@mx.example>", "<romeo@sub.example.org>",
		"<nobody@example.org>", "<nobody+romeo@example.org>", "<+romeo@example.org>", "<b+aaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org>", "<r+aaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org>",
		"<romeo@elsewhere.test,romeo@example.org>", `<"romeo> NOTIFY=NEVER"@example.org>`, "<ROMEO@EXAMPLE.ORG.elsewhere.test>", "<info@elsewhere.test>", "<>", "<romeo>",
	}
	for name, change := range map[string]func(*Options){
		"smarthost":         func(*Options) {},
		"direct":            func(o *Options) { o.Relay.(*postOffice).mx = true },
		"nobody sends":      func(o *Options) { o.Relay = nil },
		"no sub-addresses":  func(o *Options) { o.Rules.Separate = "" },
		"strangers wait":    func(o *Options) { o.Rules.Strangers = StrangersAsk },
		"strangers refused": func(o *Options) { o.Rules.Strangers = StrangersRefuse },
		"aliases and no administrators": func(o *Options) {
			o.Rules.Admins = nil
			o.Rules.Aliases = map[string][]transports.Address{"info@example.org": {romeo}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigWith(t, change)
			addr := r.smtp()
			for i, to := range elsewhere {
				from := []string{"bob@elsewhere.test", "", "romeo@example.org", "romeo@xmpp.example"}[i%4] // nobody is believed for his address
				if got := r.rcpt(addr, from, to); !strings.HasPrefix(got, "5") {
					t.Errorf("RCPT TO:%s from %q: got %q, want a refusal for ever", to, from, got)
				}
			}
			for _, to := range []string{"<romeo@example.org>", "<ROMEO@Example.Org>", `<d'artagnan@example.org>`, `<"romeo"@example.org>`} {
				if got := r.rcpt(addr, "bob@elsewhere.test", to); !strings.HasPrefix(got, "250") {
					t.Errorf("RCPT TO:%s: got %q, want 250", to, got)
				}
			}
			for _, to := range []string{"<postmaster>", "<Postmaster@example.org>", "<abuse@example.org>"} {
				want := "250"
				if strings.HasSuffix(name, "no administrators") {
					want = "550"
				}
				if got := r.rcpt(addr, "", to); !strings.HasPrefix(got, want) {
					t.Errorf("RCPT TO:%s: got %q, want %s", to, got, want)
				}
			}
		})
	}
}

// smtp has the rig take mail of strangers too, and returns where.
func (r *rig) smtp() string {
	r.t.Helper()
	server, err := receive.New(receive.Options{
		Hostname: "mx.example", Backend: r.mail, Spool: r.t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Rules: receive.Rules{
			Postmaster: address.Mailbox{Local: "postmaster", Domain: "example.org"}, Limits: receive.Limits{PerMinute: 10_000, PerPeer: 1000, Connections: 1000},
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.ServeSMTP(l) }) // ends with Close
	r.t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			r.t.Errorf("close the server: %v", err)
		}
		running.Wait()
	})
	return l.Addr().String()
}

// rcpt is the answer to a recipient, as he is written.
func (r *rig) rcpt(addr, from, to string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(postaltest.Patience)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "HELO friend.example\r\nMAIL FROM:<%s>\r\nRCPT TO:%s\r\nQUIT\r\n", from, to); err != nil {
		r.t.Fatal(err)
	}
	said, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		r.t.Fatal(err)
	}
	lines := strings.Split(string(said), "\r\n")
	if len(lines) < 5 {
		r.t.Fatalf("the server says %q", said)
	}
	return lines[3]
}
