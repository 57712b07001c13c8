package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

var loginCode = regexp.MustCompile(`redirect code ([0-9A-Z-]+)`)

// TestRedirectByLogin: where a server gives the gateway nothing, what comes for a user who is offline is read by logging in as her, and mailed,
// once, though the gateway is killed in between; and it stays for her client.
func TestRedirectByLogin(t *testing.T) {
	t.Parallel()
	program := build(t)
	components := []realservers.Component{{Domain: gatewayDomain, Secret: gatewaySecret}}
	users := []realservers.Account{{Name: "alice", Password: password}, {Name: "bob", Password: password}}
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := &servers{}
			if xmpp == "prosody" {
				p := realtest.Prosody(t, realservers.ProsodyOptions{Components: components, Users: users, Push: true})
				s.xmpp, s.c2sAddr, s.componentAddr = p, p.C2SAddr, p.ComponentAddr
			} else {
				e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: components, Users: users, Push: true})
				s.xmpp, s.c2sAddr, s.componentAddr = e, e.C2SAddr, e.ComponentAddr
			}
			s.login = func(ctx context.Context, user, resource string) (xmppClient, error) {
				return client.Login(ctx, s.c2sAddr, user, password, resource)
			}
			m := newMailGateway(t, program, s, `redirect = { enabled = true, login_servers = ["localhost=none://`+s.c2sAddr+`"] }`)
			m.start()
			alice, bob := m.client("alice"), m.client("bob")
			bot := "help@" + gatewayDomain
			sendStanza(t, alice, `<message type='chat' id='r1' to='`+bot+`'><body>redirect to alice@elsewhere.example</body></message>`)
			code := loginCode.FindStringSubmatch(m.awaitMail("redirect code "))
			if code == nil {
				t.Fatal("the mail has no code")
			}
			sendStanza(t, alice, `<message type='chat' id='r2' to='`+bot+`'><body>redirect code `+code[1]+`</body></message>`)
			await(t, alice, "how it is learnt of", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "They are learnt of so") })
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
			if err := poll(t.Context(), func() (err error) { // for others that go into the same mail
				db, err := sql.Open("sqlite", "file:"+m.database()+"?mode=ro")
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, db.Close()) }()
				var waiting int
				if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM redirect_lines WHERE copy <> ''`).Scan(&waiting); err != nil || waiting == 1 {
					return err
				}
				return fmt.Errorf("%d messages wait", waiting)
			}); err != nil {
				t.Fatal(err)
			}
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
