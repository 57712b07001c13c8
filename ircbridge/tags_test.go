package ircbridge

import (
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestTagDeny(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]map[string]bool{
		"*":                  {tagTyping: false, tagReact: false},
		"*,-typing":          {tagTyping: true, tagReply: false},
		"typing,draft/react": {tagTyping: false, tagReactDraft: false, tagReply: true},
		"-typing":            {tagTyping: true, tagReply: true},
		"":                   {tagTyping: true},
		"*,typing":           {tagTyping: false},
		strings.Repeat("a,", 2*maxTagDeny) + "typing": {tagTyping: true}, // what is beyond the bound
	} {
		isup := defaultISupport()
		isup.apply([]string{"CLIENTTAGDENY=" + value})
		c := &conn{isup: &isup}
		c.caps.on = 1 << capTags
		for name, passes := range want {
			if got := c.passes(name); got != passes {
				t.Errorf("CLIENTTAGDENY=%s: %s passes: %t, want %t", value, name, got, passes)
			}
		}
	}
	if (&conn{}).passes(tagTyping) {
		t.Error("a network without tags is believed to pass them on")
	}
}

// Whatever a value is, what is written can be read again, as one tag of one line.
func FuzzTags(f *testing.F) {
	for _, s := range []string{"", "👍", `a;b c\d`, "\r\n", `\`, `\\s`, "=", ":x", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		escaped := escapeTag(value)
		if strings.ContainsAny(escaped, "; \r\n\x00") {
			t.Fatalf("%q is written as %q", value, escaped)
		}
		want := strings.ReplaceAll(value, "\x00", "")
		if got := unescapeTag(escaped); got != want {
			t.Errorf("%q is written as %q and read as %q", value, escaped, got)
		}
		e := parse("@a=b;+c=" + escaped + ";d :n!u@h TAGMSG #test")
		if e == nil || e.Command != "TAGMSG" || len(e.Params) != 1 {
			t.Fatalf("%q breaks the line", value)
		}
		if got, ok := tag(e, "+c"); !ok || got != want {
			t.Errorf("%q is written as %q and read from a line as %q", value, escaped, got)
		}
		unescapeTag(value)
		if id := value; validMsgID(id) && strings.ContainsAny(id, " \r\n") {
			t.Errorf("%q is taken for an id", id)
		}
	})
}

// peer is a network with a clock.
type peer struct {
	*ircd.Peer
	t *testing.T
}

// after expects a line after that much time of the fake clock.
func (p peer) after(want string, d time.Duration) {
	p.t.Helper()
	expectIn(p.t, p.Peer, want, d)
}

// typist plays a network with tags until alice is in #test.
func typist(t *testing.T, test func(p peer, s transports.Session, h *recorder)) {
	t.Helper()
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :message-tags draft/message-redaction")
		p.Expect(t, "CAP REQ")
		p.Send(t, ":irc.test CAP * ACK :message-tags draft/message-redaction")
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		test(peer{p, t}, s, h)
	})
}

// The network is told what the user writes as long as it is true, never twice within three seconds, and not for ever.
func TestOwnTyping(t *testing.T) {
	typist(t, func(p peer, s transports.Session, _ *recorder) {
		state := func(to transports.Target, c transports.Composing) { do(p.t, s, transports.Type{To: to, State: c}) }
		state(roomOf("#test"), transports.ComposingNot) // which it was
		state(roomOf("#test"), transports.ComposingActive)
		p.after("@+typing=active TAGMSG #test", 0)
		state(contact("bob"), transports.ComposingActive)
		p.after("@+typing=active TAGMSG bob", 0)
		state(contact("bob"), transports.ComposingNot)
		p.after("@+typing=done TAGMSG bob", typingApart)
		p.after("@+typing=active TAGMSG #test", typingAgain-typingApart)
		for range 10 {
			state(roomOf("#test"), transports.ComposingPaused)
			state(roomOf("#test"), transports.ComposingActive)
		}
		state(roomOf("#test"), transports.ComposingPaused)
		p.after("@+typing=paused TAGMSG #test", typingApart)
		state(roomOf("#test"), transports.ComposingActive)
		do(p.t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "said"}) // which ends it
		p.after("PRIVMSG #test :said", 0)
		state(roomOf("#test"), transports.ComposingActive)
		p.after("@+typing=active TAGMSG #test", typingApart)
		start, told := time.Now(), 0
		for line := ""; line != "@+typing=done TAGMSG #test"; told++ {
			if line = p.Expect(p.t, ""); strings.HasPrefix(line, "PING") {
				p.Send(p.t, ":irc.test PONG irc.test :alice")
			}
		}
		if d := time.Since(start); d > typingLongest+typingAgain || told < int(typingLongest/typingAgain)-1 {
			p.t.Errorf("it was told %d times in %v", told, d)
		}
		state(transports.Target{Kind: transports.TargetContact, Network: testNet, ID: "nickserv"}, transports.ComposingActive)
		do(p.t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "end"})
		p.after("PRIVMSG #test :end", 0)
	})
}

// Whoever writes is shown to until that holds no longer: he says it, or it is too long ago. What is repeated is shown once, and who floods is
// shown once a second.
func TestOthersType(t *testing.T) {
	typist(t, func(p peer, _ transports.Session, h *recorder) {
		expect := func(want transports.Composing, nick string, after time.Duration) {
			p.t.Helper()
			start := time.Now()
			if e := await[transports.Typing](p.t, h); e.State != want || e.Nick != nick {
				p.t.Errorf("got %+v, want %s %d", e, nick, want)
			}
			took(p.t, start, after)
		}
		active := "@+typing=active :bob!b@h TAGMSG #test"
		p.Send(p.t, active, active, active)
		expect(transports.ComposingActive, "bob", 0)
		expect(transports.ComposingNot, "bob", typingHolds)
		p.Send(p.t, "@+typing=paused :bob!b@h TAGMSG alice")
		expect(transports.ComposingPaused, "bob", 0)
		expect(transports.ComposingNot, "bob", pausedHolds)
		p.Send(p.t, active, ":bob!b@h PRIVMSG #test :said")
		expect(transports.ComposingActive, "bob", 0)
		expect(transports.ComposingNot, "bob", 0)
		// Who leaves or goes by another nick writes nothing, and nobody needs to be told.
		p.Send(p.t, active, "@+typing=active :carol!b@h TAGMSG #test", ":bob!b@h NICK rob", ":carol!b@h PART #test", "@+typing=active :dan!b@h TAGMSG #test")
		expect(transports.ComposingActive, "bob", 0)
		expect(transports.ComposingActive, "carol", 0)
		expect(transports.ComposingActive, "dan", 0)
		expect(transports.ComposingNot, "dan", typingHolds)
		for range 100 {
			p.Send(p.t, active, "@+typing=paused :bob!b@h TAGMSG #test")
		}
		expect(transports.ComposingActive, "bob", 0)
		expect(transports.ComposingPaused, "bob", shownApart)
		expect(transports.ComposingNot, "bob", pausedHolds-shownApart)
	})
}

// Nothing is sent where it would not arrive.
func TestNoTags(t *testing.T) {
	withClock(t, Options{Burst: 0}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		if f := s.Features(roomOf("#test")); f.Types || f.Reacts || f.Replies || f.Redacts {
			t.Errorf("got %+v", f)
		}
		do(t, s, transports.Type{To: roomOf("#test"), State: transports.ComposingActive})
		wantKind(t, s.Do(t.Context(), transports.React{Ref: 2, To: roomOf("#test"), On: "x", Add: []string{"y"}}), transports.Unsupported)
		wantKind(t, s.Do(t.Context(), transports.Redact{Ref: 3, To: roomOf("#test"), Messages: []string{"x"}}), transports.Unsupported)
		do(t, s, transports.Send{Ref: 4, To: roomOf("#test"), Body: "said", ReplyTo: "x"})
		expectIn(t, p, "PRIVMSG #test :said", 0)
	})
}
