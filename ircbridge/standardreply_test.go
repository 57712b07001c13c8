package ircbridge

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// What a network says of a command answers whoever asked for it; the rest is shown where it belongs.
func TestStandardReplies(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "echo-message standard-replies")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	room := roomOf("#test")
	for i, tc := range []struct {
		ask  transports.Request
		line string // that is expected of the session
		says string
		kind transports.Kind
		text string
	}{
		{transports.Send{Ref: 10, To: room, Body: "a"}, "PRIVMSG #test :a", "FAIL PRIVMSG INVALID_UTF8 :Message rejected", transports.BadRequest, "Message rejected."},
		{transports.Send{Ref: 11, To: room, Body: "b"}, "PRIVMSG #test :b", "FAIL PRIVMSG ACCOUNT_REQUIRED #test :Log in first", transports.NotRegistered, "Log in first."},
		{transports.Send{Ref: 12, To: contact("bob"), Body: "c"}, "PRIVMSG bob :c", "FAIL privmsg RATE_LIMITED bob :Slow down", transports.Busy, "Slow down."},
		{transports.SetNick{Ref: 13, Nick: "al"}, "NICK al", "FAIL NICK NICKNAME_RESERVED al :Not yours", transports.Denied, "stays as it is: Not yours."},
		{transports.SetSubject{Ref: 14, Room: room, Subject: "x"}, "TOPIC #test :x", "FAIL TOPIC TOO_LONG #test :Too long", transports.TooLarge, "stays as it is: Too long."},
		{transports.Invite{Ref: 15, Room: room, Nick: "bob"}, "INVITE bob #test", "FAIL INVITE CANNOT :No", transports.Denied, "No."},
		{transports.Moderate{Ref: 16, Room: room, Who: transports.Person{Nick: "bob"}, Kick: true}, "KICK #test bob", "FAIL KICK DISABLED #test :Never", transports.Unsupported, "Never."},
		{transports.List{Ref: 17}, "LIST", "FAIL LIST TEMPORARILY_UNAVAILABLE :Later", transports.Busy, "Later."},
		{transports.Join{Ref: 18, Room: roomOf("#b")}, "JOIN #b", "FAIL JOIN NEED_REGISTRATION :Only members", transports.NotRegistered, "Only members."},
	} {
		do(t, s, tc.ask)
		p.Expect(t, tc.line)
		p.Send(t, ":irc.test "+tc.says)
		d := await[transports.Done](t, h)
		if e := wantKind(t, d.Err, tc.kind); int(d.Ref) != 10+i || !strings.HasSuffix(e.Text, tc.text) {
			t.Errorf("%s: got ref %d, %q", tc.says, d.Ref, e.Text)
		}
	}
	for line, want := range map[string]transports.Notice{
		"WARN * CERTS_EXPIRED :It is old":         {Text: "It is old"},
		"NOTE MODE OPER_MESSAGE #test :Mind that": {Room: room, Text: "Mind that"},
		"FAIL SETNAME INVALID_REALNAME :No name":  {Text: "No name"},
		"FAIL PRIVMSG X #elsewhere :Not there":    {Text: "Not there"},
		"NOTE x :y":                               {Text: "y"},
	} {
		p.Send(t, ":irc.test "+line)
		if n := await[transports.Notice](t, h); n != want {
			t.Errorf("%s: got %+v, want %+v", line, n, want)
		}
	}
	// What was typed is nobody's message, and what is said to a line of the user's own is its answer.
	p.Send(t, ":irc.test FAIL TAGMSG INVALID_TARGET #x :no")
	do(t, s, transports.Raw{Ref: 30, Line: "REHASH"})
	token := strings.TrimPrefix(p.Expect(t, "PING :"), "PING :")
	p.Expect(t, "REHASH")
	after := strings.TrimPrefix(p.Expect(t, "PING :"), "PING :")
	p.Send(t, ":irc.test PONG irc.test :"+token, ":irc.test WARN REHASH CERTS_EXPIRED :They are old", ":irc.test FAIL REHASH CONFIG_BAD :Could not reload",
		":irc.test PONG irc.test :"+after)
	if a, ok := h.next(t).(transports.RawAnswer); !ok || a.Ref != 30 || !a.Refused || strings.Join(a.Lines, "|") != "They are old|Could not reload" {
		t.Errorf("got %+v", a)
	}
}

// Who is not let in is told why, in the words that came before the connection was closed.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	for fail, want := range map[string]struct {
		kind transports.Kind
		text string
	}{
		"FAIL * ACCOUNT_REQUIRED_TO_CONNECT :An account is required": {transports.NotRegistered, "without an account: An account is required. Set yours"},
		"FAIL USER NO_SPACE :Come back later":                        {transports.Offline, "closed the connection: Come back later (bye)."},
		"FAIL * X :You are banned":                                   {transports.Denied, "has banned you: You are banned (bye)."},
	} {
		script := ircd.NewScript(t, nil)
		s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := script.Accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test "+fail, "ERROR :bye")
		_ = p.Conn.Close() // it may have hung up
		d := await[transports.Done](t, h)
		if e := wantKind(t, d.Err, want.kind); !strings.Contains(e.Text, want.text) {
			t.Errorf("%s: got %q", fail, e.Text)
		}
	}
}
