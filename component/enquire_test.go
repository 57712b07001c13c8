package component

import (
	"fmt"
	"testing"

	"passerelle/transports"
)

// Whose client is asked what it is, and whether it is there, answers for itself (XEP-0092, XEP-0199).
func TestEnquire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	version, ping := `<query xmlns='jabber:iq:version'/>`, `<ping xmlns='urn:xmpp:ping'/>`
	get := func(to, payload string) { alice.send(`<iq type='get' id='g' to='` + to + `'>` + payload + `</iq>`) }
	failed := func(condition string) {
		t.Helper()
		alice.expect(`<iq type='error' id='g'><error><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	get("bob%irc.example@irc.localhost", ping)
	failed("remote-server-timeout")
	get("#go%irc.example@irc.localhost/bob", ping)
	failed("not-acceptable")
	s := w.enter(alice)
	bob := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "bob"}
	for _, to := range []string{"bob%irc.example@irc.localhost", "#go%irc.example@irc.localhost/bob"} {
		get(to, version)
		q := next[transports.Enquire](t, s)
		if q.Who != bob || q.Question != transports.AskVersion {
			t.Errorf("asked %+v", q)
		}
		s.emit(t, transports.Told{Ref: q.Ref, Text: "irssi v1.4"})
		alice.expect(`<iq type='result' id='g' from='` + to + `'><query xmlns='jabber:iq:version'><name>irssi v1.4</name><version/></query></iq>`)
		get(to, ping)
		s.emit(t, transports.Told{Ref: next[transports.Enquire](t, s).Ref})
		alice.expect(`<iq type='result' id='g' from='` + to + `'/>`)
	}
	get("bob%irc.example@irc.localhost", ping)
	s.emit(t, transports.Done{Ref: next[transports.Enquire](t, s).Ref, Err: transports.NewError(transports.Offline, "bob does not answer.", nil)})
	failed("remote-server-timeout")
	// Oneself is not asked by way of the network.
	get("#go%irc.example@irc.localhost/alice", version)
	alice.expect(`<iq type='result' id='g'><query xmlns='jabber:iq:version'><name>passerelle</name></query></iq>`)
	// Some clients ask everybody.
	for i := range maxEnquiries {
		alice.send(fmt.Sprintf(`<iq type='get' id='n%d' to='bob%%irc.example@irc.localhost'>%s</iq>`, i, version))
	}
	alice.expect(`<iq type='error'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// What somebody on the network asks is asked of a client that is in a room with him; where there is none, the gateway answers for itself.
func TestEnquired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	bob := &transports.Person{Nick: "bob"}
	told := func(want string) {
		t.Helper()
		if q := next[transports.Tell](t, s); q.Text != want || q.Who.ID != "bob" || q.Token != "7" {
			t.Errorf("told %+v, want %q", q, want)
		}
	}
	s.emit(t, transports.Enquired{From: bob, Question: transports.AskVersion, Token: "7"})
	id := alice.expect(`<iq type='get' from='bob%irc.example@irc.localhost' to='alice@localhost/phone' id='*'><query xmlns='jabber:iq:version'/></iq>`).Get("id")
	alice.send(`<iq type='result' id='` + id + `' to='bob%irc.example@irc.localhost'><query xmlns='jabber:iq:version'><name>Gajim</name><version>1.8</version><os>secret</os></query></iq>`)
	told("Gajim 1.8")
	s.emit(t, transports.Enquired{From: bob, Question: transports.AskVersion, Token: "7"})
	id = alice.expect(`<iq type='get' from='bob%irc.example@irc.localhost' id='*'><query xmlns='jabber:iq:version'/></iq>`).Get("id")
	alice.send(`<iq type='error' id='` + id + `' to='bob%irc.example@irc.localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	told("")
	s.emit(t, transports.Enquired{From: bob, Question: transports.AskPing, Token: "7"})
	id = alice.expect(`<iq type='get' from='bob%irc.example@irc.localhost' id='*'><ping xmlns='urn:xmpp:ping'/></iq>`).Get("id")
	alice.send(`<iq type='result' id='` + id + `' to='bob%irc.example@irc.localhost'/>`)
	told("")
}
