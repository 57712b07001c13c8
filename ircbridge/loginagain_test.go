package ircbridge

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// TestLoginLater: who goes on where nobody can log in is logged in once the network offers that, and not tried for ever.
func TestLoginLater(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	script := ircd.NewScript(t, conf)
	tr := newTransport(t, Options{
		Networks: []Network{{ID: testNet, Addresses: []string{script.Addr}, RootCAs: pool}},
		Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame", SettingLoginOptional: "true"}),
	})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :batch", ":irc.test CAP * ACK :batch")
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	await(t, h, func(n transports.Notice) bool { return strings.Contains(n.Text, "without being logged in") })
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	offer := func() {
		t.Helper()
		p.Send(t, ":irc.test CAP alice NEW :sasl=PLAIN")
		p.Expect(t, "CAP REQ :sasl")
		p.Send(t, ":irc.test CAP alice ACK :sasl")
		p.Expect(t, "AUTHENTICATE PLAIN")
	}
	// It is gone again in the middle of it, and comes back.
	offer()
	p.Send(t, ":irc.test CAP alice DEL :sasl")
	await(t, h, func(n transports.Notice) bool { return strings.Contains(n.Text, "without being logged in") })
	offer()
	p.Send(t, "AUTHENTICATE +")
	p.Expect(t, "AUTHENTICATE AGFsaWNlAHNlc2FtZQ==")
	p.Send(t, ":irc.test 900 alice alice!a@h alice :You are now logged in as alice", ":irc.test 903 alice :success")
	await(t, h, func(n transports.Notice) bool { return n.Text == "You are now logged in as alice" })
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "x"})
	if m := await[transports.Message](t, h); m.From.Account != "alice" {
		t.Errorf("got %s, want the account", describe(m))
	}
	// Who is logged in is not asked again.
	p.Send(t, ":irc.test CAP alice NEW :sasl=PLAIN", "PING :fence")
	if line := p.Expect(t, "PONG"); line != "PONG :fence" {
		t.Errorf("got %q", line)
	}
}

// TestLoginLaterWrongPassword: a password that the network has found wrong is not said again.
func TestLoginLaterWrongPassword(t *testing.T) {
	t.Parallel()
	s, c := online(t)
	l := &login{credentials: credentials{account: "alice", password: "sesame"}, wish: saslAuto, encrypted: true, optional: true, done: true, later: true}
	c.login, c.caps.listed = l, true
	s.handle(c, ":irc.test CAP alice NEW :sasl=PLAIN")
	s.handle(c, ":irc.test CAP alice ACK :sasl")
	s.handle(c, "AUTHENTICATE +")
	if err := s.respond(c); err != nil {
		t.Fatal(err)
	}
	s.handle(c, ":irc.test 904 alice :no")
	if !l.done || l.later || l.password != "" {
		t.Errorf("done %t, to be tried again %t", l.done, l.later)
	}
	c.urgent = nil
	if s.handle(c, ":irc.test CAP alice NEW :sasl=PLAIN"); len(c.urgent) > 0 {
		t.Errorf("got %q", c.urgent)
	}
}
