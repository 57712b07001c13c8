package component

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"path/filepath"
	"strconv"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// Contacts of a transport that stores and forwards are there as long as the gateway is: nobody has to be connected.

func newPostalStore(t *testing.T) *postalWorld {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "db"))
	w := newPostalWorld(t, func(o *Options) { o.Store = db })
	w.postal.cards["bob@example.com"] = transports.Card{Name: "Bob Bobson", Email: "Bob@example.com", Note: "has written 3 times"}
	w.connected()
	return w
}

func TestPostalContactsAreAvailable(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	alice.send(`<presence type='subscribe' to='bob\40example.com@irc.localhost'/>`)
	alice.expect(`<presence type='subscribed' from='bob\40example.com@irc.localhost'/>`)
	alice.expect(`<presence from='bob\40example.com@irc.localhost'><status>email</status><x xmlns='vcard-temp:x:update'><photo>*</photo></x></presence>`)
	alice.send(`<presence type='probe' to='carol\40example.com@irc.localhost'/>`)
	alice.expect(`<presence from='carol\40example.com@irc.localhost'><status>email</status></presence>`)
	alice.ask(`<iq type='set' id='b' to='irc.localhost'><block xmlns='urn:xmpp:blocking'><item jid='bob\40example.com@irc.localhost'/></block></iq>`, `<iq type='result' id='b'/>`)
	alice.expect(`<presence type='unavailable' from='bob\40example.com@irc.localhost'/>`)
	alice.ask(`<message id='m1' type='chat' to='bob\40example.com@irc.localhost'><body>x</body></message>`,
		`<message type='error' id='m1'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.ask(`<iq type='set' id='u' to='irc.localhost'><unblock xmlns='urn:xmpp:blocking'/></iq>`, `<iq type='result' id='u'/>`)
	alice.expect(`<presence from='bob\40example.com@irc.localhost'><status>email</status></presence>`)
	alice.alive()
	w.stop()
	gone := map[string]bool{}
	for range 2 {
		e := alice.receive()
		gone[e.Get("from")] = e.Get("type") == "unavailable"
	}
	if !gone[`bob\40example.com@irc.localhost`] || !gone[`carol\40example.com@irc.localhost`] {
		t.Errorf("got %v", gone)
	}
}

func TestPostalContactsHaveCards(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	got := alice.ask(`<iq type='get' id='1' to='bob\40example.com@irc.localhost'><vCard xmlns='vcard-temp'/></iq>`,
		`<iq type='result' id='1' from='bob\40example.com@irc.localhost'><vCard xmlns='vcard-temp'><FN>Bob Bobson</FN><NICKNAME>Bob Bobson</NICKNAME>`+
			`<EMAIL><INTERNET/><PREF/><USERID>Bob@example.com</USERID></EMAIL><JABBERID>bob\40example.com@irc.localhost</JABBERID><DESC>has written 3 times</DESC>`+
			`<PHOTO><TYPE>image/png</TYPE><BINVAL>*</BINVAL></PHOTO></vCard></iq>`)
	photo := got.Child("vcard-temp", "vCard").Child("vcard-temp", "PHOTO").Child("vcard-temp", "BINVAL").Text()
	data, err := base64.StdEncoding.DecodeString(photo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	alice.ask(`<iq type='get' id='2' to='bob\40example.com@irc.localhost'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/></iq>`,
		`<iq type='result' id='2'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Bob Bobson</text></fn><email><text>Bob@example.com</text></email></vcard></iq>`)
	alice.ask(`<iq type='get' id='3' to='bob\40example.com@irc.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'/></pubsub></iq>`,
		`<iq type='result' id='3'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'><item><data xmlns='urn:xmpp:avatar:data'>`+photo+`</data></item></items></pubsub></iq>`)
	alice.ask(`<iq type='get' id='4' to='bob\40example.com@irc.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:example:x'/></pubsub></iq>`,
		`<iq type='error' id='4'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.ask(`<iq type='get' id='5' to='bob\40example.com@irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='result' id='5'/>`)
	alice.ask(`<iq type='get' id='6' to='bob\40example.com@irc.localhost'><query xmlns='jabber:iq:version'/></iq>`, `<iq type='result' id='6'><query xmlns='jabber:iq:version'><name>passerelle</name></query></iq>`)
	// Somebody of whom nothing is known has an address all the same.
	alice.ask(`<iq type='get' id='7' to='dave\40example.com@irc.localhost'><vCard xmlns='vcard-temp'/></iq>`, `<iq type='result' id='7'><vCard xmlns='vcard-temp'><FN>dave@example.com</FN></vCard></iq>`)
}

// A client that starts asks for the cards of all contacts at once.
func TestPostalCardsInABurst(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	const n = 200
	for i := range n {
		alice.send(`<iq type='get' id='c` + strconv.Itoa(i) + `' to='p` + strconv.Itoa(i) + `\40example.com@irc.localhost'><vCard xmlns='vcard-temp'/></iq>`)
	}
	for i := range n {
		alice.expect(`<iq type='result' id='c` + strconv.Itoa(i) + `'/>`)
	}
}

func TestPostalSearchFindsPeople(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	const found = `<iq type='result' id='1'><query xmlns='jabber:iq:search'>`
	const bob = `<item jid='bob\40example.com@irc.localhost'><nick>Bob Bobson</nick><email>Bob@example.com</email></item>`
	search := func(what string) string {
		return `<iq type='set' id='1' to='irc.localhost'><query xmlns='jabber:iq:search'><nick>` + what + `</nick></query></iq>`
	}
	alice.ask(search("bobs"), found+bob+`</query></iq>`)
	alice.ask(search("bob@example.com"), found+bob+`</query></iq>`)
	alice.ask(search("new@example.com"), found+`<item jid='new\40example.com@irc.localhost'><email>new@example.com</email></item></query></iq>`)
	alice.ask(search("nobody"), `<iq type='error' id='1'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.ask(`<iq type='set' id='1' to='irc.localhost'><query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'><field var='nick'><value>Bob</value></field></x></query></iq>`,
		`<iq type='result' id='1'><query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='result'><item><field var='nick'><value>Bob Bobson</value></field>`+
			`<field var='jid'><value>bob\40example.com@irc.localhost</value></field><field var='email'><value>Bob@example.com</value></field></item></x></query></iq>`)
	form := alice.ask(`<iq type='get' id='2' to='irc.localhost'><query xmlns='jabber:iq:search'/></iq>`, `<iq type='result' id='2'/>`)
	if n := len(form.Child("jabber:iq:search", "query").Child("jabber:x:data", "x").Elements()); n != 4 { // title, instructions, FORM_TYPE, nick
		t.Errorf("the form asks for rooms: %s", form)
	}
	alice.ask(`<iq type='set' id='3' to='irc.localhost'><query xmlns='jabber:iq:gateway'><prompt>Bob@example.com</prompt></query></iq>`,
		`<iq type='result' id='3'><query xmlns='jabber:iq:gateway'><jid>bob\40example.com@irc.localhost</jid></query></iq>`)
}

// Nobody is told of rooms where there are none.
func TestPostalGatewayHasNoRooms(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	info := alice.ask(`<iq type='get' id='1' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`, `<iq type='result' id='1'/>`)
	for _, e := range info.Child(nsDiscoInfo, "query").Elements() {
		if v := e.Get("var"); e.Get("category") == "conference" || len(v) > 32 && v[:32] == "http://jabber.org/protocol/muc" {
			t.Errorf("the domain says that it is %s", e)
		}
	}
	commands := alice.ask(`<iq type='get' id='2' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`, `<iq type='result' id='2'/>`)
	for _, e := range commands.Child(nsDiscoItems, "query").Elements() {
		switch e.Get("node") {
		case "export", "forget-me":
		default:
			t.Errorf("there is a command %s", e)
		}
	}
	alice.ask(`<message type='chat' to='help@irc.localhost'><body>hello</body></message>`, `<message type='chat'><body>Hello! This is Test mail at irc.localhost. Answer with a number:
1 Help</body></message>`)
	alice.ask(`<message type='chat' to='help@irc.localhost'><body>help</body></message>`, `<message type='chat'><body>Write to bob\40example.com@irc.localhost.
Words that I know, of which “help WORD” says more: export, forget-me, help, version.</body></message>`)
	alice.ask(`<message type='chat' to='bob@irc.localhost'><body>hello</body></message>`, `<message type='error'/>`)
	alice.expect(`<message type='chat' from='bob@irc.localhost'><body>This is no address of email.</body></message>`)
	alice.ask(`<iq type='get' id='3' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`,
		`<iq type='result' id='3'><query xmlns='jabber:iq:register'><instructions>Register to have this gateway in your contact list. You can write to people without.</instructions></query></iq>`)
}

// Who wants it has those to whom he writes in his contact list.
func TestPeopleWrittenToAreEnlisted(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	id := w.gateway.userID(transports.Address{Local: "alice", Domain: "localhost"})
	if err := w.gateway.opt.Store.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(id, "gateway", SettingEnlist, "true") }); err != nil {
		t.Fatal(err)
	}
	alice := w.client("alice@localhost/phone")
	alice.send(`<message id='m1' type='chat' to='bob\40example.com@irc.localhost'><body>hello</body></message>`)
	s := w.session()
	s.emit(t, transports.Done{Ref: next[transports.Post](t, s).Ref})
	ask := alice.expect(`<iq type='get' from='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
	alice.ask(`<iq type='result' to='irc.localhost' id='`+ask.Get("id")+`'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='http://jabber.org/protocol/rosterx'/></query></iq>`,
		`<iq type='set' from='irc.localhost'><x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='bob\40example.com@irc.localhost' name='Bob Bobson'/></x></iq>`)
	// He is asked once.
	alice.send(`<message id='m2' type='chat' to='bob\40example.com@irc.localhost'><body>hello</body></message>`)
	s.emit(t, transports.Done{Ref: next[transports.Post](t, s).Ref})
	alice.alive()
}
