package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

// TestMailReactions: a reaction of a user (XEP-0444) is a mail that says so (RFC 9078), and the other way round, in their thread.
func TestMailReactions(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			m := newMailGateway(t, program, xmppServer(t, xmpp, false), `strangers = "pass"`)
			m.start()
			alice := m.client("alice")
			sendStanza(t, alice, `<message type='chat' id='c' to='help@`+gatewayDomain+`'><body>configure send_reactions=true</body></message>`)
			await(t, alice, "the answer of the bot", func(e *xmpptest.Element) bool { return e.Get("from") == "help@"+gatewayDomain && body(e) != "" })
			m.bring("juliet@example.com", "alice@example.org", "From: juliet@example.com\nMessage-ID: <m1@example.com>\n\nTonight?\n")
			letter := await(t, alice, "the letter", func(e *xmpptest.Element) bool { return strings.HasSuffix(body(e), "Tonight?") })
			sendStanza(t, alice, `<message type='chat' id='r1' to='`+julietAtGateway+`'><reactions xmlns='urn:xmpp:reactions:0' id='`+letter.Get("id")+`'><reaction>👍</reaction></reactions></message>`)
			mail := m.awaitMail("=F0=9F=91=8D")
			for _, line := range []string{"\nContent-Disposition: reaction\n", "\nIn-Reply-To: <m1@example.com>\n"} {
				if !strings.Contains(mail, line) {
					t.Errorf("the mail lacks %q: %s", line, mail)
				}
			}

			sendStanza(t, alice, `<message type='chat' id='q1' to='`+julietAtGateway+`'><body>Shall I bring a ladder?</body></message>`)
			sendStanza(t, alice, `<message type='chat' id='q2' to='`+julietAtGateway+`'><body>/send</body></message>`)
			_, id, _ := strings.Cut(m.awaitMail("Shall I bring a ladder?"), "\nMessage-ID: ")
			id, _, _ = strings.Cut(id, "\n")
			m.bring("juliet@example.com", "alice@example.org", "From: juliet@example.com\nMessage-ID: <m2@example.com>\nIn-Reply-To: "+id+
				"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Disposition: reaction\n\n🎉\n")
			await(t, alice, "her reaction", func(e *xmpptest.Element) bool {
				reactions := e.Child("urn:xmpp:reactions:0", "reactions")
				return e.Get("from") == julietAtGateway && reactions != nil && reactions.Get("id") == "q1" && reactions.Child("urn:xmpp:reactions:0", "reaction").Text() == "🎉"
			})
		})
	}
}

// TestMailReload: what mail the gateway takes, and what it says of senders, follows its configuration, without a restart.
func TestMailReload(t *testing.T) {
	t.Parallel()
	m := newMailGateway(t, build(t), fakeServers(t), `strangers = "pass"`)
	m.start()
	in := newInbox(t, m.client("alice"))
	m.deliver("before")
	in.until("before")
	if code, said := m.offerTo("info@example.org", "to nobody"); code != 550 {
		t.Errorf("an address that is nobody's: the answer is %d %s", code, said)
	}
	m.replace("[store]", "[[mail.alias]]\naddress = \"info@example.org\"\nto = [\"alice@localhost\"]\n\n[store]")
	if err := m.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, said := m.offerTo("info@example.org", "to an alias"); code != 250 {
		t.Errorf("an alias: the answer is %d %s", code, said)
	}
	in.until("to an alias")
	m.replace(`strangers = "pass"`, `strangers = "refuse"`)
	if err := m.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, said := m.offer("from a stranger"); code != 550 {
		t.Errorf("strangers are refused: the answer is %d %s", code, said)
	}
}
