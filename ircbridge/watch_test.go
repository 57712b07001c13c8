package ircbridge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// wantPresence waits for the next word on somebody.
func wantPresence(t *testing.T, h *recorder, want transports.Presence) {
	t.Helper()
	if got := await[transports.Presence](t, h); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Where the network tells of people by itself it is asked once; it says who comes, goes, and takes another nick.
func TestWatchByMonitor(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{Monitor: 10, Caps: []string{"away-notify", "message-tags"}})
	bob := contact("bob")
	do(t, s, transports.Watch{Who: []transports.Target{bob, contact("carol")}})
	peer := ircd.Dial(t, server.Addr(), "Bob")
	wantPresence(t, h, transports.Presence{Who: bob, Online: true})
	peer.Send(t, "NICK Carol")
	wantPresence(t, h, transports.Presence{Who: bob})
	wantPresence(t, h, transports.Presence{Who: contact("carol"), Online: true})
	peer.Send(t, "NICK bob")
	wantPresence(t, h, transports.Presence{Who: contact("carol")})
	wantPresence(t, h, transports.Presence{Who: bob, Online: true})
	// Away is told of those in a channel with us, of others when they are written to.
	peer.Send(t, "AWAY :at lunch")
	peer.Expect(t, " 306 ")
	do(t, s, transports.Send{Ref: 9, To: bob, Body: "hi"})
	// The answer to the question whether he is away, which has no text, may come first.
	await(t, h, func(e transports.Presence) bool {
		return e == transports.Presence{Who: bob, Online: true, Away: true, Text: "at lunch"}
	})
	// The same answer may come late.
	in := func(want transports.Presence) {
		t.Helper()
		await(t, h, func(e transports.Presence) bool { return e == want })
	}
	peer.Send(t, "JOIN #test", "AWAY")
	in(transports.Presence{Who: bob, Online: true})
	peer.Send(t, "AWAY :gone")
	in(transports.Presence{Who: bob, Online: true, Away: true, Text: "gone"})
	// After another connection it is the same people, and that somebody is away is asked for.
	server.Drop("Alice")
	await(t, h, func(e transports.State) bool { return !e.Online })
	in(transports.Presence{Who: bob, Online: true, Away: true})
	do(t, s, transports.Watch{Who: []transports.Target{bob}, Stop: true})
	peer.Send(t, "QUIT")
	other := ircd.Dial(t, server.Addr(), "carol")
	other.Send(t, "AWAY :never mind")
	wantPresence(t, h, transports.Presence{Who: contact("carol"), Online: true}) // and nothing of bob
}

// Who does not fit into the network's list is asked for, and so is everybody where there is no such list.
func TestWatchBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1} {
		server := startServer(t, ircd.Options{Monitor: limit})
		for _, nick := range []string{"bob", "carol"} {
			ircd.Dial(t, server.Addr(), nick)
		}
		s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
		do(t, s, transports.Watch{Who: []transports.Target{contact("bob"), contact("carol"), contact("nobody")}}) // before there is a connection
		enter(t, s, h, "#test", "Alice")
		seen := map[string]bool{}
		for range 2 {
			e := await[transports.Presence](t, h)
			seen[e.Who.ID] = e.Online
		}
		if !seen["bob"] || !seen["carol"] {
			t.Errorf("limit %d: got %v", limit, seen)
		}
	}
}

// Asking has a modest pace: lines of at most 400 bytes once a minute, none while an answer is missing, and none once nobody is watched.
func TestWatchByAsking(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		var all []transports.Target
		for i := range 60 {
			all = append(all, contact(fmt.Sprintf("somebody%02d", i)))
		}
		p := joined(t, n, s, h)
		do(t, s, transports.Watch{Who: all})
		first := p.Expect(t, "ISON ")
		second := p.Expect(t, "ISON ")
		if len(first) > watchLine || len(strings.Fields(first))+len(strings.Fields(second)) != 62 {
			t.Errorf("got %d bytes: %s\n%s", len(first), first, second)
		}
		start := time.Now()
		p.Send(t, ":irc.test 303 alice :SomeBody01 somebody59", ":irc.test 303 alice :somebody59 stranger")
		// An answer counts for those in its line alone.
		wantPresence(t, h, transports.Presence{Who: all[1], Online: true})
		p.Expect(t, "USERHOST somebody01")
		wantPresence(t, h, transports.Presence{Who: all[59], Online: true})
		p.Expect(t, "USERHOST somebody59")
		p.Send(t, ":irc.test 302 alice :somebody01*=-~x@host somebody59=+~y@host nonsense =")
		wantPresence(t, h, transports.Presence{Who: all[1], Online: true, Away: true})
		p.Expect(t, "ISON ")
		took(t, start, pollInterval)
		p.Expect(t, "ISON ")
		// The first line is answered and the second is not: an answer that is missing stops the asking.
		p.Send(t, ":irc.test 303 alice :")
		wantPresence(t, h, transports.Presence{Who: all[1]})
		start = time.Now()
		p.Expect(t, "PING ")
		took(t, start, silenceTimeout)
		p.Send(t, ":irc.test PONG irc.test :alice", ":irc.test 303 alice :")
		wantPresence(t, h, transports.Presence{Who: all[59]})
		p.Expect(t, "ISON ")
		p.Expect(t, "ISON ")
		do(t, s, transports.Watch{Who: all, Stop: true})
		p.Send(t, ":irc.test 303 alice :somebody01", ":irc.test 303 alice :somebody59")
		p.Expect(t, "PING ") // and no ISON
	})
}

// A network may say what it likes of people: who is not watched is not heard of, and nothing has no end.
func TestWatchHostile(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{Monitor: 5})
	for _, line := range []string{
		":x 730 Alice :bob!a@b,carol", ":x 731 Alice :", ":x 731 Alice", ":x 303 Alice :bob", ":x 302 Alice :bob=-a@b", ":x 301 Alice bob :gone",
		":x 734 Alice 5 bob,carol :full", ":x 734 Alice", ":x 732 Alice :bob", ":x 733 Alice :End", ":bob!a@b AWAY :gone", "AWAY", ":bob!a@b AWAY", ":x 303",
	} {
		server.Inject("Alice", line)
	}
	server.Inject("Alice", ":bob!a@b PRIVMSG Alice :all of it was read")
	await[transports.Message](t, h)
	do(t, s, transports.Watch{Who: []transports.Target{contact("bob"), contact("bob")}})
	server.Inject("Alice", ":x 734 Alice 5 bob :full")
	server.Inject("Alice", ":bob!a@b AWAY :"+strings.Repeat("long ", 100)+"\x03\x02")
	wantPresence(t, h, transports.Presence{Who: contact("bob"), Online: true})
	if e := await[transports.Presence](t, h); !e.Away || len(e.Text) > maxSetting || strings.ContainsAny(e.Text, "\x02\x03") {
		t.Errorf("got %d bytes: %+v", len(e.Text), e)
	}
	wantKind(t, s.Do(context.Background(), transports.Watch{Who: []transports.Target{contact("a b")}}), transports.BadRequest)
	wantKind(t, s.Do(context.Background(), transports.Watch{Who: []transports.Target{roomOf("#test")}}), transports.BadRequest)
	var many []transports.Target
	for i := range maxWatched + 1 {
		many = append(many, contact(fmt.Sprintf("n%d", i)))
	}
	ircd.Dial(t, server.Addr(), "n7") // is among those that fit
	wantKind(t, s.Do(context.Background(), transports.Watch{Who: many}), transports.Policy)
	await(t, h, func(e transports.Presence) bool { return e == transports.Presence{Who: contact("n7"), Online: true} })
	do(t, s, transports.Watch{Who: many, Stop: true})
	do(t, s, transports.Watch{Stop: true})
}

// Somebody who comes into a contact list and goes out of it as fast as he can fills no queue: in the end the network is told what holds.
func TestWatchFlood(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{Monitor: 10})
	bob, carol := contact("bob"), contact("carol")
	ircd.Dial(t, server.Addr(), "bob")
	ircd.Dial(t, server.Addr(), "carol")
	for range 5_000 {
		do(t, s, transports.Watch{Who: []transports.Target{bob}})
		do(t, s, transports.Watch{Who: []transports.Target{bob}, Stop: true})
		if n := len(waiting(s)); n > 2 {
			t.Fatalf("%d lines wait", n)
		}
	}
	do(t, s, transports.Watch{Who: []transports.Target{carol}})
	await(t, h, func(e transports.Presence) bool { return e == transports.Presence{Who: carol, Online: true} })
	do(t, s, transports.Watch{Who: []transports.Target{bob}})
	await(t, h, func(e transports.Presence) bool { return e == transports.Presence{Who: bob, Online: true} })
}

// waiting are the lines of a session that wait to be written.
func waiting(s transports.Session) []outLine {
	own := s.(*session)
	own.mu.Lock()
	defer own.mu.Unlock()
	return own.conn.queue
}

// The network may name any limit, which is not to be taken at its word, nor its letters.
func TestMonitorLimits(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]int{
		"MONITOR=0": 0, "MONITOR=-1": 0, "MONITOR=9999999": maxWatched, "MONITOR=99999999999999999999": 0, "MONITOR": maxWatched,
		"MONITOR=": maxWatched, "MONITOR=x": 0, "-MONITOR": 0, "MONITOR=7": 7, "MONITORS=7": 0,
	} {
		isup := defaultISupport()
		if isup.apply([]string{token}); isup.monitor != want {
			t.Errorf("%s: got %d, want %d", token, isup.monitor, want)
		}
	}
	long := strings.Repeat("x", maxNickName)
	for _, line := range joinNicks("MONITOR + ", ",", []string{long, long + "y", "z"}, maxWatched) {
		if len(line) > watchLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
