package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

// login gives the gateway the password of a user, by the form of its command.
func (m *mailGateway) login(user xmppClient, id, password string) {
	m.t.Helper()
	sendStanza(m.t, user, `<iq type='set' id='`+id+`' to='`+gatewayDomain+`'><command xmlns='http://jabber.org/protocol/commands' node='redirect-login'/></iq>`)
	form := await(m.t, user, "the form", func(e *xmpptest.Element) bool { return e.Get("id") == id })
	session := form.Child("", "command").Get("sessionid")
	sendStanza(m.t, user, `<iq type='set' id='`+id+`2' to='`+gatewayDomain+`'><command xmlns='http://jabber.org/protocol/commands' node='redirect-login' sessionid='`+session+
		`'><x xmlns='jabber:x:data' type='submit'><field var='password'><value>`+password+`</value></field></x></command></iq>`)
	await(m.t, user, "the end of the command", func(e *xmpptest.Element) bool {
		return e.Get("id") == id+"2" && strings.Contains(e.String(), "completed")
	})
}

// TestRedirectByLogin: where a server gives the gateway nothing but pushes (XEP-0357), what comes for a user who is offline is read by logging in as
// her, from her archive or, where the server keeps none, from what waits for her (XEP-0013); it is mailed once, though the gateway is killed in
// between, and it stays for her client.
func TestRedirectByLogin(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, c := range []struct {
		name, xmpp string
		noArchive  bool
	}{{"prosody", "prosody", false}, {"ejabberd", "ejabberd", false}, {"ejabberd without an archive", "ejabberd", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := xmppServerWith(t, c.xmpp, xmppExtras{push: true, noArchive: c.noArchive})
			m := newMailGateway(t, program, s, `redirect = { enabled = true, login_servers = ["localhost=none://`+s.c2sAddr+`"] }`)
			m.start()
			alice, bob := m.client("alice"), m.client("bob")
			bot := "help@" + gatewayDomain
			m.redirects(alice)
			m.login(alice, "w", "wrong")
			await(t, alice, "that the password is wrong", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Your server refuses the password.") })
			m.login(alice, "l", password)
			await(t, alice, "the way", func(e *xmpptest.Element) bool {
				return strings.Contains(body(e), "this gateway logs in to your account")
			})
			sendStanza(t, alice, `<message type='chat' id='r3' to='`+bot+`'><body>redirect add do always</body></message>`)
			await(t, alice, "the rules", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "1. do always") })
			if err := alice.Close(); err != nil {
				t.Fatal(err)
			}
			sendStanza(t, bob, `<message type='chat' id='b1' to='alice@localhost'><body>She is away.</body></message>`)
			m.awaitWaiting(1) // for others that go into the same mail
			m.Kill()
			sendStanza(t, bob, `<message type='chat' id='b2' to='alice@localhost'><body>So is the gateway.</body></message>`)
			m.start()
			mail := m.awaitMail("So is the gateway.")
			if !strings.Contains(mail, "bob@localhost wrote to you on XMPP:") || !strings.Contains(mail, "She is away.") {
				t.Errorf("the mail is\n%s", mail)
			}
			alice = m.client("alice")
			await(t, alice, "what waited for her", func(e *xmpptest.Element) bool { return body(e) == "She is away." })
			await(t, alice, "what waited for her", func(e *xmpptest.Element) bool { return body(e) == "So is the gateway." })
			if n := len(m.mails()); n != 2 { // with that of the code
				t.Errorf("%d mails went out", n)
			}
		})
	}
}
