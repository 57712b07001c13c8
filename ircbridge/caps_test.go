package ircbridge

import (
	"math/bits"
	"net"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// A list may be on several lines, its names may have values, and what is a draft is asked for as one where there is nothing else.
func TestCapList(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines []string
		want  []string // requests
	}{
		"one line":           {[]string{"LS :multi-prefix unknown batch"}, []string{"batch multi-prefix"}},
		"none":               {[]string{"LS :"}, nil},
		"without a colon":    {[]string{"LS batch"}, []string{"batch"}},
		"values":             {[]string{"LS * :batch=a,b=c sts=port=1", "LS :userhost-in-names="}, []string{"batch userhost-in-names"}},
		"draft":              {[]string{"LS :draft/userhost-in-names"}, []string{"draft/userhost-in-names"}},
		"draft and final":    {[]string{"LS :draft/userhost-in-names userhost-in-names draft/userhost-in-names"}, []string{"userhost-in-names"}},
		"final, then draft":  {[]string{"LS :userhost-in-names draft/userhost-in-names"}, []string{"userhost-in-names"}},
		"twice":              {[]string{"LS * :batch batch", "LS :batch"}, []string{"batch"}},
		"of other case":      {[]string{"LS :Batch"}, nil},
		"spaces":             {[]string{"LS :  batch   userhost-in-names  "}, []string{"batch userhost-in-names"}},
		"never of our own":   {[]string{"LS :no-implicit-names draft/no-implicit-names sts"}, nil},
		"a list of no end":   {append(slices.Repeat([]string{"LS * :x"}, maxCapLines-1), "LS * :batch", "LS :userhost-in-names"), []string{"batch"}},
		"a value of no end":  {[]string{"LS * :batch=" + strings.Repeat("x", 14_000), "LS :userhost-in-names"}, []string{"batch userhost-in-names"}},
		"a list after lists": {[]string{"LS :batch", "LS :userhost-in-names"}, []string{"batch"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := deaf(t)
			for _, line := range tc.lines {
				s.handle(c, ":irc.test CAP * "+line)
			}
			var got []string
			for _, line := range c.urgent {
				if names, ok := strings.CutPrefix(line, "CAP REQ :"); ok {
					got = append(got, names)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("asked for %q, want %q", got, tc.want)
			}
		})
	}
}

// All that is wanted is asked for in lines that can be answered in one.
func TestCapRequestsFit(t *testing.T) {
	t.Parallel()
	s, c := deaf(t)
	s.handle(c, ":irc.test CAP * LS :draft/"+strings.Join(capNames[:], " draft/"))
	asked := 0
	for _, line := range c.urgent {
		if len(line) > len("CAP REQ :")+maxCapReq {
			t.Errorf("%d bytes: %s", len(line), line)
		}
		asked += strings.Count(line, "draft/")
	}
	if asked != len(capNames) {
		t.Errorf("asked for %d of %d", asked, len(capNames))
	}
}

// Where a set is refused, each of it is asked for by itself, once.
func TestCapRefused(t *testing.T) {
	t.Parallel()
	s, c := deaf(t)
	s.handle(c, ":irc.test CAP * LS :batch userhost-in-names server-time")
	c.urgent = nil
	s.handle(c, ":irc.test CAP * NAK :batch server-time userhost-in-names")
	if want := []string{"CAP REQ :batch", "CAP REQ :server-time", "CAP REQ :userhost-in-names"}; !slices.Equal(c.urgent, want) {
		t.Fatalf("asked %q, want %q", c.urgent, want)
	}
	s.handle(c, ":irc.test CAP * ACK :batch")
	s.handle(c, ":irc.test CAP * NAK :server-time")
	if c.capsEnded {
		t.Error("CAP END before all is answered")
	}
	s.handle(c, ":irc.test CAP * ACK :userhost-in-names")
	if !c.capsEnded || !c.can(capBatch) || !c.can(capUserhostInNames) || c.can(capServerTime) {
		t.Errorf("got %b, ended %t", c.caps.on, c.capsEnded)
	}
	c.urgent = nil
	s.handle(c, ":irc.test CAP a NEW :server-time batch userhost-in-names")
	if len(c.urgent) > 0 {
		t.Errorf("asked again: %q", c.urgent)
	}
}

// What a network begins or ceases to have while one is connected counts from then on.
func TestCapNotify(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "message-tags")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	say := func(ref transports.Ref, text string) {
		t.Helper()
		do(t, s, transports.Send{Ref: ref, To: roomOf("#test"), Body: text})
		p.Expect(t, "PRIVMSG #test :"+text)
	}
	// No echo: said once it is written.
	say(2, "one")
	if m := await[transports.Message](t, h); m.Ref != 2 || !m.Unplaced {
		t.Errorf("got %s", describe(m))
	}
	// While it is being asked for, what is behind the request comes back.
	p.Send(t, ":irc.test CAP alice NEW :echo-message draft/unknown")
	p.Expect(t, "CAP REQ :echo-message")
	say(3, "two")
	p.Send(t, ":irc.test CAP alice ACK :echo-message", ":alice!a@h PRIVMSG #test :two", ":bob!b@h PRIVMSG #test :between")
	if m := await[transports.Message](t, h); m.Ref != 3 || m.Unplaced {
		t.Errorf("got %s", describe(m))
	}
	await[transports.Message](t, h)
	// It goes away with an echo missing: the answer to a PING says that all is well, or a refusal before it that it is not.
	say(4, "three")
	say(5, "four")
	p.Send(t, ":irc.test CAP alice DEL :echo-message")
	ping := strings.TrimPrefix(p.Expect(t, "PING :done-"), "PING :")
	p.Send(t, ":irc.test PONG irc.test :"+ping)
	for _, ref := range []transports.Ref{4, 5} {
		if m := await[transports.Message](t, h); m.Ref != ref {
			t.Errorf("got %s, want %d", describe(m), ref)
		}
	}
	say(6, "five")
	if m := await[transports.Message](t, h); m.Ref != 6 || !m.Unplaced {
		t.Errorf("got %s", describe(m))
	}
	// Refused after all: what was said behind the request is confirmed by a PING as well.
	p.Send(t, ":irc.test CAP alice NEW :echo-message")
	p.Expect(t, "CAP REQ :echo-message")
	say(7, "six")
	p.Send(t, ":irc.test CAP alice NAK :echo-message")
	ping = strings.TrimPrefix(p.Expect(t, "PING :done-"), "PING :")
	p.Send(t, ":irc.test 404 alice #test :Cannot send to channel", ":irc.test PONG irc.test :"+ping)
	if d := await[transports.Done](t, h); d.Ref != 7 || d.Err == nil {
		t.Errorf("got %+v", d)
	}
}

// Who is away is asked for as soon as the network does not tell any more.
func TestAwayNotifyGoes(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "away-notify")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	p.Send(t, ":irc.test CAP alice DEL :away-notify")
	p.Expect(t, "WHO #test")
	p.Send(t, ":irc.test CAP alice NEW :away-notify")
	p.Expect(t, "CAP REQ :away-notify")
	p.Send(t, ":irc.test CAP alice ACK :away-notify")
	p.Expect(t, "WHO #test")
}

// deaf is a session on a connection on which nothing is written: what would be said stays in the queue.
func deaf(t testing.TB) (*session, *conn) {
	t.Helper()
	tr, err := New(Options{Networks: plainNet("127.0.0.1:1")})
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(tr, tr.rules().byID[testNet], alice, newRecorder())
	ours, theirs := net.Pipe()
	t.Cleanup(func() {
		s.life.end()
		_ = ours.Close() // a pipe
		_ = theirs.Close()
	})
	c := newConn(ours, new(Network), &tr.buffers, 1)
	s.conn, c.dead = c, true
	s.nick = "alice"
	return s, c
}

// FuzzCaps has a network say of its capabilities whatever it likes.
func FuzzCaps(f *testing.F) {
	f.Add("LS * :batch echo-message\nLS :sasl=PLAIN userhost-in-names\nNAK :batch\nACK :batch\nNEW :echo-message\nDEL :echo-message")
	f.Add("LS :" + strings.Join(capNames[:], " ") + "\nNAK :x\nNAK :batch\nACK :-batch\nACK :batch -batch\nNEW :batch=" + strings.Repeat("v", 500))
	f.Add(strings.Repeat("LS * :draft/batch\n", 100) + "NEW :sasl\nDEL :sasl\nACK :sasl\nLIST :batch")
	f.Fuzz(func(t *testing.T, lines string) {
		s, c := deaf(t)
		for line := range strings.SplitSeq(lines, "\n") {
			s.handle(c, ":irc.test CAP * "+line)
			asked := 0
			for _, set := range c.caps.asked {
				asked += bits.OnesCount64(uint64(set))
			}
			if asked > len(capNames) || len(c.urgent) > maxUrgent+1 || len(c.queue) > maxQueue {
				t.Fatalf("%d asked for, %d lines, after %q", asked, len(c.urgent), line)
			}
			for _, said := range c.urgent {
				if strings.ContainsAny(said, "\r\n") || len(said) > 510 {
					t.Fatalf("would say %q", said)
				}
			}
		}
	})
}

// Somebody who is not there when the gateway connects him is not seen to come, where the network lets that be said before.
func TestPreAway(t *testing.T) {
	t.Parallel()
	for caps, before := range map[string]bool{"draft/pre-away": true, "batch": false} {
		script := ircd.NewScript(t, nil)
		s, _ := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
		do(t, s, transports.SetAway{Away: true, Text: "asleep"})
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := script.Accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :"+caps)
		p.Expect(t, "CAP REQ :"+caps)
		p.Send(t, ":irc.test CAP * ACK :"+caps)
		want := "CAP END"
		if before {
			want = "AWAY :asleep"
		}
		if line, err := p.Line(); err != nil || line != want {
			t.Errorf("%s: got %q, %v, want %q", caps, line, err, want)
		}
	}
}

// What a network says of itself is asked for before it lets anybody in, where it answers then (IRCv3 extended-isupport).
func TestExtendedISupport(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#" + strings.Repeat("x", 40)), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :batch draft/extended-isupport")
	p.Expect(t, "CAP REQ :batch draft/extended-isupport")
	p.Send(t, ":irc.test CAP * ACK :batch draft/extended-isupport")
	for _, want := range []string{"ISUPPORT", "CAP END"} {
		if line, err := p.Line(); err != nil || line != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
	p.Send(t, ":irc.test BATCH +a draft/isupport", "@batch=a :irc.test 005 * CHANNELLEN=20 :are supported", ":irc.test BATCH -a",
		":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	wantKind(t, await[transports.Done](t, h).Err, transports.BadRequest)
}
