package ircbridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// greets is a server that lets alice in with a greeting.
func greets(t *testing.T, p *ircd.Peer, lines ...string) {
	t.Helper()
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :Welcome")
	p.Send(t, lines...)
	p.Send(t, ":irc.test 376 alice :End of MOTD")
}

// What a network greets with is one text, shown once, and to who has come in himself.
func TestGreeting(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		greets(t, p, ":irc.test 002 alice :Your host is irc.test", ":irc.test 004 alice irc.test v1 o o", ":irc.test 254 alice 3 :channels formed",
			":irc.test 375 alice :- Message of the day -", ":irc.test 372 alice :- be \x02kind\x02", ":irc.test 372 alice :-", ":irc.test 372 alice :- and brief")
		if e, want := await[transports.Notice](t, h), "Your host is irc.test\n3 channels formed\nbe kind\n\nand brief"; e.Text != want || e.Room != (transports.Target{}) {
			t.Errorf("got %s, want %q", describe(e), want)
		}
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		p = n.accept(t)
		greets(t, p, ":irc.test 372 alice :- be kind")
		p.EnterChannel(t, "alice")
		for {
			e := h.next(t)
			if _, told := e.(transports.Notice); told {
				t.Errorf("once more: %s", describe(e))
			}
			if _, back := e.(transports.Entered); back {
				break
			}
		}
	})
}

func TestGreetingIsBounded(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	line := ":irc.test 372 alice :- " + strings.Repeat("x", 400)
	lines := make([]string, 2*maxGreeting/400)
	for i := range lines {
		lines[i] = line
	}
	greets(t, script.Accept(t), lines...)
	if e := await[transports.Notice](t, h); len(e.Text) > maxGreeting || len(e.Text) < maxGreeting-500 {
		t.Errorf("got %d bytes", len(e.Text))
	}
}

// What a server says behind its greeting is shown once, what it says later as often as it says it.
func TestNoticeBehindGreeting(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		const secure, later = "*** You are connected using TLS", "going down"
		var said []string
		for range 2 {
			p := n.accept(t)
			greets(t, p)
			p.Send(t, ":irc.test NOTICE alice :"+secure)
			p.EnterChannel(t, "alice")
			time.Sleep(2 * greetingTail) // of the fake clock
			p.Send(t, ":irc.test NOTICE alice :"+later, ":irc.test NOTICE alice :"+later, ":bob!b@host PRIVMSG #test :go on")
			await(t, h, func(e transports.Event) bool {
				if n, ok := e.(transports.Notice); ok && n.Room == (transports.Target{}) {
					said = append(said, n.Text)
				}
				_, ok := e.(transports.Message)
				return ok
			})
			if err := p.Conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{secure, later, later, later, later}; !slices.Equal(said, want) {
			t.Errorf("got %q, want %q", said, want)
		}
	})
}

// Who stays is taken in without a word.
func TestGreetingOfWhoStays(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Room: roomOf("#test"), Nick: "alice", Lasting: true})
	p := script.Accept(t)
	greets(t, p, ":irc.test 372 alice :- be kind")
	p.EnterChannel(t, "alice")
	for {
		e := h.next(t)
		if _, told := e.(transports.Notice); told {
			t.Errorf("got %s", describe(e))
		}
		if _, in := e.(transports.Entered); in {
			return
		}
	}
}
