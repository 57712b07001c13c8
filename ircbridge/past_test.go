package ircbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// pastCaps are those of a network that keeps what is said.
func pastCaps() []string {
	return []string{
		"batch", "echo-message", "labeled-response", "message-tags", "server-time", "draft/chathistory", "draft/event-playback",
		"draft/read-marker", "draft/multiline=max-bytes=300,max-lines=5",
	}
}

// bodies are what was said, one after the other.
func bodies(messages []transports.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Body)
	}
	return strings.Join(all, " ")
}

// catchUp answers that the past of a channel can be asked for.
func catchUp(t *testing.T, s transports.Session, h *recorder, q transports.CatchUp) {
	t.Helper()
	await(t, h, func(e transports.Behind) bool { return e.Room == q.Room })
	do(t, s, q)
}

// TestPast: the past of a channel is asked for in pages, and stands in Entered before what is said from then on.
func TestPast(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{Caps: pastCaps(), History: &ircd.History{Limit: 3}})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	for n := range 10 {
		bob.Send(t, fmt.Sprintf("PRIVMSG #test :%d", n), "PART #test", "JOIN #test") // of which only the message is of the past
		bob.Expect(t, " 366 ")
	}
	for _, c := range []struct {
		since time.Time
		most  int
		want  string
		whole bool
	}{
		{time.Time{}, 4, "6 7 8 9", false}, // from here on there is a marker more with each
		{time.Now().Add(-time.Hour), 100, "0 1 2 3 4 5 6 7 8 9 marker", true},
		{time.Now().Add(-time.Hour), 7, "5 6 7 8 9 marker marker", false},
		{time.Now().Add(time.Hour), 100, "", true},
		{time.Time{}, 0, "", false},
	} {
		s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		catchUp(t, s, h, transports.CatchUp{Room: roomOf("#test"), Since: c.since, Max: c.most})
		e := await[transports.Entered](t, h)
		if e.Missed == nil || bodies(e.Missed.Messages) != c.want || e.Missed.Complete != c.whole || e.Awaited {
			t.Errorf("since %v, at most %d: got %+v, want %q", c.since, c.most, e.Missed, c.want)
		}
		bob.Send(t, "PRIVMSG #test :marker")
		for heard := false; !heard; { // who came and went before does not come and go now
			switch e := h.next(t).(type) {
			case transports.Joined:
				t.Errorf("got %s", describe(e))
			case transports.Parted:
				if e.Nick == "bob" {
					t.Errorf("got %s", describe(e))
				}
			case transports.Message:
				heard = e.Body == "marker"
			}
		}
		for _, m := range e.Missed.Messages {
			if !m.Clocked || m.ID == "" || m.Room != roomOf("#test") || m.From.Nick != "bob" {
				t.Errorf("got %s", describe(m))
			}
		}
		s.Close("")
	}
}

// TestPastPrivate: what people wrote to the user alone is asked for, of each person.
func TestPastPrivate(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{Caps: pastCaps(), History: &ircd.History{Limit: 2}})
	ghost := ircd.Dial(t, server.Addr(), "alice")
	for _, nick := range []string{"bob", "carol", "NickServ"} {
		p := ircd.Dial(t, server.Addr(), nick)
		for n := range 3 {
			p.Send(t, fmt.Sprintf("PRIVMSG alice :%s%d", nick, n))
			ghost.Expect(t, nick)
		}
	}
	ghost.Send(t, "PRIVMSG bob :my own", "QUIT")
	ghost.Expect(t, "ERROR")
	ircd.Dial(t, server.Addr(), "dave") // by then the nick is free
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	catchUp(t, s, h, transports.CatchUp{Since: time.Now().Add(-time.Hour), Max: 100})
	got := await[transports.Missed](t, h)
	said := strings.Fields(bodies(got.Messages))
	slices.Sort(said)
	if want := []string{"bob0", "bob1", "bob2", "carol0", "carol1", "carol2", "my", "own"}; !slices.Equal(said, want) || !got.Complete {
		t.Errorf("got %v, complete %t, want %v", said, got.Complete, want)
	}
}

// TestPastChanges: what was taken back meanwhile is not told as said, and what became of messages that were heard before is.
func TestPastChanges(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "batch message-tags server-time draft/message-redaction")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	p.Send(t, ":irc.test BATCH +1 chathistory #test",
		"@batch=1;msgid=a;time=2026-01-01T00:00:00.000Z :bob!b@h PRIVMSG #test :one", "@batch=1;msgid=b;time=2026-01-01T00:00:01.000Z :bob!b@h PRIVMSG #test :two",
		"@batch=1;time=2026-01-01T00:00:02.000Z :bob!b@h REDACT #test a", "@batch=1;time=2026-01-01T00:00:03.000Z :bob!b@h REDACT #test earlier",
		"@batch=1;time=2026-01-01T00:00:04.000Z :bob!b@h REDACT #elsewhere b",
		"@batch=1;time=2026-01-01T00:00:05.000Z;+draft/react=x;+draft/reply=earlier;+typing=active :bob!b@h TAGMSG #test", ":irc.test BATCH -1")
	if m := await[transports.Missed](t, h); bodies(m.Messages) != "two" {
		t.Errorf("got %+v", m)
	}
	for _, want := range []string{"a", "earlier"} {
		if e := await[transports.Redacted](t, h); e.Message != want {
			t.Errorf("got %s, want %s", describe(e), want)
		}
	}
	if e := await[transports.Reacted](t, h); e.On != "earlier" || !e.Clocked {
		t.Errorf("got %s", describe(e))
	}
}

// TestPastChangesOfPages: of several pages too, of which the newest comes first, what became of messages comes behind them and in order.
func TestPastChangesOfPages(t *testing.T) {
	t.Parallel()
	p, _, h := inPast(t, time.Now().Add(-time.Hour))
	at := func(minutes int) string {
		return ";time=" + serverTime(time.Now().Add(-time.Duration(minutes)*time.Minute))
	}
	page := func(lines ...string) {
		t.Helper()
		p.Expect(t, "CHATHISTORY ")
		p.Send(t, ":irc.test BATCH +1 chathistory #test")
		for i, line := range lines {
			lines[i] = "@batch=1" + line
		}
		p.Send(t, append(lines, ":irc.test BATCH -1")...)
	}
	page(at(3)+";msgid=c :bob!b@h PRIVMSG #test :three", at(2)+";+draft/unreact=x;+draft/reply=a :carol!c@h TAGMSG #test", at(1)+";msgid=d :bob!b@h PRIVMSG #test :four")
	page(at(6)+";msgid=a :bob!b@h PRIVMSG #test :one", at(5)+";+draft/react=x;+draft/reply=a :carol!c@h TAGMSG #test")
	if e := await[transports.Entered](t, h); bodies(e.Missed.Messages) != "one three four" {
		t.Errorf("got %q", bodies(e.Missed.Messages))
	}
	if e := await[transports.Reacted](t, h); len(e.Add) != 1 || e.On != "a" {
		t.Errorf("got %s", describe(e))
	}
	if e := await[transports.Reacted](t, h); len(e.Remove) != 1 || e.On != "a" {
		t.Errorf("got %s", describe(e))
	}
}

// TestPastChangesPrivate: so it is with what people did with what they said to the user alone; and how far he has read of that with another
// client the network is asked, which does not tell it by itself.
func TestPastChangesPrivate(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch message-tags server-time draft/chathistory draft/read-marker draft/message-redaction")
	p.Expect(t, "JOIN #test")
	catchUp(t, s, h, transports.CatchUp{Since: time.Now().Add(-time.Hour), Max: 100})
	at := ";time=" + serverTime(time.Now().Add(-time.Minute))
	p.Expect(t, "CHATHISTORY TARGETS")
	p.Send(t, ":irc.test BATCH +t draft/chathistory-targets", "@batch=t CHATHISTORY TARGETS Bob "+strings.TrimPrefix(at, ";time="), ":irc.test BATCH -t")
	p.Expect(t, "CHATHISTORY LATEST Bob")
	p.Send(t, ":irc.test BATCH +b chathistory Bob", "@batch=b;msgid=a"+at+" :Bob!b@h PRIVMSG alice :one", "@batch=b;msgid=b"+at+" :Bob!b@h PRIVMSG alice :two",
		"@batch=b;+draft/react=x;+draft/reply=m"+at+" :Bob!b@h TAGMSG alice", "@batch=b;+draft/react=y;+draft/reply=a"+at+" :alice!a@h TAGMSG Bob",
		"@batch=b"+at+" :Bob!b@h REDACT alice a", ":irc.test BATCH -b")
	if e := await[transports.Missed](t, h); bodies(e.Messages) != "two" {
		t.Errorf("got %q", bodies(e.Messages))
	}
	if e := await[transports.Reacted](t, h); e.On != "m" || e.From.Nick != "Bob" {
		t.Errorf("got %s", describe(e))
	}
	if e := await[transports.Redacted](t, h); e.Message != "a" {
		t.Errorf("got %s", describe(e))
	}
	p.Expect(t, "MARKREAD bob")
	p.Send(t, ":irc.test MARKREAD bob "+strings.TrimPrefix(strings.Replace(at, "time=", "timestamp=", 1), ";"))
	if e := await[transports.Read](t, h); e.In != contact("bob") || e.Time.IsZero() {
		t.Errorf("got %+v", e)
	}
}

// inPast is alice between JOIN and the end of NAMES, on a network that keeps what is said.
func inPast(t *testing.T, since time.Time) (*ircd.Peer, transports.Session, *recorder) {
	t.Helper()
	p, s, h := scripted(t, "batch message-tags server-time draft/chathistory")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":irc.test 005 alice CHATHISTORY=3 :are supported", ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice", ":irc.test 366 alice #test :End")
	catchUp(t, s, h, transports.CatchUp{Room: roomOf("#test"), Since: since, Max: 100})
	return p, s, h
}

// TestPastOfHostileNetwork: of what a network gives as the past of a channel, only what can be is taken.
func TestPastOfHostileNetwork(t *testing.T) {
	t.Parallel()
	since := time.Now().Add(-time.Hour)
	at := func(d time.Duration) string { return "time=" + serverTime(time.Now().Add(d)) }
	p, _, h := inPast(t, since)
	p.Expect(t, "CHATHISTORY LATEST #test timestamp=")
	p.Send(t, ":irc.test BATCH +1 chathistory #TEST", "@batch=1;"+at(-time.Minute)+" :bob!b@h PRIVMSG #test :good", "@batch=1 :bob!b@h PRIVMSG #test :without a time",
		"@batch=1;"+at(time.Hour)+" :bob!b@h PRIVMSG #test :of the future", "@batch=1;"+at(-2*time.Hour)+" :bob!b@h PRIVMSG #test :too old",
		"@batch=1;"+at(-time.Minute)+" :bob!b@h PRIVMSG #other :elsewhere", "@batch=1;"+at(-time.Minute)+" :bob!b@h PRIVMSG alice :private",
		"@batch=1;"+at(-time.Minute)+" :bob!b@h JOIN #test", "@batch=1;"+at(-time.Minute)+" :alice!a@h PART #test", "@batch=1;"+at(-time.Minute)+" :alice!a@h NICK mallory",
		"@batch=1;"+at(-time.Minute)+" :irc.test 433 alice alice :in use", "@batch=1;"+at(-time.Minute)+" PING :x",
		":carol!c@h PRIVMSG #test :live", ":irc.test BATCH -1")
	e := await[transports.Entered](t, h)
	if got := bodies(e.Missed.Messages); got != "good" || e.Nick != "alice" || len(e.Members) != 1 {
		t.Errorf("got %q, %+v", got, e)
	}
	if m := await[transports.Message](t, h); m.Body != "live" {
		t.Errorf("got %s", describe(m))
	}
}

// TestPastHeardMeanwhile: what is said while the past is being asked for is in both, and comes once.
func TestPastHeardMeanwhile(t *testing.T) {
	t.Parallel()
	p, _, h := inPast(t, time.Time{})
	p.Expect(t, "CHATHISTORY LATEST #test * 3")
	line := "time=" + serverTime(time.Now().Add(-time.Second)) + ";msgid=x :carol!c@h PRIVMSG #test :now"
	p.Send(t, "@"+line, ":irc.test BATCH +1 chathistory #test", "@batch=1;time=2020-01-01T00:00:00.000Z;msgid=w :bob!b@h PRIVMSG #test :then",
		"@batch=1;"+line, ":irc.test BATCH -1")
	if e := await[transports.Entered](t, h); bodies(e.Missed.Messages) != "then" {
		t.Errorf("got %q", bodies(e.Missed.Messages))
	}
	if m := await[transports.Message](t, h); m.Body != "now" {
		t.Errorf("got %s", describe(m))
	}
}

// TestPastRefused: a network that offers the past and does not give it keeps nobody out.
func TestPastRefused(t *testing.T) {
	t.Parallel()
	p, s, h := inPast(t, time.Time{})
	p.Expect(t, "CHATHISTORY LATEST #test")
	p.Send(t, ":irc.test FAIL CHATHISTORY INVALID_TARGET LATEST #test :Messages could not be retrieved")
	if e := await[transports.Entered](t, h); len(e.Missed.Messages) > 0 || e.Missed.Complete {
		t.Errorf("got %+v", e.Missed)
	}
	do(t, s, transports.Send{Ref: 5, To: roomOf("#test"), Body: "hello"})
	p.Expect(t, "PRIVMSG #test :hello")
}

// TestPastUnasked: what a server or a bouncer tells of before without being asked is the past as well.
func TestPastUnasked(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "batch message-tags server-time")
	p.Expect(t, "JOIN #test")
	past := func(id, body string) []string {
		return []string{":irc.test BATCH +" + id + " chathistory #test", "@batch=" + id + ";time=2020-01-01T00:00:00.000Z :bob!b@h PRIVMSG #test :" + body, ":irc.test BATCH -" + id}
	}
	p.Send(t, ":alice!a@h JOIN #test")
	p.Send(t, past("1", "before")...)
	p.Send(t, ":irc.test 353 alice = #test :alice", ":irc.test 366 alice #test :End")
	if e := await[transports.Entered](t, h); e.Missed == nil || bodies(e.Missed.Messages) != "before" || e.Missed.Complete {
		t.Errorf("got %+v", e.Missed)
	}
	p.Send(t, past("2", "after NAMES")...)
	if e := await[transports.Missed](t, h); e.Room != roomOf("#test") || bodies(e.Messages) != "after NAMES" {
		t.Errorf("got %+v", e)
	}
	p.Send(t, ":irc.test BATCH +3 znc.in/playback bob", "@batch=3;time=2020-01-01T00:00:00.000Z :bob!b@h PRIVMSG alice :to you", ":irc.test BATCH -3")
	if e := await[transports.Missed](t, h); e.Room != (transports.Target{}) || bodies(e.Messages) != "to you" {
		t.Errorf("got %+v", e)
	}
}
