package ircbridge

import (
	"context"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// What strangers ask of the user's client is answered by the gateway, which does not say what that is.
func TestCTCP(t *testing.T) {
	withClock(t, Options{Version: "passerelle 1"}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		ask := func(request string) { p.Send(t, ":bob!b@h PRIVMSG alice :\x01"+request+"\x01") }
		for request, want := range map[string]string{
			"VERSION": "VERSION passerelle 1", "ping 1 2": "PING 1 2", "CLIENTINFO": "CLIENTINFO ACTION CLIENTINFO PING TIME VERSION", "TIME": "TIME Sat, 01 Jan 2000 00:0",
		} {
			ask(request)
			p.Expect(t, "NOTICE bob :\x01"+want)
		}
		// Nothing of it is to be read, and too much is not answered.
		ask("VERSION")
		ask("FINGER")
		p.Send(t, ":bob!b@h PRIVMSG alice :hello")
		if m := await[transports.Message](t, h); m.Body != "hello" {
			t.Errorf("got %s", describe(m))
		}
		time.Sleep(ctcpInterval) // of the fake clock
		ask("PING again")
		p.Expect(t, "NOTICE bob :\x01PING again\x01")
	})
}

// DCC would go past the gateway: both sides are told.
func TestDCC(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "")
	p.EnterChannel(t, "alice")
	for request, want := range map[string][2]string{
		`DCC SEND "my file.txt" 2130706433 5000 100`: {"DCC REJECT SEND my file.txt", "offers you the file my file.txt, which"},
		"DCC CHAT chat 2130706433 5000":              {"DCC REJECT CHAT chat", "offers you a direct connection (DCC CHAT), which"},
	} {
		p.Send(t, ":bob!b@h PRIVMSG alice :\x01"+request+"\x01")
		p.Expect(t, "NOTICE bob :\x01"+want[0]+"\x01")
		if m := await[transports.Message](t, h); m.From.Nick != "bob" || !m.Action || !strings.HasPrefix(m.Body, want[1]) {
			t.Errorf("got %s", describe(m))
		}
	}
}

// A user may let his client be asked.
func TestShowClient(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	kept := &memorySettings{}
	kept.set(map[string]string{SettingShowClient: "true"})
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr()), Version: "passerelle 1", Settings: kept}), alice)
	enter(t, s, h, "#test", "alice")
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "PRIVMSG alice :\x01VERSION\x01")
	if e := await[transports.Enquired](t, h); e.From.Nick != "bob" || e.Question != transports.AskVersion {
		t.Errorf("got %+v", e)
	}
	do(t, s, transports.Tell{Who: contact("bob"), Question: transports.AskVersion, Text: "Gajim\r\n1.8"})
	bob.Expect(t, "NOTICE bob :\x01VERSION Gajim 1.8 (through passerelle 1)\x01")
	do(t, s, transports.Tell{Who: contact("bob"), Question: transports.AskVersion})
	bob.Expect(t, "NOTICE bob :\x01VERSION passerelle 1\x01")
	bob.Send(t, "PRIVMSG alice :\x01PING 7 8\x01")
	e := await[transports.Enquired](t, h)
	do(t, s, transports.Tell{Who: contact("bob"), Question: e.Question, Token: e.Token})
	bob.Expect(t, "NOTICE bob :\x01PING 7 8\x01")
	wantKind(t, s.Do(context.Background(), transports.Tell{Who: roomOf("#test")}), transports.BadRequest)
}

// Others' clients are asked too; many do not answer.
func TestEnquire(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		do(t, s, transports.Enquire{Ref: 2, Who: contact("bob"), Question: transports.AskVersion})
		do(t, s, transports.Enquire{Ref: 3, Who: contact("bob"), Question: transports.AskPing})
		p.Expect(t, "PRIVMSG bob :\x01VERSION\x01")
		p.Expect(t, "PRIVMSG bob :\x01PING ")
		p.Send(t, ":carol!c@h NOTICE alice :\x01VERSION nobody asked her\x01", ":Bob!b@h NOTICE alice :\x01PING 1\x01",
			":Bob!b@h NOTICE alice :\x01VERSION irssi v1.4\x02\x01")
		if e := await[transports.Told](t, h); e.Ref != 3 || e.Text != "" {
			t.Errorf("got %+v", e)
		}
		if e := await[transports.Told](t, h); e.Ref != 2 || e.Text != "irssi v1.4" {
			t.Errorf("got %+v", e)
		}
		do(t, s, transports.Enquire{Ref: 4, Who: contact("nobody"), Question: transports.AskPing})
		p.Expect(t, "PRIVMSG nobody ")
		p.Send(t, ":irc.test 401 alice nobody :No such nick")
		wantKind(t, done(t, h, 4), transports.NotFound)
		start := time.Now()
		do(t, s, transports.Enquire{Ref: 5, Who: contact("bob"), Question: transports.AskVersion})
		p.Expect(t, "PRIVMSG bob ")
		wantKind(t, done(t, h, 5), transports.Offline)
		took(t, start, ctcpTimeout)
		wantKind(t, s.Do(context.Background(), transports.Enquire{Who: roomOf("#test")}), transports.BadRequest)
	})
}
