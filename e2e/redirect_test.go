package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

var (
	mailedCode = regexp.MustCompile(`redirect code ([0-9A-Z-]+)`)
	aliasSaid  = regexp.MustCompile(`(?:alice|carol)-[a-z2-7]{8}@\S+\w`)
)

// redirects has alice's messages go to her mailbox, and returns what the gateway says of how they are learnt of.
func (m *mailGateway) redirects(alice xmppClient) string {
	m.t.Helper()
	bot := "help@" + gatewayDomain
	sendStanza(m.t, alice, `<message type='chat' id='r1' to='`+bot+`'><body>redirect to alice@elsewhere.example</body></message>`)
	code := mailedCode.FindStringSubmatch(m.awaitMail("redirect code "))
	if code == nil {
		m.t.Fatal("the mail has no code")
	}
	sendStanza(m.t, alice, `<message type='chat' id='r2' to='`+bot+`'><body>redirect code `+code[1]+`</body></message>`)
	return body(await(m.t, alice, "how it is learnt of", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "They are learnt of so") }))
}

// TestRedirect: what is written to the address of ours that stands for a user is mailed to him, once, though the gateway is killed in between.
func TestRedirect(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, false)
			m := newMailGateway(t, program, s, `redirect = { enabled = true, ways = ["alias"] }`)
			m.start()
			alice, bob := m.client("alice"), m.client("bob")
			alias := aliasSaid.FindString(m.redirects(alice))
			if alias == "" {
				t.Fatal("no address was named")
			}
			for _, said := range []string{"Are you there?", "I am waiting &amp; waiting."} {
				sendStanza(t, bob, `<message type='chat' id='b`+said[:3]+`' to='`+alias+`'><body>`+said+`</body></message>`)
			}
			m.awaitWaiting(2)
			m.Kill()
			m.start()
			mail := m.awaitMail("I am waiting & waiting.")
			for _, want := range []string{"Are you there?", "\nSubject: Messages from bob\n", "\nTo: alice@elsewhere.example\n", "\nAuto-Submitted: auto-generated\n", "\nDKIM-Signature: "} {
				if !strings.Contains(mail, want) {
					t.Errorf("the mail has no %q:\n%s", want, mail)
				}
			}
			if n := len(m.mails()); n != 2 { // with that of the code
				t.Errorf("%d mails went out", n)
			}
		})
	}
}

// awaitWaiting waits until so many messages wait to be mailed.
func (m *mailGateway) awaitWaiting(n int) {
	m.t.Helper()
	if err := poll(m.t.Context(), func() (err error) {
		db, err := sql.Open("sqlite", "file:"+m.database()+"?mode=ro")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		var waiting int
		if err := db.QueryRowContext(m.t.Context(), `SELECT count(*) FROM redirect_lines WHERE copy <> ''`).Scan(&waiting); err != nil {
			return err
		}
		if waiting != n {
			return fmt.Errorf("%d messages wait", waiting)
		}
		return nil
	}); err != nil {
		m.t.Fatal(err)
	}
}

// TestRedirectByModule: what comes for a user who is offline is mailed to him and stays for his client; what comes while he is online is not.
func TestRedirectByModule(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			m := newMailGateway(t, program, xmppServerWith(t, xmpp, xmppExtras{redirect: true}), `redirect = { enabled = true }`)
			m.start()
			alice, bob := m.client("alice"), m.client("bob")
			if said := m.redirects(alice); !strings.Contains(said, "a module on your server") {
				t.Fatalf("she is told %q", said)
			}
			sendStanza(t, alice, `<message type='chat' id='r3' to='help@`+gatewayDomain+`'><body>redirect add do offline</body></message>`)
			await(t, alice, "the rules", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "1. do offline") })
			sendStanza(t, bob, `<message type='chat' id='b1' to='alice@localhost'><body>She is here.</body></message>`)
			await(t, alice, "the message", func(e *xmpptest.Element) bool { return body(e) == "She is here." })
			if err := alice.Close(); err != nil {
				t.Fatal(err)
			}
			sendStanza(t, bob, `<message type='chat' id='b2' to='alice@localhost'><body>She is away.</body></message>`)
			mail := m.awaitMail("She is away.")
			if strings.Contains(mail, "She is here.") || !strings.Contains(mail, "bob@localhost wrote to you on XMPP:") {
				t.Errorf("the mail is\n%s", mail)
			}
			alice = m.client("alice")
			await(t, alice, "what waited for her", func(e *xmpptest.Element) bool { return body(e) == "She is away." })
			if n := len(m.mails()); n != 2 { // with that of the code
				t.Errorf("%d mails went out", n)
			}
		})
	}
}
