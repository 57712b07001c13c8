package component

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// stayWorld is a world in which users stay in rooms.
func stayWorld(t *testing.T, policy StayPolicy, change func(*Options)) (*world, *store.DB) {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "stay.db"))
	w := newWorld(t, func(o *Options) {
		o.Store, o.Archive, o.AlwaysOn.Policy, o.Timing.ComeBack = db, true, policy, time.Nanosecond
		o.Transport = settable{o.Transport.(*scripted)}
		if change != nil {
			change(o)
		}
	})
	return w.connected(), db
}

// persistent says where alice wants to stay, in the words of the operator; empty is as for the level above.
func (w *world) persistent(on, value string) {
	w.t.Helper()
	if value == "" {
		value = choiceUnset
	}
	if out, err := w.gateway.Operate(context.Background(), transports.Operation{
		Command: "configure", User: transports.Address{Local: "alice", Domain: "localhost"}, On: on,
		Values: transports.Values{SettingPersistent: {value}},
	}); err != nil || out.Form != nil {
		w.t.Fatalf("%+v, %v", out, err)
	}
}

const (
	beginsToStay = `<message type='groupchat' from='#go%irc.example@irc.localhost'><body>You stay in this room from now on*</body></message>`
	leavesRoom   = `<presence type='unavailable' to='#go%irc.example@irc.localhost/alice'/>`
)

// Where a user stays is said for the room, the network and everywhere, and the more particular counts; the operator has the last word.
func TestWhereToStay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                   string
		policy                 StayPolicy
		room, network, gateway string
		want                   bool
	}{
		{name: "nobody", policy: StayNever, room: "true", network: "true", gateway: "true"},
		{name: "nothing said", policy: StayAllowed},
		{name: "by default", policy: StayDefault, want: true},
		{name: "not wanted", policy: StayDefault, gateway: "false"},
		{name: "everywhere", policy: StayAllowed, gateway: "true", want: true},
		{name: "but on a network", policy: StayAllowed, gateway: "true", network: "false"},
		{name: "but in a room", policy: StayAllowed, gateway: "true", network: "true", room: "false"},
		{name: "only in a room", policy: StayDefault, gateway: "false", network: "false", room: "true", want: true},
	} {
		persists := map[string]bool{}
		for scope, value := range map[string]string{"room:#go%irc.example": tt.room, "network:irc.example": tt.network, "gateway": tt.gateway} {
			if value != "" {
				persists[scope] = value == "true"
			}
		}
		g := &Gateway{opt: Options{Transport: newScripted(), Store: new(store.DB)}}
		g.current.Store(&ruleset{Rules: Rules{AlwaysOn: AlwaysOn{Policy: tt.policy}}})
		u := &user{g: g, relations: &relations{archive: keepsAll, persists: persists}}
		if got := u.persists(goRoom); got != tt.want {
			t.Errorf("%s: stays %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A change of mind counts at once, and is told.
func TestStayingIsChanged(t *testing.T) {
	t.Parallel()
	w, _ := stayWorld(t, StayAllowed, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	w.persistent("irc.example", "true")
	alice.expect(beginsToStay)
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><status>You stay*leave #go%irc.example@irc.localhost*</status></presence>`)
	alice.ask(join("alice", ""), `<presence from='`+room+`/bob'/>`)
	alice.expect(`<presence id='j' from='` + room + `/alice'/>`)
	alice.expect(`<message type='groupchat'><subject/></message>`)
	w.persistent("#go%irc.example", "false")
	alice.expect(`<message type='groupchat'><body>You leave this room with your last client from now on.</body></message>`)
	waitOccupancies(t, w, 1)
	w.persistent("#go%irc.example", "")
	alice.expect(beginsToStay)
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable'/>`)
	// Nobody is there to be told.
	w.persistent("irc.example", "false")
	<-s.ctx.Done()
	waitOccupancies(t, w, 0)
}

// There is a limit to the rooms and networks that a user stays in; in others he is as long as a client of his is.
func TestStayLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ limit, more, want string }{
		{"rooms", "#more%irc.example", "You stay in 1 rooms*"},
		{"networks", "#more%other.example", "You stay on 1 networks*"},
	} {
		t.Run(tt.limit, func(t *testing.T) {
			t.Parallel()
			w, _ := stayWorld(t, StayDefault, func(o *Options) {
				if tt.limit == "rooms" {
					o.AlwaysOn.Rooms = 1
				} else {
					o.AlwaysOn.Networks = 1
				}
			})
			alice := w.client("alice@localhost/phone")
			s := w.enter(alice)
			alice.expect(beginsToStay)
			alice.send(`<presence to='` + tt.more + `@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			if tt.limit == "networks" {
				s = w.session()
			}
			s.emit(t, entered(next[transports.Join](t, s)))
			alice.expect(`<presence from='` + tt.more + `@irc.localhost/bob'/>`)
			alice.expect(`<presence from='` + tt.more + `@irc.localhost/alice'/>`)
			alice.expect(`<message type='groupchat'><subject/></message>`)
			alice.expect(`<message type='groupchat' from='` + tt.more + `@irc.localhost'><body>` + tt.want + `</body></message>`)
			waitOccupancies(t, w, 3)
			alice.send(`<presence type='unavailable' to='` + tt.more + `@irc.localhost/alice'/>`)
			waitOccupancies(t, w, 2)
		})
	}
}

// Who is thrown out while he is away is told, and is out for good; who loses the room otherwise comes back when he does.
func TestLosingRoomsWhileAway(t *testing.T) {
	t.Parallel()
	refused := transports.NewError(transports.NotRegistered, "#go is for invited people only.", nil)
	for _, tt := range []struct {
		name  string
		event transports.Event
		want  string
		left  int // rows of the database
	}{
		{"kicked", transports.Parted{Room: goRoom, Nick: "alice", Self: true, How: transports.PartKicked, By: "bob", Reason: "idle"}, "While you were away, bob removed you from #go%irc.example@irc.localhost. “idle” Join it again*", 0},
		{"banned", transports.Parted{Room: goRoom, Nick: "alice", Self: true, How: transports.PartBanned, By: "bob"}, "While you were away, bob banned you from #go%irc.example@irc.localhost.", 0},
		{"parted", transports.Parted{Room: goRoom, Nick: "alice", Self: true}, "While you were away, the network took you out of #go%irc.example@irc.localhost.*", 0},
		{"not let in again", transports.Parted{Room: goRoom, Nick: "alice", Self: true, How: transports.PartLost, Err: refused}, "You are not in #go%irc.example@irc.localhost any more. #go is for invited people only. It is tried again*", 1},
		{"session over", transports.State{Err: transports.NewError(transports.Denied, "irc.example has banned you.", nil)}, "You are not connected to irc.example any more, where you stay*irc.example has banned you. It is tried again*", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, _ := stayWorld(t, StayDefault, nil)
			alice := w.client("alice@localhost/phone")
			s := w.enter(alice)
			alice.expect(beginsToStay)
			alice.send(leavesRoom)
			alice.expect(`<presence type='unavailable'/>`)
			s.emit(t, tt.event)
			alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost'><body>` + tt.want + `</body></message>`)
			if _, ok := tt.event.(transports.State); !ok {
				<-s.ctx.Done()
			}
			if waitOccupancies(t, w, tt.left); tt.left == 0 {
				return
			}
			// Something of him is enough.
			alice.send(`<iq type='get' id='p' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
			alice.expect(`<iq type='result' id='p'/>`)
			s = w.session()
			if j := next[transports.Join](t, s); j.Room != goRoom || j.Nick != "alice" || !j.Lasting || j.Ref != 0 {
				t.Errorf("came back with %+v", j)
			}
		})
	}
}

// While nobody is there, nothing is sent; and what was said is not held in memory but in the archive.
func TestAloneInARoom(t *testing.T) {
	t.Parallel()
	w, _ := stayWorld(t, StayDefault, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.expect(beginsToStay)
	s.emit(t, roomLine("bob", "before"))
	alice.expect(`<message type='groupchat'><body>before</body></message>`)
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable'/>`)
	for _, e := range []transports.Event{
		roomLine("bob", "while you were away"),
		transports.Subject{Room: goRoom, Text: "new", By: "bob"},
		transports.Joined{Room: goRoom, Member: transports.Member{Person: &transports.Person{Nick: "carol"}}},
		transports.State{Err: transports.NewError(transports.Offline, "Lost.", nil), Retry: time.Second},
		transports.State{Online: true, Nick: "alice"},
		transports.Entered{Room: goRoom, Nick: "alice", Members: []transports.Member{{Person: &transports.Person{Nick: "carol"}}, {Person: &transports.Person{Nick: "alice"}}}, Subject: "new", SubjectBy: "bob"},
		transports.Notice{Room: goRoom, Text: "a notice of the network"},
	} {
		s.emit(t, e)
	}
	alice.send(join("alice", ""))
	alice.expect(`<presence from='` + room + `/carol'/>`)
	alice.expect(`<presence id='j' from='` + room + `/alice'><x xmlns='` + nsUser + `'><status code='110'/></x></presence>`)
	alice.expect(`<message type='groupchat'><body>before</body></message>`)
	alice.expect(`<message type='groupchat'><body>while you were away</body></message>`)
	alice.expect(`<message type='groupchat' from='` + room + `'><body>*Messages are missing here: there was no connection*</body></message>`)
	alice.expect(`<message type='groupchat'><subject>new</subject></message>`)
	s.emit(t, roomLine("carol", "and after"))
	alice.expect(`<message type='groupchat'><body>and after</body></message>`)
	// A second client gets it as well, from memory now.
	laptop := w.client("alice@localhost/laptop")
	laptop.send(join("alice", "<history maxstanzas='3'/>"))
	laptop.expect(`<presence from='` + room + `/carol'/>`)
	laptop.expect(`<presence id='j'/>`)
	laptop.expect(`<message type='groupchat'><body>while you were away</body></message>`)
	laptop.expect(`<message type='groupchat' from='` + room + `'><body>*Messages are missing here*</body></message>`)
	laptop.expect(`<message type='groupchat'><body>and after</body></message>`)
}

// After a restart those who stay in rooms are in them again, unless they or the operator have changed their minds.
func TestStayingAfterRestart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		policy StayPolicy
		said   string
		back   bool
		left   int
	}{
		{name: "back", policy: StayDefault, back: true, left: 1},
		{name: "not wanted any more", policy: StayAllowed},
		{name: "a room closed", policy: StayDefault, said: "You are not back in #go%closed.example@irc.localhost*closed.example is not open to everybody.", left: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
			id := store.UserID{Domain: testDomain, JID: "alice@localhost"}
			local := "#go%irc.example"
			if tt.said != "" {
				local = "#go%closed.example"
			}
			if err := db.Write(context.Background(), func(tx *store.Tx) error {
				return tx.Occupy(store.Occupancy{UserID: id, Room: local, Nick: "alice", Password: "key"})
			}); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(o *Options) {
				o.Store, o.AlwaysOn.Policy, o.Server = db, tt.policy, "127.0.0.1:1" // alice logs in first
			})
			w.stop()
			alice := w.client("alice@localhost/phone")
			opt := w.gateway.opt
			opt.Server = w.xmpp.Addr()
			w.start(opt)
			if tt.said != "" {
				alice.expect(`<message type='chat' from='help@irc.localhost'><body>` + tt.said + `</body></message>`)
			}
			if tt.back {
				s := w.session()
				if j := next[transports.Join](t, s); j.Password != "key" || j.Nick != "alice" || !j.Lasting {
					t.Errorf("joined with %+v", j)
				}
				s.emit(t, transports.Entered{Room: goRoom, Nick: "alice2"})
			}
			if all := waitOccupancies(t, w, tt.left); tt.left > 0 && all[0].Nick != "alice" {
				t.Errorf("remembered as %s", all[0].Nick)
			}
		})
	}
}

// Who stays in a room and has a client in it at the restart is brought back once, and the client is told, whichever of the two was there first.
func TestStayingWithClientAfterRestart(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"phone", ""} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			at := now()
			db, err := store.Open(t.Context(), store.Options{
				Path: filepath.Join(t.TempDir(), "p.db"), Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler),
				Now: func() time.Time { at = at.Add(time.Second); return at },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			for _, resource := range []string{first, strings.TrimPrefix("phone", first)} {
				if err := db.Write(context.Background(), func(tx *store.Tx) error {
					return tx.Occupy(store.Occupancy{
						UserID: store.UserID{Domain: testDomain, JID: "alice@localhost"}, Resource: resource, Room: "#go%irc.example", Nick: "alice",
					})
				}); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t, func(o *Options) {
				o.Store, o.AlwaysOn.Policy, o.Server = db, StayDefault, "127.0.0.1:1" // alice logs in first
			})
			w.stop()
			alice := w.client("alice@localhost/phone")
			opt := w.gateway.opt
			opt.Server = w.xmpp.Addr()
			w.start(opt)
			s := w.session()
			s.emit(t, entered(next[transports.Join](t, s)))
			for said := false; !said; {
				body := alice.receive().Child(xmpptest.NSClient, "body")
				said = body != nil && strings.Contains(body.Text(), "you are back in this room")
			}
			alice.send(`<message type='groupchat' to='` + goJID + `'><body>once</body></message>`)
			for sent := false; !sent; {
				select {
				case r := <-s.requests:
					if _, again := r.(transports.Join); again {
						t.Errorf("joined once more with %+v", r)
					}
					_, sent = r.(transports.Send)
				case <-time.After(testWait):
					t.Fatal("nothing was sent")
				}
			}
		})
	}
}

// Who stays in a room that gets another name is in it at once: he hears what is said before anything is asked of the network.
func TestStayWhereRoomMoves(t *testing.T) {
	t.Parallel()
	w, _ := stayWorld(t, StayDefault, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.expect(beginsToStay)
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'/>`)
	to := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#gopher"}
	s.emit(t, transports.Moved{Room: goRoom, To: to, Name: "#gopher", By: "bob"})
	s.emit(t, transports.Message{Room: to, From: &transports.Person{Nick: "bob"}, Body: "are you there?", Part: 1, Of: 1})
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>*This room is called #gopher now.*</body></message>`)
	const gopher = `#gopher%irc.example@irc.localhost`
	alice.send(`<presence to='` + gopher + `/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	alice.expect(`<presence from='` + gopher + `/bob'/>`)
	alice.expect(`<presence from='` + gopher + `/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>`)
	alice.expect(`<message type='groupchat' from='` + gopher + `/bob'><body>are you there?</body><delay xmlns='urn:xmpp:delay'/></message>`)
	alice.expect(`<message type='groupchat'><subject/></message>`)
	waitOccupancies(t, w, 2)
}
