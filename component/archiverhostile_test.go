package component

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

// A user may have any server behind the name of a network. Whatever that says to him, others read what they heard, at its time and in its place.

// elsewhere has a session's network turn out to be another one than that of the name.
func (s *scriptedSession) elsewhere(t *testing.T) {
	t.Helper()
	s.emit(t, transports.State{Err: transports.NewError(transports.Offline, "It is gone.", nil), Retry: time.Second})
	s.emit(t, transports.State{Online: true, Link: transports.Link{Origin: "mallory's"}})
	s.emit(t, transports.Entered{Room: goRoom, Nick: "carol", Members: []transports.Member{{Person: &transports.Person{Nick: "bob"}}, {Person: &transports.Person{Nick: "carol"}}}})
}

func TestOthersReadNothingOfAForgedNetwork(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice, mallory := w.client("alice@localhost/phone"), w.client("mallory@localhost/phone")
	a, m := w.join(alice, "alice"), w.join(mallory, "carol")
	m.elsewhere(t)
	forged := roomLine("bob", "yes")
	forged.ID, forged.Clocked, forged.Time = "m1", true, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	forged.From.Account = "admin"
	m.emit(t, forged)
	m.emit(t, roomLine("bob", "no"))
	for {
		if body := mallory.receive().Child("jabber:client", "body"); body != nil && body.Text() == "no" {
			break
		}
	}
	a.emit(t, roomLine("bob", "Shall we?"))
	heard := roomLine("bob", "yes")
	heard.ID = "m1"
	a.emit(t, heard)
	a.emit(t, roomLine("bob", "no"))
	for range 3 {
		alice.receive()
	}
	page := alice.page(goJID, "")
	wantLines(t, spoken(page), "bob: Shall we?", "bob: yes", "bob: no")
	if all := strings.Join(page, ""); strings.Contains(all, "2001") {
		t.Errorf("she reads %s", all)
	}
	for _, line := range mallory.page(goJID, "") {
		for _, other := range page {
			if line == other {
				t.Errorf("both have the line %s", line)
			}
		}
	}
}

// What the network of one user refuses to carry after all, others have heard all the same.
func TestWhatIsRefusedStaysWithWhoHeardIt(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "bob") // as which her network knows her
	say := func(id string, refused bool) {
		t.Helper()
		carol.send(`<message type='groupchat' id='` + id + `' to='` + goJID + `'><body>at five</body></message>`)
		e := roomLine("bob", "at five")
		e.Ref, e.Part, e.Of, e.Unplaced = next[transports.Send](t, c).Ref, 1, 1, true
		c.emit(t, e)
		carol.expect(`<message type='groupchat' id='` + id + `'/>`)
		if refused {
			c.emit(t, transports.Done{Ref: e.Ref, Err: transports.NewError(transports.Denied, "Nobody may speak.", nil)})
			carol.expect(`<message type='error' id='` + id + `'/>`)
		}
	}
	// Nobody hears it; what is said again then is another line.
	say("m1", true)
	a.emit(t, roomLine("bob", "at five"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: at five")
	// Somebody has heard it.
	say("m2", true)
	wantLines(t, spoken(alice.page(goJID, "")), "bob: at five")
	say("m3", false)
	a.emit(t, roomLine("bob", "at five"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: at five", "bob: at five")
}

// Networks that say more than can be written cost those who are on them their lines, and nobody else.
func TestFloodIsLostToItsOwnArchive(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	w.gateway.archive.queue.mu.Lock()
	w.gateway.archive.queue.limit = 40
	w.gateway.archive.queue.mu.Unlock()
	alice := w.client("alice@localhost/phone")
	a := w.join(alice, "alice")
	var floods []*scriptedSession
	var flooded []*person
	for _, name := range []string{"mallory", "trudy"} {
		p := w.client(name + "@localhost/phone")
		s := w.join(p, name)
		s.emit(t, transports.State{Online: true, Link: transports.Link{Origin: name}})
		floods, flooded = append(floods, s), append(flooded, p)
	}
	release := holdCommits(t, db)
	for i, s := range floods {
		for range 100 {
			s.emit(t, roomLine("bob", "flood"))
			s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "flood"})
		}
		for range 200 {
			flooded[i].receive()
		}
	}
	a.emit(t, roomLine("bob", "one"))
	a.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "two"})
	alice.receive()
	alice.receive()
	release()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: one")
	wantLines(t, spoken(alice.page("irc.localhost", "")), "bob%irc.example: two")
	if n := len(flooded[0].page(goJID, "")); n < 5 || n > 40 {
		t.Errorf("of the flood %d lines are kept", n)
	}
}

// A network that says much for very long does not fill the disk: of each user there is so much in a day.
func TestArchiveOfADay(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	w := newWorld(t, func(o *Options) { o.Store, o.Archive, o.Rules.ArchiveDaily = db, true, 10_000 }).connected()
	alice, mallory := w.client("alice@localhost/phone"), w.client("mallory@localhost/phone")
	a, m := w.join(alice, "alice"), w.join(mallory, "mallory")
	m.emit(t, transports.State{Online: true, Link: transports.Link{Origin: "mallory's"}})
	for range 100 {
		m.emit(t, roomLine("bob", strings.Repeat("x", 1000)))
		mallory.receive()
	}
	mallory.send(`<presence type='unavailable' to='` + goJID + `/mallory'/>`) // and comes back
	for mallory.receive().Name.Local != "presence" {
	}
	m = w.join(mallory, "mallory")
	m.emit(t, roomLine("bob", strings.Repeat("y", 1000)))
	mallory.send(`<iq type='get' id='alive' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
	for mallory.receive().Name.Local != "iq" { // with the history
	}
	a.emit(t, roomLine("bob", "hello"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: hello")
	if n := len(mallory.page(goJID, "")); n == 0 || n > 10 {
		t.Errorf("%d lines are kept", n)
	}
	w.logged("a user's networks say more than is kept in a day")
	if n := strings.Count(w.log.String(), "say more than is kept"); n != 1 {
		t.Errorf("that is said %d times", n)
	}
}
