package ircbridge

import (
	"runtime"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// scripted is a session of alice's on a server that the test plays, with the capabilities that it acknowledges.
func scripted(t *testing.T, caps string) (*ircd.Peer, transports.Session, *recorder) {
	t.Helper()
	p, s, h, _ := scriptedWith(t, caps, Options{})
	return p, s, h
}

// scriptedWith is scripted with more options of the transport.
func scriptedWith(t *testing.T, caps string, opt Options) (*ircd.Peer, transports.Session, *recorder, *Transport) {
	t.Helper()
	script := ircd.NewScript(t, nil)
	opt.Networks = plainNet(script.Addr)
	tr := newTransport(t, opt)
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :"+caps)
	if caps != "" {
		p.Expect(t, "CAP REQ")
		p.Send(t, ":irc.test CAP * ACK :"+caps)
	}
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	return p, s, h, tr
}

func TestWhatHappensWhileEntering(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":bob!b@h PRIVMSG #test :before we were in",
		":alice!a@h JOIN #Test", ":irc.test 332 alice #test :topic", ":irc.test 333 alice #test bob!b@h 1700000000",
		":irc.test 353 alice = #test :@bob +carol alice",
		":bob!b@h PRIVMSG #test :hello", ":carol!c@h NICK caroline", ":dave!d@h JOIN #test", ":irc.test 353 alice = #test :erin bob",
		":erin!e@h QUIT :bye", ":irc.test 366 alice #test :End")
	if e := await[transports.Renamed](t, h); e.Old != "carol" {
		t.Errorf("got %s", describe(e))
	}
	if e := await[transports.Parted](t, h); e.Nick != "erin" || e.How != transports.PartQuit {
		t.Errorf("got %s", describe(e))
	}
	for _, want := range []string{
		`Entered room="#test" nick="alice" ref=1 members=[bob/4 caroline/1 alice/0] subject="topic"`,
		`Message room="#test" to="" from=bob!b@h body="hello"`,
		`Joined room="#test" dave!d@h role=0`,
	} {
		if got := describe(h.next(t)); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLabelledBatch(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch echo-message labeled-response message-tags")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: contact("bob"), Body: "one"})
	do(t, s, transports.Send{Ref: 3, To: contact("bob"), Body: "two"})
	p.Expect(t, "@label=2 PRIVMSG bob :one")
	p.Expect(t, "@label=3 PRIVMSG bob :two")
	// Out of order, and the first within a batch because there is more to say.
	p.Send(t, "@label=3 :alice!a@h PRIVMSG bob :two",
		"@label=2 :irc.test BATCH +x labeled-response", "@batch=x :irc.test 301 alice bob :not here",
		"@batch=x :alice!a@h PRIVMSG bob :one", ":irc.test BATCH -x")
	if m := await[transports.Message](t, h); m.Ref != 3 || m.Body != "two" {
		t.Errorf("got %s", describe(m))
	}
	if m := await[transports.Message](t, h); m.Ref != 2 || m.Body != "one" {
		t.Errorf("got %s", describe(m))
	}
	do(t, s, transports.Send{Ref: 4, To: roomOf("#test"), Body: "one\ntwo"})
	p.Expect(t, "@label=5 ")
	p.Send(t, "@label=4 :irc.test 404 alice #test :Cannot send", "@label=5 :irc.test 404 alice #test :Cannot send",
		":bob!b@h PRIVMSG #test :after")
	d := await[transports.Done](t, h)
	wantKind(t, d.Err, transports.Denied)
	if m, ok := h.next(t).(transports.Message); d.Ref != 4 || !ok || m.Body != "after" {
		t.Errorf("got %+v and %+v, want one answer for both parts", d, m)
	}
}

func TestForcedByTheNetwork(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":irc.test 470 alice #test ##test :Forwarding to another channel", ":alice!a@h JOIN ##test")
	wantKind(t, await[transports.Done](t, h).Err, transports.Denied)
	p.Expect(t, "PART ##test")
	p.Send(t, ":alice!a@h NICK Guest1")
	if e := await[transports.Renamed](t, h); !e.Self || e.New != "Guest1" {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#other")})
	p.EnterChannel(t, "Guest1")
	if e := await[transports.Entered](t, h); e.Nick != "Guest1" {
		t.Errorf("got %s", describe(e))
	}
	p.Send(t, ":irc.test 442 Guest1 #never :You're not on that channel", ":irc.test 999 Guest1 #other :about #other")
	if n := await(t, h, func(n transports.Notice) bool { return n.Room == roomOf("#other") }); n.Text != "#other about #other" {
		t.Errorf("got %s", describe(n))
	}
}

func TestPeopleAreShared(t *testing.T) {
	t.Parallel()
	var table people
	a := table.intern(transports.Person{Nick: "bob", Host: "h"})
	if b := table.intern(transports.Person{Nick: "bob", Host: "h"}); a != b {
		t.Error("the same person is there twice")
	}
	for i := range 10 * minSweep {
		table.intern(transports.Person{Nick: string(rune('a' + i%26)), Host: string(rune(0x4e00 + i))})
		if i%minSweep == 0 {
			runtime.GC()
		}
	}
	if n := len(table.byHash); n > 4*minSweep {
		t.Errorf("%d entries of people who are gone", n)
	}
	if b := table.intern(transports.Person{Nick: "bob", Host: "h"}); a != b {
		t.Error("somebody who is still there was forgotten")
	}
}
