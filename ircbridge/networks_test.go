package ircbridge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// What networks do that RFC 2812 does not say, each test named after the behaviour.

func TestOnlyTheSpaceSeparates(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"JOIN #a\u00a0b":                         {"#a\u00a0b"},
		":bob!u@h JOIN #a\u3000b acc :Bob":       {"#a\u3000b", "acc", "Bob"},
		"@a=b :s 353 x = #a\u00a0b :x  y\u2003z": {"x", "=", "#a\u00a0b", "x  y\u2003z"},
		"PRIVMSG  #a\tb   text\u0085 :":          {"#a\tb", "text\u0085", ""},
		"PRIVMSG #a::b ::)\u00a0:":               {"#a::b", ":)\u00a0:"},
	} {
		e := parse(line)
		if e == nil || fmt.Sprintf("%q", e.Params) != fmt.Sprintf("%q", want) {
			t.Errorf("%q: got %+v, want the parameters %q", line, e, want)
		}
	}
}

func TestChannelWithANoBreakSpace(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#a\u00a0b")})
	p.Expect(t, "JOIN #a\u00a0b")
	p.Send(t, ":alice!a@h JOIN #a\u00a0b", ":irc.test 353 alice = #a\u00a0b :alice", ":irc.test 366 alice #a\u00a0b :End")
	if e := await[transports.Entered](t, h); e.Room != roomOf("#a\u00a0b") {
		t.Errorf("got %s", describe(e))
	}
}

func TestTwoNamesForOneChannel(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "") // says nothing, so rfc1459 holds
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#c[]")})
	p.Expect(t, "JOIN #c[]")
	p.Send(t, ":alice!a@h JOIN #c[]", ":irc.test 353 alice = #c[] :alice", ":irc.test 366 alice #c[] :End")
	await[transports.Entered](t, h)
	err := wantKind(t, s.Do(t.Context(), transports.Join{Ref: 3, Room: roomOf("#c{}")}), transports.BadRequest)
	if !strings.Contains(err.Text, "#c[]") {
		t.Errorf("the text %q does not say which name to use", err.Text)
	}
}

func TestTwoNamesForOneChannelBeforeTheNetworkIsKnown(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#c["), Nick: "alice"})
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#c{"), Nick: "alice"})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	if line := p.Expect(t, "JOIN"); line != "JOIN #c[" {
		t.Errorf("got %q", line)
	}
	d := await[transports.Done](t, h)
	if wantKind(t, d.Err, transports.BadRequest); d.Ref != 2 {
		t.Errorf("got %+v", d)
	}
}

func TestUnicodeCasemapping(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#été"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :Welcome", ":irc.test 005 alice CASEMAPPING=rfc8265 :x", ":irc.test 376 alice :End")
	p.Expect(t, "JOIN #été")
	p.Send(t, ":alice!a@h JOIN #ÉTÉ", ":irc.test 353 alice = #ÉTÉ :alice", ":irc.test 366 alice #ÉTÉ :End")
	if e := await[transports.Entered](t, h); e.Room != roomOf("#été") {
		t.Errorf("got %s", describe(e))
	}
}

func TestThrottledByTheNetwork(t *testing.T) {
	for _, words := range []string{
		"Closing Link: [203.0.113.7] (Throttled: Reconnecting too fast) - Email admin@irc.test for more information.",
		"Trying to reconnect too fast.",
		"Your host is trying to (re)connect too fast -- throttled",
		"Closing Link: 203.0.113.7 (Too many host connections (local))",
	} {
		t.Run(words, func(t *testing.T) {
			withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
				p := joined(t, n, s, h)
				if err := p.Conn.Close(); err != nil {
					t.Fatal(err)
				}
				await[transports.State](t, h)
				p = n.accept(t)
				p.Expect(t, "USER ")
				p.Send(t, "ERROR :"+words)
				if err := p.Conn.Close(); err != nil {
					t.Fatal(err)
				}
				st := await[transports.State](t, h)
				if wantKind(t, st.Err, transports.Full); st.Retry < 90*time.Second || st.Retry > 5*time.Minute {
					t.Errorf("got a retry in %v, want one that no network counts", st.Retry)
				}
				time.Sleep(joinAgainAfter)
				wantKind(t, s.Do(t.Context(), transports.Join{Ref: 5, Room: roomOf("#b")}), transports.Offline)
			})
		})
	}
}

// TestComingBackInALoop has a user (or his client) who joins and leaves without end: the network must not see a connection each time.
func TestComingBackInALoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		tr := newTransport(t, Options{Networks: plainNet("pipe.test:6667"), Dial: n.dial})
		start, connections := time.Now(), 0
		for time.Since(start) < time.Minute {
			s, h := open(t, tr, alice)
			h.timeout = time.Hour
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
			var p *ircd.Peer
			select {
			case e := <-h.events:
				wantKind(t, e.(transports.Done).Err, transports.Offline)
				if st := await[transports.State](t, h); st.Retry != 0 {
					t.Errorf("got %+v, want the end", st)
				}
				time.Sleep(time.Second)
				continue
			case conn := <-n.conns:
				p = ircd.NewPeer(conn)
				p.Timeout = time.Hour
			}
			connections++
			p.Welcome(t, "alice")
			p.EnterChannel(t, "alice")
			await[transports.Entered](t, h)
			s.Close("bye")
			p.Expect(t, "QUIT")
			if err := p.Conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if connections < 4 || connections > 9 {
			t.Errorf("%d connections in a minute", connections)
		}
		time.Sleep(2 * maxRetry)
		s, h := open(t, tr, alice)
		h.timeout = time.Hour
		start = time.Now()
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		n.accept(t)
		took(t, start, 0)
	})
}

// TestTurnedAwayIsSaidAgain has a client that tries again at once what the network refused for good.
func TestTurnedAwayIsSaidAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		tr := newTransport(t, Options{Networks: plainNet("pipe.test:6667"), Dial: n.dial})
		for i := range 3 {
			s, h := open(t, tr, alice)
			h.timeout = time.Hour
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
			if i == 0 {
				p := n.accept(t)
				p.Expect(t, "USER ")
				p.Send(t, ":irc.test 465 alice :K-Lined for spam")
			}
			err := wantKind(t, await[transports.Done](t, h).Err, transports.Denied)
			if !strings.Contains(err.Text, "spam") || i > 0 && !strings.Contains(err.Text, "Join again in") {
				t.Errorf("attempt %d: got text %q", i, err.Text)
			}
			await[transports.State](t, h)
		}
		if len(n.conns) > 0 {
			t.Error("it was tried again")
		}
	})
}

// TestComingBackWhileLeaving has a user who leaves and comes back at once: his own old connection must not take his nick.
func TestComingBackWhileLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		tr := newTransport(t, Options{Networks: plainNet("pipe.test:6667"), Dial: n.dial})
		s, h := open(t, tr, alice)
		h.timeout = time.Hour
		p := joined(t, n, s, h)
		time.Sleep(stableTime)
		s.Close("bye")
		s, h = open(t, tr, alice)
		h.timeout = time.Hour
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p.Expect(t, "QUIT")
		synctest.Wait()
		if len(n.conns) > 0 {
			t.Error("the second connection is there before the first has gone")
		}
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		p = n.accept(t)
		p.Welcome(t, "alice")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
	})
}

// bouncers name themselves in their capabilities.
func bouncer(t *testing.T) (*ircd.Peer, transports.Session, *recorder) {
	t.Helper()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :znc.in/self-message echo-message soju.im/bouncer-networks")
	p.Expect(t, "CAP REQ :echo-message")
	p.Send(t, ":irc.test CAP * ACK :echo-message")
	p.Expect(t, "CAP END")
	// It has the channels already, and says so without being asked.
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 422 alice :No MOTD",
		":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice bob", ":irc.test 366 alice #test :End",
		":alice!a@h JOIN #more", ":irc.test 353 alice = #more :alice bob", ":irc.test 366 alice #more :End",
		":bob!b@h PRIVMSG #more :unseen", "PING :1")
	await[transports.Entered](t, h)
	return p, s, h
}

func TestBouncerKeepsItsChannels(t *testing.T) {
	t.Parallel()
	p, s, h := bouncer(t)
	for line := ""; line != "PONG :1"; {
		var err error
		if line, err = p.Line(); err != nil || strings.HasPrefix(line, "PART") {
			t.Fatalf("got %q, %v: a channel of the bouncer is the user's", line, err)
		}
	}
	do(t, s, transports.Join{Ref: 3, Room: roomOf("#more")}) // a JOIN would not be answered
	p.Expect(t, "NAMES #more")
	p.Send(t, ":irc.test 332 alice #more :topic", ":irc.test 353 alice = #more :alice bob", ":irc.test 366 alice #more :End")
	if e := await[transports.Entered](t, h); e.Ref != 3 || e.Subject != "topic" || len(e.Members) != 2 {
		t.Errorf("got %s", describe(e))
	}
}

func TestBouncersChannelIsLeftElsewhere(t *testing.T) {
	t.Parallel()
	p, s, h := bouncer(t)
	p.Send(t, ":alice!a@h PART #more", ":bob!b@h PRIVMSG #test :after")
	await(t, h, func(m transports.Message) bool { return m.Body == "after" })
	do(t, s, transports.Join{Ref: 3, Room: roomOf("#more")})
	p.Expect(t, "JOIN #more")
}

// TestAnotherClientWritesThroughTheBouncer has an own message that is not the echo of what is on its way.
func TestAnotherClientWritesThroughTheBouncer(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{"echo-message", "batch echo-message labeled-response message-tags"} {
		p, s, h := scripted(t, caps)
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "first"})
		do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "second"})
		p.Expect(t, "second")
		p.Send(t, ":alice!a@h PRIVMSG #test :second")
		if m := await[transports.Message](t, h); m.Ref != 3 {
			t.Errorf("%s: got %s, want the one that says the same", caps, describe(m))
		}
		if strings.Contains(caps, "labeled") {
			p.Send(t, ":alice!a@h PRIVMSG #test :from my telephone")
			if m := await[transports.Message](t, h); m.Ref != 0 {
				t.Errorf("%s: got %s, want no reference", caps, describe(m))
			}
		}
	}
}

func TestManyJoinsKeepTheFloodLimit(t *testing.T) {
	withClock(t, Options{Burst: 3, Rate: 1}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		const channels = 30
		for i := range channels {
			do(t, s, transports.Join{Ref: transports.Ref(i + 1), Room: roomOf(fmt.Sprintf("#c%d", i)), Nick: "alice"})
		}
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :Welcome", ":irc.test 005 alice TARGMAX=NAMES:1,LIST:1,KICK:1,WHOIS:1,JOIN:4,PRIVMSG:4,NOTICE:4,ACCEPT:,MONITOR: :x",
			":irc.test 376 alice :End of MOTD")
		start := time.Now()
		lines := 0
		for seen := 0; seen < channels; lines++ {
			line := strings.TrimPrefix(p.Expect(t, "JOIN "), "JOIN ")
			names := strings.Split(line, ",")
			if seen += len(names); len(names) > 4 {
				t.Errorf("%d channels in a line", len(names))
			}
			if most := 3 + int(time.Since(start).Seconds()+0.1); lines+1 > most {
				t.Errorf("line %d came after %v", lines+1, time.Since(start))
			}
		}
	})
}

func TestJoinLeaveJoin(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#b")})
	do(t, s, transports.Leave{Room: roomOf("#b")})
	do(t, s, transports.Join{Ref: 3, Room: roomOf("#b")})
	p.Expect(t, "JOIN #b")
	p.Expect(t, "PART #b")
	p.Expect(t, "JOIN #b")
	// Let in, out, and then kept out: the first welcome is not the second one's.
	p.Send(t, ":alice!a@h JOIN #b", ":irc.test 353 alice = #b :alice", ":irc.test 366 alice #b :End", ":alice!a@h PART #b",
		":irc.test 474 alice #b :Cannot join channel (+b)")
	await(t, h, func(d transports.Done) bool { return d.Ref == 2 })
	if d, ok := h.next(t).(transports.Done); !ok || d.Ref != 3 {
		t.Errorf("got %+v, want the refusal", d)
	}
	// A network that denies that we were ever in.
	do(t, s, transports.Join{Ref: 4, Room: roomOf("#b")})
	do(t, s, transports.Leave{Room: roomOf("#b")})
	do(t, s, transports.Join{Ref: 5, Room: roomOf("#b")})
	p.Expect(t, "PART #b")
	p.Send(t, ":irc.test 442 alice #b :You're not on that channel", ":alice!a@h JOIN #b", ":irc.test 366 alice #b :End")
	await(t, h, func(e transports.Entered) bool { return e.Ref == 5 })
	p.Send(t, ":bob!b@h KICK #b alice :out", ":alice!a@h JOIN #b")
	await(t, h, func(e transports.Parted) bool { return e.How == transports.PartKicked })
	p.Expect(t, "PART #b")
}

// heldConn is a connection whose writes reach the network before they return.
type heldConn struct {
	net.Conn
	prefix  string // of the write that is held
	written chan struct{}
	hold    chan struct{}
}

// heldNet is the network at addr, the first write that begins with prefix being held.
func heldNet(t *testing.T, addr, prefix string) (*Transport, *heldConn) {
	t.Helper()
	conn := &heldConn{prefix: prefix, written: make(chan struct{}), hold: make(chan struct{})}
	return newTransport(t, Options{Networks: plainNet(addr), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		var err error
		conn.Conn, err = d.DialContext(ctx, network, addr)
		return conn, err
	}}), conn
}

func (c *heldConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if strings.HasPrefix(string(b), c.prefix) {
		close(c.written)
		<-c.hold
	}
	return n, err
}

func TestRefusalOvertakesTheWriter(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	tr, conn := heldNet(t, script.Addr, "PRIVMSG")
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "one\ntwo"})
	<-conn.written
	p.Send(t, ":irc.test 404 alice #test :Cannot send to channel")
	await[transports.Done](t, h)
	close(conn.hold)
	p.Send(t, ":bob!b@h PRIVMSG #test :after")
	if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
		t.Errorf("got %s after the refusal", describe(m))
	}
}

// TestWriterHasNothingForAStuckHost has a writer that is done with a line while the host takes nothing: the next line goes out.
func TestWriterHasNothingForAStuckHost(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	tr, conn := heldNet(t, script.Addr, "JOIN")
	host := &stuckHost{recorder: newRecorder(), stuck: make(chan struct{})}
	s, err := tr.Open(t.Context(), alice, testNet, host)
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	p.Expect(t, "JOIN ")
	p.Send(t, ":alice!u@host.test JOIN #test", ":irc.test 353 alice = #test :alice", ":irc.test 366 alice #test :End of NAMES",
		":bob!b@h PRIVMSG #test :stop")
	<-host.stuck
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "still sent"})
	close(conn.hold)
	p.Expect(t, "still sent")
}

// TestSlowHostIsNoSilence has a host that takes nothing for longer than the network may take to answer, while the answer is there.
func TestSlowHostIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		tr := newTransport(t, Options{Networks: plainNet("pipe.test:6667"), Dial: n.dial})
		host := &slowHost{recorder: newRecorder()}
		host.recorder.timeout = time.Hour
		s, err := tr.Open(t.Context(), alice, testNet, host)
		if err != nil {
			t.Fatal(err)
		}
		p := joined(t, n, s, host.recorder)
		do(t, s, transports.Join{Ref: 2, Room: roomOf("#b")})
		p.Expect(t, "JOIN #b")
		synctest.Wait() // the writer has nothing to say any more
		p.Send(t, ":bob!b@h PRIVMSG #test :slow")
		go p.Send(t, ":alice!a@h JOIN #b", ":irc.test 353 alice = #b :alice", ":irc.test 366 alice #b :End")
		await(t, host.recorder, func(m transports.Message) bool { return m.Body == "slow" })
		if e, ok := host.recorder.next(t).(transports.Entered); !ok || e.Ref != 2 {
			t.Errorf("got %+v, want the room", e)
		}
	})
}

type slowHost struct{ *recorder }

func (h *slowHost) Emit(ctx context.Context, e transports.Event) error {
	if m, ok := e.(transports.Message); ok && m.Body == "slow" {
		time.Sleep(2 * joinTimeout) // of the fake clock
	}
	return h.recorder.Emit(ctx, e)
}

func TestRefusedByAStandardReply(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch echo-message labeled-response message-tags")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "x"})
	p.Expect(t, "@label=2 ")
	p.Send(t, "@label=2 :irc.test FAIL PRIVMSG TOO_SOON #test :Wait a moment")
	d := await[transports.Done](t, h)
	if e := wantKind(t, d.Err, transports.Busy); d.Ref != 2 || !strings.Contains(e.Text, "Wait a moment") {
		t.Errorf("got %+v with text %q", d, e.Text)
	}
}

func TestSlowNames(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		do(t, s, transports.Join{Ref: 2, Room: roomOf("#huge")})
		p.Expect(t, "JOIN #huge")
		p.Send(t, ":alice!u@h JOIN #huge")
		for i := range 10 {
			time.Sleep(joinTimeout / 2)
			p.Send(t, fmt.Sprintf(":irc.test 353 alice = #huge :n%d", i))
		}
		p.Send(t, ":irc.test 366 alice #huge :End")
		if e := await[transports.Entered](t, h); len(e.Members) != 11 {
			t.Errorf("got %s", describe(e))
		}
	})
}
