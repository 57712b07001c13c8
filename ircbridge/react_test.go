package ircbridge

import (
	"strings"
	"testing"

	"passerelle/transports"
)

const tagCaps = "batch echo-message labeled-response message-tags draft/message-redaction"

func TestReact(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, tagCaps)
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	if f := s.Features(roomOf("#test")); !f.Types || !f.Reacts || !f.Unreacts || !f.Replies || !f.Redacts {
		t.Errorf("got %+v", f)
	}
	do(t, s, transports.React{Ref: 2, To: roomOf("#test"), On: "m;1", Add: []string{"👍", "a b"}, Remove: []string{"x"}})
	p.Expect(t, `+draft/unreact=x;+reply=m\:1;+draft/reply=m\:1 TAGMSG #test`)
	p.Expect(t, `+draft/react=👍;+reply=m\:1;+draft/reply=m\:1 TAGMSG #test`)
	p.Expect(t, `+draft/react=a\sb;+reply=m\:1;+draft/reply=m\:1 TAGMSG #test`)
	fence := strings.TrimPrefix(p.Expect(t, "PING :"), "PING :")
	p.Send(t, `@msgid=r1;+draft/react=👍;+draft/reply=m\:1 :alice!a@h TAGMSG #test`, ":irc.test PONG irc.test :"+fence)
	if e := await[transports.Reacted](t, h); e.From.Nick != "alice" || e.On != "m;1" || e.ID != "r1" {
		t.Errorf("got %s", describe(e))
	}
	if d := await[transports.Done](t, h); d.Ref != 2 || d.Err != nil {
		t.Errorf("got %+v", d)
	}
	do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "yes", ReplyTo: "m1"})
	p.Expect(t, "@label=5;+reply=m1;+draft/reply=m1 PRIVMSG #test :yes")
	p.Send(t, "@label=5;msgid=m2;+reply=m1 :alice!a@h PRIVMSG #test :yes")
	if m := await[transports.Message](t, h); m.Ref != 3 || m.ID != "m2" || m.ReplyTo != "m1" {
		t.Errorf("got %s", describe(m))
	}
	// The refusal of a reaction is none of a message that went there before.
	do(t, s, transports.React{Ref: 4, To: roomOf("#test"), On: "m1", Add: []string{"👍"}})
	p.Expect(t, "TAGMSG #test")
	p.Send(t, ":irc.test 404 alice #test :Cannot send to channel")
	d := await[transports.Done](t, h)
	if wantKind(t, d.Err, transports.Denied); d.Ref != 4 {
		t.Errorf("got %+v", d)
	}
	wantKind(t, s.Do(t.Context(), transports.React{Ref: 5, To: roomOf("#test"), On: "a b", Add: []string{"👍"}}), transports.Unsupported)
	wantKind(t, s.Do(t.Context(), transports.React{Ref: 6, To: roomOf("#test"), On: "a", Add: []string{strings.Repeat("x", 100)}}), transports.TooLarge)
	p.Send(t, ":irc.test 005 alice CLIENTTAGDENY=*,-reply,-react :are supported", ":bob!b@h PRIVMSG #test :after")
	await[transports.Message](t, h)
	do(t, s, transports.React{Ref: 7, To: roomOf("#test"), On: "m1", Add: []string{"👍"}})
	p.Expect(t, ";+react=👍;+reply=m1 TAGMSG #test")
	if f := s.Features(roomOf("#test")); f.Types || f.Unreacts || !f.Reacts {
		t.Errorf("got %+v", f)
	}
}

// TestReactRefusedByLabel: which of several reactions a refusal is about its label says, and so it does of what is taken back.
func TestReactRefusedByLabel(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, tagCaps)
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	label := func(of string) string { // PINGs in between are not answered
		t.Helper()
		for {
			line, err := p.Line()
			if err != nil {
				t.Fatal(err)
			}
			if _, tags, ok := strings.Cut(line, "label="); ok && strings.Contains(line, of) {
				return tags[:strings.IndexAny(tags, "; ")]
			}
		}
	}
	do(t, s, transports.React{Ref: 2, To: contact("bob"), On: "m1", Add: []string{"👍"}})
	do(t, s, transports.React{Ref: 3, To: contact("bob"), On: "m2", Add: []string{"👎"}})
	do(t, s, transports.Redact{Ref: 4, To: roomOf("#test"), Messages: []string{"m3"}})
	do(t, s, transports.Redact{Ref: 5, To: roomOf("#test"), Messages: []string{"m4"}})
	first, second, redact, last := label("TAGMSG bob"), label("TAGMSG bob"), label("REDACT #test m3"), label("REDACT #test m4")
	for _, refusal := range []struct {
		line string
		ref  transports.Ref
		kind transports.Kind
	}{
		{"@label=" + second + " :irc.test 531 alice bob :You may not", 3, transports.Denied},
		{"@label=" + last + " :irc.test FAIL REDACT UNKNOWN_MSGID #test m4 :Unknown", 5, transports.NotFound},
		{"@label=" + first + " :irc.test 401 alice bob :No such nick", 2, transports.NotFound},
		{"@label=" + redact + " :irc.test FAIL REDACT REDACT_FORBIDDEN #test m3 :No", 4, transports.Denied},
	} {
		p.Send(t, refusal.line)
		d := await[transports.Done](t, h)
		if wantKind(t, d.Err, refusal.kind); d.Ref != refusal.ref {
			t.Errorf("%s: got %+v", refusal.line, d)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, tagCaps)
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Redact{Ref: 2, To: roomOf("#test"), Messages: []string{"m1", "m2"}, Reason: "wrong\r\nroom"})
	p.Expect(t, "REDACT #test m1 :wrong room")
	p.Expect(t, "REDACT #test m2 :wrong room")
	fence := strings.TrimPrefix(p.Expect(t, "PING :"), "PING :")
	p.Send(t, ":alice!a@h REDACT #test m1 :wrong room", ":irc.test PONG irc.test :"+fence)
	if e := await[transports.Redacted](t, h); e.By.Nick != "alice" || e.Message != "m1" {
		t.Errorf("got %s", describe(e))
	}
	if d := await[transports.Done](t, h); d.Ref != 2 || d.Err != nil {
		t.Errorf("got %+v", d)
	}
	for i, tt := range []struct {
		fail string
		kind transports.Kind
	}{
		{"REDACT_FORBIDDEN #test m3 :You are not authorised to delete this message", transports.Denied},
		{"INVALID_TARGET #test :You cannot delete messages from #test", transports.Denied},
		{"REDACT_WINDOW_EXPIRED #test m3 60 :You can no longer edit this message", transports.Policy},
		{"UNKNOWN_MSGID #test m3 :This message does not exist or is too old", transports.NotFound},
	} {
		ref := transports.Ref(10 + i)
		do(t, s, transports.Redact{Ref: ref, To: roomOf("#test"), Messages: []string{"m3"}})
		p.Expect(t, "REDACT #test m3")
		p.Send(t, ":irc.test FAIL REDACT "+tt.fail)
		d := await[transports.Done](t, h)
		if wantKind(t, d.Err, tt.kind); d.Ref != ref {
			t.Errorf("%s: got %+v", tt.fail, d)
		}
	}
	do(t, s, transports.Redact{Ref: 20, To: contact("bob"), Messages: []string{"m4"}})
	p.Expect(t, "REDACT bob m4")
	p.Send(t, ":irc.test 401 alice bob :No such nick")
	wantKind(t, await[transports.Done](t, h).Err, transports.NotFound)
}

func TestBots(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "")
	p.Send(t, ":irc.test 005 alice BOT=B :are supported")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	p.Send(t, ":irc.test 352 alice #test u h irc.test bob H@ :0 Bob", ":irc.test 352 alice #test u h irc.test robot HB :0 R",
		":irc.test 335 alice other :is a bot")
	for _, want := range []string{"robot", "other"} {
		e := await(t, h, func(e transports.PersonChanged) bool { return e.Who.Bot })
		if e.Who.Nick != want || e.Known&transports.KnownBot == 0 {
			t.Errorf("got %s, want %s", describe(e), want)
		}
	}
}
