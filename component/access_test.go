package component

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	lists := newAccess(&Rules{
		Admins: []string{"root@evil.example"},
		Access: Access{
			Allow: []string{"home.example", "*.home.example", "friend@far.example", "*.evil.example"},
			Deny:  []string{"troll@home.example", "evil.example", "*.bad.home.example"},
		},
	})
	open := newAccess(&Rules{Access: Access{Deny: []string{"*.example"}}})
	for _, test := range []struct {
		jid            string
		listed, opened bool
	}{
		{"alice@home.example/phone", true, false},
		{"Alice@HOME.example", true, false},
		{"alice@a.b.home.example", true, false},
		{"alice@awayhome.example", false, false},
		{"troll@home.example/x", false, false},
		{"troll@sub.home.example", true, false},
		{"a@bad.home.example", true, false},
		{"a@very.bad.home.example", false, false},
		{"friend@far.example", true, false},
		{"foe@far.example", false, false},
		{"root@evil.example", true, false},
		{"boot@evil.example", false, false},
		{"evil.example", false, false},
		{"a@b.evil.example", true, false},
		{"a@localhost", false, true},
		{"example", false, true},
	} {
		jid, err := transports.ParseAddress(test.jid)
		if err != nil {
			t.Fatal(err)
		}
		if got := lists.admits(jid); got != test.listed {
			t.Errorf("with both lists %s is admitted: %v", test.jid, got)
		}
		if got := open.admits(jid); got != test.opened {
			t.Errorf("with one list %s is admitted: %v", test.jid, got)
		}
	}
}

// Who is denied finds every door closed, and no session is opened for him; who is not sees no difference.
func TestDenied(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) {
		o.Store = db
		o.Access.Deny = []string{"mallory@localhost"}
		o.Contact = []string{"mailto:op@example.org"}
	}).connected()
	mallory := w.client("mallory@localhost/phone")
	const no = `<error type='auth'><forbidden xmlns='` + conditions + `'/><text xmlns='` + conditions + `'>*does not let you.*mailto:op@example.org</text></error>`
	for _, door := range []struct{ name, stanza, answer string }{
		{"join", `<presence id='1' to='#go%irc.example@irc.localhost/m'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, `<presence type='error' id='1'><x xmlns='http://jabber.org/protocol/muc'/>` + no + `</presence>`},
		{"contact", `<presence id='2' type='subscribe' to='bob%irc.example@irc.localhost'/>`, `<presence type='error' id='2'>` + no + `</presence>`},
		{"private message", `<message id='3' type='chat' to='bob%irc.example@irc.localhost'><body>hi</body></message>`, `<message type='error' id='3'>` + no + `</message>`},
		{"message to the bot", `<message id='4' type='chat' to='help@irc.localhost'><body>help</body></message>`, `<message type='error' id='4'>` + no + `</message>`},
		{"groupchat", `<message id='5' type='groupchat' to='#go%irc.example@irc.localhost'><body>hi</body></message>`, `<message type='error' id='5'>` + no + `</message>`},
		{"command", `<iq type='set' id='6' to='irc.localhost'><command xmlns='http://jabber.org/protocol/commands' node='status'/></iq>`, `<iq type='error' id='6'>` + no + `</iq>`},
		{"registration", `<iq type='set' id='7' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`, `<iq type='error' id='7'>` + no + `</iq>`},
		{"form of registration", `<iq type='get' id='8' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`, `<iq type='error' id='8'>` + no + `</iq>`},
		{"rooms of a network", `<iq type='get' id='9' to='irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`, `<iq type='error' id='9'>` + no + `</iq>`},
		{"archive", `<iq type='set' id='10' to='irc.localhost'><query xmlns='urn:xmpp:mam:2'/></iq>`, `<iq type='error' id='10'>` + no + `</iq>`},
		{"nothing in an iq", `<iq type='get' id='11' to='irc.localhost'/>`, `<iq type='error' id='11'>` + no + `</iq>`},
		{"discovery", `<iq type='get' id='12' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`, `<iq type='result' id='12'/>`},
		{"networks", `<iq type='get' id='13' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`, `<iq type='result' id='13'/>`},
		{"removal", `<iq type='set' id='14' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`, `<iq type='result' id='14'/>`},
	} {
		t.Log(door.name)
		mallory.ask(door.stanza, door.answer)
	}
	for range 3 { // the gateway takes back what was registered
		mallory.receive()
	}
	mallory.send(`<presence to='irc.localhost'/>`)
	mallory.send(`<presence type='probe' to='irc.localhost'/>`)
	mallory.alive()
	select {
	case s := <-w.transport.opened:
		t.Errorf("a session on %s was opened for somebody who is denied", s.network)
	default:
	}
	_, err := w.gateway.Operate(context.Background(), transports.Operation{Command: "status", User: transports.Address{Local: "mallory", Domain: "localhost"}, Max: 1})
	if e := transports.AsError(err); e == nil || e.Kind != transports.Denied {
		t.Errorf("a command in his name: %v", err)
	}
	w.enter(w.client("alice@localhost/phone"))
}

// Who was in a room when the gateway died and is denied since does not come back, and his client is told that it is out.
func TestDeniedSinceTheCrash(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	err := db.Write(context.Background(), func(tx *store.Tx) error {
		id := store.UserID{Domain: testDomain, JID: "bob@localhost"}
		return errors.Join(tx.Occupy(store.Occupancy{UserID: id, Resource: "desk", Room: "#go%irc.example", Nick: "bob"}), tx.Set(id, registerScope, registerName, "1"))
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store = db
		o.Server = "127.0.0.1:1" // bob logs in first
		o.Access.Allow = []string{"other.localhost"}
	})
	w.stop()
	bob := w.client("bob@localhost/desk")
	opt := w.gateway.opt
	opt.Server = w.xmpp.Addr()
	w.start(opt)
	bob.expect(`<message type='groupchat'/>`)
	bob.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/bob'><status>*does not let you.</status><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>`)
	waitOccupancies(t, w, 0)
	bob.alive()
}
