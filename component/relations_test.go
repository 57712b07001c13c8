package component

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// Whoever is blocked does not get through because the database does not answer: no session is opened, nothing is taken for an empty
// list, and what is open goes on with what it knows.
func TestRelationsUnread(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	alice.ask(alice.block("block", bobJID), `<iq type='result' id='b'/>`)
	s := w.enter(alice)
	if err := w.gateway.opt.Store.Close(); err != nil {
		t.Fatal(err)
	}
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "I am blocked"})
	s.emit(t, transports.Message{From: &transports.Person{Nick: "dave"}, Body: "hello"})
	alice.expect(`<message type='chat' from='dave%irc.example@irc.localhost'><body>hello</body></message>`)
	const busy = `<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	carol.ask(`<presence to='#go%irc.example@irc.localhost/carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, `<presence type='error'>`+busy+`</presence>`)
	carol.ask(blocklistGet, `<iq type='error' id='l'>`+busy+`</iq>`)
	carol.ask(carol.block("block", bobJID), `<iq type='error' id='b'>`+busy+`</iq>`)
	carol.ask(carol.block("unblock"), `<iq type='error' id='b'>`+busy+`</iq>`)
	carol.ask(`<presence type='subscribe' to='`+bobJID+`'/>`, `<presence type='error' from='`+bobJID+`'>`+busy+`</presence>`)
	carol.ask(`<presence type='probe' to='`+bobJID+`'/>`, `<presence type='unavailable' from='`+bobJID+`'/>`)
	carol.send(`<presence type='unsubscribe' to='` + bobJID + `'/>`)
	carol.expect(`<presence type='unsubscribed' from='` + bobJID + `'/>`)
	carol.expect(`<presence type='unavailable' from='` + bobJID + `'/>`)
	carol.alive()
}

// A client that the gateway brings back after a crash waits for the database rather than lose its room.
func TestRestoreWaitsForRelations(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	r := restoring{client: transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"}, room: "#go%irc.example", nick: "alice"}
	u.post(func() {
		u.relatedAt = now().Add(time.Hour)
		u.announceRestore(r)
		u.restore(r)
		u.relatedAt = time.Time{}
		u.restore(r)
	})
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost'/>`)
	next[transports.Join](t, w.session())
}

// stall holds up whatever is written, until the test calls open or ends.
func stall(t *testing.T, db *store.DB) (open func()) {
	t.Helper()
	opened, stalled := make(chan struct{}), make(chan struct{})
	open = sync.OnceFunc(func() { close(opened) })
	go func() {
		_ = db.Write(context.Background(), func(*store.Tx) error {
			close(stalled)
			<-opened
			return nil
		})
	}()
	<-stalled
	t.Cleanup(open)
	return open
}

// What of a user is on its way into the database when he is removed does not bring him back.
func TestRemovalBehindWrites(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	db := w.gateway.opt.Store
	open := stall(t, db)
	for _, nick := range []string{"bob", "carol", "dave"} { // the first is on its way, the others wait for it
		alice.send(`<presence type='subscribe' to='` + nick + `%irc.example@irc.localhost'/>`)
	}
	alice.send(`<iq type='set' id='r' to='irc.localhost'><query xmlns='jabber:iq:register'/></iq>`)
	alice.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	removing := func() bool {
		is := false
		w.gateway.on(t.Context(), transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) { is = u.removing > 0 })
		return is
	}
	for !removing() {
	}
	alice.send(`<presence type='subscribe' id='late' to='erin%irc.example@irc.localhost'/>`)
	alice.send(`<iq type='get' id='p' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	for alice.receive().Get("id") != "p" {
	}
	open()
	for alice.receive().Get("id") != "d" {
	}
	for alice.receive().Get("type") != "unsubscribe" {
	}
	left, err := w.contacts()
	_, known, errUser := db.User(t.Context(), store.UserID{Domain: testDomain, JID: "alice@localhost"})
	if err != nil || errUser != nil || known || len(left) > 0 {
		t.Errorf("left are %v, known %v (%v, %v)", left, known, err, errUser)
	}
	// Afterwards he is as welcome as anybody.
	for removing() {
	}
	alice.send(`<presence type='subscribe' id='again' to='` + bobJID + `'/>`)
	for alice.receive().Get("type") != "subscribed" {
	}
}

// Who changes his mind before the database has answered is left with nobody watched.
func TestSubscribeAndBack(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<presence type='subscribe' to='` + bobJID + `'/>`)
	alice.send(`<presence type='unsubscribe' to='` + bobJID + `'/>`)
	alice.send(`<presence type='subscribe' to='carol%irc.example@irc.localhost'/>`)
	for range 4 {
		alice.receive() // of bob he is told twice that he is not subscribed, or that he is before; of carol the same as ever
	}
	watching := map[string]bool{}
	for !watching["carol"] {
		r := next[transports.Watch](t, s)
		watching[r.Who[0].ID] = !r.Stop
	}
	if watching["bob"] {
		t.Error("somebody is watched who is in no contact list")
	}
}

// Many requests at a time get no further than one.
func TestBlockFlood(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	open := stall(t, w.gateway.opt.Store)
	const requests = 40
	for i := range requests {
		var jids []string
		for j := range 30 {
			jids = append(jids, fmt.Sprintf("n%d-%d%%irc.example@irc.localhost", i, j))
		}
		alice.send(alice.block("block", jids...))
	}
	for range requests - maxAwaited {
		alice.expect(`<iq type='error' id='b'/>`)
	}
	open()
	for range maxAwaited {
		alice.expect(`<iq type='result' id='b'/>`)
	}
	var many []string
	for i := range maxBlocked - maxAwaited*30 {
		many = append(many, fmt.Sprintf("m%d%%irc.example@irc.localhost", i))
	}
	alice.send(alice.block("block", many...))
	alice.send(alice.block("block", bobJID))
	alice.expect(`<iq type='error' id='b'><error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	alice.expect(`<iq type='result' id='b'/>`)
}

// Strangers who ask for their lists and go do not stay in memory for it, beyond a bound.
func TestBlocklistWatchersOfStrangers(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	w.gateway.blockWatchers.Store(maxAllBlockWatchers - 1)
	first, second := w.client("first@evil.example/x"), w.client("second@evil.example/x")
	for range 3 {
		first.send(blocklistGet)
		first.receive()
		second.send(blocklistGet)
		second.receive()
	}
	if n := w.gateway.blockWatchers.Load(); n != maxAllBlockWatchers {
		t.Errorf("%d watch", n)
	}
	first.send(`<presence type='unavailable' to='irc.localhost'/>`)
	first.alive()
	if n := w.gateway.blockWatchers.Load(); n != maxAllBlockWatchers-1 {
		t.Errorf("%d watch once one has gone", n)
	}
	for _, u := range w.gateway.everybody() {
		if u.jid.Local == "second" {
			if held, err := peek(t.Context(), u, func() bool { return !u.idle() }); err == nil && held {
				t.Error("a stranger is kept")
			}
		}
	}
}

// After a crash everybody is told of all that he has, however much it is, while the stream works already.
func TestManyContactsAtStart(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	const users, each = 3, 400
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range users {
			id := store.UserID{Domain: testDomain, JID: fmt.Sprintf("u%d@localhost", i)}
			for j := range each {
				if err := tx.AddContact(store.Contact{UserID: id, Contact: fmt.Sprintf("n%d%%irc.example", j)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	var clients []*person
	for i := range users {
		clients = append(clients, w.client(fmt.Sprintf("u%d@localhost/x", i)))
	}
	w.stop() // it begins anew once they are there
	w.start(w.options(func(o *Options) { o.Store = db }))
	for _, c := range clients {
		seen := map[string]bool{}
		for len(seen) < each {
			if e := c.receive(); e.Get("type") == "unavailable" {
				seen[e.Get("from")] = true
			}
		}
		c.alive()
	}
}

// Work in the background that writes a user down is waited for by his removal, and refused once that has begun.
func TestRemovalBehindBackgroundWork(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	jid := transports.Address{Local: "alice", Domain: "localhost"}
	db, id := w.gateway.opt.Store, w.gateway.userID(jid)
	done, err := w.gateway.writing(t.Context(), jid)
	if err != nil {
		t.Fatal(err)
	}
	alice.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	refused := func() bool {
		other, err := w.gateway.writing(t.Context(), jid)
		if err == nil {
			other()
		}
		return err != nil
	}
	for !refused() {
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.TouchUser(id) }); err != nil {
		t.Fatal(err)
	}
	done()
	alice.expect(`<iq type='result' id='d'/>`)
	if _, known, err := db.User(t.Context(), id); err != nil || known {
		t.Errorf("he is known: %v, %v", known, err)
	}
	for refused() { // until the end of the removal
	}
}
