package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// swaks sends a mail with a tool that others wrote, and returns what the server and it said.
func swaks(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("swaks")
	if err != nil {
		realtest.Missing(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, _ := exec.CommandContext(ctx, path, args...).CombinedOutput() // what it says of its end is in there
	return string(out)
}

// TestMailMX: passerelle as the MX takes mail of strangers with TLS, tells users where it is forged, and refuses what is not for them.
func TestMailMX(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "prosody", false)
	dns := dnstest.Start(t, dnstest.Zone{
		"friend.example": {"TXT v=spf1 ip4:127.0.0.1 -all"}, "_dmarc.friend.example": {"TXT v=DMARC1; p=reject"},
		"bank.example": {"TXT v=spf1 -all"}, "_dmarc.bank.example": {"TXT v=DMARC1; p=reject"},
	})
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, err := realservers.NewCertificate("mx.example.org")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := freeport.Address(port)
	m := newMailGateway(t, program, s, fmt.Sprintf("strangers = \"pass\"\nhostname = \"mx.example.org\"\nlisten = %q\ncert_file = %q\nkey_file = %q\nresolver = %q\n",
		addr, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), dns.Addr))
	m.start()
	alice, carol := m.client("alice"), m.client("carol")

	if said := swaks(t, "-s", addr, "-tls", "-f", "bob@friend.example", "-t", "alice@example.org", "--body", "Hello Alice"); !strings.Contains(said, "queued as") || !strings.Contains(said, "TLS started") {
		t.Fatalf("it is not taken: %s", said)
	}
	e := await(t, alice, "the mail", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Hello Alice") })
	if from := e.Get("from"); from != `bob\40friend.example@`+gatewayDomain || strings.Contains(body(e), "⚠") {
		t.Errorf("the mail is %s", e)
	}
	if said := swaks(t, "-s", addr, "-f", "security@bank.example", "-t", "alice@example.org", "--body", "Your password"); !strings.Contains(said, "queued as") {
		t.Fatalf("it is not taken: %s", said)
	}
	e = await(t, alice, "the forged mail", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Your password") })
	if !strings.Contains(body(e), "⚠") || !strings.Contains(body(e), "bank.example") {
		t.Errorf("the forged mail is %s", e)
	}
	if said := swaks(t, "-s", addr, "-f", "<>", "-t", "postmaster", "--body", "Who is in charge?"); !strings.Contains(said, "queued as") {
		t.Fatalf("postmaster does not take mail: %s", said)
	}
	await(t, carol, "mail for postmaster", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Who is in charge?") })
	for to, want := range map[string]string{
		"nobody@example.org": "550 5.1.1", "alice@elsewhere.test": "550 5.7.1", "alice%elsewhere.test@example.org": "550 5.1.1", "alice@localhost": "550 5.7.1",
	} {
		if said := swaks(t, "-s", addr, "-f", "bob@friend.example", "-t", to); !strings.Contains(said, want) {
			t.Errorf("mail for %s, want %s: %s", to, want, said)
		}
	}
}

// TestMailBehindPostfix: Postfix asks whether there is a user before it takes a mail, hands it over by the socket, and says whom it comes from; what the
// user answers goes out by it.
func TestMailBehindPostfix(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "prosody", false)
	dns := dnstest.Start(t, dnstest.Zone{
		"friend.example": {"TXT v=spf1 ip4:192.0.2.7 -all"}, "_dmarc.friend.example": {"TXT v=DMARC1; p=reject"},
	})
	m := newMailGateway(t, program, s, fmt.Sprintf("strangers = \"pass\"\nresolver = %q\n", dns.Addr))
	p := realtest.Postfix(t, realservers.PostfixOptions{
		Routes: map[string]string{"example.org": "lmtp:unix:" + m.lmtp(), "friend.example": "smtp:[127.0.0.1]:" + freeport.Port(m.smarthost())},
		Settings: []string{
			"lmtp_send_xforward_command = yes", "relay_recipient_maps =", "smtpd_authorized_xclient_hosts = 127.0.0.1",
			"smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient", "unverified_recipient_reject_code = 550",
		},
	})
	m.setSmarthost(p.Addr)
	m.start()
	alice := m.client("alice")
	said := swaks(t, "-s", p.Addr, "--helo", "mx.friend.example", "--xclient", "ADDR=192.0.2.7", "-f", "bob@friend.example", "-t", "alice@example.org", "--body", "Hello Alice")
	if !strings.Contains(said, "queued as") {
		t.Fatalf("Postfix does not take it: %s", said)
	}
	e := await(t, alice, "the mail", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Hello Alice") })
	if strings.Contains(body(e), "⚠") {
		t.Errorf("the mail is %s", e)
	}
	if said := swaks(t, "-s", p.Addr, "-f", "bob@friend.example", "-t", "nobody@example.org"); !strings.Contains(said, "There is no such user here") {
		t.Errorf("Postfix takes mail for nobody: %s", said)
	}
	to := `bob\40friend.example@` + gatewayDomain
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+to+`'><body>Hello Bob</body></message>`)
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+to+`'><body>/send</body></message>`)
	if mail := m.awaitMail("Hello Bob"); !strings.Contains(mail, "(Postfix)") || strings.Count(mail, "DKIM-Signature:") != 2 {
		t.Errorf("the mail is %s", mail)
	}
}
