package receive

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/mailbridge/address"
	"passerelle/transports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a Backend with users at xmpp.test, who are what their names say.
type house struct {
	mu    sync.Mutex
	mails []mail
}

type mail struct {
	from string
	to   []string
	text string
	in   Incoming
}

func (h *house) Rcpt(_ context.Context, e Envelope, to address.Mailbox) error {
	switch {
	case to.Domain != "xmpp.test":
		return transports.NewError(transports.Policy, "This is no relay", nil)
	case to.Local == "nobody":
		return transports.NewError(transports.NotFound, "There is no such user", nil)
	case to.Local == "away":
		return transports.NewError(transports.Offline, "The XMPP server does not answer", errors.New("secret"))
	case to.Local == "broken":
		return errors.New("secret")
	}
	return nil
}

func (h *house) Accept(_ context.Context, m *Incoming) []error {
	body, err := m.Body.Bytes()
	if err != nil {
		return []error{err}
	}
	got := mail{from: m.From.String(), text: string(body), in: *m}
	var refused []error
	for _, r := range m.To {
		var err error
		switch r.Local {
		case "full":
			err = transports.NewError(transports.Full, "There is no room", nil)
		case "left":
			err = transports.NewError(transports.Gone, "He has left", nil)
		default:
			got.to = append(got.to, r.String())
		}
		refused = append(refused, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if got.to != nil && (!m.OneAnswer || len(got.to) == len(m.To)) {
		h.mails = append(h.mails, got)
	}
	return refused
}

func (h *house) last(t *testing.T) mail {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mails) == 0 {
		t.Fatal("no mail was taken")
	}
	return h.mails[len(h.mails)-1]
}

func (h *house) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.mails)
}

// stranger has the loopback interface be a network like any other.
var stranger = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}

// ours has peers of the loopback interface be trusted.
var ours = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func options(b Backend) Options {
	return Options{
		Hostname: "mx.xmpp.test", Backend: b, Log: slog.New(slog.DiscardHandler),
		Rules: Rules{Postmaster: address.Mailbox{Local: "postmaster", Domain: "xmpp.test"}, Trusted: stranger},
	}
}

// serve starts a server of SMTP or LMTP and returns its address.
func serve(t testing.TB, o Options, lmtp bool) (*Server, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		run := s.ServeSMTP
		if lmtp {
			run = s.ServeLMTP
		}
		if err := run(l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx) // what is open is broken off
		wg.Wait()
	})
	return s, l.Addr().String()
}

// client is a peer that writes what the test says.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// reply is the next answer, several lines with LF between them.
func (c *client) reply() string {
	c.t.Helper()
	var lines []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read an answer: %v; got %q of it", err, lines)
		}
		lines = append(lines, strings.TrimRight(line, "\r\n"))
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(lines, "\n")
		}
	}
}

// want reads an answer that begins so.
func (c *client) want(prefix string) string {
	c.t.Helper()
	got := c.reply()
	last := got[strings.LastIndexByte(got, '\n')+1:]
	if !strings.HasPrefix(last, prefix) {
		c.t.Fatalf("got the answer %q, want %q", got, prefix)
	}
	return got
}

// say writes a line and reads its answer.
func (c *client) say(line, prefix string) string {
	c.t.Helper()
	c.write(line + "\r\n")
	got := c.reply()
	if last := got[strings.LastIndexByte(got, '\n')+1:]; !strings.HasPrefix(last, prefix) {
		c.t.Fatalf("%s: got the answer %q, want %q", line, got, prefix)
	}
	return got
}

// ended is that the server closes the connection.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Errorf("the connection goes on with %q, want its end", b)
	}
}

// send has a mail be sent, up to its answer.
func (c *client) send(from string, to []string, text, prefix string) string {
	c.t.Helper()
	c.say("MAIL FROM:<"+from+">", "250")
	for _, r := range to {
		c.say("RCPT TO:<"+r+">", "250")
	}
	c.say("DATA", "354")
	c.write(text + "\r\n.\r\n")
	return c.want(prefix)
}

const hello = "Subject: Hello\r\nFrom: Bob <bob@example.com>\r\n\r\nHello\r\n..dotted"

func TestSMTP(t *testing.T) {
	t.Parallel()
	h := &house{}
	_, addr := serve(t, options(h), false)
	c := dial(t, addr)
	if got := c.want("220 "); !strings.Contains(got, "mx.xmpp.test") {
		t.Errorf("it greets as %q", got)
	}
	c.say("NOOP", "250")
	c.say("MAIL FROM:<bob@example.com>", "502") // without EHLO
	caps := c.say("EHLO there.example", "250")
	for _, want := range []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "SIZE 26214400"} {
		if !strings.Contains(caps, want) {
			t.Errorf("it does not offer %s: %q", want, caps)
		}
	}
	for _, never := range []string{"CHUNKING", "AUTH", "STARTTLS", "XFORWARD", "BINARYMIME"} {
		if strings.Contains(caps, never) {
			t.Errorf("it offers %s: %q", never, caps)
		}
	}
	c.say("RCPT TO:<alice@xmpp.test>", "502")
	c.say("MAIL FROM:<bob@example.com> SIZE=26214401", "552 5.3.4")
	c.say("MAIL FROM:<bob@example.com> RET=HDRS ENVID=abc", "250")
	c.say("MAIL FROM:<eve@example.com>", "503 5.5.1")
	c.say("RCPT TO:<alice@elsewhere.test>", "550 5.7.1")
	c.say("RCPT TO:<nobody@xmpp.test>", "550 5.1.1")
	if got := c.say("RCPT TO:<away@xmpp.test>", "451 4.4.1"); strings.Contains(got, "secret") {
		t.Errorf("the peer is told %q", got)
	}
	if got := c.say("RCPT TO:<broken@xmpp.test>", "451 4.3.0"); strings.Contains(got, "secret") {
		t.Errorf("the peer is told %q", got)
	}
	c.say("DATA", "502") // no recipient
	c.say("RCPT TO:<Alice@XMPP.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b.example", "250")
	c.say("DATA", "354")
	c.write(hello + "\r\n.\r\n")
	answer := c.want("250 2.0.0 OK: queued as ")
	m := h.last(t)
	if m.from != "bob@example.com" || fmt.Sprint(m.to) != "[Alice@xmpp.test]" || !m.in.OneAnswer || m.in.EnvID != "abc" || !m.in.HeadersOnly ||
		!m.in.To[0].NotifySuccess || m.in.To[0].Original != "a@b.example" || !strings.HasSuffix(answer, m.in.ID) {
		t.Errorf("got %+v", m)
	}
	trace, rest, _ := strings.Cut(m.text, "Subject:")
	if want := " Hello\r\nFrom: Bob <bob@example.com>\r\n\r\nHello\r\n.dotted\r\n"; rest != want {
		t.Errorf("got the mail %q, want %q", rest, want)
	}
	if want := "Received: from there.example ([127.0.0.1])\r\n\tby mx.xmpp.test with ESMTP id " + m.in.ID + "\r\n\tfor <Alice@xmpp.test>;\r\n\t"; !strings.HasPrefix(trace, want) {
		t.Errorf("got the trace %q, want %q", trace, want)
	}
	c.say("VRFY alice", "252")
	c.say("EXPN alice", "502")
	c.say("AUTH PLAIN AGEAYg==", "52") // 523: there is none without TLS, nor with it
	c.send("", []string{"alice@xmpp.test", "carol@xmpp.test"}, hello, "250")
	if m := h.last(t); m.from != "" || len(m.to) != 2 || strings.Contains(m.text, "\tfor ") {
		t.Errorf("got %+v", m)
	}
	// There is one answer for two, so the mail is for nobody.
	c.send("bob@example.com", []string{"alice@xmpp.test", "full@xmpp.test"}, hello, "452 4.2.2")
	c.say("RSET", "250")
	c.say("QUIT", "221")
	c.ended()
	if got := h.count(); got != 2 {
		t.Errorf("%d mails were taken, want 2", got)
	}
}

func TestLMTP(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	o.Rules.Trusted = ours
	_, addr := serve(t, o, true)
	c := dial(t, addr)
	c.want("220 ")
	c.say("EHLO there.example", "500")
	if got := c.say("LHLO there.example", "250"); !strings.Contains(got, "XFORWARD") {
		t.Errorf("it does not offer XFORWARD: %q", got)
	}
	c.say("XFORWARD NAME=[UNAVAILABLE] ADDR=IPv6:2001:db8::1 HELO=their+2Eexample", "250")
	c.say("MAIL FROM:<bob@example.com>", "250")
	for _, r := range []string{"alice", "full", "alice", "left", "carol"} {
		c.say("RCPT TO:<"+r+"@xmpp.test>", "250")
	}
	c.say("DATA", "354")
	c.write("A: b\r\n\r\nbare\nlone\rnul\x00\r\n.\r\n")
	for _, want := range []string{"250 2.0.0", "452 4.2.2", "250 2.0.0", "550 5.1.6", "250 2.0.0"} {
		c.want(want)
	}
	m := h.last(t)
	if fmt.Sprint(m.to) != "[alice@xmpp.test alice@xmpp.test carol@xmpp.test]" || m.in.OneAnswer || !m.in.Peer.Forwarded {
		t.Errorf("got %+v", m)
	}
	if want := "Received: from their.example ([IPv6:2001:db8::1])\r\n\tby mx.xmpp.test with LMTP id "; !strings.HasPrefix(m.text, want) {
		t.Errorf("got %q, want %q", m.text, want)
	}
	// What a server of ours has taken already is taken.
	if want := "A: b\r\n\r\nbare\r\nlone\r\nnul\r\n"; !strings.HasSuffix(m.text, want) {
		t.Errorf("got %q, want %q at its end", m.text, want)
	}
	c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "250")
	if m := h.last(t); m.in.Peer.Forwarded {
		t.Errorf("what was said of one mail is taken for another: %+v", m.in.Peer)
	}
	o.Rules.Trusted = nil
	_, addr = serve(t, o, true)
	dial(t, addr).want("220 ") // this machine needs no mention
}

// TestLMTPOfStrangers: nobody but servers of ours is let in.
func TestLMTPOfStrangers(t *testing.T) {
	t.Parallel()
	s, err := New(options(&house{}))
	if err != nil {
		t.Fatal(err)
	}
	l := make(pipes)
	served := make(chan error, 1)
	go func() { served <- s.ServeLMTP(l) }()
	server, conn := net.Pipe()
	l <- server
	c := &client{t, conn, bufio.NewReader(conn)}
	c.want("554 5.7.1")
	c.ended()
	close(l)
	if err := errors.Join(s.Close(t.Context()), <-served); err != nil {
		t.Error(err)
	}
}

func TestSTARTTLS(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	cert, key, err := realservers.NewCertificate("mx.xmpp.test")
	if err != nil {
		t.Fatal(err)
	}
	o.TLS = pairOf(t, cert, key)
	_, addr := serve(t, o, false)
	begin := func() *client {
		c := dial(t, addr)
		c.want("220 ")
		if got := c.say("EHLO there.example", "250"); !strings.Contains(got, "STARTTLS") {
			t.Errorf("it does not offer STARTTLS: %q", got)
		}
		return c
	}
	secure := func(c *client, config *tls.Config) error {
		config.InsecureSkipVerify = true
		conn := tls.Client(c.conn, config)
		c.conn, c.r = conn, bufio.NewReader(conn)
		return conn.Handshake()
	}
	c := begin()
	c.say("MAIL FROM:<before@example.com>", "250")
	c.say("STARTTLS", "220")
	if err := secure(c, &tls.Config{}); err != nil {
		t.Fatal(err)
	}
	c.say("MAIL FROM:<bob@example.com>", "502") // RFC 3207 §4.2: EHLO is forgotten
	if got := c.say("EHLO there.example", "250"); strings.Contains(got, "STARTTLS") || strings.Contains(got, "AUTH") {
		t.Errorf("under TLS it offers %q", got)
	}
	c.say("STARTTLS", "502")
	c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "250")
	m := h.last(t)
	if m.from != "bob@example.com" || m.in.Peer.TLS == nil || !strings.Contains(m.text, "(using TLS 1.3 with cipher ") || !strings.Contains(m.text, " with ESMTPS id ") {
		t.Errorf("got %+v", m)
	}
	// RCPT TO:<postmaster> is seen under TLS too.
	c.send("bob@example.com", []string{"Postmaster"}, hello, "250")
	if m := h.last(t); fmt.Sprint(m.to) != "[postmaster@xmpp.test]" {
		t.Errorf("got a mail for %v", m.to)
	}
	c.say("QUIT", "221")
	c.ended()

	old := begin()
	old.say("STARTTLS", "220")
	if err := secure(old, &tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	injected := begin()
	injected.write("STARTTLS\r\nMAIL FROM:<injected@example.com>\r\n")
	injected.want("503 5.5.1")
	injected.ended()
}

func TestPipelining(t *testing.T) {
	t.Parallel()
	h := &house{}
	_, addr := serve(t, options(h), false)
	c := dial(t, addr)
	c.want("220 ")
	c.say("EHLO there.example", "250")
	// STARTTLS, RCPT and the like in a mail are text.
	text := "Subject: x\r\n\r\nSTARTTLS\r\nRCPT TO:<postmaster>\r\nQUIT\r\nXFORWARD ADDR=1.2.3.4"
	c.write("MAIL FROM:<bob@example.com>\r\nRCPT TO:<nobody@xmpp.test>\r\nRCPT TO:<postmaster>\r\nDATA\r\n" + text + "\r\n.\r\nNOOP\r\nQUIT\r\n")
	for _, want := range []string{"250", "550", "250", "354", "250", "250", "221"} {
		c.want(want)
	}
	c.ended()
	if m := h.last(t); !strings.HasSuffix(m.text, text+"\r\n") || fmt.Sprint(m.to) != "[postmaster@xmpp.test]" {
		t.Errorf("got %+v", m)
	}
}

// TestClose: a mail that is coming is taken to its end, who waits is told, and nobody is let in.
func TestClose(t *testing.T) {
	t.Parallel()
	h := &house{}
	s, addr := serve(t, options(h), false)
	idle, busy := dial(t, addr), dial(t, addr)
	for _, c := range []*client{idle, busy} {
		c.want("220 ")
		c.say("EHLO there.example", "250")
	}
	busy.say("MAIL FROM:<bob@example.com>", "250")
	busy.say("RCPT TO:<alice@xmpp.test>", "250")
	busy.say("DATA", "354")
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context()) }()
	idle.want("421 4.3.2")
	idle.ended()
	busy.write(hello + "\r\n.\r\n")
	busy.want("250 ")
	busy.want("421 4.3.2")
	busy.ended()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it listens after Close")
	}
	h.last(t)
}
