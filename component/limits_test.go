package component

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

const conditions = "urn:ietf:params:xml:ns:xmpp-stanzas"

// One user cannot have connections made without end, neither by joining rooms nor by asking networks for theirs.
func TestTooManyNetworks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	for n := range maxNetworks {
		alice.send(fmt.Sprintf(`<iq type='get' id='l%d' to='n%d.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`, n, n))
		w.session()
	}
	alice.ask(`<iq type='get' id='l' to='more.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
		`<iq type='error' id='l'><error type='modify'><policy-violation xmlns='`+conditions+`'/><text xmlns='`+conditions+`'>You are connected to 32 networks*</text></error></iq>`)
	alice.ask(`<presence id='j' to='#go%more.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><error><policy-violation xmlns='`+conditions+`'/></error></presence>`)
	// Others are not concerned, not even somebody of the same name elsewhere.
	w.enter(w.client("alice@other.localhost/phone"))
}

func TestTooManyRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	for n := range maxRooms - 1 {
		alice.send(fmt.Sprintf(`<presence to='#r%d%%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, n))
		next[transports.Join](t, s)
	}
	for _, network := range []string{"irc.example", "other.example"} {
		alice.ask(`<presence id='j' to='#more%`+network+`@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
			`<presence type='error' id='j'><error><policy-violation xmlns='`+conditions+`'/><text xmlns='`+conditions+`'>You are in 500 rooms*</text></error></presence>`)
	}
	select {
	case s := <-w.transport.opened:
		t.Errorf("a session on %s was opened for a room that was refused", s.network)
	default:
	}
	// A room that the user is in already is no other one.
	w.client("alice@localhost/laptop").ask(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence from='#go%irc.example@irc.localhost/bob'/>`)
}

func TestTooManySessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Sessions = 1 }).connected()
	alice, bob := w.client("alice@localhost/phone"), w.client("bob@localhost/desk")
	w.enter(alice)
	bob.ask(`<presence id='j' to='#go%irc.example@irc.localhost/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><error type='wait'><resource-constraint xmlns='`+conditions+`'/><text xmlns='`+conditions+`'>So many people*</text></error></presence>`)
	alice.ask(`<presence type='unavailable' to='#go%irc.example@irc.localhost/alice'/>`, `<presence type='unavailable'/>`)
	alice.alive() // the session was closed before this is answered
	w.enter(bob)
}

// A client that joins and leaves in a loop is stopped, with words; others are not, and it may go on a minute later.
func TestTooManyJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.JoinsPerMinute = 3 }).connected()
	alice, bob := w.client("alice@localhost/phone"), w.client("bob@localhost/desk")
	w.enter(bob)
	join := func(room string) string {
		return `<presence id='` + room + `' to='#` + room + `%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	}
	for _, room := range []string{"a", "b", "c"} {
		alice.send(join(room))
	}
	s := w.session()
	for range 3 {
		next[transports.Join](t, s)
	}
	alice.ask(join("d"), `<presence type='error' id='d'><error type='modify'><policy-violation xmlns='`+conditions+`'/><text xmlns='`+conditions+`'>You have joined 3 rooms within a minute*</text></error></presence>`)
	u, ok := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	if !ok {
		t.Fatal("she is not known")
	}
	if _, err := peek(context.Background(), u, func() bool { u.joins.from -= int64(2 * time.Minute); return true }); err != nil {
		t.Fatal(err)
	}
	alice.send(join("e"))
	next[transports.Join](t, s)
}

// The stanzas that wait for one user are bounded in bytes too.
func TestQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	held := make(chan struct{}, 1)
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).onDo = func(_ *scriptedSession, r transports.Request) error {
			if _, ok := r.(transports.Send); ok {
				select {
				case held <- struct{}{}:
				default: // a later one
				}
				<-release
			}
			return nil
		}
	}).connected()
	defer close(release)
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	alice.send(`<message type='groupchat' id='first' to='#go%irc.example@irc.localhost'><body>x</body></message>`)
	<-held
	big := strings.Repeat("x", maxStanzaBytes/4)
	for n := range 4 {
		alice.send(fmt.Sprintf(`<message type='groupchat' id='m%d' to='#go%%irc.example@irc.localhost'><body>%s</body></message>`, n, big))
	}
	alice.expect(`<message type='error' id='m3'><error type='wait'><resource-constraint xmlns='` + conditions + `'/></error></message>`)
}

// A network that says much at once waits before it is much that waits.
func TestEventsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	reached, stuck := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).onDo = func(_ *scriptedSession, r transports.Request) error {
			if _, ok := r.(transports.Send); ok {
				close(reached)
				<-stuck
			}
			return nil
		}
	}).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>x</body></message>`)
	<-reached
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	past := transports.Missed{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}}
	for range 100 {
		past.Messages = append(past.Messages, transports.Message{Room: past.Room, Body: strings.Repeat("x", 10_000), Time: now()})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range maxEvents / 2 {
			s.emit(t, past)
		}
	}()
	for waits := false; !waits; runtime.Gosched() {
		u.mu.Lock()
		waits = u.space != nil
		if n := len(u.events); n > maxEventBytes/1_000_000 {
			t.Errorf("%d events of a megabyte wait", n)
			waits = true
		}
		u.mu.Unlock()
	}
	close(stuck)
	<-done
}

// Whoever blocks an occupant, or is shown one whom his server cannot read, gets errors sent in his name; he stays where he is.
func TestBounceConcernsItsRoomOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	alice.send(`<presence to='#go%other.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s := w.session()
	s.emit(t, entered(next[transports.Join](t, s)))
	for range 3 {
		alice.receive()
	}
	inRoom := func(network, answer string) {
		t.Helper()
		alice.ask(`<iq type='get' id='p' to='#go%`+network+`@irc.localhost/alice'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='`+answer+`' id='p'/>`)
	}
	bounce := func(from, condition string) {
		t.Helper()
		alice.send(`<message type='error' id='b' to='` + from + `'><error type='cancel'><` + condition + ` xmlns='` + conditions + `'/></error></message>`)
	}
	bounce("#go%other.example@irc.localhost/bob", "jid-malformed")
	bounce("bob%irc.example@irc.localhost", "service-unavailable")
	bounce("help@irc.localhost", "service-unavailable")
	bounce("irc.localhost", "gone")
	bounce("nonsense@irc.localhost", "gone")
	inRoom("irc.example", "result")
	inRoom("other.example", "result")
	bounce("#go%other.example@irc.localhost/bob", "service-unavailable")
	inRoom("irc.example", "result")
	inRoom("other.example", "error")
}

// A headline asks for no answer (RFC 6121 §5.2.2).
func TestHeadlineToTheBot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(`<message type='headline' to='help@irc.localhost'><body>news</body></message>`)
	alice.alive()
}

// A client that leaves while it is being brought back after a crash is not brought back.
func TestLeavingWhileRestored(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	bobs := store.UserID{Domain: testDomain, JID: "bob@localhost"}
	if err := db.Write(context.Background(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Occupy(store.Occupancy{UserID: bobs, Resource: "desk", Room: "#left%irc.example", Nick: "bob"}),
			tx.Occupy(store.Occupancy{UserID: bobs, Resource: "desk", Room: "#stay%irc.example", Nick: "bob"}),
		)
	}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store = db
		o.Server = "127.0.0.1:1" // bob logs in first
		o.Timing.RestoreWait = time.Hour
	})
	w.stop()
	bob := w.client("bob@localhost/desk")
	opt := w.gateway.opt
	opt.Server = w.xmpp.Addr()
	w.start(opt)
	bob.receive()
	bob.receive()
	bob.send(`<presence type='unavailable' to='#left%irc.example@irc.localhost/bob'/>`)
	if left := waitOccupancies(t, w, 1); left[0].Room != "#stay%irc.example" {
		t.Errorf("remembered is %s", left[0].Room)
	}
}

// What comes while the gateway stops begins nothing: a session that is opened then is told to nobody.
func TestNothingBeginsAfterShutdown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	opened := make(chan error)
	u.post(u.shutdown)
	u.post(func() {
		_, err := u.network("late.example")
		opened <- err
	})
	if err := <-opened; err == nil {
		t.Error("a session was opened after the end")
	}
}

// Asking again and again who is in a large room is refused at last, and allowed again later.
func TestAskingTooOftenWhoIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	const again = `<presence id='a' to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	alice.ask(again, `<presence from='#go%irc.example@irc.localhost/bob'/>`)
	alice.expect(`<presence id='a' from='#go%irc.example@irc.localhost/alice'/>`)
	alice.expect(`<message type='groupchat'><subject/></message>`)
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	change := func(f func()) {
		done := make(chan struct{})
		u.post(func() { f(); close(done) })
		<-done
	}
	change(func() { u.shown.used = maxShown - 1 })
	alice.ask(again, `<presence type='error' id='a'><error type='wait'><resource-constraint xmlns='`+conditions+`'/></error></presence>`)
	change(func() { u.shown.from -= int64(2 * showTime) })
	alice.ask(again, `<presence from='#go%irc.example@irc.localhost/bob'/>`)
}

// A network may invent people without end, and in each room others.
func TestTooManyPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	u := newUser(w.gateway, transports.Address{Local: "alice", Domain: "localhost"})
	n := &network{u: u, id: "irc.example"}
	u.networks = networks{n}
	members := make([]transports.Member, 40_000)
	for i := range members {
		members[i].Person = &transports.Person{Nick: fmt.Sprint("n", i)}
	}
	people := 0
	for i := range 10 {
		room := muc.New(muc.Options{Target: transports.Target{Kind: transports.TargetRoom, ID: fmt.Sprint("#", i)}, Host: n, Now: now, NewID: newID})
		n.rooms = append(n.rooms, room)
		room.Event(transports.Entered{Nick: "n0", Members: members}, &muc.Out{})
		people += room.Count()
	}
	if people < maxKnownPeople || people > maxKnownPeople+len(n.rooms) {
		t.Errorf("%d people are known, want at most %d", people, maxKnownPeople)
	}
}
