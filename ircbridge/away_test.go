package ircbridge

import (
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// expectIn fails unless the line comes after that much time of the fake clock.
func expectIn(t *testing.T, p *ircd.Peer, want string, d time.Duration) {
	t.Helper()
	start := time.Now()
	if got := p.Expect(t, want); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if took := time.Since(start); took < d || took > d+100*time.Millisecond {
		t.Errorf("%q came after %v, want %v", want, took, d)
	}
}

// The network is told that the user is away once he has been so for a while, not each time, and at once that he is back.
func TestSetAway(t *testing.T) {
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.SetAway{Away: true, Text: "before\r\nanything"}) // nothing to tell yet
		p := joined(t, n, s, h)
		expectIn(t, p, "AWAY :before anything", awayDelay)
		do(t, s, transports.SetAway{})
		expectIn(t, p, "AWAY", 0)
		for range 5 { // comes and goes
			do(t, s, transports.SetAway{Away: true, Text: "lunch"})
			do(t, s, transports.SetAway{})
		}
		do(t, s, transports.SetAway{Away: true})
		expectIn(t, p, "AWAY :Away", awayInterval)
		do(t, s, transports.SetAway{Away: true, Text: "tea"})
		time.Sleep(awayInterval / 2) // of the fake clock
		do(t, s, transports.SetAway{Away: true, Text: "coffee"})
		expectIn(t, p, "AWAY :coffee", awayInterval/2)
		// Who is away for a moment is not.
		do(t, s, transports.SetAway{})
		expectIn(t, p, "AWAY", 0)
		time.Sleep(awayInterval)
		do(t, s, transports.SetAway{Away: true, Text: "a moment"})
		time.Sleep(awayDelay / 2)
		do(t, s, transports.SetAway{})
		do(t, s, transports.Send{Ref: 9, To: roomOf("#test"), Body: "here"})
		expectIn(t, p, "PRIVMSG #test :here", 0)
	})
}

// A connection that comes back is told anew.
func TestAwayAfterReconnect(t *testing.T) {
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		do(t, s, transports.SetAway{Away: true, Text: "lunch"})
		p.Expect(t, "AWAY :lunch")
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		p = n.accept(t)
		p.Welcome(t, "alice")
		p.Expect(t, "AWAY :lunch")
	})
}

// Whether others are away is asked of small channels, and asked again where the network does not tell, unless nobody looks.
func TestWhoIsAway(t *testing.T) {
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		p.Send(t, ":irc.test 352 alice #test ~b h irc.test bob G@ :0 Bob", ":irc.test 352 alice #test ~c h irc.test carol H :0 Carol", ":irc.test 315 alice #test :End")
		if e := await[transports.Away](t, h); e != (transports.Away{Nick: "bob", Away: true}) {
			t.Errorf("got %+v", e)
		}
		if e := await[transports.Away](t, h); e != (transports.Away{Nick: "carol"}) {
			t.Errorf("got %+v", e)
		}
		p.Send(t, ":bob!b@h AWAY :at lunch", ":bob!b@h AWAY")
		if e := await[transports.Away](t, h); e != (transports.Away{Nick: "bob", Away: true, Text: "at lunch"}) {
			t.Errorf("got %+v", e)
		}
		if e := await[transports.Away](t, h); e != (transports.Away{Nick: "bob"}) {
			t.Errorf("got %+v", e)
		}
		again := time.Now()
		for line := ""; line != "WHO #test"; line = p.Expect(t, "") {
			if line != "" {
				p.Send(t, ":irc.test PONG irc.test :alice")
			}
		}
		if d := time.Since(again); d < whoInterval-time.Minute || d > whoInterval+time.Minute {
			t.Errorf("asked again after %v", d)
		}
	})
}

// What somebody says of being away is told once.
func TestToldOfAwayOnce(t *testing.T) {
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		notices := func(lines ...string) (got []string) {
			t.Helper()
			p.Send(t, lines...)
			synctest.Wait()
			for {
				select {
				case e := <-h.events:
					if n, ok := e.(transports.Notice); ok {
						got = append(got, n.Text)
					}
				default:
					return got
				}
			}
		}
		away := ":irc.test 301 alice bob :at lunch"
		for _, tt := range []struct {
			lines []string
			want  int
		}{{[]string{away, away}, 1}, {[]string{":irc.test 301 alice Bob :home"}, 1}, {[]string{":bob!b@h AWAY", away}, 1}, {[]string{away}, 0}} {
			if got := notices(tt.lines...); len(got) != tt.want {
				t.Errorf("%q: told %q", tt.lines, got)
			}
		}
	})
}
