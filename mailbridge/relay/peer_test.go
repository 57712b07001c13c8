package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"

	"passerelle/mailbridge/address"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a mail server that does what a test says, one connection after the other or at once. Whatever it is told it writes down.
type peer struct {
	t    *testing.T
	addr string

	mu    sync.Mutex
	cert  *tls.Config
	heard []string // commands
	mails []string // as they came, undotted
	conns int
}

// talk is one connection of a peer.
type talk struct {
	*peer
	net.Conn
	r *bufio.Reader
	n int // which connection
}

func listen(t *testing.T, serve func(*talk)) *peer {
	t.Helper()
	return listenAt(t, "127.0.0.1:0", serve)
}

func listenAt(t *testing.T, addr string, serve func(*talk)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns++
			n := p.conns
			p.mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(&talk{p, c, bufio.NewReader(c), n})
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return p
}

// certify says how the peer speaks TLS, before anybody connects.
func (p *peer) certify(config *tls.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cert = config
}

// secure goes on over TLS. Where that fails the other side hears of it, and is gone.
func (k *talk) secure() {
	k.mu.Lock()
	cert := k.cert
	k.mu.Unlock()
	c := tls.Server(k.Conn, cert)
	_ = c.Handshake()
	k.Conn, k.r = c, bufio.NewReader(c)
}

// say writes lines; an error means that the other side is gone.
func (k *talk) say(lines ...string) {
	_, _ = k.Write([]byte(strings.Join(lines, "\r\n") + "\r\n"))
}

// hear reads a command; it is empty when there will be no more.
func (k *talk) hear() string {
	line, err := k.r.ReadString('\n')
	if err != nil {
		return ""
	}
	line = strings.TrimSuffix(line, "\r\n")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heard = append(k.heard, line)
	return line
}

// mail reads a mail up to its dot.
func (k *talk) mail() bool {
	var b strings.Builder
	for {
		line, err := k.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.mails = append(k.mails, b.String())
			return true
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// said is what the peer was told.
func (p *peer) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.heard...)
}

func (p *peer) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.mails...)
}

func (p *peer) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

// behave is a server that does everything right but what answers says, by the beginning of commands. "DOT" is the answer to the mail. An
// answer that begins with "close" ends the connection behind what follows it.
func behave(offers string, answers map[string]string) func(*talk) {
	return func(k *talk) {
		k.say(answer(answers, "GREETING", "220 peer.example ESMTP"))
		for {
			line := k.hear()
			verb := strings.ToUpper(strings.Fields(line + " x")[0])
			reply := "250 2.0.0 fine"
			switch verb {
			case "X":
				return
			case "EHLO":
				reply = "250-peer.example\r\n250-" + strings.ReplaceAll(strings.TrimSpace(offers), ";", "\r\n250-") + "\r\n250 HELP"
			case "DATA":
				reply = "354 go on"
			case "STARTTLS":
				reply = "220 2.0.0 go on"
			case "QUIT":
				reply = "221 2.0.0 bye"
			}
			for begin, a := range answers {
				if strings.HasPrefix(line, begin) {
					reply = a
				}
			}
			rest, end := strings.CutPrefix(reply, "close")
			if rest = strings.TrimSpace(rest); rest != "" {
				k.say(rest)
			}
			if end || verb == "QUIT" {
				return
			}
			switch {
			case verb == "STARTTLS" && strings.HasPrefix(reply, "220"):
				k.secure()
			case verb == "DATA" && strings.HasPrefix(reply, "354"):
				if !k.mail() {
					return
				}
				rest, end := strings.CutPrefix(answer(answers, "DOT", "250 2.0.0 queued as 1"), "close")
				if rest = strings.TrimSpace(rest); rest != "" {
					k.say(rest)
				}
				if end {
					return
				}
			}
		}
	}
}

func answer(answers map[string]string, name, otherwise string) string {
	if a, ok := answers[name]; ok {
		return a
	}
	return otherwise
}

// patience is what servers of tests have.
var patience = times{
	connect: 5 * time.Second, greeting: 5 * time.Second, command: 5 * time.Second, block: 5 * time.Second, end: 5 * time.Second,
	quit: time.Second, stop: time.Second, idle: 5 * time.Second,
}

func start(t *testing.T, o Options) *Relay {
	t.Helper()
	o.Hostname = "gw.example.org"
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	if o.times == nil {
		o.times = &patience
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func plain(addr string) Options { return Options{Smarthost: &Smarthost{Addr: addr, TLS: TLSNone}} }

func mailbox(t *testing.T, s string) address.Mailbox {
	t.Helper()
	m, err := address.ParseLoose(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func envelope(t *testing.T, to ...string) Envelope {
	t.Helper()
	e := Envelope{From: mailbox(t, "alice@gw.example.org")}
	for _, s := range to {
		e.To = append(e.To, mailbox(t, s))
	}
	return e
}

const testMail = "From: alice@gw.example.org\r\nMessage-ID: <1@gw.example.org>\r\n\r\nHello\r\n.\r\n..two\r\n"

// brief is a result for comparing.
func brief(r Result) string {
	s := fmt.Sprintf("%s %s %d %s %s", r.To, [...]string{"later", "never", "sent"}[r.Outcome], r.Code, r.Enhanced, r.Text)
	if r.Away {
		s += " (away)"
	}
	return s
}

func wantResults(t *testing.T, got []Result, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d results, want %d: %v", len(got), len(want), got)
	}
	for i := range got {
		if brief(got[i]) != want[i] {
			t.Errorf("result %d:\ngot  %s\nwant %s", i, brief(got[i]), want[i])
		}
	}
}

func send(t *testing.T, r *Relay, e Envelope) []Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return r.Send(ctx, e, []byte(testMail))
}

// checkReply reads what a server may say: it ends, and what is kept of it is harmless.
func checkReply(t *testing.T, s string) {
	t.Helper()
	got, err := readReply(bufio.NewReaderSize(strings.NewReader(s), maxReplyLine))
	if err != nil {
		return
	}
	enhanced, text := got.status()
	if got.code < 200 || got.code > 599 || !isEnhanced(enhanced) && got.code/100 != 3 || len(got.lines) > maxReplyRows {
		t.Errorf("%q is the reply %d %q of %d lines", s, got.code, enhanced, len(got.lines))
	}
	if len(text) > maxReplyText+len("…") || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("%q is kept as %q", s, text)
	}
}
