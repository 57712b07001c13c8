package ircbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

// TestBatches: lines in a batch are taken as the batch says, whatever it is in.
func TestBatches(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "batch message-tags server-time")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	p.Send(t, ":irc.test BATCH +1 netsplit irc.hub other.host", "@batch=1 :bob!b@h QUIT :*.net *.split", "@batch=1 :carol!c@h QUIT :irc.hub other.host",
		":dave!d@h QUIT :bye", "@batch=1 :erin!e@h QUIT :gone for good", ":irc.test BATCH -1")
	for _, want := range []string{"bob lost", "carol lost", "dave quit", "erin lost"} {
		e, how := await[transports.Parted](t, h), " quit"
		if e.How == transports.PartLost {
			how = " lost"
			if !strings.HasPrefix(e.Reason, "Netsplit") {
				t.Errorf("%s: got the reason %q", e.Nick, e.Reason)
			}
		}
		if e.Nick+how != want {
			t.Errorf("got %s, want %s", e.Nick+how, want)
		}
	}
	p.Send(t, ":irc.test BATCH +2 netjoin irc.hub other.host", "@batch=2 :bob!b@h JOIN #test", ":irc.test BATCH -2")
	if e := await[transports.Joined](t, h); e.Member.Person.Nick != "bob" {
		t.Errorf("got %s", describe(e))
	}
	// One that nobody knows, with one of several lines in it; and two at a time.
	p.Send(t, "BATCH +a example.com/foo", "@batch=a :bob!b@h PRIVMSG #test :one", "BATCH +b example.com/bar",
		"@batch=a;msgid=x;account=bobby :bob!b@h BATCH +c draft/multiline #test", "@batch=c :bob!b@h PRIVMSG #test :two", "@batch=b :bob!b@h PRIVMSG #test :three",
		"@batch=c;draft/multiline-concat :bob!b@h PRIVMSG #test : and a half", "@batch=c :bob!b@h PRIVMSG #test :and more", "@batch=c :bob!b@h PRIVMSG #other :not here",
		"@batch=c :mallory!m@h PRIVMSG #test :and mine", "@batch=a BATCH -c", "BATCH -b", "@batch=z :bob!b@h PRIVMSG #test :in none", "BATCH -a")
	for _, want := range []string{"one", "three", "two and a half\nand more", "in none"} {
		m := await[transports.Message](t, h)
		if m.Body != want {
			t.Errorf("got %s, want %q", describe(m), want)
		}
		if strings.Contains(want, "\n") && (m.ID != "x" || m.From.Account != "bobby" || m.From.Nick != "bob") {
			t.Errorf("got %s of %+v: what stands at the beginning counts", describe(m), m.From)
		}
	}
}

// TestBatchWithoutEnd: what a batch has said counts after a minute, and what still comes of it does not; no number of them is in the way of
// others.
func TestBatchWithoutEnd(t *testing.T) {
	t.Parallel()
	s, c := online(t)
	handle := func(lines ...string) {
		for _, line := range lines {
			s.handle(c, line)
		}
	}
	handle(":bob!b@h BATCH +m draft/multiline #test", "@batch=m :bob!b@h PRIVMSG #test :is that all?")
	for n := range 3 * maxBatches {
		handle(fmt.Sprintf(":irc.test BATCH +x%d example.com/foo", n))
	}
	handle("@batch=m :bob!b@h PRIVMSG #test :too late", "BATCH +n multiline #test", "@batch=n :bob!b@h PRIVMSG #test :the next")
	later := time.Now().Add(batchTimeout + time.Second)
	s.expirePast(c, func(at time.Time) bool { return !at.IsZero() && at.Before(later) })
	handle("@batch=n :bob!b@h PRIVMSG #test :too late", "BATCH -n", ":bob!b@h PRIVMSG #test :and on")
	if got, want := saidIn(s), "is that all?|the next|and on"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(c.batches) > 0 || c.gathered != 0 {
		t.Errorf("%d batches are open still, with %d bytes", len(c.batches), c.gathered)
	}
}

// online is a session in #test that tests hand lines to.
func online(t testing.TB) (*session, *conn) {
	t.Helper()
	s, c := deaf(t)
	s.phase, c.registered, c.ready = phaseOnline, true, true
	c.caps.on = 1<<capBatch | 1<<capTags | 1<<capServerTime | 1<<capChathistory | 1<<capMultiline | 1<<capReadMarker | 1<<capRename
	s.rooms = []*room{{target: roomOf("#test"), name: "#test", state: roomIn, entered: true}}
	return s, c
}

// saidIn is what a session has heard.
func saidIn(s *session) string {
	var said []string
	for _, e := range s.out {
		if m, ok := e.(transports.Message); ok {
			said = append(said, m.Body)
		}
	}
	return strings.Join(said, "|")
}

// FuzzBatches has a network open, fill and end batches as it likes, while the past of a channel and of people is asked for.
func FuzzBatches(f *testing.F) {
	f.Add("BATCH +1 chathistory #test\n@batch=1;time=2020-01-01T00:00:00.000Z;msgid=a :bob!b@h PRIVMSG #test :x\n@batch=1 BATCH +2 draft/multiline #test\n@batch=2 :bob!b@h PRIVMSG #test :y\n@batch=2;draft/multiline-concat :bob!b@h PRIVMSG #test :z\n@batch=1 BATCH -2\nBATCH -1")
	f.Add("BATCH +t draft/chathistory-targets\n@batch=t CHATHISTORY TARGETS bob 2020-01-01T00:00:00.000Z\n@batch=t CHATHISTORY TARGETS #test x\nBATCH -t\nBATCH +b chathistory bob\n@batch=b;time=2020-01-01T00:00:00.000Z :bob!b@h PRIVMSG alice :x\nBATCH -b\nFAIL CHATHISTORY X LATEST #test :no\nFAIL\nFAIL BATCH")
	f.Add("BATCH +1 netsplit a.b c.d\n@batch=1 BATCH +1 netsplit\n@batch=1 :bob!b@h QUIT :x\nBATCH +2\nBATCH -\nBATCH -1\nMARKREAD #test timestamp=2020-01-01T00:00:00.000Z\nMARKREAD bob *\nMARKREAD\n:b!b@h RENAME #test #other :x\nRENAME #other #TEST\nRENAME #test")
	f.Add(strings.Repeat("BATCH +a draft/multiline #test\n@batch=a :b!b@h PRIVMSG #test :x\n", 50) + "@batch=a BATCH +b znc.in/playback #test\nBATCH -a\nBATCH -b")
	f.Fuzz(func(t *testing.T, lines string) {
		s, c := online(t)
		r := s.rooms[0]
		r.state, r.enter = roomEntering, &entering{}
		s.beginPast(c, r)
		s.beginPrivatePast(c)
		_ = s.catchUp(transports.CatchUp{Room: r.target, Since: time.Unix(1, 0), Max: 100}) // it cannot fail
		_ = s.catchUp(transports.CatchUp{Since: time.Unix(1, 0), Max: 100})
		for line := range strings.SplitSeq(lines, "\n") {
			written, _ := s.take(c, nil, time.Now()) // what the writer would have taken
			if len(written) > maxBatch+maxUrgent {
				t.Fatalf("%d lines at once", len(written))
			}
			s.handle(c, line)
			bytes := 0
			for _, b := range c.batches {
				bytes += b.bytes
			}
			if len(c.batches) > maxBatches || len(c.given) > maxStale || bytes != c.gathered || bytes > maxBatchBytes {
				t.Fatalf("%d batches, %d given up, %d bytes of %d", len(c.batches), len(c.given), c.gathered, bytes)
			}
		}
		for _, e := range s.out {
			if m, ok := e.(transports.Message); ok && len(m.Body) > maxBatchBytes {
				t.Errorf("a message of %d bytes", len(m.Body))
			}
		}
	})
}

// TestLargeBatch: a message of several lines has a bound, and the connection goes on.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "batch message-tags server-time")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	p.Send(t, ":bob!b@h BATCH +m draft/multiline #test")
	for range 1000 {
		p.Send(t, "@batch=m :bob!b@h PRIVMSG #test :"+strings.Repeat("x", 400))
	}
	p.Send(t, "BATCH -m", ":bob!b@h PRIVMSG #test :next")
	if m := await[transports.Message](t, h); len(m.Body) > maxMultiline || len(m.Body) < maxMultiline/2 {
		t.Errorf("got a message of %d bytes", len(m.Body))
	}
	if m := await[transports.Message](t, h); m.Body != "next" {
		t.Errorf("got %s", describe(m))
	}
}
