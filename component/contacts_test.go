package component

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

const bobJID = "bob%irc.example@irc.localhost"

var bobTarget = transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "bob"}

// contactWorld is a world with a database.
func contactWorld(t *testing.T) *world {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	return newWorld(t, func(o *Options) { o.Store = db }).connected()
}

// contacts are those that the database has, of everybody.
func (w *world) contacts() ([]store.Contact, error) {
	return w.gateway.opt.Store.ContactsAfter(w.t.Context(), store.Contact{UserID: store.UserID{Domain: testDomain}}, 10_000)
}

// subscribe takes an address into the contact list of somebody for whom it is not there.
func (p *person) subscribe(jid string) {
	p.t.Helper()
	p.send(`<presence type='subscribe' to='` + jid + `'/>`)
	p.expect(`<presence type='subscribed' from='` + jid + `' to='alice@localhost'/>`)
}

func (p *person) absent(jid string) {
	p.t.Helper()
	p.expect(`<presence type='unavailable' from='` + jid + `' to='alice@localhost'/>`)
}

// XEP-0100 §5: people are contacts, seen through the user's own connection.
func TestContactPresence(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	const net = "irc.example@irc.localhost"
	alice.subscribe(bobJID)
	alice.absent(bobJID)
	alice.subscribe(net)
	alice.absent(net)
	alice.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s := w.session()
	if watch := next[transports.Watch](t, s); watch.Stop || len(watch.Who) != 1 || watch.Who[0] != bobTarget {
		t.Errorf("asked %+v", watch)
	}
	j := next[transports.Join](t, s)
	s.emit(t, transports.State{Online: true, Nick: "alice"})
	alice.expect(`<presence from='` + net + `' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	s.emit(t, transports.Presence{Who: bobTarget, Online: true})
	alice.expect(`<presence from='` + bobJID + `' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps'/><x xmlns='vcard-temp:x:update'><photo/></x></presence>`)
	s.emit(t, transports.Presence{Who: bobTarget, Online: true}) // nothing new
	s.emit(t, transports.Presence{Who: bobTarget, Online: true, Away: true, Text: "lunch <now>"})
	alice.expect(`<presence from='` + bobJID + `'><show>away</show><status>lunch &lt;now></status></presence>`)
	s.emit(t, transports.Presence{Who: transports.Target{Kind: transports.TargetContact, Network: "irc.example", ID: "stranger"}, Online: true})
	alice.alive()
	// A server asks when its user logs in.
	alice.ask(`<presence type='probe' to='`+bobJID+`'/>`, `<presence from='`+bobJID+`' to='alice@localhost/phone'><show>away</show></presence>`)
	alice.ask(`<presence type='probe' to='carol%irc.example@irc.localhost'/>`, `<presence type='unavailable' from='carol%irc.example@irc.localhost'/>`)
	if watch := next[transports.Watch](t, s); len(watch.Who) != 1 || watch.Who[0].ID != "carol" {
		t.Errorf("a contact whom only the server knew is not watched: %+v", watch)
	}
	// The link goes and comes back.
	s.emit(t, entered(j))
	for range 3 {
		alice.receive()
	}
	s.emit(t, transports.State{Err: errScripted, Retry: 1})
	alice.absent(bobJID)
	alice.absent(net)
	alice.expect(`<message type='groupchat'/>`)
	s.emit(t, transports.State{Online: true, Nick: "alice"})
	alice.expect(`<presence from='` + net + `'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	s.emit(t, transports.Presence{Who: bobTarget, Online: true})
	alice.expect(`<presence from='` + bobJID + `'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	// Taken out of the list he is not watched any more, and neither shown.
	alice.send(`<presence type='unsubscribe' to='` + bobJID + `'/>`)
	alice.expect(`<presence type='unsubscribed' from='` + bobJID + `'/>`)
	alice.absent(bobJID)
	if watch := next[transports.Watch](t, s); !watch.Stop || watch.Who[0] != bobTarget {
		t.Errorf("asked %+v", watch)
	}
	s.emit(t, transports.Presence{Who: bobTarget, Online: true, Away: true})
	alice.alive()
	alice.subscribe(bobJID)
	alice.absent(bobJID)
	if watch := next[transports.Watch](t, s); watch.Stop || watch.Who[0] != bobTarget {
		t.Errorf("asked %+v", watch)
	}
	s.emit(t, transports.Presence{Who: bobTarget, Online: true})
	alice.expect(`<presence from='` + bobJID + `'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	// An orderly stop takes everybody back; the next start knows the list and shows everybody as he is.
	w.stop()
	gone := map[string]bool{}
	for !gone[bobJID] || !gone[net] {
		if e := alice.receive(); e.Name.Local == "presence" && e.Get("type") == "unavailable" {
			gone[e.Get("from")] = true
		}
	}
	w.start(w.gateway.opt)
	alice.expect(`<message type='groupchat' from='` + goJID + `'/>`)
	// She leaves the room. Whether she is told so depends on whether the gateway has brought her back into it by then.
	alice.send(`<presence type='unavailable' to='` + goJID + `/alice'/>`)
	alice.send(`<iq type='get' id='left' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	want := map[string]string{"irc.localhost": "result", bobJID: "unavailable", "carol%irc.example@irc.localhost": "unavailable", net: "unavailable"}
	for len(want) > 0 {
		e := alice.receive()
		from := e.Get("from")
		if strings.HasPrefix(from, goJID) {
			continue
		}
		if e.Get("type") != want[from] {
			t.Fatalf("got %s, and wait for %v", e, want)
		}
		delete(want, from)
	}
	// With the registration everything goes (XEP-0100 §4.3).
	alice.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	alice.expect(`<iq type='result' id='d'/>`)
	for _, jid := range []string{"irc.localhost", bobJID, "carol%irc.example@irc.localhost", net} {
		for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
			alice.expect(`<presence type='` + typ + `' from='` + jid + `' to='alice@localhost'/>`)
		}
	}
	if left, err := w.contacts(); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// A stranger who takes thousands of people into his list fills neither memory nor the database, and harms nobody else.
func TestContactFlood(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	mallory, alice := w.client("mallory@localhost/x"), w.client("alice@localhost/phone")
	const flood = 10_000
	go func() {
		for i := range flood {
			kind := "subscribe"
			if i%3 == 0 {
				kind = "probe"
			}
			if mallory.c.Send(t.Context(), fmt.Sprintf(`<presence type='%s' id='%d' to='n%d%%irc.example@irc.localhost'/>`, kind, i, i)) != nil {
				return
			}
		}
		_ = mallory.c.Send(t.Context(), `<iq type='get' id='last' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	}()
	alice.subscribe(bobJID)
	alice.absent(bobJID)
	refusals := 0
	for {
		e := mallory.receive()
		if e.Name.Local == "presence" && e.Get("type") == "error" {
			refusals++
		}
		if e.Name.Local == "iq" && e.Get("id") == "last" {
			break
		}
	}
	if refusals == 0 {
		t.Error("everything was taken")
	}
	contacts, err := w.contacts()
	if err != nil || len(contacts) > MaxContacts+1 || len(contacts) < 2 {
		t.Errorf("%d contacts are kept, %v", len(contacts), err)
	}
	alice.alive()
	for _, odd := range []string{"#go%irc.example@irc.localhost", "#go%irc.example@irc.localhost/bob", "nowhere@irc.localhost", "%25%%irc.example@irc.localhost", "♥%irc.example@irc.localhost"} {
		alice.send(`<presence type='subscribe' to='` + odd + `'/>`)
		alice.send(`<presence type='unsubscribe' to='` + odd + `'/>`)
		alice.send(`<presence type='probe' to='` + odd + `'/>`)
	}
	alice.send(`<iq type='get' id='end' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	for alice.receive().Get("id") != "end" {
	}
}

// Whoever is removed by a command sees everybody go, though the gateway has forgotten him by then.
func TestForgetMeTakesContacts(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	alice.subscribe(bobJID)
	alice.absent(bobJID)
	if err := w.gateway.removeByCommand(t.Context(), transports.Address{Local: "alice", Domain: "localhost"}, "removed"); err != nil {
		t.Fatal(err)
	}
	for _, jid := range []string{"irc.localhost", bobJID} {
		for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
			alice.expect(`<presence type='` + typ + `' from='` + jid + `' to='alice@localhost'/>`)
		}
	}
}
