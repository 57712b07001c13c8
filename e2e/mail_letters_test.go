package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

// TestMailLetters: what stands in a mail beside its words stands in the message, and the other way round: who else gets it (XEP-0033), what
// stands above it (XEP-0131), how it looks, files, and what cannot be mailed. Contacts are there like others are.
func TestMailLetters(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, false)
			m := newMailGateway(t, program, s, `strangers = "pass"`)
			m.start()
			alice := m.client("alice")
			expect := func(what, pattern string) {
				t.Helper()
				want, err := xmpptest.Parse(pattern)
				if err != nil {
					t.Fatal(err)
				}
				await(t, alice, what, func(e *xmpptest.Element) bool { return xmpptest.Match(want, e, xmpptest.Vars{}) == nil })
			}
			m.bring("juliet@example.com", "alice@example.org", "From: Juliet C. <juliet@example.com>\nTo: alice@example.org\nCc: Paris <paris@example.net>\nReply-To: nurse@example.com\nSubject: Tonight\n"+
				"Message-ID: <m1@example.com>\nContent-Type: text/html\n\n<p>Come to the <b>balcony</b>.</p>\n")
			expect("the letter", `<message from='`+julietAtGateway+`' type='chat'><body>Come to the *balcony*.</body>`+
				`<html xmlns='http://jabber.org/protocol/xhtml-im'/><nick xmlns='http://jabber.org/protocol/nick'>Juliet C.</nick>`+
				`<addresses xmlns='http://jabber.org/protocol/address'><address type='cc' jid='paris\40example.net@`+gatewayDomain+`' delivered='true'/></addresses>`+
				`<headers xmlns='http://jabber.org/protocol/shim'><header name='Message-ID'>&lt;m1@example.com&gt;</header></headers><store xmlns='urn:xmpp:hints'/></message>`)

			sendStanza(t, alice, `<iq type='get' id='d' to='`+gatewayDomain+`'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
			expect("what the domain is", `<iq id='d' type='result'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='gateway' type='smtp'/><feature var='http://jabber.org/protocol/address'/></query></iq>`)
			sendStanza(t, alice, `<message type='normal' id='n1' to='`+gatewayDomain+`'><subject>Us</subject><body>The friar will see us.</body><addresses xmlns='http://jabber.org/protocol/address'>`+
				`<address type='to' jid='`+julietAtGateway+`'/><address type='cc' uri='mailto:friar@example.net'/><address type='bcc' uri='mailto:nurse@example.com'/></addresses></message>`)
			mail := m.awaitMail("The friar will see us.")
			head, _, _ := strings.Cut(mail, "\n\n")
			for _, line := range []string{"\nSubject: Us\n", "\nCc: ", "friar@example.net"} {
				if !strings.Contains(mail, line) {
					t.Errorf("the mail lacks %q: %s", line, mail)
				}
			}
			if _, message, _ := strings.Cut(head, "\nFrom: "); strings.Contains(message, "nurse@example.com") {
				t.Errorf("who is hidden is named: %s", mail)
			}
			if mail := m.awaitMail("nurse@example.com"); !strings.Contains(mail, "The friar will see us.") { // in the envelope of her own
				t.Errorf("who is hidden gets another mail: %s", mail)
			}

			sendStanza(t, alice, `<message type='chat' id='o1' to='`+julietAtGateway+`'><body>I sent you an OMEMO message.</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AAAA</payload></encrypted></message>`)
			expect("the refusal", `<message id='o1' type='error' from='`+julietAtGateway+`'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)

			sendStanza(t, alice, `<presence/>`)
			sendStanza(t, alice, `<presence type='subscribe' to='`+julietAtGateway+`'/>`)
			expect("her presence", `<presence from='`+julietAtGateway+`'><status>email</status></presence>`)
			sendStanza(t, alice, `<iq type='get' id='v' to='`+julietAtGateway+`'><vCard xmlns='vcard-temp'/></iq>`)
			expect("her card", `<iq id='v' type='result'><vCard xmlns='vcard-temp'><FN>Juliet C.</FN><EMAIL><USERID>juliet@example.com</USERID></EMAIL><PHOTO><TYPE>image/png</TYPE></PHOTO></vCard></iq>`)
			sendStanza(t, alice, `<iq type='get' id='p' to='`+gatewayDomain+`'><query xmlns='jabber:iq:gateway'/></iq>`)
			expect("the prompt", `<iq id='p' type='result'><query xmlns='jabber:iq:gateway'><prompt>*</prompt></query></iq>`)
			sendStanza(t, alice, `<iq type='set' id='s' to='`+gatewayDomain+`'><query xmlns='jabber:iq:search'><nick>juliet</nick></query></iq>`)
			expect("who was found", `<iq id='s' type='result'><query xmlns='jabber:iq:search'><item jid='`+julietAtGateway+`'><email>juliet@example.com</email></item></query></iq>`)
		})
	}
}
