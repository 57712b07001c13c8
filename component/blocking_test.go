package component

import (
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

const blocklistGet = `<iq type='get' id='l' to='irc.localhost'><blocklist xmlns='urn:xmpp:blocking'/></iq>`

func (p *person) block(name string, jids ...string) string {
	items := ""
	for _, jid := range jids {
		items += `<item jid='` + jid + `'/>`
	}
	return `<iq type='set' id='b' to='irc.localhost'><` + name + ` xmlns='urn:xmpp:blocking'>` + items + `</` + name + `></iq>`
}

// XEP-0191: who is blocked is neither heard nor seen, alone or with his network or the domain; rooms go on.
func TestBlocking(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice, laptop := w.client("alice@localhost/phone"), w.client("alice@localhost/laptop")
	s := w.enter(alice)
	s.emit(t, transports.State{Online: true, Nick: "alice"})
	alice.subscribe(bobJID)
	alice.absent(bobJID)
	laptop.receive()
	laptop.receive()
	next[transports.Watch](t, s)
	bob := &transports.Person{Nick: "Bob"}
	room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	laptop.ask(blocklistGet, `<iq type='result' id='l' from='irc.localhost'><blocklist xmlns='urn:xmpp:blocking'/></iq>`)
	s.emit(t, transports.Presence{Who: bobTarget, Online: true})
	alice.expect(`<presence from='` + bobJID + `'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	laptop.receive()

	for _, jid := range []string{bobJID, "irc.example@irc.localhost", "irc.localhost"} {
		alice.send(alice.block("block", jid))
		alice.expect(`<iq type='result' id='b' from='irc.localhost'/>`)
		alice.absent(bobJID)
		laptop.expect(`<iq type='set' from='irc.localhost' to='alice@localhost/laptop'><block xmlns='urn:xmpp:blocking'><item jid='` + jid + `'/></block></iq>`)
		laptop.absent(bobJID)

		s.emit(t, transports.Message{From: bob, Body: "psst"})
		s.emit(t, transports.Invited{From: bob, Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#spam"}})
		s.emit(t, transports.Presence{Who: bobTarget, Online: true, Away: true})
		s.emit(t, transports.Presence{Who: bobTarget, Online: true})
		s.emit(t, transports.Message{Room: room, From: bob, Body: "to everybody"})
		alice.expect(`<message type='groupchat'><body>to everybody</body></message>`)
		alice.ask(`<message type='chat' id='m' to='`+bobJID+`'><body>hi</body></message>`, `<message type='error' id='m' from='`+bobJID+`'>
			<error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/></error></message>`)
		// As an occupant he is the same person.
		alice.ask(`<message type='chat' id='m' to='#go%irc.example@irc.localhost/bob'><body>hi</body></message>`,
			`<message type='error' id='m'><error><blocked xmlns='urn:xmpp:blocking:errors'/></error></message>`)
		alice.ask(`<presence type='probe' to='`+bobJID+`'/>`, `<presence type='unavailable' from='`+bobJID+`'/>`)
		alice.ask(blocklistGet, `<iq type='result' id='l'><blocklist xmlns='urn:xmpp:blocking'><item jid='`+jid+`'/></blocklist></iq>`)

		alice.send(alice.block("unblock"))
		alice.expect(`<iq type='result' id='b'/>`)
		alice.expect(`<iq type='set' to='alice@localhost/phone'><unblock xmlns='urn:xmpp:blocking'/></iq>`)
		alice.expect(`<presence from='` + bobJID + `'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
		laptop.expect(`<iq type='set'><unblock xmlns='urn:xmpp:blocking'/></iq>`)
		laptop.receive()
		alice.send(`<presence type='unavailable' to='irc.localhost'/>`) // it wants no more of the list
		alice.alive()
	}
	alice.send(alice.block("block", "#go%irc.example@irc.localhost/bob"))
	alice.expect(`<iq type='result' id='b'/>`)
	alice.ask(`<message type='chat' id='m' to='#go%irc.example@irc.localhost/bob'><body>hi</body></message>`, `<message type='error' id='m'><error><blocked xmlns='urn:xmpp:blocking:errors'/></error></message>`)
	alice.ask(alice.block("unblock", "#go%irc.example@irc.localhost/bob"), `<iq type='result' id='b'/>`)
	s.emit(t, transports.Message{From: bob, Body: "at last"})
	alice.expect(`<message type='chat' from='` + bobJID + `'><body>at last</body></message>`)
}

func TestBlockingLimits(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	refused := func(request, condition string) {
		t.Helper()
		alice.ask(request, `<iq type='error' id='b'><error><`+condition+` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	for _, jid := range []string{"", "carol@localhost", "irc.localhost.example.org", "@irc.localhost", "nowhere@irc.localhost"} {
		refused(alice.block("block", jid), "bad-request")
	}
	refused(alice.block("block"), "bad-request")
	var many []string
	for i := range maxBlocked + 1 {
		many = append(many, fmt.Sprintf("n%d%%irc.example@irc.localhost", i))
	}
	refused(alice.block("block", many...), "policy-violation")
	alice.ask(alice.block("block", many[:maxBlocked]...), `<iq type='result' id='b'/>`)
	refused(alice.block("block", many[maxBlocked]), "policy-violation")
	alice.send(blocklistGet)
	if n := strings.Count(alice.receive().String(), "<item "); n != maxBlocked {
		t.Errorf("the list has %d items", n)
	}
	// More clients than are told: the others go without, and so do those that are gone.
	for i := range maxBlockWatchers + 3 {
		c := w.client(fmt.Sprintf("alice@localhost/c%d", i))
		c.send(blocklistGet)
		c.receive()
	}
	alice.ask(alice.block("unblock"), `<iq type='result' id='b'/>`)
	alice.expect(`<iq type='set'><unblock xmlns='urn:xmpp:blocking'/></iq>`)
	alice.alive()
}

// A user may block somebody at his own server instead, which then answers private messages as if he were gone (XEP-0191 §3.3). It must
// not cost him the room.
func TestBlockedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<message type='chat' id='m1' to='#go%irc.example@irc.localhost/bob'><body>hi</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)
	next[transports.Send](t, s)
	bob := &transports.Person{Nick: "bob"}
	s.emit(t, transports.Message{From: bob, Body: "yes?"})
	alice.expect(`<message type='chat' from='#go%irc.example@irc.localhost/bob' id='{id}'><body>yes?</body></message>`)
	gone := func(id string) string {
		return `<message type='error' id='` + id + `' to='#go%irc.example@irc.localhost/bob'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`
	}
	alice.send(gone(alice.vars["id"]))
	alice.ask(`<iq type='get' id='p' to='#go%irc.example@irc.localhost/alice'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='result' id='p'/>`)
	// What the room says to everybody comes back only where nobody is.
	alice.send(gone("another"))
	alice.ask(`<iq type='get' id='p' to='#go%irc.example@irc.localhost/alice'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='error' id='p'/>`)
}
