package e2e

import (
	"context"
	"net"
	"os"
	"testing"
)

// TestProfanity does with the client Profanity what a user does with a gateway: he finds it, sets it up, talks in a room and in
// private.
func TestProfanity(t *testing.T) { withClient(t, holdProfanity, "prosody", "ejabberd") }

func holdProfanity(p *party) {
	t, ctx := p.t, p.ctx
	screen := openProfanity(ctx, t, p.servers)
	do := func(line, pattern string) {
		t.Helper()
		screen.enter(ctx, line)
		screen.await(ctx, pattern)
	}

	// It finds the gateway and what the gateway has.
	do("/disco items localhost", `^\S+ -   `+gatewayDomain)
	do("/disco info "+gatewayDomain, `^\S+ -     IRC gateway irc gateway`)
	do("/sub request "+gatewayDomain, `^\S+ - \+\+ `+gatewayDomain+` is online`)
	// It pings who it knows can be: it has asked when the gateway came online, and this answer is behind that one.
	do("/disco items "+gatewayDomain, `^\S+ -   `+networkJID)
	do("/ping "+gatewayDomain, `Ping response from `+gatewayDomain)

	// It runs a command with a form; the answer is said in the first window.
	do("/cmd list "+networkJID, `^\S+ !   configure`)
	do("/cmd exec configure "+networkJID, `Form title: Your settings on this network`)
	do("/field1 ally", `\[field1\].* ally`)
	do("/form submit", `^\S+ ! configure completed`)

	// The bot shows the way into a room, and so does the invitation that comes in the first window.
	do("/msg help@"+gatewayDomain+" hello", `^\s+1 Join a channel`)
	do("1", `Write a channel and its network`)
	do("#go on "+networkName, `^\s+xmpp:%23go%25`+networkName+`@`+gatewayDomain+`\?join`)
	do("/win 1", `Use '/join `+roomJID+`' to accept the invitation`)

	do("/join "+roomJID+" nick alice", `You have joined the room as ally`)
	p.irc("<", ":ally!* JOIN *#go")
	do("hello from profanity", `^\S+ - ally: hello from profanity`)
	p.irc("<", ":ally!* PRIVMSG #go :hello from profanity")
	p.irc(">", "PRIVMSG #go :welcome, ally")
	screen.await(ctx, `^\S+ - bob: welcome, ally`)
	p.irc(">", "TOPIC #go :all about go")
	p.irc("<", ":bob!* TOPIC #go :all about go")
	screen.await(ctx, `^\S+ ! \*bob has set the room subject: all about go`)

	// It stays in the room when the gateway crashes or is stopped in order, and comes back.
	if err := poll(ctx, func() error { return p.gateway.remembers(ctx, "1") }); err != nil {
		t.Fatal(err)
	}
	for _, end := range []struct {
		how func()
		say string
	}{{func() { p.gateway.Kill() }, "crash"}, {func() { p.gateway.process.Stop() }, "stop"}} {
		end.how()
		p.irc("<", ":ally!* QUIT *")
		if err := p.gateway.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		p.irc("<", ":ally!* JOIN *#go")
		p.irc(">", "PRIVMSG #go :back after the "+end.say+"?")
		screen.await(ctx, `^\S+ - bob: back after the `+end.say+`\?`)
		do("so it seems, after the "+end.say, `^\S+ - ally: so it seems, after the `+end.say)
		p.irc("<", ":ally!* PRIVMSG #go :so it seems, after the "+end.say)
	}

	do("/nick alyssa", ` alyssa$`) // in the list of those who are there
	p.irc("<", ":ally!* NICK *alyssa")

	do("/msg bob", `^ .*bob`)
	do("just between us", `^\S+ - (me|alyssa): just between us`)
	p.irc("<", ":alyssa!* PRIVMSG bob :just between us")
	p.irc(">", "PRIVMSG alyssa :nobody else hears this")
	screen.await(ctx, `nobody else hears this`)

	do("/msg help@"+gatewayDomain+" help", `^\s+Words that I know, of which “help WORD” says more: .* join, `)
	screen.enter(ctx, "/quit")
	p.irc("<", ":alyssa!* *")
}

// openProfanity has alice log in with Profanity.
func openProfanity(ctx context.Context, t *testing.T, s *servers) *terminal {
	t.Helper()
	program := findProgram(t, "profanity")
	host, port, err := net.SplitHostPort(s.c2sAddr)
	if err != nil {
		t.Fatal(err)
	}
	home := shortTempDir(t)
	writeHome(t, home, ".config/profanity/profrc", "[ui]\nsplash=false\noccupants=true\nroster=false\n[logging]\nchlog=false\n")
	writeHome(t, home, ".local/share/profanity/accounts", "[alice]\nenabled=true\njid=alice@localhost\npassword=%s\nserver=%s\nport=%s\n"+
		"tls.policy=disable\nresource=profanity\nmuc.nick=alice\n", password, host, port)
	screen := openTerminal(ctx, t, home, program, "--account", "alice")
	screen.await(ctx, `alice@localhost/profanity logged in successfully`)
	return screen
}

// shortTempDir is a folder whose name is short enough for a socket in it. It is removed at the end of the test.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
