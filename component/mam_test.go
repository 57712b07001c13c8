package component

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// archiveWorld is a world that keeps what is said.
func archiveWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	return newWorld(t, func(o *Options) { o.Store, o.Archive = db, true }).connected()
}

func newArchiveWorld(t *testing.T) (*world, *store.DB) {
	t.Helper()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	return archiveWorld(t, db), db
}

// join brings a client into #go under the local part of its address, beside bob.
func (w *world) join(p *person, nick string) *scriptedSession {
	w.t.Helper()
	p.send(`<presence to='#go%irc.example@irc.localhost/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s := w.session()
	s.emit(w.t, entered(next[transports.Join](w.t, s)))
	for {
		if e := p.receive(); e.Name.Local == "message" {
			return s
		}
	}
}

var goRoom = transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}

// roomLine is a message of somebody in #go.
func roomLine(nick, body string) transports.Message {
	return transports.Message{Room: goRoom, From: &transports.Person{Nick: nick}, Body: body}
}

// page asks the archive of an address and returns what the stanzas in it say, "id=nick: body" of each.
func (p *person) page(to, query string) []string {
	p.t.Helper()
	p.send(`<iq type='set' id='page' to='` + to + `'><query xmlns='urn:xmpp:mam:2'>` + query + `</query></iq>`)
	var lines []string
	for {
		e := p.receive()
		if e.Name.Local == "iq" {
			if e.Get("type") != "result" {
				p.t.Fatalf("asked for a page of %s and got %s", to, e)
			}
			return lines
		}
		result := e.Child(nsMAM, "result")
		if result == nil {
			p.t.Fatalf("asked for a page of %s, and %s came", to, e)
		}
		m := result.Child(nsForward, "forwarded").Child(nsClient, "message")
		from, _ := transports.ParseAddress(m.Get("from"))
		who := from.Resource
		if m.Get("type") == "chat" {
			who = from.Local
		}
		lines = append(lines, result.Get("id")+"="+who+": "+m.Child(nsClient, "body").Text())
	}
}

// spoken are the lines of a page without their ids.
func spoken(page []string) []string {
	var out []string
	for _, l := range page {
		_, l, _ = strings.Cut(l, "=")
		out = append(out, l)
	}
	return out
}

const goJID = "#go%irc.example@irc.localhost"

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the archive says\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// What two users hear is kept once: they read it under the same id, and each what he heard.
func TestArchiveIsShared(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a := w.join(alice, "alice")
	a.emit(t, roomLine("bob", "only alice"))
	alice.receive()
	c := w.join(carol, "carol")
	for _, s := range []*scriptedSession{a, c} {
		s.emit(t, roomLine("bob", "both"))
		s.emit(t, roomLine("bob", "both"))
	}
	for range 2 {
		id := alice.receive().Child("urn:xmpp:sid:0", "stanza-id").Get("id")
		carol.expect(`<message type='groupchat'><body>both</body><stanza-id xmlns='urn:xmpp:sid:0' id='` + id + `'/></message>`)
	}
	ofAlice, ofCarol := alice.page(goJID, ""), carol.page(goJID, "")
	wantLines(t, spoken(ofAlice), "bob: only alice", "bob: both", "bob: both")
	wantLines(t, ofCarol, ofAlice[1:]...)
}

// What a user says reaches the others as the network carries it, and he reads it as he wrote it.
func TestArchiveOwnMessages(t *testing.T) {
	t.Parallel()
	for _, echo := range []bool{true, false} {
		t.Run(fmt.Sprintf("echo=%t", echo), func(t *testing.T) {
			t.Parallel()
			w, _ := newArchiveWorld(t)
			alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
			a, c := w.join(alice, "alice"), w.join(carol, "carol")
			take := func(lines ...string) {
				t.Helper()
				send := next[transports.Send](t, a)
				for i, line := range lines {
					e := roomLine("alice", line)
					e.Ref, e.Part, e.Of, e.Unplaced = send.Ref, i+1, len(lines), !echo
					a.emit(t, e)
				}
				alice.receive()
				for _, line := range lines {
					c.emit(t, roomLine("alice", line))
					carol.receive()
				}
			}
			alice.send(`<message type='groupchat' id='m1' to='` + goJID + `'><body>plain</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>`)
			take("plain")
			alice.send(`<message type='groupchat' id='m2' to='` + goJID + `'><body>one
two</body></message>`)
			take("one", "two")
			alice.send(`<message type='groupchat' id='m3' to='` + goJID + `'><body>plane</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>`)
			take("plane (corrected)")
			alice.send(`<message type='groupchat' id='m4' to='` + goJID + `'><body>one</body><no-store xmlns='urn:xmpp:hints'/></message>`)
			take("one")
			alice.send(`<message type='groupchat' id='m5' to='` + goJID + `'><body>one</body></message>`)
			take("one")
			ofAlice, ofCarol := alice.page(goJID, ""), carol.page(goJID, "")
			wantLines(t, spoken(ofAlice), "alice: plain", "alice: one\ntwo", "alice: plane", "alice: one")
			wantLines(t, spoken(ofCarol), "alice: plain", "alice: one", "alice: two", "alice: plane (corrected)", "alice: one", "alice: one")
			if ofAlice[0] != ofCarol[0] || ofAlice[3] != ofCarol[5] {
				t.Errorf("what both were shown alike is kept twice:\n%s\n%s", ofAlice, ofCarol)
			}
		})
	}
}

// The archive outlives the process, and a page is read from where another one ended.
func TestArchiveSurvivesRestart(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	for i := range 120 {
		s.emit(t, roomLine("bob", fmt.Sprint(i)))
		alice.receive()
	}
	w.stop()
	w = archiveWorld(t, db)
	alice = w.client("alice@localhost/tablet") // the phone is gone
	first := alice.page(goJID, "")
	if len(first) != mamPage {
		t.Fatalf("the first page has %d lines", len(first))
	}
	id, _, _ := strings.Cut(first[len(first)-1], "=")
	rest := alice.page(goJID, `<set xmlns='http://jabber.org/protocol/rsm'><max>500</max><after>`+id+`</after></set>`)
	all := spoken(append(first, rest...))
	for i := range 120 {
		if i >= len(all) || all[i] != fmt.Sprintf("bob: %d", i) {
			t.Fatalf("line %d is missing:\n%s", i, all)
		}
	}
}

// A page of large messages is cut by its size, in the direction of reading, and the client goes on from there.
func TestArchivePagesAreBounded(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	const n, size = 20, 50 << 10
	for i := range n {
		s.emit(t, roomLine("bob", fmt.Sprintf("%02d%s", i, strings.Repeat("x", size))))
		alice.receive()
	}
	for _, c := range []struct{ set, flip string }{{"<max>20</max>", ""}, {"<max>20</max><before>%s</before>", ""}, {"<max>20</max>", "<flip-page/>"}, {"<max>20</max><before>%s</before>", "<flip-page/>"}} {
		backward := strings.Contains(c.set, "before")
		set := c.set
		if backward {
			set = strings.ReplaceAll(c.set, "%s", "")
		}
		seen := map[string]bool{}
		for pages := 0; len(seen) < n; pages++ {
			if pages == n {
				t.Fatalf("%s%s: after %d pages there are %d lines", c.set, c.flip, pages, len(seen))
			}
			page := alice.page(goJID, `<set xmlns='http://jabber.org/protocol/rsm'>`+set+`</set>`+c.flip)
			if len(page) == 0 || len(page)*size > mamMaxPageBytes {
				t.Fatalf("%s%s: a page has %d lines", c.set, c.flip, len(page))
			}
			for _, l := range page {
				if seen[l[:30]] {
					t.Fatalf("%s%s: a line comes twice", c.set, c.flip)
				}
				seen[l[:30]] = true
			}
			last := page[len(page)-1]
			if backward != (c.flip != "") {
				last = page[0]
			}
			id, _, _ := strings.Cut(last, "=")
			if set = "<max>20</max><after>" + id + "</after>"; backward {
				set = strings.ReplaceAll(c.set, "%s", id)
			}
		}
	}
}

// A line that the database does not take is missing, and the archive says so; messages go on meanwhile.
func TestArchiveSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "archive.db"))
	w := archiveWorld(t, db)
	w.gateway.archive.mu.Lock()
	w.gateway.archive.queue.limit = 10
	w.gateway.archive.mu.Unlock()
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "before"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before")

	// The committer is held up, and more comes than waits for it.
	release := make(chan struct{})
	held := make(chan struct{})
	go func() {
		_ = db.Write(context.Background(), func(*store.Tx) error { close(held); <-release; return nil })
	}()
	<-held
	fill := func() bool {
		return w.gateway.archive.offer(keepItem{private: &store.PrivateLine{
			Owner: store.UserID{Domain: testDomain, JID: "x@y"}, With: "z", ID: newID(), Time: now(), Stanza: "<message/>",
		}}, nil)
	}
	fill()
	for deadline := time.Now().Add(testWait); w.gateway.archive.waiting() > 0; runtime.Gosched() { // until the archiver waits too
		if time.Now().After(deadline) {
			t.Fatal("the archiver does not work")
		}
	}
	for fill() {
	}
	s.emit(t, roomLine("bob", "lost"))
	alice.expect(`<message type='groupchat'><body>lost</body></message>`)
	private := func(body string) {
		t.Helper()
		s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: body})
		alice.expect(`<message type='chat'><body>` + body + `</body></message>`)
	}
	private("lost too")
	close(release)
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before")
	s.emit(t, roomLine("bob", "after"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: before", ": "+lostText, "bob: after")
	private("there")
	private("again")
	wantLines(t, spoken(alice.page(testDomain, "")), "bob%irc.example: "+lostText, "bob%irc.example: there", "bob%irc.example: again")
}

// A user who has himself removed leaves nothing behind, not even by what was on its way into the archive.
func TestArchiveForgetsWhoIsRemoved(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "hello"))
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "psst"})
	alice.receive()
	alice.receive()
	alice.send(`<iq type='set' id='r' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	for {
		// The last of what the gateway says to who is removed; it would reach the next client as well.
		if e := alice.receive(); e.Get("from") == testDomain && e.Get("type") == "unavailable" {
			break
		}
	}
	alice.c.Close()
	alice = w.client("alice@localhost/phone")
	wantLines(t, alice.page(goJID, ""))
	wantLines(t, alice.page(testDomain, ""))
	users, err := db.Users(t.Context(), testDomain)
	if err != nil || len(users) != 0 {
		t.Errorf("users: %v, %v", users, err)
	}
	if _, err := db.CollectArchive(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// Without an archive nothing is announced, and the request is refused as an unknown one.
func TestNoArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	info := alice.ask(`<iq type='get' id='d' to='irc.localhost'><query xmlns='`+nsDiscoInfo+`'/></iq>`, `<iq type='result' id='d'/>`)
	for _, f := range info.Child(nsDiscoInfo, "query").Elements() {
		if strings.HasPrefix(f.Get("var"), nsMAM) {
			t.Errorf("announced: %s", f.Get("var"))
		}
	}
	alice.ask(`<iq type='set' id='q' to='irc.localhost'><query xmlns='urn:xmpp:mam:2'/></iq>`,
		`<iq type='error' id='q'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
}

// Whoever comes back into a room is shown what he heard there before, and may refer to it; who wants none of it is not.
func TestArchiveIsHistory(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	for i := range 30 {
		s.emit(t, roomLine("bob", fmt.Sprint("line ", i)))
		alice.receive()
	}
	leave := func() {
		alice.send(`<presence type='unavailable' to='` + goJID + `/alice'/>`)
		alice.expect(`<presence type='unavailable'/>`)
		<-s.ctx.Done()
	}
	leave()
	alice.send(`<presence to='` + goJID + `/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s = w.session()
	s.emit(t, entered(next[transports.Join](t, s)))
	alice.expect(`<presence from='` + goJID + `/bob'/>`)
	alice.expect(`<presence from='` + goJID + `/alice'/>`)
	for i := 10; i < 30; i++ {
		alice.expect(fmt.Sprintf(`<message type='groupchat' from='%s/bob' id='{id%d}'><body>line %d</body><stanza-id xmlns='urn:xmpp:sid:0' id='{id%d}'/><delay xmlns='urn:xmpp:delay'/></message>`, goJID, i, i, i))
	}
	alice.expect(`<message type='groupchat'><subject/></message>`)
	alice.send(`<message type='groupchat' id='r' to='` + goJID + `'><body>indeed</body><reply xmlns='urn:xmpp:reply:0' id='` + alice.vars["id29"] + `'/></message>`)
	if send := next[transports.Send](t, s); send.Body != "bob: indeed" {
		t.Errorf("the network is told %q", send.Body)
	}
	leave()
	alice.send(`<presence to='` + goJID + `/alice'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`)
	s = w.session()
	s.emit(t, entered(next[transports.Join](t, s)))
	alice.expect(`<presence from='` + goJID + `/bob'/>`)
	alice.expect(`<presence from='` + goJID + `/alice'/>`)
	alice.expect(`<message type='groupchat'><subject/></message>`)
}

// What is said to services and by them is not kept: passwords are among it.
func TestArchiveHasNoPasswords(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	say := func(to, body string, services bool) {
		alice.send(`<message type='chat' id='m' to='` + to + `%irc.example@irc.localhost'><body>` + body + `</body></message>`)
		send := next[transports.Send](t, s)
		s.emit(t, transports.Message{Ref: send.Ref, Part: 1, Of: 1, From: &transports.Person{Nick: "alice"}, To: send.To, Body: send.Body, Services: services})
		s.emit(t, transports.Message{From: &transports.Person{Nick: to}, Body: "so be it", Services: services})
		alice.receive()
	}
	say("nickserv", "IDENTIFY hunter2", true)
	say("bob", "hello", false)
	wantLines(t, spoken(alice.page(testDomain, "")), "alice: hello", "bob%irc.example: so be it")
}

// What the network says after the fact that it did not deliver is not what was said.
func TestArchiveOfRefusedPrivateMessages(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	for _, id := range []string{"m1", "m2"} {
		alice.send(`<message type='chat' id='` + id + `' to='bob%irc.example@irc.localhost'><body>` + id + `</body></message>`)
		m := next[transports.Send](t, s)
		s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, To: m.To, Body: m.Body})
		if id == "m1" {
			wantLines(t, spoken(alice.page("bob%irc.example@irc.localhost", "")), "alice: m1")
			s.emit(t, transports.Done{Ref: m.Ref, Err: transports.NewError(transports.NotFound, "No such nick.", nil)})
			alice.expect(`<message type='error' id='m1'/>`)
		}
	}
	wantLines(t, spoken(alice.page("bob%irc.example@irc.localhost", "")), "alice: m2")
}

// In a room it is the same, for who reads the archive and for who comes in.
func TestArchiveOfRefusedMessages(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	for _, id := range []string{"m1", "m2"} {
		alice.send(`<message type='groupchat' id='` + id + `' to='` + goJID + `'><body>` + id + `</body></message>`)
		e := roomLine("alice", id)
		e.Ref, e.Part, e.Of, e.Unplaced = next[transports.Send](t, s).Ref, 1, 1, true
		s.emit(t, e)
		alice.expect(`<message type='groupchat' id='` + id + `'/>`)
		if id == "m1" {
			wantLines(t, spoken(alice.page(goJID, "")), "alice: m1")
			s.emit(t, transports.Done{Ref: e.Ref, Err: transports.NewError(transports.Denied, "Cannot send to channel.", nil)})
			alice.expect(`<message type='error' id='m1'/>`)
		}
	}
	wantLines(t, spoken(alice.page(goJID, "")), "alice: m2")
	second := w.client("alice@localhost/second")
	second.send(`<presence to='` + goJID + `/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	for e := second.receive(); e.Name.Local != "message"; e = second.receive() {
		continue
	}
	second.expect(`<message type='groupchat'><subject/></message>`)
}
