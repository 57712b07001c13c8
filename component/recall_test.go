package component

import (
	"fmt"
	"path/filepath"
	"testing"

	"passerelle/component/muc"
	"passerelle/transports"
)

// A room at work leaves all but the last messages to the archive, and whoever comes gets all of its history in order: a further client,
// and one that has lost the room's state and joins again. What the archive does not have stays where it is.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	for _, archived := range []bool{true, false} {
		t.Run(fmt.Sprintf("archived %t", archived), func(t *testing.T) {
			t.Parallel()
			db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
			w := newWorld(t, func(o *Options) { o.Store, o.Archive = db, archived }).connected()
			phone := w.client("alice@localhost/phone")
			s := w.enterRoom(phone, goJID, "")
			var want []string
			for i := range 2 * muc.KeepHistory {
				body := fmt.Sprint("line ", i)
				want = append(want, body)
				s.emit(t, transports.Message{Room: goRoom, From: &transports.Person{Nick: "bob"}, Body: body})
				phone.expect(`<message type='groupchat'><body>` + body + `</body></message>`)
			}
			forgot := false
			w.gateway.on(t.Context(), transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) { forgot = u.networks.of("irc.example").rooms.of("#go").Forgot() })
			if forgot != archived {
				t.Errorf("what was said is remembered: %t", !forgot)
			}
			laptop := w.client("alice@localhost/laptop")
			w.enterRoom(laptop, goJID, "<history maxstanzas='50'/>", want[len(want)-muc.KeepHistory:]...)
			s.emit(t, transports.Message{Room: goRoom, From: &transports.Person{Nick: "bob"}, Body: "after"})
			for _, client := range []*person{phone, laptop} {
				client.expect(`<message type='groupchat'><body>after</body></message>`)
			}
			want = append(want, "after")
			w.enterRoom(phone, goJID, "<history maxstanzas='30'/>", want[len(want)-30:]...)
			phone.send(`<message type='groupchat' id='m1' to='` + goJID + `'><body>here</body></message>`)
			if q := next[transports.Send](t, s); q.Body != "here" {
				t.Errorf("got %+v", q)
			}
		})
	}
}

// What the user said himself his clients correct by their own id, however much was said since.
func TestCorrectionBehindMuch(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	w := newWorld(t, func(o *Options) { o.Store, o.Archive = db, true }).connected()
	phone := w.client("alice@localhost/phone")
	s := w.enterRoom(phone, goJID, "")
	phone.send(`<message type='groupchat' id='m1' to='` + goJID + `'><body>I am hear</body></message>`)
	q := next[transports.Send](t, s)
	s.emit(t, transports.Message{Room: goRoom, From: &transports.Person{Nick: "alice"}, Body: q.Body, Ref: q.Ref, Part: 1, Of: 1})
	phone.expect(`<message type='groupchat' id='m1'><body>I am hear</body></message>`)
	for i := range 30 {
		body := fmt.Sprint("line ", i)
		s.emit(t, transports.Message{Room: goRoom, From: &transports.Person{Nick: "bob"}, Body: body})
		phone.expect(`<message type='groupchat'><body>` + body + `</body></message>`)
	}
	phone.send(`<message type='groupchat' id='m2' to='` + goJID + `'><body>I am here</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>`)
	if q := next[transports.Send](t, s); q.Body != "*here" {
		t.Errorf("got %q", q.Body)
	}
}
