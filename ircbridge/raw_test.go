package ircbridge

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// answered waits for what the network said to a line.
func answered(t *testing.T, h *recorder, ref transports.Ref) []string {
	t.Helper()
	return await(t, h, func(a transports.RawAnswer) bool { return a.Ref == ref }).Lines
}

// What a network says between the answers to two PINGs is said to the line between them, and nothing else is.
func TestRaw(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Raw{Ref: 2, Line: "whois bob"})
	p.Expect(t, "PING :done-1")
	p.Expect(t, "whois bob")
	p.Expect(t, "PING :done-2")
	p.Send(t, ":irc.test 401 alice someone :of before", ":irc.test PONG irc.test :done-1",
		":irc.test 311 alice bob ~b host.test * :Bob B", ":bob!b@h PRIVMSG #test :meanwhile", ":irc.test 318 alice bob :End of WHOIS",
		":irc.test PONG irc.test :done-2", ":irc.test 318 alice bob :late")
	if n := await[transports.Notice](t, h); n.Text != "someone of before" {
		t.Errorf("got %s", describe(n))
	}
	await[transports.Message](t, h)
	if got, want := answered(t, h, 2), []string{"bob ~b host.test * Bob B", "bob End of WHOIS"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// How the channel is set up is learnt from it as well; and there may be nothing to say.
	do(t, s, transports.Raw{Ref: 3, Line: "MODE #test"})
	do(t, s, transports.Raw{Ref: 4, Line: "NOTICE bob :hi"})
	for _, line := range []string{"PING :done-3", "MODE #test", "PING :done-4", "PING :done-5", "NOTICE bob :hi", "PING :done-6"} {
		p.Expect(t, line)
	}
	p.Send(t, ":irc.test PONG irc.test :done-3", ":irc.test 324 alice #test +mk sesame", ":irc.test PONG irc.test :done-4",
		":irc.test PONG irc.test :done-5", ":irc.test PONG irc.test :done-6")
	if e := await[transports.ModesChanged](t, h); e.Key != "sesame" {
		t.Errorf("got %s", describe(e))
	}
	if got := answered(t, h, 3); !slices.Equal(got, []string{"#test +mk sesame"}) {
		t.Errorf("got %q", got)
	}
	if got := answered(t, h, 4); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	// There is a bound, and nobody is left waiting.
	do(t, s, transports.Raw{Ref: 5, Line: "LIST"})
	p.Expect(t, "PING :done-7")
	p.Send(t, ":irc.test PONG irc.test :done-7")
	p.Expect(t, "PING :done-8")
	for range maxRawLines + 1 {
		p.Send(t, ":irc.test 322 alice #x 1 :topic")
	}
	p.Send(t, ":irc.test PONG irc.test :done-8")
	if a := await[transports.RawAnswer](t, h); len(a.Lines) != maxRawLines || !a.Cut {
		t.Errorf("got %d lines, cut: %t", len(a.Lines), a.Cut)
	}
	do(t, s, transports.Raw{Ref: 6, Line: "LUSERS"})
	p.Expect(t, "LUSERS")
	p.Send(t, "ERROR :Closing link")
	if err := p.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, done(t, h, 6), transports.Offline)
}

func TestRawRefused(t *testing.T) {
	t.Parallel()
	_, s, _ := entered(t, ircd.Options{})
	for line, kind := range map[string]transports.Kind{
		"QUIT":                              transports.Policy,
		"quit :bye":                         transports.Policy,
		"PASS secret":                       transports.Policy,
		"USER a 0 * :b":                     transports.Policy,
		"CAP REQ :sasl":                     transports.Policy,
		"AUTHENTICATE PLAIN":                transports.Policy,
		"PING done-1":                       transports.Policy,
		"PONG :x":                           transports.Policy,
		"":                                  transports.BadRequest,
		":bob!b@h PRIVMSG #test :forged":    transports.BadRequest,
		"@label=1 WHOIS bob":                transports.BadRequest,
		"WHOIS bob\r\nQUIT":                 transports.BadRequest,
		"PRIVMSG #test :a\x00b":             transports.BadRequest,
		"JOIN":                              transports.BadRequest,
		"JOIN test":                         transports.BadRequest,
		"JOIN 0":                            transports.BadRequest,
		"JOIN " + strings.Repeat("#a,", 40): transports.BadRequest,
		"PART":                              transports.BadRequest,
		"PART #other":                       transports.NotJoined,
		"NICK 1:2":                          transports.BadRequest,
		"WHOIS " + strings.Repeat("x", maxRawLine): transports.TooLarge,
	} {
		wantKind(t, s.Do(context.Background(), transports.Raw{Ref: 9, Line: line}), kind)
	}
	idle, _ := open(t, newTransport(t, Options{Networks: plainNet("127.0.0.1:1")}), alice)
	wantKind(t, idle.Do(context.Background(), transports.Raw{Ref: 1, Line: "WHOIS bob"}), transports.Offline)
}

// What there is another request for goes its way.
func TestRawByOtherRequests(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	do(t, s, transports.Raw{Ref: 2, Line: "JOIN #A,#b key"})
	if a := await[transports.RawAnswer](t, h); len(a.Join) != 2 || a.Join[0].Room != roomOf("#a") || a.Join[0].Password != "key" || a.Join[1].Room != roomOf("#b") {
		t.Errorf("got %+v", a)
	}
	do(t, s, transports.Raw{Ref: 3, Line: "PART #test :bye"})
	if a := await[transports.RawAnswer](t, h); len(a.Leave) != 1 || a.Leave[0] != roomOf("#test") {
		t.Errorf("got %+v", a)
	}
	do(t, s, transports.Raw{Ref: 4, Line: "NICK alicia"})
	if e := await[transports.Renamed](t, h); e.Ref != 4 || e.New != "alicia" {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.Raw{Ref: 5, Line: "PRIVMSG bob :a secret"})
	bob.Expect(t, "PRIVMSG bob :a secret")
	if m := await[transports.Message](t, h); m.Ref != 5 || m.To != contact("bob") {
		t.Errorf("got %s", describe(m))
	}
	do(t, s, transports.Raw{Ref: 6, Line: "PRIVMSG #test :to all"})
	if m := await[transports.Message](t, h); m.Ref != 6 || m.Room != roomOf("#test") {
		t.Errorf("got %s", describe(m))
	}
	do(t, s, transports.Raw{Ref: 7, Line: "PRIVMSG nobody :anybody?"})
	wantKind(t, done(t, h, 7), transports.NotFound)
}

// What is typed in a channel as a command of a client concerns that channel; what is none there is said by nobody.
func TestTyped(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	for i, typed := range [][2]string{
		{"mode +m", "MODE #test +m"},
		{"MODE #test -m", "MODE #test -m"},
		{"topic all things Go", "TOPIC #test :all things Go"},
		{"invite bob", ""}, // he is there
		{"kick bob  too loud", "KICK #test bob :too loud"},
	} {
		ref := transports.Ref(10 + i)
		do(t, s, transports.Raw{Ref: ref, Room: roomOf("#test"), Line: typed[0]})
		a := await(t, h, func(a transports.RawAnswer) bool { return a.Ref == ref })
		if refusal := typed[1] == ""; a.Refused != refusal {
			t.Errorf("%s: refused: %t, %q", typed[0], a.Refused, a.Lines)
		}
		if typed[1] != "" {
			bob.Expect(t, typed[1])
		}
	}
	for _, typed := range []string{"msg NickServ identify secret", "whois", "join", "nick bobby", "kick", "invite", "quit", "mode #test +m\r\nQUIT"} {
		wantKind(t, s.Do(context.Background(), transports.Raw{Ref: 20, Room: roomOf("#test"), Line: typed}), transports.BadRequest)
	}
	wantKind(t, s.Do(context.Background(), transports.Raw{Ref: 20, Room: roomOf("#other"), Line: "mode"}), transports.NotJoined)
}

// A bouncer answers PINGs by itself: there what is said within a while is said to the line.
func TestRawBehindBouncer(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :znc.in/self-message")
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 422 alice :No MOTD")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		start := time.Now()
		do(t, s, transports.Raw{Ref: 2, Line: "WHOIS bob"})
		p.Expect(t, "WHOIS bob")
		p.Send(t, ":irc.test 318 alice bob :End of WHOIS")
		if got := answered(t, h, 2); !slices.Equal(got, []string{"bob End of WHOIS"}) {
			t.Errorf("got %q", got)
		}
		took(t, start, bouncerTimeout)
		// It does not take what others wait for.
		do(t, s, transports.Raw{Ref: 3, Line: "WHOIS bob"})
		p.Expect(t, "WHOIS bob")
		do(t, s, transports.Join{Ref: 4, Room: roomOf("#full"), Nick: "alice"})
		p.Expect(t, "JOIN #full")
		p.Send(t, ":irc.test 471 alice #full :Cannot join channel (+l)")
		wantKind(t, done(t, h, 4), transports.Full)
	})
}
