package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

// TestRedirectByLogin: where a server gives the gateway nothing, what comes for a user who is offline is read by logging in as her, and mailed,
// once, though the gateway is killed in between; and it stays for her client.
func TestRedirectByLogin(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServerWith(t, xmpp, xmppExtras{push: true})
			m := newMailGateway(t, program, s, `redirect = { enabled = true, login_servers = ["localhost=none://`+s.c2sAddr+`"] }`)
			m.start()
			alice, bob := m.client("alice"), m.client("bob")
			bot := "help@" + gatewayDomain
			m.redirects(alice)
			command := func(id, password string) {
				t.Helper()
				sendStanza(t, alice, `<iq type='set' id='`+id+`' to='`+gatewayDomain+`'><command xmlns='http://jabber.org/protocol/commands' node='redirect-login'/></iq>`)
				form := await(t, alice, "the form", func(e *xmpptest.Element) bool { return e.Get("id") == id })
				session := form.Child("", "command").Get("sessionid")
				sendStanza(t, alice, `<iq type='set' id='`+id+`2' to='`+gatewayDomain+`'><command xmlns='http://jabber.org/protocol/commands' node='redirect-login' sessionid='`+session+
					`'><x xmlns='jabber:x:data' type='submit'><field var='password'><value>`+password+`</value></field></x></command></iq>`)
				await(t, alice, "the end of the command", func(e *xmpptest.Element) bool {
					return e.Get("id") == id+"2" && strings.Contains(e.String(), "completed")
				})
			}
			command("w", "wrong")
			await(t, alice, "that the password is wrong", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "Your server refuses the password.") })
			command("l", password)
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
