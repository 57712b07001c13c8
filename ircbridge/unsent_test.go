package ircbridge

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// What is said to somebody connects, and is said once, in order, when that is done; time for an answer is left before the session ends.
func TestSaidBeforeConnected(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Send{Ref: 1, To: contact("bob"), Body: "one"})
		p := n.accept(t)
		do(t, s, transports.Send{Ref: 2, To: contact("bob"), Body: "two\nthree"})
		p.Welcome(t, "alice")
		for _, line := range []string{"PRIVMSG bob :one", "PRIVMSG bob :two", "PRIVMSG bob :three"} {
			if got := p.Expect(t, "PRIVMSG"); got != line {
				t.Errorf("got %q, want %q", got, line)
			}
		}
		for _, want := range []transports.Message{{Ref: 1, Part: 1, Of: 1}, {Ref: 2, Part: 1, Of: 2}, {Ref: 2, Part: 2, Of: 2}} {
			if m := await[transports.Message](t, h); m.Ref != want.Ref || m.Part != want.Part || m.Of != want.Of {
				t.Errorf("got %s", describe(m))
			}
		}
		start := time.Now()
		go func() {
			for { // a server that is there
				line, err := p.Line()
				if err != nil {
					return
				}
				if token, ok := strings.CutPrefix(line, "PING "); ok {
					p.Send(t, "PONG "+token)
				}
			}
		}()
		if e := await(t, h, func(e transports.State) bool { return !e.Online }); e.Retry != 0 || time.Since(start) < talkTimeout {
			t.Errorf("after %v: %s", time.Since(start), describe(e))
		}
	})
}

// Where there is no connection what was said comes back, with the reason, and the session is over.
func TestSaidWithoutNetwork(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, _ *pipeNet, s transports.Session, h *recorder) {
		s.(*session).t.opt.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errDown }
		do(t, s, transports.Send{Ref: 1, To: contact("bob"), Body: "one"})
		do(t, s, transports.Send{Ref: 2, To: contact("bob"), Body: "two"})
		for _, ref := range []transports.Ref{1, 2} {
			d := await[transports.Done](t, h)
			if wantKind(t, d.Err, transports.Offline); d.Ref != ref {
				t.Errorf("got %+v, want %d", d, ref)
			}
		}
		if e := await[transports.State](t, h); e.Online || e.Retry != 0 {
			t.Errorf("got %s", describe(e))
		}
	})
}

// What waits has a bound, and a time.
func TestSaidTooEarly(t *testing.T) {
	withClock(t, Options{Networks: []Network{{ID: testNet, Plain: true, Addresses: []string{"a.test:1", "b.test:1", "c.test:1", "d.test:1"}}}},
		func(t *testing.T, _ *pipeNet, s transports.Session, h *recorder) {
			s.(*session).t.opt.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			start := time.Now()
			for i := range maxUnsent {
				do(t, s, transports.Send{Ref: transports.Ref(i + 1), To: contact("bob"), Body: "x"})
			}
			wantKind(t, s.Do(t.Context(), transports.Send{Ref: 99, To: contact("bob"), Body: "x"}), transports.Busy)
			wantKind(t, s.Do(t.Context(), transports.Send{Ref: 99, To: contact("bob"), Body: strings.Repeat("x", maxBody+1)}), transports.TooLarge)
			for i := range maxUnsent {
				d := await[transports.Done](t, h)
				if e := wantKind(t, d.Err, transports.Offline); d.Ref != transports.Ref(i+1) || !strings.Contains(e.Text, "not sent") {
					t.Errorf("got %d %s", d.Ref, e.Text)
				}
			}
			took(t, start, unsentTimeout)
			s.Close("")
			synctest.Wait()
		})
}

// Where the login fails nothing is said.
func TestSaidBeforeLogin(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	server := startServer(t, ircd.Options{TLS: conf, SASL: []string{mechPlain}, Caps: []string{"echo-message"}, Accounts: map[string]string{"alice": "sesame"}})
	bob := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}}})
	listener, heard := open(t, bob, transports.Address{Local: "bob", Domain: "example.org"})
	enter(t, listener, heard, "#test", "bob")
	for _, tc := range []struct {
		password string
		kind     transports.Kind
	}{{"wrong", transports.NeedPassword}, {"sesame", 0}} {
		tr := newTransport(t, Options{
			Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}},
			Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: tc.password}),
		})
		s, h := open(t, tr, alice)
		do(t, s, transports.Send{Ref: 1, To: contact("bob"), Body: "with " + tc.password})
		if tc.kind != 0 {
			d := await[transports.Done](t, h)
			if wantKind(t, d.Err, tc.kind); d.Ref != 1 {
				t.Errorf("got %+v", d)
			}
			continue
		}
		if m := await[transports.Message](t, h); m.Ref != 1 {
			t.Errorf("got %s", describe(m))
		}
		if account, _ := server.Login("alice"); account != "alice" {
			t.Errorf("it was said as %q", account)
		}
	}
	if m := await[transports.Message](t, heard); m.Body != "with sesame" {
		t.Errorf("bob was told %s", describe(m))
	}
}

// What is said to somebody while the link is lost is said once it is back.
func TestSaidWhileLost(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		if e := await(t, h, func(e transports.State) bool { return !e.Online }); e.Retry == 0 {
			t.Fatalf("got %s", describe(e))
		}
		do(t, s, transports.Send{Ref: 5, To: contact("bob"), Body: "still there?"})
		wantKind(t, s.Do(t.Context(), transports.Send{Ref: 6, To: roomOf("#test"), Body: "hello"}), transports.Offline)
		p = n.accept(t)
		p.Welcome(t, "alice")
		p.Expect(t, "JOIN #test")
		p.Expect(t, "PRIVMSG bob :still there?")
		if m := await[transports.Message](t, h); m.Ref != 5 {
			t.Errorf("got %s", describe(m))
		}
		p.Send(t, "PING :x")
		if line := p.Expect(t, "PONG"); strings.Contains(line, "PRIVMSG") {
			t.Errorf("got %q", line)
		}
	})
}
