package component

import (
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

// A list that the network cut short does not say how many rooms there are, whoever asked, and is sorted.
func TestRoomListIsHonest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	ask := `<iq type='get' id='l' to='irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`
	alice.send(ask)
	s := w.session()
	rooms := func(names ...string) []transports.RoomInfo {
		var out []transports.RoomInfo
		for _, n := range names {
			out = append(out, transports.RoomInfo{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: n}, Name: n})
		}
		return out
	}
	s.emit(t, transports.RoomList{Ref: next[transports.List](t, s).Ref, Rooms: rooms("#b", "#a", "#b"), Cut: true})
	e := alice.expect(`<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items'>
		<item jid='#a%irc.example@irc.localhost'/><item jid='#b%irc.example@irc.localhost'/>
		<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>#a%irc.example@irc.localhost</first></set></query></iq>`)
	if strings.Contains(e.String(), "count") {
		t.Errorf("a count that nobody knows:\n%s", e)
	}
	// The next one is new, and more than fits into an answer.
	var many []string
	for i := range maxListItems + 1 {
		many = append(many, fmt.Sprintf("#r%05d", i))
	}
	alice.send(ask)
	s = w.session()
	s.emit(t, transports.RoomList{Ref: next[transports.List](t, s).Ref, Rooms: rooms(many...)})
	alice.expect(fmt.Sprintf(`<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items'>
		<set xmlns='http://jabber.org/protocol/rsm'><last>#r%05d%%irc.example@irc.localhost</last><count>%d</count></set></query></iq>`, maxListItems-1, maxListItems+1))
}

// What waits for a network is answered when the link is gone for good, and when its bound is reached.
func TestQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	for range maxQuestions {
		alice.send(`<iq type='get' id='c' to='#go%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`)
		next[transports.Inspect](t, s)
	}
	alice.ask(`<iq type='get' id='d' to='#go%irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
		`<iq type='error' id='d'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	s.emit(t, transports.State{Err: transports.NewError(transports.Offline, "It is gone.", nil)})
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'/>`)
	for range maxQuestions {
		alice.expect(`<iq type='error' id='c'><error><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	alice.alive()
}

// Invitations to other people of XMPP have a bound: the gateway must not be a way to flood somebody.
func TestInvitesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/x")
	w.enter(alice)
	invite := `<message id='i' to='#go%irc.example@irc.localhost'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='carol@localhost/x'/></x></message>`
	for range maxInvites {
		alice.send(invite)
		carol.expect(`<message from='#go%irc.example@irc.localhost'><x xmlns='jabber:x:conference' jid='#go%irc.example@irc.localhost'/></message>`)
	}
	alice.ask(invite, `<message type='error' id='i'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	carol.alive()
}

// An invitation of the network reaches the user without any room.
func TestInvitedFromTheNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	s.emit(t, transports.Invited{
		Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#den"}, From: &transports.Person{Nick: "Bob"},
	})
	alice.expect(`<message from='#den%irc.example@irc.localhost' to='alice@localhost'><body>Bob invites you to #den%irc.example@irc.localhost.</body>
		<x xmlns='http://jabber.org/protocol/muc#user'><invite from='bob%irc.example@irc.localhost'/></x>
		<x xmlns='jabber:x:conference' jid='#den%irc.example@irc.localhost'/></message>`)
}

// XEP-0421 §4.1: the same person in the same room has the same name with the same key, and nobody else has.
func TestOccupantIDs(t *testing.T) {
	t.Parallel()
	ids, other := newOccupantIDs([]byte("one key")), newOccupantIDs([]byte("another"))
	room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	den := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#den"}
	bob := transports.Person{Nick: "bob", Ident: "b", Host: "host.example", Account: "robert"}
	want := ids.id(room, &bob)
	again := bob
	again.Nick, again.Host = "bob_", "elsewhere.example" // the account is what counts
	if got := newOccupantIDs([]byte("one key")).id(room, &again); got != want || len(got) != 24 {
		t.Errorf("got %q and %q for one account", got, want)
	}
	seen := map[string]string{want: "bob"}
	for name, got := range map[string]string{
		"another key": other.id(room, &bob), "another room": ids.id(den, &bob),
		"no account": ids.id(room, &transports.Person{Nick: "bob", Ident: "b", Host: "host.example"}),
		"his nick":   ids.id(room, &transports.Person{Nick: "robert"}),
		"borders":    ids.id(room, &transports.Person{Nick: "ro", Ident: "bert"}),
	} {
		if was, ok := seen[got]; ok {
			t.Errorf("%s and %s have the same name", name, was)
		}
		seen[got] = name
	}
}
