package component

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"passerelle/component/avatar"
	"passerelle/transports"
)

// XEP-0084, XEP-0153, XEP-0486 and the photos of both vCards: what has a picture shows the same one everywhere, and what has none says so.
func TestAvatars(t *testing.T) {
	t.Parallel()
	own, network := avatar.Own(), avatar.Image{Data: []byte("picture of a network"), Type: "image/webp", Width: 64, Height: 32}
	w := newWorld(t, func(o *Options) { o.NetworkAvatars = map[string]avatar.Image{"irc.example": network} }).connected()
	alice := w.client("alice@localhost/phone")
	hash := func(data []byte) string {
		sum := sha1.Sum(data)
		return hex.EncodeToString(sum[:])
	}
	ours, theirs := hash(own.Data), hash(network.Data)
	ask := func(to, payload, pattern string) {
		t.Helper()
		alice.ask(`<iq type='get' id='g' to='`+to+`'>`+payload+`</iq>`, `<iq type='result' id='g' from='`+to+`'>`+pattern+`</iq>`)
	}
	items := func(node, item string) string {
		return `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='` + node + `'>` + item + `</items></pubsub>`
	}
	for to, image := range map[string]struct {
		hash, typ, size string
		data            []byte
	}{
		"irc.localhost":             {ours, "image/png", "height='192' width='192'", own.Data},
		"help@irc.localhost":        {ours, "image/png", "height='192' width='192'", own.Data},
		"irc.example@irc.localhost": {theirs, "image/webp", "height='32' width='64'", network.Data},
		"other.net@irc.localhost":   {ours, "image/png", "height='192' width='192'", own.Data},
	} {
		text := base64.StdEncoding.EncodeToString(image.data)
		ask(to, items(avatar.NSMetadata, ""), items(avatar.NSMetadata, `<item id='`+image.hash+`'><metadata xmlns='urn:xmpp:avatar:metadata'>
			<info id='`+image.hash+`' type='`+image.typ+`' `+image.size+`/></metadata></item>`))
		ask(to, items(avatar.NSData, `<item id='`+image.hash+`'/>`), items(avatar.NSData, `<item id='`+image.hash+`'><data xmlns='urn:xmpp:avatar:data'>`+text+`</data></item>`))
		ask(to, `<vCard xmlns='vcard-temp'/>`, `<vCard xmlns='vcard-temp'><PHOTO><TYPE>`+image.typ+`</TYPE><BINVAL>`+text+`</BINVAL></PHOTO></vCard>`)
		ask(to, `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>`, `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><photo><uri>data:`+image.typ+`;base64,`+text+`</uri></photo></vcard>`)
		alice.ask(`<iq type='get' id='g' to='`+to+`'>`+items(avatar.NSData, `<item id='other'/>`)+`</iq>`, `<iq type='error' id='g'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	// A room shows its network's, and says so before anybody loads it.
	room := "#go%irc.example@irc.localhost"
	ask(room, `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data'>
		<field var='muc#roominfo_avatarhash' type='text-multi'><value>`+theirs+`</value></field></x></query>`)
	ask(room, `<vCard xmlns='vcard-temp'/>`, `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/webp</TYPE></PHOTO></vCard>`)
	alice.send(`<iq type='get' id='g' to='#go%other.net@irc.localhost'><vCard xmlns='vcard-temp'/></iq>`)
	if got := alice.receive().String(); strings.Contains(got, "PHOTO") {
		t.Errorf("a room without a picture has one: %s", got)
	}
	// People have none, which is an answer and no error (XEP-0084 §4.2.3).
	ask("bob%irc.example@irc.localhost", items(avatar.NSMetadata, ""), items(avatar.NSMetadata, `<item><metadata xmlns='urn:xmpp:avatar:metadata'/></item>`))
	ask("bob%irc.example@irc.localhost", items(nsNick, ""), items(nsNick, `<item><nick xmlns='http://jabber.org/protocol/nick'>bob</nick></item>`))
	alice.ask(`<iq type='get' id='g' to='bob%irc.example@irc.localhost'>`+items(avatar.NSData, "")+`</iq>`, `<iq type='error' id='g'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.alive()
	// Presence carries the hash.
	alice.ask(`<presence type='probe' to='irc.localhost'/>`, `<presence from='irc.localhost'><x xmlns='vcard-temp:x:update'><photo>`+ours+`</photo></x></presence>`)
}

// XEP-0115 §5.1: what a client computes of the answer is what the presence named, forms of XEP-0128 included.
func TestCapsOfEachKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Contact = []string{"xmpp:root@localhost", "mailto:root@localhost"} }).connected()
	alice := w.client("alice@localhost/phone")
	for to, kind := range map[string]entityKind{
		"irc.localhost": entityGateway, "help@irc.localhost": entityBot,
		"irc.example@irc.localhost": entityNetwork, "bob%irc.example@irc.localhost": entityContact,
	} {
		ver := w.gateway.rules().caps[kindIndex(kind)].version
		alice.send(`<iq type='get' id='d' to='` + to + `'><query xmlns='http://jabber.org/protocol/disco#info' node='` + capsNode + `#` + ver + `'/></iq>`)
		query := alice.receive().Child(nsDiscoInfo, "query")
		if query == nil {
			t.Fatalf("%s: no answer", to)
		}
		var ids []identity
		var features []string
		var forms []infoForm
		for _, e := range query.Elements() {
			switch e.Name.Local {
			case "identity":
				ids = append(ids, identity{e.Get("category"), e.Get("type"), e.Get("name")})
			case "feature":
				features = append(features, e.Get("var"))
			case "x":
				form := infoForm{}
				for _, f := range e.Elements() {
					field := infoField{name: f.Get("var")}
					for _, v := range f.Elements() {
						field.values = append(field.values, v.Text())
					}
					if field.name == "FORM_TYPE" {
						form.typ = field.values[0]
						continue
					}
					form.fields = append(form.fields, field)
				}
				forms = append(forms, form)
			}
		}
		if got := capsVersion(ids, features, forms); got != ver {
			t.Errorf("%s: the answer makes %s, the presence says %s", to, got, ver)
		}
		if (len(forms) == 1) != (kind == entityGateway) {
			t.Errorf("%s has %d forms", to, len(forms))
		}
	}
}

// A person is an account with nodes of his own, and says which.
func TestPersonIsAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<iq type='get' id='d' to='bob%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='account' type='registered' name='bob'/><identity category='pubsub' type='pep' name='bob'/></query></iq>`)
	alice.ask(`<iq type='get' id='d' to='bob%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
		`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items'><item node='urn:xmpp:avatar:metadata'/><item node='http://jabber.org/protocol/nick'/></query></iq>`)
	// Whose nick is not what the address says is called by it (XEP-0172 §4.3).
	s := w.enter(alice)
	s.emit(t, transports.Message{From: &transports.Person{Nick: "BigBob"}, Body: "hello"})
	alice.expect(`<message type='chat' from='bigbob%irc.example@irc.localhost'><body>hello</body><nick xmlns='http://jabber.org/protocol/nick'>BigBob</nick></message>`)
}
