package component

import (
	"path/filepath"
	"slices"
	"testing"
)

// XEP-0077 with XEP-0100 §4: form and legacy fields, registration, removal of everything, presence at start and stop.
func TestRegistration(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) { o.Store = db }).connected()
	alice := w.client("alice@localhost/phone")
	get := `<iq type='get' id='r' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`
	alice.ask(get, `<iq type='result' id='r' from='irc.localhost'><query xmlns='jabber:iq:register'><instructions>Register to have*</instructions>
		<x xmlns='jabber:x:data' type='form'><title>Test gateway</title><field var='FORM_TYPE' type='hidden'><value>jabber:iq:register</value></field></x></query></iq>`)
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'/></query></iq>`, `<iq type='result' id='s'/>`)
	alice.expect(`<presence from='irc.localhost' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1'/></presence>`)
	// Nobody grants anything, so the client is asked whether it takes suggestions (XEP-0144), and then its user.
	alice.expect(`<iq type='get' id='{disco}' from='irc.localhost' to='alice@localhost/phone'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
	alice.send(`<iq type='result' id='` + alice.vars["disco"] + `' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='jabber:iq:last'/></query></iq>`)
	alice.expect(`<presence type='subscribe' from='irc.localhost' to='alice@localhost'><nick xmlns='http://jabber.org/protocol/nick'>Test gateway</nick></presence>`)
	alice.ask(get, `<iq type='result' id='r'><query xmlns='jabber:iq:register'><registered/></query></iq>`)

	// Another start: the gateway shows itself and asks who is there; an orderly stop takes it back.
	w.stop()
	alice.expect(`<presence type='unavailable' from='irc.localhost'/>`)
	w.start(w.gateway.opt)
	alice.expect(`<presence from='irc.localhost' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
	alice.expect(`<presence type='probe' from='irc.localhost' to='alice@localhost'/>`)

	s := w.enter(alice)
	waitOccupancies(t, w, 1)
	alice.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'/>`)
	alice.expect(`<iq type='result' id='d'/>`)
	for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
		alice.expect(`<presence type='` + typ + `' from='irc.localhost' to='alice@localhost'/>`)
	}
	if s.ctx.Err() == nil {
		t.Error("the session is still open")
	}
	waitOccupancies(t, w, 0)
	if users, err := db.Users(t.Context(), testDomain); err != nil || len(users) > 0 {
		t.Errorf("still known: %v, %v", users, err)
	}
}

// Where the server grants it (XEP-0356, both namespaces, however deep they nest), the contact list is changed without a question.
func TestRegistrationWithPrivilege(t *testing.T) {
	t.Parallel()
	for name, privilege := range map[string]string{
		"0356 as it is":   `<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/><perm access='iq'><namespace ns='x' type='both'/></perm></privilege>`,
		"0356 as it was":  `<privilege xmlns='urn:xmpp:privilege:1'><perm access='roster' type='set'/></privilege>`,
		"nested too deep": `<privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'><perm access='roster' type='both'/></perm></privilege>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
			w := newWorld(t, func(o *Options) { o.Store = db }).connected()
			alice := w.client("alice@localhost/phone")
			if err := w.xmpp.Grant(testDomain, privilege); err != nil {
				t.Fatal(err)
			}
			w.logged("the XMPP server grants privileges")
			alice.ask(`<iq type='set' id='s' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`, `<iq type='result' id='s'/>`)
			alice.expect(`<presence from='irc.localhost' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
			alice.expect(`<presence from='help@irc.localhost' to='alice@localhost'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)
			if got := w.xmpp.Contacts("alice@localhost"); !slices.Equal(got, []string{"help@irc.localhost both", "irc.localhost both"}) {
				t.Errorf("the contact list has %v", got)
			}
			alice.alive() // and no request for a subscription
			alice.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
			alice.expect(`<iq type='result' id='d'/>`)
			if got := w.xmpp.Contacts("alice@localhost"); len(got) > 0 {
				t.Errorf("after the removal the contact list has %v", got)
			}
		})
	}
}

// XEP-0100 §6.3.
func TestPrompt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<iq type='get' id='p' to='irc.localhost'><query xmlns='jabber:iq:gateway'/></iq>`,
		`<iq type='result' id='p'><query xmlns='jabber:iq:gateway'><desc>Describe</desc><prompt>Whom?</prompt></query></iq>`)
	alice.ask(`<iq type='set' id='p' to='irc.localhost'><query xmlns='jabber:iq:gateway'><prompt>Bob irc.example</prompt></query></iq>`,
		`<iq type='result' id='p'><query xmlns='jabber:iq:gateway'><jid>bob%irc.example@irc.localhost</jid></query></iq>`)
	alice.ask(`<iq type='set' id='p' to='irc.localhost'><query xmlns='jabber:iq:gateway'><prompt>nonsense</prompt></query></iq>`,
		`<iq type='error' id='p'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// XEP-0055, with a form and without.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<iq type='get' id='s' to='irc.localhost'><query xmlns='jabber:iq:search'/></iq>`,
		`<iq type='result' id='s'><query xmlns='jabber:iq:search'><instructions>Describe</instructions><nick/><x xmlns='jabber:x:data' type='form'><field var='nick' type='text-single' label='Whom?'/><field var='network' type='text-single' label='Network'><value>irc.example</value></field></x></query></iq>`)
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><query xmlns='jabber:iq:search'><nick>Bob irc.example</nick></query></iq>`,
		`<iq type='result' id='s'><query xmlns='jabber:iq:search'><item jid='bob%irc.example@irc.localhost'/></query></iq>`)
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'><field var='nick'><value>#go irc.example</value></field></x></query></iq>`,
		`<iq type='result' id='s'><query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='result'><reported><field var='jid' type='jid-single'/></reported>
		<item><field var='jid'><value>#go%irc.example@irc.localhost</value></field></item></x></query></iq>`)
	alice.ask(`<iq type='set' id='s' to='irc.localhost'><query xmlns='jabber:iq:search'/></iq>`, `<iq type='error' id='s'/>`)
}

// XEP-0115: the version in presences is that of what discovery says, and the node of the presence is answered.
func TestCaps(t *testing.T) {
	t.Parallel()
	// The example of XEP-0115 §5.2.
	got := capsVersion([]identity{{"client", "pc", "Exodus 0.9.1"}}, []string{
		"http://jabber.org/protocol/muc", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/caps",
	}, nil)
	if want := "QgayPKawpkPSDYmwT/WM94uAlu0="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.ask(`<presence type='probe' to='irc.localhost'/>`, `<presence><c xmlns='http://jabber.org/protocol/caps' node='{node}' ver='{ver}'/></presence>`)
	node := alice.vars["node"] + "#" + alice.vars["ver"]
	alice.ask(`<iq type='get' id='i' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='`+node+`'/></iq>`,
		`<iq type='result' id='i'><query xmlns='http://jabber.org/protocol/disco#info' node='`+node+`'><identity category='gateway'/></query></iq>`)
}
