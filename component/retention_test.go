package component

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// retentionWorld is a world that keeps what is said, where users have settings, and in which alice and carol have heard something in #go and #old
// ten days ago, three, and an hour, and bob wrote to alice.
func retentionWorld(t *testing.T) (*world, *store.DB) {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	alice, carol := store.UserID{Domain: testDomain, JID: "alice@localhost"}, store.UserID{Domain: testDomain, JID: "carol@localhost"}
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		for _, ago := range []int{240, 72, 1} {
			at := now().Add(-time.Duration(ago) * time.Hour)
			body := fmt.Sprintf("%dh", ago)
			for _, room := range []string{"#go%irc.example", "#old%irc.example"} {
				ids, err := tx.AppendRoomLines([]store.RoomLine{{
					Domain: testDomain, Room: room, ID: room[1:3] + body, Time: at, Nick: "bob",
					Stanza: `<message type='groupchat'><body>` + body + `</body></message>`,
				}})
				if err != nil {
					return err
				}
				for _, id := range []store.UserID{alice, carol} {
					if err := tx.ExtendSeen(id, room, ids[0], ids[0]); err != nil {
						return err
					}
				}
			}
			if _, err := tx.AppendPrivateLines([]store.PrivateLine{{
				Owner: alice, With: "bob%irc.example", ID: "p" + body, Time: at, Stanza: `<message type='chat'><body>` + body + `</body></message>`,
			}}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store, o.Archive, o.ArchiveDays, o.Transport = db, true, 30, settable{o.Transport.(*scripted)}
	}).connected()
	return w, db
}

// configure has a command set something for alice, and returns what is wrong with it.
func (w *world) configure(on string, values transports.Values) string {
	w.t.Helper()
	o, err := w.gateway.Operate(w.t.Context(), transports.Operation{
		Command: "configure", User: transports.Address{Local: "alice", Domain: "localhost"}, On: on, Values: values,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if o.Form != nil {
		for _, f := range o.Form.Fields {
			if f.Fault != "" {
				return f.Fault
			}
		}
	}
	return ""
}

const oldJID = "#old%irc.example@irc.localhost"

// What is older than a user wants to be kept he does not see from the moment that he says so, in the archive and in the history of a room, and
// then it is deleted; a room may have a limit of its own. Others see theirs.
func TestRetention(t *testing.T) {
	t.Parallel()
	w, db := retentionWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	for _, wrong := range []string{"0", "31", "-1", "many"} {
		if said := w.configure("", transports.Values{SettingDays: {wrong}}); said != "This is a number of days from 1 to 30." {
			t.Errorf("%s days: got %q", wrong, said)
		}
	}
	sees := func(p *person, to string, want ...string) {
		t.Helper()
		wantLines(t, spoken(p.page(to, "")), want...)
	}
	sees(alice, goJID, "bob: 240h", "bob: 72h", "bob: 1h")
	if said := w.configure("", transports.Values{SettingDays: {"5"}}); said != "" {
		t.Errorf("got %q", said)
	}
	sees(alice, goJID, "bob: 72h", "bob: 1h")
	sees(alice, "irc.localhost", "bob%irc.example: 72h", "bob%irc.example: 1h")
	alice.ask(`<iq type='get' id='m' to='`+goJID+`'><metadata xmlns='urn:xmpp:mam:2'/></iq>`,
		`<iq type='result' id='m'><metadata xmlns='urn:xmpp:mam:2'><start id='go72h'/><end id='go1h'/></metadata></iq>`)
	alice.ask(`<iq type='set' id='q' to='`+goJID+`'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>go240h</after></set></query></iq>`,
		`<iq type='error' id='q'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	w.configure("#go%irc.example", transports.Values{SettingDays: {"1"}})
	w.configure("#old%irc.example", transports.Values{SettingDays: {"20"}})
	sees(alice, goJID, "bob: 1h")
	sees(alice, oldJID, "bob: 240h", "bob: 72h", "bob: 1h")
	sees(carol, goJID, "bob: 240h", "bob: 72h", "bob: 1h")

	// The history of a room, for who is the first and who is not.
	s := w.enterRoom(alice, goJID, "<history maxstanzas='10'/>", "1h")
	s.emit(t, clocked("bob", "played again", "again", 48*time.Hour))
	alice.receive()
	w.configure("#go%irc.example", transports.Values{SettingDays: {""}})
	second := w.client("alice@localhost/second")
	w.enterRoom(second, goJID, "<history maxstanzas='10'/>", "1h", "played again")
	sees(alice, goJID, "bob: 72h", "bob: 1h")

	// What was not seen goes, and does not come back when more is wanted again.
	if err := w.gateway.ApplyRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.configure("", transports.Values{SettingDays: {"30"}})
	sees(alice, goJID, "bob: 72h", "bob: 1h")
	sees(alice, oldJID, "bob: 240h", "bob: 72h", "bob: 1h")
	sees(alice, "irc.localhost", "bob%irc.example: 72h", "bob%irc.example: 1h")
	sees(carol, goJID, "bob: 240h", "bob: 72h", "bob: 1h")
	if n, err := db.CollectArchive(t.Context(), now()); err != nil || n != 0 {
		t.Errorf("collected: got %d, %v, want nothing, since carol reads all", n, err)
	}
}

// enterRoom brings a client of alice's into a room with the history that it asks for, and compares what it gets.
func (w *world) enterRoom(p *person, jid, asks string, want ...string) *scriptedSession {
	w.t.Helper()
	p.send(`<presence to='` + jid + `/alice'><x xmlns='http://jabber.org/protocol/muc'>` + asks + `</x></presence>`)
	var s *scriptedSession
	if p.first(w) {
		s = w.session()
		join := next[transports.Join](w.t, s)
		e := entered(join)
		e.Room = join.Room
		s.emit(w.t, e)
	}
	var got []string
	for {
		e := p.receive()
		if e.Name.Local == "message" && e.Child("jabber:client", "subject") != nil {
			break
		}
		if e.Name.Local == "message" {
			got = append(got, e.Child("jabber:client", "body").Text())
		}
	}
	wantLines(w.t, got, want...)
	return s
}

// first reports whether alice has no session yet.
func (p *person) first(w *world) bool {
	alone := false
	w.gateway.on(p.t.Context(), transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) {
		n := u.networks.of("irc.example")
		alone = n == nil || len(n.rooms) == 0 || n.rooms.of("#go") == nil || n.rooms.of("#go").Nick() == ""
	})
	return alone
}

// A client that asks for no number of lines gets as many as its user has set, for the network or everywhere (XEP-0045 §7.2.13).
func TestHistoryLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		everywhere, network, asks string
		want                      []string
	}{
		{"", "", "", []string{"240h", "72h", "1h"}},
		{"2", "", "", []string{"72h", "1h"}},
		{"2", "1", "", []string{"1h"}},
		{"0", "", "", nil},
		{"2", "0", "", nil},
		{"0", "", "<history maxstanzas='1'/>", []string{"1h"}},
		{"1", "", "<history maxstanzas='3'/>", []string{"240h", "72h", "1h"}},
		{"1", "2", "<history seconds='604800'/>", []string{"72h", "1h"}},
	} {
		w, _ := retentionWorld(t)
		if c.everywhere != "" {
			w.configure("", transports.Values{SettingHistory: {c.everywhere}})
		}
		if c.network != "" {
			w.configure("irc.example", transports.Values{SettingHistory: {c.network}})
		}
		w.enterRoom(w.client("alice@localhost/phone"), goJID, c.asks, c.want...)
		// And so does the next one, at once when that is changed.
		if c.asks == "" {
			w.configure("irc.example", transports.Values{SettingHistory: {"1"}})
			w.enterRoom(w.client("alice@localhost/second"), goJID, "", "1h")
		}
	}
}
