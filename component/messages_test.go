package component

import (
	"testing"

	"passerelle/transports"
)

// enterToo brings another client of alice's into #go.
func (w *world) enterToo(full string) *person {
	w.t.Helper()
	p := w.client(full)
	p.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	p.expect(`<presence from='#go%irc.example@irc.localhost/bob'/>`)
	p.expect(`<presence from='#go%irc.example@irc.localhost/alice'/>`)
	p.expect(`<message type='groupchat'><subject/></message>`)
	return p
}

// No server copies what comes from an occupant to other clients (XEP-0280 §6.1): each that is in the room gets its own.
func TestPrivateMessagesOfARoomReachAllClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	phone := w.client("alice@localhost/phone")
	s := w.enter(phone)
	laptop := w.enterToo("alice@localhost/laptop")
	phone.send(`<message type='chat' id='m' to='#go%irc.example@irc.localhost/bob'><body>psst</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)
	next[transports.Send](t, s)
	answer := transports.Message{From: &transports.Person{Nick: "bob"}, Body: "yes?"}
	s.emit(t, answer)
	const pattern = `<message type='chat' from='#go%irc.example@irc.localhost/bob'><body>yes?</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`
	phone.expect(pattern)
	laptop.expect(pattern)
	// The one that began it leaves: the other goes on with it.
	phone.ask(`<presence type='unavailable' to='#go%irc.example@irc.localhost/alice'/>`, `<presence type='unavailable'/>`)
	s.emit(t, answer)
	laptop.expect(pattern)
	phone.alive()
}

// What a private message makes of an earlier one is said as in a room, without the nick of the only other person.
func TestPrivateChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "shall we go?"})
	first := alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost'/>`).Get("id")
	say := func(id, payload, want string) {
		t.Helper()
		alice.send(`<message type='chat' id='` + id + `' to='bob%irc.example@irc.localhost'>` + payload + `</message>`)
		m := next[transports.Send](t, s)
		if m.Body != want {
			t.Errorf("%s: sent %q, want %q", id, m.Body, want)
		}
		s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, To: m.To, Body: m.Body})
		alice.alive() // it is taken before the next one is sent
	}
	say("m1", `<body>&gt; shall we go?&#10;yes at nine then</body><reply xmlns='urn:xmpp:reply:0' to='bob%irc.example@irc.localhost' id='`+first+`'/>
		<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='15'/></fallback>`, "yes at nine then")
	say("m2", `<body>yes at ten then</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`, "*ten")
	say("m3", `<body>yes at nine then</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`, "*nine")
	say("m4", `<reactions xmlns='urn:xmpp:reactions:0' id='`+first+`'><reaction>👍</reaction></reactions>`, "reacts with 👍 to “shall we go?”")
	say("m5", `<reactions xmlns='urn:xmpp:reactions:0' id='`+first+`'><reaction>👍</reaction><reaction>🎉</reaction></reactions>`, "reacts with 🎉 to “shall we go?”")
	say("m6", `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>`, "takes back: “yes at nine then”")
	alice.ask(`<message type='chat' id='m7' to='bob%irc.example@irc.localhost'><retract xmlns='urn:xmpp:message-retract:1' id='`+first+`'/></message>`,
		`<message type='error' id='m7'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
}

// A client invites a person of the network by itself (XEP-0249): into a room of the network as there, elsewhere in words.
func TestDirectInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<message id='i1' to='bob%irc.example@irc.localhost'><x xmlns='jabber:x:conference' jid='#go%irc.example@irc.localhost'/></message>`)
	if q := next[transports.Invite](t, s); q.Nick != "bob" || q.Room.ID != "#go" {
		t.Errorf("asked %+v", q)
	} else {
		s.emit(t, transports.Done{Ref: q.Ref, Err: transports.NewError(transports.Conflict, "bob is there.", nil)})
	}
	alice.expect(`<message type='error' id='i1' from='bob%irc.example@irc.localhost'><error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	for _, elsewhere := range []string{"room@muc.example", "#go%other.example@irc.localhost"} {
		alice.send(`<message id='i2' to='bob%irc.example@irc.localhost'><x xmlns='jabber:x:conference' jid='` + elsewhere + `'/></message>`)
		if m := next[transports.Send](t, s); m.Body != "invites you to "+elsewhere || !m.Action {
			t.Errorf("sent %+v", m)
		}
	}
}

// Who was invited may decline, once; nobody else can have a room write to somebody (XEP-0045 §7.8.2).
func TestDecline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice, carol, eve := w.client("alice@localhost/phone"), w.client("carol@localhost/phone"), w.client("eve@localhost/phone")
	w.enter(alice)
	const x = `<x xmlns='http://jabber.org/protocol/muc#user'>`
	alice.send(`<message to='#go%irc.example@irc.localhost'>` + x + `<invite to='carol@localhost'/></x></message>`)
	carol.expect(`<message from='#go%irc.example@irc.localhost'>` + x + `<invite from='alice@localhost'/></x></message>`)
	decline := `<message to='#go%irc.example@irc.localhost'>` + x + `<decline to='alice@localhost'><reason>no time</reason></decline></x></message>`
	eve.send(decline)
	eve.alive()
	carol.send(decline)
	alice.expect(`<message from='#go%irc.example@irc.localhost'>` + x + `<decline from='carol@localhost'><reason>no time</reason></decline></x></message>`)
	carol.send(decline)
	for _, to := range []string{"bob%irc.example@irc.localhost", "nobody@localhost", "@", ""} {
		carol.send(`<message to='#go%irc.example@irc.localhost'>` + x + `<decline to='` + to + `'/></x></message>`)
	}
	carol.alive()
	alice.alive()
}

// What the gateway never does is said in words, wherever it is asked for.
func TestRefusedInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	const refused = `<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>* *</text></error>`
	for _, moderate := range []string{
		`<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
		`<apply-to xmlns='urn:xmpp:fasten:0' id='x'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to>`,
	} {
		alice.ask(`<iq type='set' id='m' to='#go%irc.example@irc.localhost'>`+moderate+`</iq>`, `<iq type='error' id='m'>`+refused+`</iq>`)
	}
	for _, to := range []string{"help@irc.localhost", "irc.localhost", "irc.example@irc.localhost", "bob%irc.example@irc.localhost", "#go%irc.example@irc.localhost/bob"} {
		alice.ask(`<message type='chat' id='e' to='`+to+`'><body>?OTRv3?</body></message>`, `<message type='error' id='e' from='`+to+`'>`+refused+`</message>`)
	}
}
