package component

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// oldLines is a world in whose archive alice has, and carol has not, a line of bob's in #go that nobody remembers, and one that he wrote to her.
func oldLines(t *testing.T) (*world, *store.DB) {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	alice := store.UserID{Domain: testDomain, JID: "alice@localhost"}
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		lines := make([]store.RoomLine, 200)
		for i := range lines {
			lines[i] = store.RoomLine{
				Domain: testDomain, Room: "#go%irc.example", ID: fmt.Sprint("s", i), NetworkID: fmt.Sprint("n", i), Time: now(), Nick: "bob",
				Stanza: fmt.Sprintf(`<message id='s%d' type='groupchat'><body>said %d</body></message>`, i, i),
			}
		}
		ids, err := tx.AppendRoomLines(lines)
		if err == nil {
			err = tx.ExtendSeen(alice, "#go%irc.example", ids[0], ids[len(ids)-1])
		}
		if err == nil {
			_, err = tx.AppendPrivateLines([]store.PrivateLine{{
				Owner: alice, With: "bob%irc.example", ID: "p1", NetworkID: "np1", Time: now(), Stanza: `<message id='p1' type='chat'><body>psst</body></message>`,
			}})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) { o.Store, o.Archive = db, true })
	w.transport.features = transports.Features{Types: true, Reacts: true, Unreacts: true, Replies: true, Redacts: true}
	return w.connected(), db
}

// Messages refer to those that are in the archive alone, both ways; to those that the user has not heard they do not.
func TestReferToArchive(t *testing.T) {
	t.Parallel()
	w, db := oldLines(t)
	alice, bob := w.client("alice@localhost/phone"), &transports.Person{Nick: "bob"}
	alice.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`)
	s := w.session()
	j := next[transports.Join](t, s)
	s.emit(t, entered(j))
	alice.expect(`<presence from='#go%irc.example@irc.localhost/bob'/>`)
	alice.expect(`<presence from='#go%irc.example@irc.localhost/alice'/>`)
	alice.expect(`<message type='groupchat'><subject/></message>`)

	s.emit(t, transports.Message{Room: j.Room, From: bob, Body: "yes", ID: "n500", ReplyTo: "n3"})
	alice.expect(`<message type='groupchat'><body>&gt; bob: said 3&#10;yes</body><reply xmlns='urn:xmpp:reply:0' id='s3'/></message>`)
	s.emit(t, transports.Reacted{Room: j.Room, From: bob, On: "n4", Add: []string{"👍"}})
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost/bob'><reactions xmlns='urn:xmpp:reactions:0' id='s4'><reaction>👍</reaction></reactions></message>`)
	s.emit(t, transports.Reacted{Room: j.Room, From: bob, On: "n4", Add: []string{"🎉"}})
	alice.expect(`<message type='groupchat'><reactions xmlns='urn:xmpp:reactions:0' id='s4'><reaction>👍</reaction><reaction>🎉</reaction></reactions></message>`)
	alice.send(`<message type='groupchat' id='r1' to='#go%irc.example@irc.localhost'><reactions xmlns='urn:xmpp:reactions:0' id='s5'><reaction>👍</reaction></reactions></message>`)
	if q := next[transports.React](t, s); q.On != "n5" {
		t.Errorf("got %+v", q)
	}
	alice.send(`<message type='groupchat' id='m1' to='#go%irc.example@irc.localhost'><body>no</body><reply xmlns='urn:xmpp:reply:0' id='s6'/></message>`)
	if q := next[transports.Send](t, s); q.ReplyTo != "n6" || q.Body != "bob: no" {
		t.Errorf("got %+v", q)
	}
	s.emit(t, transports.Redacted{Room: j.Room, By: bob, Message: "n7"})
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost/bob'><retract xmlns='urn:xmpp:message-retract:1' id='s7'/></message>`)

	s.emit(t, transports.Message{From: bob, Body: "well?", ID: "np2", ReplyTo: "np1"})
	alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost'><body>&gt; psst&#10;well?</body><reply xmlns='urn:xmpp:reply:0' id='p1'/></message>`)
	s.emit(t, transports.Reacted{From: &transports.Person{Nick: "carol"}, On: "np1", Add: []string{"👍"}}) // it is none of her conversation
	s.emit(t, transports.Redacted{By: bob, Message: "np1"})
	alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost'><retract xmlns='urn:xmpp:message-retract:1' id='p1'/></message>`)
	s.emit(t, transports.Redacted{By: bob, Message: "np1"})
	alice.alive()

	w.stop() // what is queued is written
	for id, want := range map[string]string{"s7": "<retracted ", "s6": "said 6"} {
		l, err := db.RoomLine(t.Context(), store.UserID{Domain: testDomain, JID: "alice@localhost"}, "#go%irc.example", store.LineKey{ID: id})
		if err != nil || !strings.Contains(l.Stanza, want) {
			t.Errorf("%s: got %+v, %v", id, l, err)
		}
	}
	if l, err := db.PrivateLine(t.Context(), store.UserID{Domain: testDomain, JID: "alice@localhost"}, store.LineKey{ID: "p1"}); err != nil || !strings.Contains(l.Stanza, "<retracted ") || strings.Contains(l.Stanza, "psst") {
		t.Errorf("got %+v, %v", l, err)
	}
}

// What others heard, and what nobody did, is nothing that a message could refer to for somebody.
func TestReferToUnheard(t *testing.T) {
	t.Parallel()
	w, _ := oldLines(t)
	carol := w.client("carol@localhost/phone")
	carol.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s := w.session()
	j := next[transports.Join](t, s)
	s.emit(t, entered(j))
	carol.expect(`<presence from='#go%irc.example@irc.localhost/bob'/>`)
	carol.expect(`<presence from='#go%irc.example@irc.localhost/alice'/>`)
	carol.expect(`<message type='groupchat'><subject/></message>`)
	bob := &transports.Person{Nick: "bob"}
	for i := range 1000 {
		s.emit(t, transports.Reacted{Room: j.Room, From: bob, On: fmt.Sprint("n", i), Add: []string{"👍"}}) // the first 200 others have heard
		s.emit(t, transports.Redacted{Room: j.Room, By: bob, Message: fmt.Sprint("n", i)})
		s.emit(t, transports.Reacted{From: bob, On: fmt.Sprint("n", i), Add: []string{"👍"}})
	}
	carol.alive()
	s.emit(t, transports.Message{Room: j.Room, From: bob, Body: "a reply", ReplyTo: "n3"})
	carol.expect(`<message type='groupchat'><body>a reply</body></message>`)
}

// Who is writing to the user alone is shown to him, and he tells who wants to see it.
func TestTypingToOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	w.transport.features = transports.Features{Types: true}
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	s.emit(t, transports.Typing{Nick: "bob", State: transports.ComposingActive})
	alice.expect(`<message type='chat' from='bob%irc.example@irc.localhost' to='alice@localhost'><composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>`)
	for state, want := range map[string]transports.Composing{
		"composing": transports.ComposingActive, "paused": transports.ComposingPaused, "active": transports.ComposingNot, "gone": transports.ComposingNot,
	} {
		alice.send(`<message type='chat' to='bob%irc.example@irc.localhost'><` + state + ` xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		if q := next[transports.Type](t, s); q.To.ID != "bob" || q.State != want {
			t.Errorf("%s: got %+v", state, q)
		}
	}
	// In a room he goes by another address.
	alice.send(`<message type='chat' to='#go%irc.example@irc.localhost/bob' id='m'><body>hello</body></message>`)
	next[transports.Send](t, s)
	s.emit(t, transports.Typing{Nick: "bob", State: transports.ComposingPaused})
	alice.expect(`<message type='chat' from='#go%irc.example@irc.localhost/bob' to='alice@localhost/phone'><paused xmlns='http://jabber.org/protocol/chatstates'/><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)
	alice.alive()
}
