package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// mailTime is how long a step of mail takes at most.
const mailTime = time.Minute

// mailGateway is a gateway to email between an XMPP server and smtp-sink (of Postfix), which takes what goes out.
type mailGateway struct {
	ownGateway
	sink string // the folder of what came to it
	at   string // where that is
}

// newMailGateway writes the configuration of a gateway to email, with more lines in its table.
func newMailGateway(t testing.TB, program string, s *servers, lines string) *mailGateway {
	t.Helper()
	m := &mailGateway{ownGateway: ownGateway{bareGateway(t, program, "to email"), t, s}}
	m.sink = filepath.Join(m.dir, "sink")
	m.at = m.startSink()
	if !strings.Contains(lines, "resolver = ") {
		// What a test sees is not to depend on whether this machine has a name server, and how soon it answers.
		lines += fmt.Sprintf("\nresolver = %q\n", dnstest.Start(t, nil).Addr)
	}
	m.write(t, fmt.Sprintf(`
[[mail]]
domain = %q
secret = %q
server = %q
admins = ["carol@localhost"]
lmtp = %q
smarthost = %q
smarthost_tls = "none"
%s

[[mail.addresses]]
domain = "example.org"
users = "localhost"

[store]
path = %q

[admin]
listen = %q

[log]
level = "debug"
identities = true
`, gatewayDomain, gatewaySecret, s.componentAddr, "unix:"+m.lmtp(), m.at, lines, m.database(), "unix:"+m.gateway.socket()))
	return m
}

func (m *mailGateway) lmtp() string { return filepath.Join(m.dir, "lmtp.sock") }

// smarthost is where mail goes out.
func (m *mailGateway) smarthost() string { return m.at }

// setSmarthost has it go out another way, from the next start on.
func (m *mailGateway) setSmarthost(addr string) {
	m.t.Helper()
	m.replace(fmt.Sprintf("smarthost = %q", m.at), fmt.Sprintf("smarthost = %q", addr))
}

// replace changes a piece of its configuration.
func (m *mailGateway) replace(old, with string) {
	m.t.Helper()
	text, err := os.ReadFile(m.config())
	if err != nil {
		m.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		m.t.Fatalf("the configuration has no %s", old)
	}
	if err := os.WriteFile(m.config(), []byte(strings.Replace(string(text), old, with, 1)), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// startSink starts smtp-sink and returns its address.
func (m *mailGateway) startSink() string {
	m.t.Helper()
	if err := errors.Join(os.Mkdir(m.sink, 0o777), os.Chmod(m.sink, 0o777), os.Chmod(m.dir, 0o755)); err != nil {
		m.t.Fatal(err)
	}
	s, err := realservers.StartSink(m.t.Context(), realservers.SinkOptions{Args: []string{"-d", filepath.Join(m.sink, "%M.")}, Log: &m.log})
	if errors.Is(err, exec.ErrNotFound) {
		realtest.Missing(m.t, err)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(s.Kill)
	return s.Addr
}

// mails are those that have come to the sink.
func (m *mailGateway) mails() []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.sink)
	if err != nil {
		m.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(m.sink, e.Name()))
		if err != nil {
			m.t.Fatal(err)
		}
		if text := strings.ReplaceAll(string(b), "\r\n", "\n"); strings.Contains(text, "\n\n") && strings.HasSuffix(text, "\n\n") {
			all = append(all, text)
		}
	}
	return all
}

// awaitMail waits for a mail in the sink that has some text.
func (m *mailGateway) awaitMail(has string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), mailTime, fmt.Errorf("no mail has %q", has))
	defer cancel()
	var found string
	if err := poll(ctx, func() error {
		for _, mail := range m.mails() {
			if strings.Contains(mail, has) {
				found = mail
				return nil
			}
		}
		return errors.New("not yet")
	}); err != nil {
		m.t.Fatalf("%v; there are %q", err, m.mails())
	}
	return found
}

// bring hands over a mail by LMTP, as Postfix does.
func (m *mailGateway) bring(from, to, text string) {
	m.t.Helper()
	conn, err := net.Dial("unix", m.lmtp())
	if err != nil {
		m.t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	err = errors.Join(c.Hello("mx.example.org"), c.Mail(from, nil), c.Rcpt(to, nil))
	if err != nil {
		m.t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := io.WriteString(w, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		m.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// awaitLog waits until the gateway's log says something: it comes by a pipe, after what it is about.
func (m *mailGateway) awaitLog(said string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), mailTime)
	defer cancel()
	if err := poll(ctx, func() error {
		if !strings.Contains(m.log.String(), said) {
			return errors.New("it does not")
		}
		return nil
	}); err != nil {
		m.t.Errorf("the log says %q: %v", said, err)
	}
}

func sendStanza(t testing.TB, c xmppClient, stanza string) {
	t.Helper()
	if err := c.Send(t.Context(), stanza); err != nil {
		t.Fatal(err)
	}
}

// await is the next stanza that fits.
func await(t testing.TB, c xmppClient, what string, fits func(*xmpptest.Element) bool) *xmpptest.Element {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mailTime)
	defer cancel()
	for {
		e, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("%s did not come: %v", what, err)
		}
		if fits(e) {
			return e
		}
	}
}

// body is the body of a message, empty of anything else.
func body(e *xmpptest.Element) string {
	for _, c := range e.Elements() {
		if c.Name.Local == "body" {
			return c.Text()
		}
	}
	return ""
}

func has(e *xmpptest.Element, local string) bool {
	for _, c := range e.Elements() {
		if c.Name.Local == local {
			return true
		}
	}
	return false
}

const julietAtGateway = `juliet\40example.com@` + gatewayDomain

// TestMail: a mail is a chat, the answer is a mail in its thread; and what was taken by either side outlives a gateway that is killed.
func TestMail(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, false)
			m := newMailGateway(t, program, s, `strangers = "pass"`)
			m.start()
			alice := m.client("alice")
			m.bring("juliet@example.com", "alice@example.org", "From: Juliet <juliet@example.com>\nTo: alice@example.org\nSubject: Tonight\nMessage-ID: <m1@example.com>\n\nCome to the balcony.\n")
			e := await(t, alice, "the letter", func(e *xmpptest.Element) bool { return body(e) == "Come to the balcony." })
			if from := e.Get("from"); from != julietAtGateway || !has(e, "subject") || !has(e, "thread") {
				t.Errorf("the letter is %s", e)
			}
			sendStanza(t, alice, `<message type='chat' id='a1' to='`+julietAtGateway+`'><body>I come.</body><request xmlns='urn:xmpp:receipts'/></message>`)
			sendStanza(t, alice, `<message type='chat' id='a2' to='`+julietAtGateway+`'><body>/send</body></message>`)
			await(t, alice, "the answer to /send", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "It goes out now") })
			await(t, alice, "the receipt", func(e *xmpptest.Element) bool { return has(e, "received") })
			if mail := m.awaitMail("I come."); !strings.Contains(mail, "\nIn-Reply-To: <m1@example.com>\n") || !strings.Contains(mail, "\nSubject: Re: Tonight\n") {
				t.Errorf("the mail is %s", mail)
			}

			// What was answered with 250 comes, and what was not sent yet goes out, after a crash.
			sendStanza(t, alice, `<message type='chat' id='a3' to='`+julietAtGateway+`'><body>And now?</body></message>`)
			sendStanza(t, alice, `<message type='chat' id='a4' to='`+julietAtGateway+`'><body>/help</body></message>`)
			await(t, alice, "the answer to /help", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "/original") })
			m.bring("juliet@example.com", "alice@example.org", "From: juliet@example.com\nMessage-ID: <m2@example.com>\n\nHurry.\n")
			m.Kill()
			m.start()
			await(t, alice, "the letter after the crash", func(e *xmpptest.Element) bool { return body(e) == "Hurry." })
			sendStanza(t, alice, `<message type='chat' id='a5' to='`+julietAtGateway+`'><body>/send</body></message>`)
			m.awaitMail("And now?")
			if n := len(m.mails()); n != 2 {
				t.Errorf("%d mails went out", n)
			}
		})
	}
}

// TestMailOfStrangers: mail of somebody unknown waits until its user, who is asked in his chat, answers there.
func TestMailOfStrangers(t *testing.T) {
	t.Parallel()
	s := xmppServer(t, "prosody", false)
	m := newMailGateway(t, build(t), s, "")
	m.start()
	alice := m.client("alice")
	m.bring("eve@example.com", "alice@example.org", "From: Eve <eve@example.com>\nSubject: Buy\nMessage-ID: <1@x>\n\nnow\n")
	m.bring("bob@example.com", "alice@example.org", "From: Bob <bob@example.com>\nSubject: Remember\nMessage-ID: <2@x>\n\nme?\n")
	await(t, alice, "the question", func(e *xmpptest.Element) bool {
		return e.Get("from") == gatewayDomain && strings.Contains(body(e), "1. Eve <eve@example.com>: “Buy”") && strings.Contains(body(e), "2. Bob")
	})
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+gatewayDomain+`'><body>accept 2</body></message>`)
	await(t, alice, "the letter", func(e *xmpptest.Element) bool { return body(e) == "me?" })
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+gatewayDomain+`'><body>block 1</body></message>`)
	await(t, alice, "the answer", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "eve@example.com writes is refused") })
	sendStanza(t, alice, `<message type='chat' id='a3' to='`+gatewayDomain+`'><body>contacts</body></message>`)
	await(t, alice, "the contacts", func(e *xmpptest.Element) bool {
		return strings.Contains(body(e), "bob@example.com") && strings.Contains(body(e), "eve@example.com")
	})
	sendStanza(t, alice, `<message type='chat' id='a4' to='`+gatewayDomain+`'><body>configure strangers=pass language=fr</body></message>`)
	await(t, alice, "what is set", func(e *xmpptest.Element) bool { return e.Get("from") == gatewayDomain && body(e) != "" })
	m.bring("zoe@example.com", "alice@example.org", "From: zoe@example.com\nMessage-ID: <4@x>\n\nI am new here.\n")
	await(t, alice, "the letter of somebody new", func(e *xmpptest.Element) bool { return body(e) == "I am new here." })
}

// TestMailFiles: a file of a mail is uploaded to the user's server, and a file that he has uploaded there goes out in a mail.
func TestMailFiles(t *testing.T) {
	t.Parallel()
	s := xmppServer(t, "prosody", false)
	host, ok := s.xmpp.(*realservers.Prosody)
	if !ok {
		t.Fatal("it has no web server")
	}
	m := newMailGateway(t, build(t), s, fmt.Sprintf("strangers = \"pass\"\nfile_hosts = [%q]", "http://"+host.HTTPAddr))
	m.start()
	alice := m.client("alice")
	m.bring("juliet@example.com", "alice@example.org", "From: juliet@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee this.\n"+
		"--b\nContent-Type: text/plain; name=list.txt\nContent-Disposition: attachment; filename=list.txt\n\nmilk, bread\n--b--\n")
	await(t, alice, "the letter", func(e *xmpptest.Element) bool { return body(e) == "See this." })
	link := body(await(t, alice, "the file", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "list.txt") }))
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+julietAtGateway+`'><body>`+link+`</body><x xmlns='jabber:x:oob'><url>`+link+`</url></x></message>`)
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+julietAtGateway+`'><body>/send</body></message>`)
	mail := m.awaitMail("list.txt")
	if !strings.Contains(mail, "bWlsaywgYnJlYWQK") && !strings.Contains(mail, "bWlsaywgYnJlYWQ") { // "milk, bread"
		t.Errorf("the file is not in the mail:\n%s", mail)
	}
}

// TestMailWaitsForXMPP: while the XMPP server is away what was taken waits, and comes in its order.
func TestMailWaitsForXMPP(t *testing.T) {
	t.Parallel()
	s := xmppServer(t, "prosody", false)
	m := newMailGateway(t, build(t), s, `strangers = "pass"`)
	m.start()
	m.bring("juliet@example.com", "alice@example.org", "From: juliet@example.com\nMessage-ID: <0@x>\n\nbefore\n") // whether she exists is known now
	s.xmpp.Kill()
	const n = 50
	for i := range n {
		m.bring("juliet@example.com", "alice@example.org", fmt.Sprintf("From: juliet@example.com\nMessage-ID: <w%d@x>\n\nwaiting %d\n", i, i))
	}
	if err := s.xmpp.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice := m.client("alice")
	next := 0
	await(t, alice, "what waited", func(e *xmpptest.Element) bool {
		if body(e) == fmt.Sprintf("waiting %d", next) {
			next++
		} else if strings.HasPrefix(body(e), "waiting ") && body(e) != fmt.Sprintf("waiting %d", next-1) {
			t.Errorf("%q came when %d was next", body(e), next)
		}
		return next == n
	})
}
