package component

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

const day = 24 * time.Hour

// passed has it that for so long nothing was seen of alice, and that she did nothing, and looks whether she is idle.
func (w *world) passed(d time.Duration) {
	w.t.Helper()
	w.gateway.onUser(transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) {
		for _, t := range []*time.Time{&u.idleness.seen, &u.idleness.acted, &u.idleness.warned} {
			if !t.IsZero() {
				*t = t.Add(-d)
			}
		}
		u.checkIdle()
	})
}

// Who is not seen for long is told, taken off the networks a day later, and back in his rooms as soon as anything of him comes.
func TestUnseen(t *testing.T) {
	t.Parallel()
	w, db := stayWorld(t, StayDefault, func(o *Options) { o.AlwaysOn.Unseen = 30 * day })
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.expect(beginsToStay)
	w.passed(100 * day) // with a client in the room nobody is unseen
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable'/>`)
	w.passed(29 * day)
	alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost'><body>You have not been here for 29 days. In a day you are taken off irc.example*</body></message>`)
	w.passed(day / 2) // once is enough
	// Something of him, and all begins anew.
	alice.send(`<iq type='get' id='p' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	alice.expect(`<iq type='result' id='p'/>`)
	w.passed(0)
	w.passed(29 * day)
	alice.expect(`<message type='chat'><body>You have not been here for 29 days. In a day*</body></message>`)
	w.passed(day)
	alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost'><body>You have not been here for 30 days, so you are not connected to irc.example any more. The rooms*</body></message>`)
	<-s.ctx.Done()
	waitOccupancies(t, w, 1)
	for {
		idle, err := db.Idle(context.Background(), testDomain)
		if err != nil {
			t.Fatal(err)
		}
		if len(idle) == 1 && !idle[0].Gone.IsZero() {
			break
		}
		if err := db.Ready(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	// After a restart he is not taken back in.
	w.stop()
	w.start(w.gateway.opt)
	w.connected()
	alice.send(`<iq type='get' id='p' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	alice.expect(`<iq type='result' id='p'/>`)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>You are back, and so you go back into the rooms where you stay while you are away: #go%irc.example</body></message>`)
	s = w.session()
	if j := next[transports.Join](t, s); j.Room != goRoom || !j.Lasting {
		t.Errorf("joined %+v", j)
	}
}

// Who says nothing for long is taken out of his rooms as well, where the operator wants it so: what his clients do by themselves is no sign
// of him.
func TestIdleInRooms(t *testing.T) {
	t.Parallel()
	w, _ := stayWorld(t, StayAllowed, func(o *Options) { o.AlwaysOn.Idle = 30 * day })
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	ping := func() {
		t.Helper()
		alice.send(`<iq type='get' id='p' to='` + room + `/alice'><ping xmlns='urn:xmpp:ping'/></iq>`)
		alice.expect(`<iq type='result' id='p'/>`)
	}
	w.passed(0)
	w.passed(29 * day)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>You have said nothing here for 29 days. In a day you are taken off irc.example*</body></message>`)
	ping()
	alice.send(`<message type='groupchat' to='` + room + `'><body>hello</body></message>`)
	next[transports.Send](t, s)
	w.passed(day) // that was a sign
	w.passed(28 * day)
	alice.expect(`<message type='chat'><body>You have said nothing here for 29 days.*</body></message>`)
	ping()
	w.passed(day)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>You have said nothing here for 30 days, so you are not connected to irc.example any more.*</body></message>`)
	alice.expect(`<presence type='unavailable' from='` + room + `/alice'><status>idle for 30 days</status><x xmlns='` + nsUser + `'><status code='110'/></x></presence>`)
	<-s.ctx.Done()
}

// Who was idle for longer while the gateway was down is told first, too.
func TestIdleWhileDown(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	id := store.UserID{Domain: testDomain, JID: "alice@localhost"}
	if err := db.Write(context.Background(), func(tx *store.Tx) error {
		return tx.Occupy(store.Occupancy{UserID: id, Room: "#go%irc.example", Nick: "alice"})
	}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store, o.AlwaysOn.Policy, o.AlwaysOn.Unseen, o.Server = db, StayDefault, time.Nanosecond, "127.0.0.1:1" // alice logs in first
	})
	w.stop()
	alice := w.client("alice@localhost/phone")
	opt := w.gateway.opt
	opt.Server = w.xmpp.Addr()
	w.start(opt)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>You have not been here for 0 days. In a day you are taken off irc.example*</body></message>`)
	next[transports.Join](t, w.session())
	w.passed(day)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>*so you are not connected to irc.example any more.*</body></message>`)
}
