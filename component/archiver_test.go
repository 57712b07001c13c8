package component

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// A line that the archive would not take, since its sender gave it an id of a size, costs nobody else's lines.
func TestArchiveOfHugeLines(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	release := holdCommits(t, db)
	c.emit(t, roomLine("bob", "before"))
	carol.receive()
	const overhead = len(`<body>one</body><x xmlns="urn:example:x"></x>`)
	alice.send(`<message type='groupchat' id='` + strings.Repeat("i", 65_420) + `' to='` + goJID + `'><body>one</body><x xmlns='urn:example:x'>` +
		strings.Repeat("x", 64<<10-overhead) + `</x></message>`)
	e := roomLine("alice", "one")
	e.Ref, e.Part, e.Of, e.Time = next[transports.Send](t, a).Ref, 1, 1, now().Add(-time.Hour)
	a.emit(t, e)
	alice.receive()
	a.emit(t, roomLine("bob", "after"))
	alice.receive()
	c.emit(t, roomLine("bob", "after"))
	carol.receive()
	release()
	wantLines(t, spoken(carol.page(goJID, "")), "bob: before", "bob: after")
	wantLines(t, spoken(alice.page(goJID, "")), ": "+lostText, "bob: after")
}

// Where lines are in the database is known for a bounded number of them, also behind a gap.
func TestArchivePlacesAreBounded(t *testing.T) {
	t.Parallel()
	r := &keptRoom{first: 1}
	r.place(1, 1001)
	r.place(1_000_000, 2_000_000)
	for n := int64(1_000_001); n < 1_010_000; n++ {
		r.place(n, store.LineID(n+1_000_000))
		if len(r.ids) > 2*keepPlaces || cap(r.ids) > 8*keepPlaces {
			t.Fatalf("after line %d there are %d places, room for %d", n, len(r.ids), cap(r.ids))
		}
		for _, back := range []int64{0, keepPlaces - 1} {
			want := store.LineID(0)
			if n-back >= 1_000_000 {
				want = store.LineID(n - back + 1_000_000)
			}
			if got := r.line(n - back); got != want {
				t.Fatalf("line %d is said to be at %d, want %d", n-back, got, want)
			}
		}
	}
}

// holdCommits holds up the committer until its result is called, or the test is over.
func holdCommits(t *testing.T, db *store.DB) (release func()) {
	t.Helper()
	over, held := make(chan struct{}), make(chan struct{})
	release = sync.OnceFunc(func() { close(over) })
	t.Cleanup(release)
	go func() {
		_ = db.Write(context.Background(), func(*store.Tx) error { close(held); <-over; return nil })
	}()
	<-held
	return release
}

// prefs asks for preferences and returns what the gateway makes of them.
func (p *person) prefs(content string) *xmpptest.Element {
	p.t.Helper()
	p.send(`<iq type='set' id='prefs' to='irc.localhost'><prefs xmlns='urn:xmpp:mam:2' ` + content + `</prefs></iq>`)
	for {
		if e := p.receive(); e.Name.Local == "iq" {
			return e
		}
	}
}

// Who wants a room not to be archived may write its address in any way that leads to it.
func TestArchivePrefsOfOtherSpellings(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	w.join(alice, "alice")
	for _, room := range []string{`#GO%IRC.example@irc.localhost`, `#a\5cb%irc.example@irc.localhost`, "#a\u00a0b%irc.example@irc.localhost"} {
		if answer := alice.prefs(`default='always'><never><jid>` + room + `</jid></never>`); answer.Get("type") != "result" {
			t.Errorf("%s: got %s", room, answer)
		}
		a, err := transports.ParseAddress(room)
		if err != nil {
			t.Fatal(err)
		}
		e, err := w.gateway.entity(a)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
		keeps, err := peek(t.Context(), u, func() bool { return u.relations == nil || u.keeps(w.gateway.address(e.target)) })
		if err != nil || keeps {
			t.Errorf("%s is archived all the same (%v)", room, err)
		}
	}
}

// Lists that no setting could hold are refused in words.
func TestArchivePrefsTooLong(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	var list strings.Builder
	for range 90 {
		list.WriteString(`<jid>` + strings.Repeat("x", 1000) + `@example.org</jid>`)
	}
	answer := alice.prefs(`default='always'><never>` + list.String() + `</never>`)
	if !strings.Contains(answer.String(), "policy-violation") {
		t.Errorf("got %s", answer)
	}
}

// The year 1 is a time as any other, and before all messages.
func TestArchiveOfTheYear1(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "hello"))
	alice.receive()
	for _, c := range []struct {
		field, at string
		want      []string
	}{
		{"end", "0001-01-01T00:00:00Z", nil},
		{"start", "0001-01-01T00:00:00Z", []string{"bob: hello"}},
		{"end", "0000-01-01T00:00:00Z", nil},
		{"end", "9999-12-31T23:59:59.999-14:00", []string{"bob: hello"}},
		{"start", "9999-12-31T23:59:59.999-14:00", nil},
		{"start", "0000-01-01T00:00:00+14:00", []string{"bob: hello"}},
	} {
		got := alice.page(goJID, `<x xmlns='jabber:x:data' type='submit'><field var='`+c.field+`'><value>`+c.at+`</value></field></x>`)
		wantLines(t, spoken(got), c.want...)
	}
}

func openPostgres(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: url, Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// While the database is away for a moment nothing of what is said is lost.
func TestArchiveWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	w := archiveWorld(t, openPostgres(t, server.URL))
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "before"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before")
	server.Kill()
	s.emit(t, roomLine("bob", "meanwhile"))
	alice.receive() // at once
	w.logged("messages could not be written to the archive")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.emit(t, roomLine("bob", "after"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before", "bob: meanwhile", "bob: after")
}

// Who enters a room while the database is away for a moment is remembered, and so is a line whose commit the connection did not outlive: it
// is there once, and nothing is said to be missing.
func TestNothingIsForgottenWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	way := realtest.PostgresWay(t, server)
	db := openPostgres(t, way.URL)
	w := archiveWorld(t, db)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "before"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before")
	for i, f := range []realservers.PostgresFault{realservers.PostgresNoReply, realservers.PostgresNoAsk} {
		way.Next(f)
		s.emit(t, roomLine("bob", fmt.Sprint("line ", i)))
		alice.receive()
		if err := way.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.emit(t, roomLine("bob", "after"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before", "bob: line 0", "bob: line 1", "bob: after")

	server.Kill()
	w.client("alice@localhost/tablet").send(`<presence to='` + goJID + `/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	w.logged("who is in which room is not written yet")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(testWait); ; runtime.Gosched() {
		there, err := db.Occupancies(t.Context(), testDomain)
		if err == nil && len(there) == 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in rooms are %v, %v", there, err)
		}
	}
}

// For who wants nothing to be kept no lines are remembered, and when he changes his mind he reads what he hears from then on.
func TestArchiveOfWhoKeepsNothing(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	say := func(body string) {
		t.Helper()
		c.emit(t, roomLine("bob", body))
		carol.receive()
		a.emit(t, roomLine("bob", body))
		alice.receive()
	}
	say("one")
	alice.prefs(`default='never'>`)
	say("two")
	kept := w.gateway.archive.room(keptKey{name: "#go%irc.example"})
	kept.mu.Lock()
	if !kept.channel.Alone() {
		t.Error("somebody listens who hears nothing")
	}
	kept.mu.Unlock()
	alice.prefs(`default='always'>`)
	say("three")
	wantLines(t, spoken(alice.page(goJID, "")), "bob: one", "bob: three")
	say("four")
	ofAlice, ofCarol := alice.page(goJID, ""), carol.page(goJID, "")
	wantLines(t, spoken(ofCarol), "bob: one", "bob: two", "bob: three", "bob: four")
	if ofAlice[len(ofAlice)-1] != ofCarol[len(ofCarol)-1] {
		t.Errorf("what both heard is kept twice:\n%s\n%s", ofAlice, ofCarol)
	}
}

// TestArchiveOfLinesThatLookOtherwise: what a server makes of somebody's words for one user is not what another one reads, who heard them from a
// server that does not: a user may have any server behind the name of a network.
func TestArchiveOfLinesThatLookOtherwise(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	ask, reply, look := roomLine("mallory", "Shall I get it all?"), roomLine("bob", "yes"), roomLine("bob", "no")
	ask.ID, reply.ReplyTo = "m1", "m1"
	look.Spans = []transports.Span{{From: 0, To: 2, Look: transports.Look{Style: transports.StyleStrike}}}
	for _, e := range []transports.Message{ask, reply, look} {
		c.emit(t, e)
		carol.receive()
	}
	for _, body := range []string{"yes", "no"} {
		a.emit(t, roomLine("bob", body))
		alice.receive()
	}
	got := alice.page(goJID, "")
	wantLines(t, spoken(got), "bob: yes", "bob: no")
	if all := strings.Join(got, ""); strings.Contains(all, "<reply") || strings.Contains(all, "xhtml") {
		t.Errorf("got %s", all)
	}
}
