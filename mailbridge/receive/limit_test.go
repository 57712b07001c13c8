package receive

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func greeted(t *testing.T, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.want("220 ")
	c.say("EHLO there.example", "250")
	return c
}

func TestConnections(t *testing.T) {
	t.Parallel()
	o := options(&house{})
	o.Rules.Limits = Limits{Connections: 3, PerPeer: 2}
	s, addr := serve(t, o, false)
	first, second := greeted(t, addr), greeted(t, addr)
	third := dial(t, addr)
	third.want("421 4.7.0")
	third.ended()
	first.say("QUIT", "221")
	first.ended()
	again := dial(t, addr) // its place is free once the connection is closed
	again.want("220 ")
	other := Peer{Addr: netip.MustParseAddr("2001:db8::1")}
	for i, want := range []bool{true, false} { // the limit of all
		if got := s.gate.enter(other); got != want {
			t.Errorf("connection %d of another address: got %v, want %v", i, got, want)
		}
	}
	s.gate.leave(other)
	second.say("NOOP", "250")
	o.Rules.Trusted = ours
	_, addr = serve(t, o, false)
	for range 5 {
		greeted(t, addr)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("network(%s) = %s, want %s", addr, got, want)
		}
	}
}

func TestPerMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g := newGate(Limits{PerMinute: 2}, func() time.Time { return now })
	a, b := Peer{Addr: netip.MustParseAddr("192.0.2.1")}, Peer{Addr: netip.MustParseAddr("192.0.2.2")}
	for i, tt := range []struct {
		p    Peer
		wait time.Duration
		want bool
	}{{p: a}, {p: a}, {p: a, want: true}, {p: b}, {p: a, wait: time.Minute - 1, want: true}, {p: a, wait: 1}, {p: Peer{Trusted: true}}} {
		now = now.Add(tt.wait)
		if got := g.mail(tt.p); got != tt.want {
			t.Errorf("mail %d: got %v, want %v", i, got, tt.want)
		}
	}
	for i := range maxPeers + 10 {
		g.mail(Peer{Addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})})
	}
	if len(g.mails) > maxPeers {
		t.Errorf("%d addresses are remembered", len(g.mails))
	}
	o := options(&house{})
	o.Rules.Limits.PerMinute = 1
	_, addr := serve(t, o, false)
	c := greeted(t, addr)
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RSET", "250")
	c.say("MAIL FROM:<a@b.example>", "450 4.7.1")
}

func TestMailLimits(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	o.Rules.Limits = Limits{Size: 1 << 20, Recipients: 3, PerMinute: 1000}
	o.Spool = t.TempDir()
	_, addr := serve(t, o, false)
	c := greeted(t, addr)
	alice := []string{"alice@xmpp.test"}
	for _, tt := range []struct{ name, text, want string }{
		{"a mail of the largest size", "A: b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 1048), "250"},
		{"larger", strings.Repeat("A: b\r\n", 10) + "\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 1050), "552 5.3.4"},
		{"a NUL", "A: b\r\n\r\n\x00", "554 5.6.0"},
		{"a lone CR", "A: b\r\n\r\nx\ry", "554 5.6.0"},
		{"a lone CR at the end of a line", "A: b\r\n\r\nx\r\r\n", "554 5.6.0"},
		{"a lone CR in the header", "A: b\rEvil: c\r\n\r\n", "554 5.6.0"},
		{"a long line", "A: b\r\n\r\n" + strings.Repeat("x", 100_000), "250"},
		{"a long header", strings.Repeat("A: "+strings.Repeat("x", 900)+"\r\n", 300) + "\r\n", "552 5.3.4"},
		{"a long field", "A: " + strings.Repeat("x\r\n\t", 80_000) + "\r\n\r\n", "552 5.3.4"},
		{"as many fields as may be", strings.Repeat("A: b\r\n", maxFields) + "\r\n", "250"},
		{"one more", strings.Repeat("A: b\r\n", maxFields+1) + "\r\n", "552 5.3.4"},
		{"49 servers", strings.Repeat("Received: x\r\n\ty\r\n", 49) + "\r\n", "250"},
		{"50 servers", strings.Repeat("received : x\r\n", 50) + "\r\n", "554 5.4.6"},
		{"50 servers in the body", "A: b\r\n\r\n" + strings.Repeat("Received: x\r\n", 60), "250"},
		{"no body", "A: b", "250"},
		{"nothing", "", "250"},
		{"no header", "\r\nx", "250"},
	} {
		before := h.count()
		c.say("MAIL FROM:<bob@example.com>", "250")
		c.say("RCPT TO:<"+alice[0]+">", "250")
		c.say("DATA", "354")
		c.write(tt.text + "\r\n.\r\n")
		if got := c.reply(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %s", tt.name, got, tt.want)
		} else if tt.want == "250" {
			if m := h.last(t); h.count() != before+1 || !strings.HasSuffix(m.text, "\r\n"+tt.text+"\r\n") || m.in.Body.Size() != int64(len(m.text)) {
				t.Errorf("%s: it came as %.200q", tt.name, m.text)
			}
		}
		if strings.HasPrefix(tt.want, "5") { // too many errors end a connection
			c.say("QUIT", "221")
			c = greeted(t, addr)
		}
	}
	// Bare LF is a line's end, and never a mail's.
	c.send("bob@example.com", alice, "A: b\n\nx\n.\ny\r\n.\n.\r\nz\n.\r\n..\n", "250")
	if m := h.last(t); !strings.HasSuffix(m.text, "\r\nA: b\r\n\r\nx\r\n.\r\ny\r\n\r\n.\r\nz\r\n.\r\n.\r\n\r\n") {
		t.Errorf("got %q", m.text)
	}
	c.say("MAIL FROM:<bob@example.com>", "250")
	for i := range 4 {
		c.say(fmt.Sprintf("RCPT TO:<u%d@xmpp.test>", i), []string{"250", "250", "250", "452 4.5.3"}[i])
	}
	if left, err := os.ReadDir(o.Spool); err != nil || len(left) > 0 {
		t.Errorf("the spool has %v, %v, want nothing", left, err)
	}
}

// TestSum: a mail has the same sum each time that it comes.
func TestSum(t *testing.T) {
	t.Parallel()
	h := &house{}
	_, addr := serve(t, options(h), false)
	c := greeted(t, addr)
	c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "250")
	first := h.last(t)
	c.say("EHLO else.example", "250")
	c.send("eve@example.com", []string{"alice@xmpp.test"}, hello, "250")
	if second := h.last(t); first.in.Body.Sum() != second.in.Body.Sum() || first.text == second.text {
		t.Error("the sums differ")
	}
	c.send("eve@example.com", []string{"alice@xmpp.test"}, hello+"!", "250")
	if third := h.last(t); first.in.Body.Sum() == third.in.Body.Sum() {
		t.Error("another mail has the same sum")
	}
}

// TestNoRoom: where the disk takes nothing the sender is told to try again.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	o.Spool = t.TempDir() + "/gone"
	_, addr := serve(t, o, false)
	c := greeted(t, addr)
	c.send("bob@example.com", []string{"alice@xmpp.test"}, hello, "250") // small ones need no file
	c.send("bob@example.com", []string{"alice@xmpp.test"}, "A: b\r\n\r\n"+strings.Repeat("0123456789\r\n", 20_000), "452 4.3.1")
	if h.count() != 1 {
		t.Error("it was taken")
	}
}

func TestMischief(t *testing.T) {
	t.Parallel()
	o := options(&house{})
	_, addr := serve(t, o, false)
	c := greeted(t, addr)
	for i := range maxErrors {
		c.say("MAIL FROM:<bob@example.com>", "250")
		c.say(fmt.Sprintf("RCPT TO:<a%d@elsewhere.test>", i), "550")
		if i < maxErrors-1 {
			c.say("RSET", "250")
		}
	}
	c.want("421 4.7.0")
	c.ended()

	c = greeted(t, addr)
	for range maxCommands - 1 {
		c.say("NOOP", "250")
	}
	c.write("NOOP\r\n")
	c.want("421 4.7.0")
	c.ended()

	c = greeted(t, addr)
	c.write("NOOP " + strings.Repeat("x", 3000) + "\r\n")
	c.want("500 5.5.6")
	c.ended()

	c = greeted(t, addr)
	c.write("BDAT 10 LAST\r\nRCPT TO:<a@b.example>\r\n")
	c.want("502 5.5.1")
	c.ended()

	c = greeted(t, addr)
	c.say("NO\x01OP", "500")
	c.say("MAIL FROM:<a\x7f@b.example>", "500")
	c.say("\x00", "500")

	// Whoever goes on and on with a mail that is too large is cut off.
	o.Rules.Limits.Size = 1 << 20
	_, addr = serve(t, o, false)
	c = greeted(t, addr)
	c.say("MAIL FROM:<bob@example.com>", "250")
	c.say("RCPT TO:<alice@xmpp.test>", "250")
	c.say("DATA", "354")
	line := strings.Repeat("x", 998) + "\r\n"
	for range 10 << 10 {
		if _, err := io.WriteString(c.conn, line); err != nil {
			return
		}
	}
	t.Error("10 MiB of a mail were read, where 1 MiB is the limit")
}

// pipes is a listener of connections that need no network, from an address of a stranger.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return stranded{c}, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

type stranded struct{ net.Conn }

func (stranded) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1} }

// TestSlow: whoever sends a byte now and then does not keep a connection by that.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before string
		drip   string
		ends   time.Duration // no later than then
	}{
		"silence":        {"", "", commandTime},
		"a slow command": {"", "x", commandTime},
		"NOOP":           {"", "NOOP\r\n", progressTime},
		"a slow mail":    {"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@xmpp.test>\r\nDATA\r\n", "x", mailTime},
		"half a mail":    {"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@xmpp.test>\r\nDATA\r\nA: b", "", blockTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := New(options(&house{}))
				if err != nil {
					t.Fatal(err)
				}
				l := make(pipes)
				served := make(chan error, 1)
				go func() { served <- s.ServeSMTP(l) }()
				server, peer := net.Pipe()
				l <- server
				ended := make(chan bool)
				go func() {
					r := bufio.NewReader(peer)
					_, _ = io.Copy(io.Discard, r)
					close(ended)
				}()
				begun := time.Now()
				if _, err := io.WriteString(peer, tt.before); err != nil {
					t.Fatal(err)
				}
				for time.Since(begun) < 2*tt.ends {
					select {
					case <-ended:
					case <-time.After(50 * time.Second):
						if tt.drip != "" {
							_, _ = io.WriteString(peer, tt.drip) // fails once it has ended
						}
						continue
					}
					break
				}
				if took := time.Since(begun); took > tt.ends+time.Minute {
					t.Errorf("it lasts %v, want %v", took, tt.ends)
				}
				_ = peer.Close()
				<-ended
				close(l)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_ = s.Close(ctx)
				<-served
			})
		})
	}
}

// TestReload: other rules hold at once, on connections that are open too.
func TestReload(t *testing.T) {
	t.Parallel()
	o := options(&house{})
	s, addr := serve(t, o, false)
	c := greeted(t, addr)
	o.Rules.Limits = Limits{Size: 100, Recipients: 1, PerPeer: 1}
	o.Rules.Postmaster.Domain = "other.test"
	s.Reload(o.Rules)
	if got := c.say("EHLO there.example", "250"); !strings.Contains(got, "SIZE 100") {
		t.Errorf("it offers %q", got)
	}
	c.say("MAIL FROM:<bob@example.com> SIZE=101", "552 5.3.4")
	c.say("MAIL FROM:<bob@example.com> SIZE=100", "250")
	c.say("RCPT TO:<postmaster>", "550 5.7.1") // of another domain
	c.say("RCPT TO:<alice@xmpp.test>", "250")
	c.say("RCPT TO:<carol@xmpp.test>", "452 4.5.3")
	c.say("DATA", "354")
	c.write("A: b\r\n\r\n" + strings.Repeat("x", 200) + "\r\n.\r\n")
	c.want("552 5.3.4")
	dial(t, addr).want("421 4.7.0")
	o.Rules.Trusted = ours
	s.Reload(o.Rules)
	if got := greeted(t, addr).say("EHLO there.example", "250"); !strings.Contains(got, "XFORWARD") {
		t.Errorf("a server that is trusted now is offered %q", got)
	}
}
