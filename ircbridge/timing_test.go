package ircbridge

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// pipeNet is a network whose connections are pipes, for tests under a fake clock.
type pipeNet struct {
	conns chan net.Conn
	down  chan struct{} // closed: the network cannot be reached any more
}

func newPipeNet() *pipeNet {
	return &pipeNet{conns: make(chan net.Conn, 16), down: make(chan struct{})}
}

var errDown = errors.New("network is down")

func (n *pipeNet) dial(context.Context, string, string) (net.Conn, error) {
	select {
	case <-n.down:
		return nil, errDown
	default:
	}
	ours, theirs := net.Pipe()
	n.conns <- theirs
	return ours, nil
}

func (n *pipeNet) accept(t *testing.T) *ircd.Peer {
	t.Helper()
	conn := <-n.conns
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	p := ircd.NewPeer(conn)
	p.Timeout = 24 * time.Hour
	return p
}

// withClock runs a test under a fake clock with a session on a pipe.
func withClock(t *testing.T, opt Options, test func(t *testing.T, n *pipeNet, s transports.Session, h *recorder)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		opt.Dial = n.dial
		if opt.Networks == nil {
			opt.Networks = plainNet("pipe.test:6667")
		}
		s, h := open(t, newTransport(t, opt), alice)
		h.timeout = 24 * time.Hour
		test(t, n, s, h)
	})
}

// joined plays the server until alice is in #test.
func joined(t *testing.T, n *pipeNet, s transports.Session, h *recorder) *ircd.Peer {
	t.Helper()
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := n.accept(t)
	p.Welcome(t, "alice")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	return p
}

// took fails unless about that much time of the fake clock passed since start.
func took(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(start); d < want || d > want+want/100+time.Millisecond {
		t.Errorf("it took %v, want %v", d, want)
	}
}

func TestRegistrationStalls(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		start := time.Now()
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :multi-prefix")
		p.Expect(t, "CAP REQ") // and no answer
		wantKind(t, await[transports.Done](t, h).Err, transports.Offline)
		took(t, start, registrationTimeout)
		if st := await[transports.State](t, h); st.Retry != 0 {
			t.Errorf("got %+v, want the end", st)
		}
	})
}

func TestHandshakeStalls(t *testing.T) {
	nets := []Network{{ID: testNet, Addresses: []string{"pipe.test:6697"}}}
	withClock(t, Options{Networks: nets}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		start := time.Now()
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		if _, err := p.Conn.Read(make([]byte, 4096)); err != nil { // the first flight of the handshake
			t.Fatal(err)
		}
		wantKind(t, await[transports.Done](t, h).Err, transports.Offline)
		took(t, start, dialTimeout)
	})
}

func TestKeepAliveAndBackOff(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		start := time.Now()
		p.Expect(t, "PING ")
		took(t, start, silenceTimeout)
		p.Send(t, ":irc.test PONG irc.test :alice")
		start = time.Now()
		p.Expect(t, "PING ")
		took(t, start, silenceTimeout)
		close(n.down)
		lost := time.Now()
		st := await[transports.State](t, h)
		took(t, lost, pongTimeout)
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			want *= time.Second
			if st.Online || st.Retry < want*4/5 || st.Retry > want*6/5 {
				t.Errorf("attempt %d: got a retry in %v, want about %v", i, st.Retry, want)
			}
			again := time.Now()
			retry := st.Retry
			st = await[transports.State](t, h)
			took(t, again, retry)
		}
	})
}

func TestComesBackAndForgetsBackOff(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		for _, stays := range []time.Duration{0, 0, stableTime} {
			time.Sleep(stays) // of the fake clock
			if err := p.Conn.Close(); err != nil {
				t.Fatal(err)
			}
			st := await[transports.State](t, h)
			if st.Online {
				t.Fatalf("got %+v", st)
			}
			if low := st.Retry < 1300*time.Millisecond; stays > 0 != low && stays > 0 {
				t.Errorf("got a retry in %v after a stable minute", st.Retry)
			}
			p = n.accept(t)
			p.Welcome(t, "alice")
			p.EnterChannel(t, "alice")
			if e := await[transports.Entered](t, h); e.Ref != 0 {
				t.Errorf("got %s", describe(e))
			}
		}
	})
}

func TestJoinCutsBackOffShort(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		close(n.down)
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		for st := await[transports.State](t, h); st.Retry < time.Minute; st = await[transports.State](t, h) {
		}
		wantKind(t, s.Do(context.Background(), transports.Join{Ref: 2, Room: roomOf("#b")}), transports.Offline)
		time.Sleep(joinAgainAfter)
		start := time.Now()
		do(t, s, transports.Join{Ref: 3, Room: roomOf("#b")})
		if d := await[transports.Done](t, h); d.Ref != 3 {
			t.Errorf("got %+v", d)
		}
		took(t, start, 0)
	})
}

func TestJoinWithoutEnd(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		start := time.Now()
		do(t, s, transports.Join{Ref: 2, Room: roomOf("#stuck")})
		p.Expect(t, "JOIN #stuck")
		p.Send(t, ":alice!u@h JOIN #stuck", ":irc.test 353 alice = #stuck :alice bob")
		p.Send(t, ":bob!u@h PRIVMSG #test :meanwhile")
		await(t, h, func(m transports.Message) bool { return m.Body == "meanwhile" })
		d := await[transports.Done](t, h)
		wantKind(t, d.Err, transports.Offline)
		took(t, start, joinTimeout)
		p.Expect(t, "PART #stuck")
		p.Send(t, ":irc.test 366 alice #stuck :End", ":bob!u@h PRIVMSG #stuck :too late", ":alice!u@h PART #stuck")
		p.Send(t, ":bob!u@h PRIVMSG #test :after")
		if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestUnansweredRequests(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		start := time.Now()
		do(t, s, transports.SetSubject{Ref: 2, Room: roomOf("#test"), Subject: "x"})
		p.Expect(t, "TOPIC")
		do(t, s, transports.List{Ref: 3})
		p.Expect(t, "LIST")
		p.Send(t, ":irc.test 322 alice #a 1 :x")
		for ref := transports.Ref(2); ref <= 3; ref++ {
			d := await[transports.Done](t, h)
			wantKind(t, d.Err, transports.Offline)
			if d.Ref != ref {
				t.Errorf("got ref %d, want %d", d.Ref, ref)
			}
			took(t, start, requestTimeout)
		}
		p.Send(t, ":irc.test 322 alice #b 1 :x", ":irc.test 323 alice :End", ":bob!u@h PRIVMSG #test :after")
		if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
			t.Errorf("got %+v: an answer that comes too late is dropped", m)
		}
	})
}

func TestMissingEcho(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS * :echo-message=x", ":irc.test CAP * LS :sasl server-time")
		if line := p.Expect(t, "CAP REQ"); line != "CAP REQ :echo-message server-time" {
			t.Errorf("got %q", line)
		}
		p.Send(t, ":irc.test CAP * ACK :echo-message server-time")
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 422 alice :No MOTD")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		start := time.Now()
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "one\ntwo"})
		p.Expect(t, "two")
		p.Send(t, "@time=1999-01-02T03:04:05.678Z :alice!u@h PRIVMSG #test :one")
		m := await[transports.Message](t, h)
		if m.Ref != 2 || m.Part != 1 || m.Of != 2 || !m.Time.Equal(time.Date(1999, 1, 2, 3, 4, 5, 678e6, time.UTC)) {
			t.Errorf("got %s, want the network's time", describe(m))
		}
		d := await[transports.Done](t, h)
		wantKind(t, d.Err, transports.Offline)
		took(t, start, requestTimeout)
	})
}

func TestIdleSessionEnds(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		start := time.Now()
		do(t, s, transports.Leave{Room: roomOf("#test")})
		p.Expect(t, "PART #test")
		p.Send(t, ":alice!u@h PART #test")
		p.Expect(t, "QUIT")
		took(t, start, idleTimeout)
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		if st := await[transports.State](t, h); st.Online || st.Retry != 0 || st.Err == nil {
			t.Errorf("got %+v, want the end", st)
		}
		wantKind(t, s.Do(context.Background(), transports.Join{Room: roomOf("#test"), Nick: "alice"}), transports.Offline)
	})
}

func TestFloodLimit(t *testing.T) {
	withClock(t, Options{Burst: 3, Rate: 2}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		time.Sleep(time.Minute) // the bucket is full again
		start := time.Now()
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "1\n2\n3\n4\n5\n6\n7"})
		for i := range 7 {
			p.Expect(t, "PRIVMSG")
			if want := time.Duration(max(0, i-2)) * time.Second / 2; time.Since(start) < want || time.Since(start) > want+100*time.Millisecond {
				t.Errorf("line %d came after %v, want %v", i+1, time.Since(start), want)
			}
			if i == 4 {
				p.Send(t, "PING :now") // is answered without waiting for a token
				at := time.Now()
				p.Expect(t, "PONG :now")
				took(t, at, 0)
			}
		}
	})
}

func TestServerStopsReading(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		joined(t, n, s, h)
		time.Sleep(time.Minute) // past the deadlines of the registration
		start := time.Now()
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "nobody reads this"})
		d := await[transports.Done](t, h)
		wantKind(t, d.Err, transports.Offline)
		took(t, start, writeTimeout+lastWordsTimeout)
		if st := await[transports.State](t, h); st.Online || st.Retry == 0 {
			t.Errorf("got %+v", st)
		}
	})
}

func TestGreetingWithoutEnd(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		start := time.Now()
		p.Send(t, ":irc.test 001 alicia :Welcome")
		p.EnterChannel(t, "alicia")
		if e := await[transports.Entered](t, h); e.Nick != "alicia" {
			t.Errorf("got nick %q, want the one that the network gave", e.Nick)
		}
		took(t, start, motdTimeout)
	})
}

func TestShutdownOfAStalledNetwork(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		joined(t, n, s, h)
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "nobody reads this"})
		synctest.Wait()
		tr := s.(*session).t
		start := time.Now()
		if err := tr.Shutdown(context.Background(), "stopping"); err != nil {
			t.Fatal(err)
		}
		took(t, start, quitTimeout)
		_, err := tr.Open(context.Background(), alice, testNet, h)
		wantKind(t, err, transports.Offline)
	})
}

func TestBannedWhileAway(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		await[transports.State](t, h)
		p = n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test 465 alice :You are banned: spam")
		st := await[transports.State](t, h)
		if e := wantKind(t, st.Err, transports.Denied); st.Retry != 0 || !strings.Contains(e.Text, "spam") {
			t.Errorf("got %+v with text %q, want the end and the server's words", st, e.Text)
		}
	})
}

// A network without echo says nothing of a message that it took: the answer to a PING behind it does, and until then what was wrong
// with it may come.
func TestReceiptWithoutEcho(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		bob := transports.Target{Kind: transports.TargetContact, Network: "net.test", ID: "bob"}
		send := func(ref transports.Ref) (fence string) {
			t.Helper()
			do(t, s, transports.Send{Ref: ref, To: bob, Body: "one\ntwo", Receipt: true})
			p.Expect(t, "PRIVMSG bob :one")
			p.Expect(t, "PRIVMSG bob :two")
			return strings.TrimPrefix(p.Expect(t, "PING :"), "PING :")
		}
		// Somebody who waits for nothing does not wait.
		taken := func(ref transports.Ref, part, of int) {
			t.Helper()
			if m := await[transports.Message](t, h); m.Ref != ref || m.Part != part || m.Of != of || m.To != bob {
				t.Errorf("got %s, want part %d of %d of %d", describe(m), part, of, ref)
			}
		}
		first := send(2)
		taken(2, 1, 2)
		do(t, s, transports.Send{Ref: 3, To: bob, Body: "three"})
		p.Expect(t, "PRIVMSG bob :three")
		taken(3, 1, 1)
		p.Send(t, ":irc.test PONG irc.test :"+first)
		taken(2, 2, 2)
		// Nobody is there: the error comes first, and the answer says nothing more.
		second := send(4)
		taken(4, 1, 2)
		p.Send(t, ":irc.test 401 alice bob :No such nick", ":irc.test 401 alice bob :No such nick", ":irc.test PONG irc.test :"+second,
			":bob!u@h PRIVMSG #test :read")
		d := await[transports.Done](t, h)
		wantKind(t, d.Err, transports.NotFound)
		if d.Ref != 4 {
			t.Errorf("got %+v", d)
		}
		if m, ok := h.next(t).(transports.Message); !ok || m.Body != "read" {
			t.Errorf("got %+v: it is said once", m)
		}
		// No answer at all.
		start := time.Now()
		third := send(5)
		taken(5, 1, 2)
		p.Expect(t, "PING :alice") // it is there
		p.Send(t, ":irc.test PONG irc.test :alice")
		d = await[transports.Done](t, h)
		wantKind(t, d.Err, transports.Offline)
		took(t, start, requestTimeout)
		p.Send(t, ":irc.test PONG irc.test :"+third, ":irc.test PONG irc.test :", ":bob!u@h PRIVMSG #test :after")
		if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
			t.Errorf("got %+v: an answer that comes too late is dropped", m)
		}
	})
}
