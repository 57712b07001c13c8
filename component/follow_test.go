package component

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// TestAlias: an address that stands for a user looks like somebody who is offline, and what is written there is brought to him.
func TestAlias(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, nil)
	bob := w.connected().client("bob@localhost/desk")
	const alias = "alice.r@" + testDomain
	bob.ask(`<iq type='get' id='1' to='`+alias+`'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='result' id='1' from='`+alias+`'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='account' type='registered'/></query></iq>`)
	bob.ask(`<iq type='get' id='2' to='`+alias+`'><vCard xmlns='vcard-temp'/></iq>`, `<iq type='result' id='2'><vCard xmlns='vcard-temp'><FN>alice.r</FN></vCard></iq>`)
	bob.ask(`<iq type='set' id='3' to='`+alias+`'><x xmlns='urn:x'/></iq>`, `<iq type='error' id='3'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	bob.ask(`<iq type='get' id='4' to='`+alias+`/phone'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='error' id='4'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	bob.ask(`<presence type='subscribe' to='`+alias+`'/>`, `<presence type='subscribed' from='`+alias+`' to='bob@localhost'/>`)
	bob.ask(`<message type='groupchat' id='5' to='`+alias+`'><body>x</body></message>`, `<message type='error' id='5'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	bob.send(`<message type='chat' id='m1' to='` + alias + `'><body>hello</body></message>`)
	w.copied("hello")
	if c := w.redirect.copies[0]; c.User != followAlice || c.Peer != followBob || c.ID != "m1" || c.Way != transports.WayAlias || !c.Offline || c.Sent {
		t.Errorf("got %+v", c)
	}
	refuse := func(kind transports.Kind) func(transports.Copy) error {
		return func(transports.Copy) error {
			return transports.NewError(kind, "Something about alice.", errors.New("x"))
		}
	}
	for kind, want := range map[transports.Kind]string{
		transports.Busy: `<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
		transports.Gone: `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
	} {
		w.redirect.note(func() { w.redirect.fail = refuse(kind) })
		e := bob.ask(`<message type='chat' id='6' to='`+alias+`'><body>x</body></message>`, `<message type='error' id='6'>`+want+`</message>`)
		if strings.Contains(e.String(), "about alice") {
			t.Errorf("bob is told something of alice: %s", e)
		}
	}
	// Nobody's address is what it was.
	bob.ask(`<message type='chat' id='7' to='nobody@`+testDomain+`'><body>x</body></message>`, `<message type='error' id='7'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
}

// TestCopiesOfStrangers: only a user's own server copies for him, and nobody of whom it was not asked.
func TestCopiesOfStrangers(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, nil)
	bob := w.connected().client("bob@localhost/desk")
	w.follow(followAlice, transports.WayAlias, transports.FollowAll)
	copyOf := func(from, body string) string {
		return `<message from='` + from + `' to='` + testDomain + `' type='headline'><copy xmlns='` + nsRedirect + `' user='alice@localhost'><forwarded xmlns='urn:xmpp:forward:0'>` +
			`<message xmlns='jabber:client' from='eve@localhost' to='alice@localhost' type='chat' id='` + body + `'><body>` + body + `</body></message></forwarded></copy></message>`
	}
	raw := func(from, body string) {
		t.Helper()
		if err := w.xmpp.SendRaw(testDomain, copyOf(from, body)); err != nil {
			t.Fatal(err)
		}
	}
	raw("localhost", "by another way")
	row, ok := w.gateway.follow.of(followAlice)
	if !ok {
		t.Fatal("alice is not followed")
	}
	row.Way = int(transports.WayModule)
	w.gateway.follow.set(followAlice, row)
	raw("elsewhere.example", "other server")
	raw("eve@localhost", "user")
	bob.send(strings.Replace(copyOf("x", "bob"), "from='x' ", "", 1))
	raw("localhost", "right")
	w.copied("right")
	if got := w.told(); got != "right" && got != "by another way, right" {
		t.Errorf("got %s", got)
	}
}

// TestPresenceOfFollowed: who has a client that gets messages, as his server says.
func TestPresenceOfFollowed(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	if _, known := w.gateway.Online(followAlice); known {
		t.Error("known of one who is not followed")
	}
	w.follow(followAlice, transports.WayAlias, transports.FollowAll)
	phone.expect(`<presence type='probe' from='` + testDomain + `'/>`)
	if _, known := w.gateway.Online(followAlice); known {
		t.Error("known before anybody said it")
	}
	phone.send(`<presence to='` + testDomain + `'><priority>-1</priority></presence>`)
	phone.send(`<presence to='` + testDomain + `'/>`)
	w.until("presence", func(r *scriptedRedirect) bool { return slices.Equal(r.present, []string{"alice true"}) })
	if online, known := w.gateway.Online(followAlice); !online || !known {
		t.Errorf("got %v, %v", online, known)
	}
	phone.send(`<presence type='unavailable' to='` + testDomain + `'/>`)
	w.until("presence", func(r *scriptedRedirect) bool { return slices.Equal(r.present, []string{"alice true", "alice false"}) })
	if online, known := w.gateway.Online(followAlice); online || !known {
		t.Errorf("got %v, %v", online, known)
	}
}
