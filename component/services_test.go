package component

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"passerelle/internal/logging"
	"passerelle/transports"
)

func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	get := func(to, payload, pattern string) {
		t.Helper()
		alice.ask(`<iq type='get' id='g' to='`+to+`'>`+payload+`</iq>`, pattern)
	}
	info, items := `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`
	identity := func(category, typ, name string) string {
		return `<iq type='result' id='g'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='` + category + `' type='` + typ + `' name='` + name + `'/></query></iq>`
	}
	get("irc.localhost", info, identity("gateway", "irc", "Test gateway"))
	get("irc.localhost", info, identity("conference", "irc", "Test gateway"))
	get("help@irc.localhost", info, identity("client", "bot", "Test gateway help"))
	get("irc.example@irc.localhost", info, identity("gateway", "irc", "irc.example"))
	get("#go%irc.example@irc.localhost", info, identity("conference", "irc", "#go on irc.example"))
	get("bob%irc.example@irc.localhost", info, identity("client", "irc", "bob"))
	get("irc.localhost", items, `<iq type='result' id='g'><query xmlns='http://jabber.org/protocol/disco#items'>
		<item jid='help@irc.localhost' name='Help'/><item jid='irc.example@irc.localhost' name='Example'/></query></iq>`)
	get("#go%irc.example@irc.localhost", items, `<iq type='result' id='g'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
	get("irc.localhost", `<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>`, `<iq type='error' id='g'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	get("irc.localhost", `<query xmlns='jabber:iq:version'/>`, `<iq type='result' id='g'><query xmlns='jabber:iq:version'><name>passerelle</name><version>1.0-test</version></query></iq>`)
	get("irc.localhost", `<time xmlns='urn:xmpp:time'/>`, `<iq type='result' id='g'><time xmlns='urn:xmpp:time'><tzo>*:*</tzo><utc>20*Z</utc></time></iq>`)
	for _, to := range []string{"irc.localhost", "help@irc.localhost", "irc.example@irc.localhost", "#go%irc.example@irc.localhost", "bob%irc.example@irc.localhost"} {
		if !strings.HasPrefix(to, "bob%") { // he is asked, see TestEnquire
			get(to, `<ping xmlns='urn:xmpp:ping'/>`, `<iq type='result' id='g' from='`+to+`'/>`)
		}
		get(to, `<vCard xmlns='vcard-temp'/>`, `<iq type='result' id='g' from='`+to+`'><vCard xmlns='vcard-temp'><FN>*</FN><JABBERID>`+to+`</JABBERID></vCard></iq>`)
		get(to, `<unheard-of xmlns='urn:example:of'/>`, `<iq type='error' id='g' from='`+to+`'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		get(to, ``, `<iq type='error' id='g'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='error' id='s'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	get("nowhere@irc.localhost", info, `<iq type='error' id='g'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// XEP-0030 §3.1: what is listed is answered, and what is answered is listed.
func TestDiscoListsWhatIsAnswered(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range serviceTable() {
		if seen[s.feature+" "+s.iq] {
			t.Errorf("%s stands twice in the table", s.feature)
		}
		seen[s.feature+" "+s.iq] = true
		if (s.iq == "") != (s.answer == nil) {
			t.Errorf("%s: a request and its answer belong together", s.feature)
		}
		if s.at == 0 {
			t.Errorf("%s is nowhere", s.feature)
		}
	}
}

func TestSelfPing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	laptop := w.client("alice@localhost/laptop")
	ping := func(p *person, nick, pattern string) {
		t.Helper()
		p.ask(`<iq type='get' id='p' to='#go%irc.example@irc.localhost/`+nick+`'><ping xmlns='urn:xmpp:ping'/></iq>`, pattern)
	}
	failed := func(condition string) string {
		return `<iq type='error' id='p'><error><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
	}
	ping(alice, "alice", failed("not-acceptable"))
	w.enter(alice)
	ping(alice, "alice", `<iq type='result' id='p' from='#go%irc.example@irc.localhost/alice'/>`)
	ping(alice, "oldnick", failed("item-not-found"))
	ping(laptop, "alice", failed("not-acceptable")) // another client of the same user, not in the room
}

func TestPrivateMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<message type='chat' id='m' to='#go%irc.example@irc.localhost/bob'><body>hi</body></message>`,
		`<message type='error' id='m' from='#go%irc.example@irc.localhost/bob'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
		<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>You are not connected to irc.example*</text></error></message>`)
	s := w.enter(alice)
	contact := transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "bob"}

	// To the contact: answers come from the contact, to every client.
	alice.send(`<message type='chat' id='m1' to='bob%irc.example@irc.localhost'><body>/me waves</body></message>`)
	if m := next[transports.Send](t, s); m.To != contact || m.Body != "waves" || !m.Action {
		t.Errorf("sent %+v", m)
	}
	s.emit(t, transports.Message{From: &transports.Person{Nick: "Bob"}, Body: "hello"})
	alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost' to='alice@localhost'><body>hello</body></message>`)

	// To the occupant: answers come from the occupant, to the client that asked (XEP-0045 §7.5).
	alice.send(`<message type='chat' id='m2' to='#go%irc.example@irc.localhost/bob'><body>psst</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)
	if m := next[transports.Send](t, s); m.To != contact || m.Body != "psst" {
		t.Errorf("sent %+v", m)
	}
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "yes?"})
	alice.expect(`<message type='chat' from='#go%irc.example@irc.localhost/bob' to='alice@localhost/phone'><body>yes?</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)

	// The partner goes by another nick, and then out of the room: from then on he is a contact like any other.
	s.emit(t, transports.Renamed{Old: "bob", New: "Robert"})
	alice.receive()
	alice.receive()
	s.emit(t, transports.Message{From: &transports.Person{Nick: "Robert"}, Body: "me again"})
	alice.expect(`<message type='chat' from='#go%irc.example@irc.localhost/Robert' to='alice@localhost/phone'><body>me again</body></message>`)
	s.emit(t, transports.Parted{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}, Nick: "Robert"})
	alice.receive()
	s.emit(t, transports.Message{From: &transports.Person{Nick: "Robert"}, Body: "from outside"})
	alice.expect(`<message type='chat' from='robert%irc.example@irc.localhost' to='alice@localhost'><body>from outside</body></message>`)

	// What a bouncer plays back was said a while ago.
	s.emit(t, transports.Message{From: &transports.Person{Nick: "carol"}, Body: "early", Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)})
	alice.expect(`<message type='chat' from='carol%irc.example@irc.localhost'><body>early</body>
		<delay xmlns='urn:xmpp:delay' from='carol%irc.example@irc.localhost' stamp='2026-03-01T12:00:00.000Z'/></message>`)

	// A receipt when the network has the message (XEP-0184), a reaction in words, and nothing of what is encrypted.
	alice.send(`<message type='chat' id='r1' to='bob%irc.example@irc.localhost'><body>got it?</body><request xmlns='urn:xmpp:receipts'/></message>`)
	r := next[transports.Send](t, s)
	s.emit(t, transports.Message{Ref: r.Ref, Part: 1, Of: 1, To: r.To, Body: r.Body})
	alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost' to='alice@localhost/phone'><received xmlns='urn:xmpp:receipts' id='r1'/></message>`)
	alice.send(`<message type='chat' id='r2' to='bob%irc.example@irc.localhost'><reactions xmlns='urn:xmpp:reactions:0' id='r1'><reaction>👍</reaction></reactions></message>`)
	if m := next[transports.Send](t, s); m.Body != "reacts with 👍 to “got it?”" || !m.Action {
		t.Errorf("sent %+v", m)
	}
	alice.ask(`<message type='chat' id='r3' to='bob%irc.example@irc.localhost'><body>I sent you an encrypted message</body><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/></message>`,
		`<message type='error' id='r3'><error><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)

	// Somebody who is not in the room, and a send that fails after it was written.
	alice.ask(`<message type='chat' id='m3' to='#go%irc.example@irc.localhost/nobody'><body>psst</body></message>`,
		`<message type='error' id='m3'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.send(`<message type='chat' id='m4' to='gone%irc.example@irc.localhost'><body>there?</body></message>`)
	m := next[transports.Send](t, s)
	s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, To: m.To, Body: m.Body})
	s.emit(t, transports.Done{Ref: m.Ref, Err: transports.NewError(transports.NotFound, "There is nobody called gone.", nil)})
	alice.expect(`<message type='error' id='m4' from='gone%irc.example@irc.localhost'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)

	// What is neither sent nor complained about, and what is refused.
	alice.send(`<message type='chat' to='bob%irc.example@irc.localhost'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
	alice.ask(`<message type='chat' id='m5' to='#go%irc.example@irc.localhost'><body>to the room</body></message>`,
		`<message type='error' id='m5'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.ask(`<message type='groupchat' id='m6' to='#go%irc.example@irc.localhost/bob'><body>psst</body></message>`,
		`<message type='error' id='m6'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	for _, to := range []string{"irc.localhost", "help@irc.localhost"} {
		alice.send(`<presence type='subscribe' to='` + to + `'/>`)
		alice.expect(`<presence type='subscribed' from='` + to + `' to='alice@localhost'/>`)
		alice.expect(`<presence from='` + to + `'/>`)
		alice.expect(`<message type='chat' from='help@irc.localhost'><body>Hello! *1 Join*</body></message>`)
		alice.send(`<presence type='probe' to='` + to + `'/>`)
		alice.expect(`<presence from='` + to + `'/>`)
	}
	alice.alive()
}

func TestJoinWithoutNickAndClosedNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<presence id='j' to='#go%irc.example@irc.localhost'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
	alice.ask(`<presence id='j' to='#go%closed.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><x xmlns='http://jabber.org/protocol/muc'/><error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
	alice.ask(`<presence id='j' to='nonsense@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
}

// The trace shows what happens and nothing of what is said.
func TestTraceMasksWhatIsSaid(t *testing.T) {
	t.Parallel()
	log := newLogBuffer()
	w := newWorld(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: logging.LevelTrace}))
	})
	w.log = log
	alice := w.connected().client("alice@localhost/phone")
	alice.send(`<presence to='#secret%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'><password>hunter2</password></x></presence>`)
	s := w.session()
	s.emit(t, entered(next[transports.Join](t, s)))
	for range 3 {
		alice.receive()
	}
	alice.send(`<message type='groupchat' id='m' to='#secret%irc.example@irc.localhost'><body>a confidence</body></message>`)
	m := next[transports.Send](t, s)
	s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, Room: m.To, Body: m.Body})
	alice.receive()
	w.logged("<presence><x xmlns='http://jabber.org/protocol/muc'><password>[7 bytes]</></></>", "<message type='groupchat' id='m'><body>[12 bytes]</>")
	for _, word := range []string{"hunter2", "confidence", "alice@localhost"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log has %q", word)
		}
	}
}

// What is known of people is answered at once; what is not known is said.
func TestCards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	s.emit(t, transports.Joined{Room: room, Member: transports.Member{Person: &transports.Person{
		Nick: "Carol", Ident: "~c", Host: "host.example", Account: "carol", RealName: "Carol <C.>",
	}}})
	alice.expect(`<presence from='#go%irc.example@irc.localhost/Carol'/>`)
	get := func(to, payload, pattern string) {
		t.Helper()
		alice.ask(`<iq type='get' id='g' to='`+to+`'>`+payload+`</iq>`, pattern)
	}
	const temp = `<vCard xmlns='vcard-temp'/>`
	for _, to := range []string{"#go%irc.example@irc.localhost/Carol", "carol%irc.example@irc.localhost"} {
		get(to, temp, `<iq type='result' id='g'><vCard xmlns='vcard-temp'><FN>Carol &lt;C.></FN><NICKNAME>Carol</NICKNAME><DESC>~c@host.example, account carol</DESC></vCard></iq>`)
		get(to, `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>`, `<iq type='result' id='g'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Carol &lt;C.></text></fn></vcard></iq>`)
		get(to, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'/></pubsub>`,
			`<iq type='result' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'><item><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/></item></items></pubsub></iq>`)
		get(to, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>`,
			`<iq type='result' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'><item><metadata xmlns='urn:xmpp:avatar:metadata'/></item></items></pubsub></iq>`)
	}
	get("nobody%irc.example@irc.localhost", temp, `<iq type='result' id='g'><vCard xmlns='vcard-temp'><FN>nobody</FN></vCard></iq>`)
	get("#go%irc.example@irc.localhost/nobody", temp, `<iq type='error' id='g'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}
