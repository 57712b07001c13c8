package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/mailbridge/address"
)

// tool runs a program that others wrote and returns what it says and whether it is content.
func tool(t *testing.T, name string, args ...string) (string, bool) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a program of others, and -short is set")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			realtest.Missing(t, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ctx.Err() != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out), err == nil
}

// TestSwaks: a client that nobody here wrote sends mail with and without TLS, by LMTP, and to odd addresses.
func TestSwaks(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	cert, key, err := realservers.NewCertificate("mx.xmpp.test")
	if err != nil {
		t.Fatal(err)
	}
	o.TLS = pairOf(t, cert, key)
	_, smtp := serve(t, o, false)
	o.Rules.Trusted = ours
	_, lmtp := serve(t, o, true)
	for _, tt := range []struct {
		args string
		ok   bool
		want string
	}{
		{"-s " + smtp + " -f bob@x.test -t alice@xmpp.test", true, "queued as"},
		{"-s " + smtp + " -tls -f bob@x.test -t alice@xmpp.test", true, "queued as"},
		{"-s " + smtp + " -f <> -t alice@xmpp.test,carol@xmpp.test", true, "queued as"},
		{"-s " + smtp + " -f bob@x.test -t nobody@xmpp.test", false, "550 5.1.1"},
		{"-s " + smtp + " -f bob@x.test -t alice@elsewhere.test", false, "550 5.7.1"},
		{"-s " + smtp + " -f bob@x.test -t postmaster", true, "queued as"},
		{"-s " + smtp + " -f bob@x.test -t alice%elsewhere.test@elsewhere.test", false, "550 5.7.1"},
		{"-s " + smtp + " -a PLAIN -au alice -ap pw -f bob@x.test -t alice@xmpp.test", false, "not advertise authentication"},
		{"-s " + smtp + " -pipeline -f bob@x.test -t alice@xmpp.test", true, "queued as"},
		{"-s " + lmtp + " --protocol LMTP -f bob@x.test -t alice@xmpp.test,full@xmpp.test", true, "452 4.2.2"},
		{"-s " + lmtp + " --protocol LMTP -tls -f bob@x.test -t alice@xmpp.test", true, "queued as"},
	} {
		before := h.count()
		out, ok := tool(t, "swaks", strings.Fields(tt.args+" --header Subject:Hello")...)
		if ok != tt.ok || !strings.Contains(out, tt.want) {
			t.Errorf("swaks %s: got %v, want %v with %q:\n%s", tt.args, ok, tt.ok, tt.want, out)
		}
		if tt.ok && h.count() != before+1 {
			t.Errorf("swaks %s: %d mails were taken", tt.args, h.count()-before)
		}
	}
}

// TestSMTPSource: Postfix's generator brings many mails on many connections at a time, and each of them comes.
func TestSMTPSource(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	o.Rules.Trusted = ours
	_, smtp := serve(t, o, false)
	_, lmtp := serve(t, o, true)
	for _, args := range []string{"-m 200 -s 10 -l 4096 -d " + smtp, "-m 50 -s 5 -l 200000 " + smtp, "-m 200 -s 10 -l 4096 -r 5 -L " + lmtp} {
		before, n := h.count(), 0
		if _, err := fmt.Sscanf(args, "-m %d", &n); err != nil {
			t.Fatal(err)
		}
		f := append(strings.Fields("-f bob@x.test -t alice@xmpp.test"), strings.Fields(args)...)
		if out, ok := tool(t, "smtp-source", f...); !ok {
			t.Errorf("smtp-source %s: %s", args, out)
		}
		if got := h.count() - before; got != n {
			t.Errorf("smtp-source %s: %d mails were taken, want %d", args, got, n)
		}
	}
}

// TestPostfix: an MX in front hands mail over by LMTP, each recipient is answered by himself, and what we refuse for now it brings again.
func TestPostfix(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	o.Rules.Trusted = ours
	_, lmtp := serve(t, o, true)
	host, port, _ := strings.Cut(lmtp, ":")
	sender := &house{} // who gets what Postfix says to the sender
	_, sink := serve(t, senders(sender), false)
	sinkHost, sinkPort, _ := strings.Cut(sink, ":")
	p := realtest.Postfix(t, realservers.PostfixOptions{
		Routes: map[string]string{
			"xmpp.test": "lmtp:[" + host + "]:" + port, "x.test": "smtp:[" + sinkHost + "]:" + sinkPort,
		},
		Settings: []string{"lmtp_send_xforward_command = yes", "smtpd_authorized_xclient_hosts = 127.0.0.1"},
	})
	out, ok := tool(t, "swaks", "-s", p.Addr, "--helo", "there.example", "--xclient", "ADDR=192.0.2.7", "-f", "bob@x.test",
		"-t", "alice@xmpp.test,full@xmpp.test,nobody@xmpp.test,left@xmpp.test,carol@xmpp.test", "--body", "Hello")
	if !ok {
		t.Fatalf("Postfix does not take it: %s", out)
	}
	wait(t, "Postfix brings the mail to two of them", func() bool { return h.count() == 1 })
	m := h.last(t)
	if fmt.Sprint(m.to) != "[alice@xmpp.test carol@xmpp.test]" || !m.in.Peer.Forwarded || !strings.HasPrefix(m.text, "Received: from there.example ([192.0.2.7])") {
		t.Errorf("got %+v", m)
	}
	// One waits, and two are told to the sender: of nobody at RCPT, of the other after the mail.
	wait(t, "Postfix writes to the sender", func() bool { return sender.count() == 1 })
	report := sender.last(t)
	for _, want := range []string{"There is no such user", "has left", "Status: 5.1.1", "Status: 5.1.6"} {
		if !strings.Contains(report.text, want) {
			t.Errorf("the report has no %q:\n%s", want, report.text)
		}
	}
	if strings.Contains(report.text, "; alice@xmpp.test") || report.from != "" {
		t.Errorf("got the report from %q:\n%s", report.from, report.text)
	}
	queue, err := p.Queue(t.Context())
	if err != nil || !strings.Contains(queue, "full@xmpp.test") || !strings.Contains(queue, "There is no room") || strings.Contains(queue, "left@xmpp.test") {
		t.Errorf("its queue has %s, %v", queue, err)
	}
}

// senders are options of a server for the users of x.test.
func senders(h *house) Options {
	o := options(everybody{h})
	o.Rules.Trusted = ours
	return o
}

// everybody takes mail for whoever it is.
type everybody struct{ *house }

func (everybody) Rcpt(context.Context, Envelope, address.Mailbox) error { return nil }

// wait waits until something that another program does has happened.
func wait(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("it never happened that %s", what)
		}
	}
}

func pairOf(t *testing.T, cert, key string) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }}
}
