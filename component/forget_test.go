package component

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// clocked is a line of which the network says when it was said, and under which id.
func clocked(nick, body, id string, ago time.Duration) transports.Message {
	e := roomLine(nick, body)
	e.ID, e.Time, e.Clocked = id, now().Add(-ago), true
	return e
}

// say writes to the bot and compares the answer.
func (p *person) say(body, pattern string) {
	p.t.Helper()
	p.ask(`<message type='chat' to='help@irc.localhost'><body>`+body+`</body></message>`, `<message type='chat'><body>`+pattern+`</body></message>`)
}

// What a user forgets of a room is gone at once for all of his clients, stays with others, and does not come back: not from what waits to
// be written, nor with a line that others heard before him, nor when the network plays it again.
func TestForgetRoom(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	hear := func(s *scriptedSession, p *person, e transports.Message) {
		t.Helper()
		s.emit(t, e)
		p.receive()
	}
	for _, body := range []string{"one", "two"} {
		hear(a, alice, clocked("bob", body, body, time.Hour))
		hear(c, carol, clocked("bob", body, body, time.Hour))
	}
	hear(c, carol, clocked("bob", "late", "late", time.Second)) // alice's connection is slow
	carol.page(goJID, "")
	alice.say("forget "+goJID, "Forget messages (Example)*Only what was said before this day*“ok” without one*")
	alice.say("ok", "Forget messages*What is kept for you of #go%irc.example is deleted for good (messages: 2). Others who use this gateway keep what they heard.*“yes” or “no”*")
	release := holdCommits(t, db)
	hear(a, alice, clocked("bob", "three", "three", time.Second)) // waits to be written
	release()
	alice.say("yes", "Forgotten (messages: 3). *")
	hear(a, alice, clocked("bob", "late", "late", time.Second))
	hear(a, alice, clocked("bob", "two", "two", time.Hour)) // played again, from the window
	hear(a, alice, clocked("bob", "older", "older", 2*time.Hour))
	hear(a, alice, clocked("bob", "four", "four", 0))
	wantLines(t, spoken(alice.page(goJID, "")), "bob: four")
	wantLines(t, spoken(carol.page(goJID, "")), "bob: one", "bob: two", "bob: late")

	// A client that comes in gets no more of it either, nor one that is the first after everybody was out.
	history := func(p *person, first bool) (s *scriptedSession, bodies []string) {
		t.Helper()
		p.send(`<presence to='` + goJID + `/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		if first {
			s = w.session()
			s.emit(t, entered(next[transports.Join](t, s)))
		}
		for {
			e := p.receive()
			if e.Name.Local == "message" && e.Child("jabber:client", "subject") != nil {
				return s, bodies
			}
			if e.Name.Local == "message" {
				bodies = append(bodies, e.Child("jabber:client", "body").Text())
			}
		}
	}
	// What the network has just played again was shown to him after he forgot, and is in the room as long as he is.
	second := w.client("alice@localhost/second")
	if _, got := history(second, false); fmt.Sprint(got) != "[late two older four]" {
		t.Errorf("history: got %s", got)
	}
	alice.send(`<presence type='unavailable' to='` + goJID + `/alice'/>`)
	second.send(`<presence type='unavailable' to='` + goJID + `/alice'/>`)
	<-a.ctx.Done()
	third := w.client("alice@localhost/third")
	other, got := history(third, true)
	if fmt.Sprint(got) != "[four]" {
		t.Errorf("history from the archive: got %s", got)
	}
	third.send(`<presence type='unavailable' to='` + goJID + `/alice'/>`)
	<-other.ctx.Done()
	carol.send(`<presence type='unavailable' to='` + goJID + `/carol'/>`)
	<-c.ctx.Done()
	// Another process knows it as well.
	w.stop()
	w.start(w.gateway.opt)
	w.connected()
	again := w.client("alice@localhost/fourth")
	s, _ := history(again, true)
	hear(s, again, clocked("bob", "one", "one", time.Hour))
	wantLines(t, spoken(again.page(goJID, "")), "bob: four")
}

// What is forgotten before a day, of a person, and of everything; what is wrong with a request is said.
func TestForgetParts(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	old := now().AddDate(0, 0, -3)
	id := store.UserID{Domain: testDomain, JID: "alice@localhost"}
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AppendPrivateLines([]store.PrivateLine{
			{Owner: id, With: "bob%irc.example", ID: "p1", Time: old, Stanza: `<message type='chat'><body>p1</body></message>`},
			{Owner: id, With: "dave%irc.example", ID: "p2", Time: old, Stanza: `<message type='chat'><body>p2</body></message>`},
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.emit(t, roomLine("bob", "hello"))
	alice.receive()
	for _, nick := range []string{"bob", "dave"} {
		s.emit(t, transports.Message{From: &transports.Person{Nick: nick}, Body: "psst"})
		alice.receive()
	}
	all := func(want ...string) {
		t.Helper()
		wantLines(t, append(spoken(alice.page(goJID, "")), spoken(alice.page("irc.localhost", ""))...), want...)
	}
	all("bob: hello", "bob%irc.example: p1", "dave%irc.example: p2", "bob%irc.example: psst", "dave%irc.example: psst")
	operate := func(values transports.Values) transports.Outcome {
		t.Helper()
		o, err := w.gateway.Operate(t.Context(), transports.Operation{Command: "forget", User: transports.Address{Local: "alice", Domain: "localhost"}, Values: values})
		if err != nil {
			t.Fatalf("%v: %v", values, err)
		}
		return o
	}
	for _, wrong := range []transports.Values{{fieldWhat: {"nonsense"}}, {fieldWhat: {"irc.example"}}, {fieldBefore: {"yesterday"}}} {
		if o := operate(wrong); o.Form == nil || o.Form.Fields[0].Fault+o.Form.Fields[1].Fault == "" {
			t.Errorf("%v: got %+v", wrong, o)
		}
	}
	day := old.AddDate(0, 0, 1).Format(dayForm)
	if o := operate(transports.Values{fieldWhat: {"bob%irc.example"}, fieldBefore: {day}, sure: {"true"}}); o.Said != "Forgotten (messages: 1). You cannot read them here any more, and what nobody else heard is erased within two hours." {
		t.Errorf("got %+v", o)
	}
	all("bob: hello", "dave%irc.example: p2", "bob%irc.example: psst", "dave%irc.example: psst")
	if o := operate(transports.Values{fieldWhat: {"bob%irc.example"}, fieldBefore: {day}}); o.Form == nil || o.Form.Fields[0].Fault != "Nothing of that is kept." {
		t.Errorf("got %+v", o)
	}
	if o := operate(transports.Values{fieldWhat: {"dave%irc.example@irc.localhost"}, sure: {"false"}}); o.Said != "Left as it is." {
		t.Errorf("got %+v", o)
	}
	operate(transports.Values{fieldWhat: {"dave%irc.example@irc.localhost"}, sure: {"true"}})
	all("bob: hello", "bob%irc.example: psst")
	if o := operate(transports.Values{fieldWhat: {""}}); o.Form == nil || o.Form.Instructions !=
		"All messages that are kept for you, of rooms and private ones, are deleted for good (messages: 2). Others who use this gateway keep what they heard." {
		t.Errorf("got %+v", o)
	}
	operate(transports.Values{sure: {"true"}})
	all()
	// Nothing of what waited is his any more; what comes now is.
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "old", Time: now().Add(-time.Hour)})
	alice.receive()
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "again"})
	alice.receive()
	all("bob%irc.example: again")
}

// An administrator has a room forgotten for everybody in one go, also for those who are not there.
func TestForgetRoomForEverybody(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	for _, e := range []transports.Message{clocked("bob", "one", "one", time.Hour), clocked("bob", "two", "two", time.Second)} {
		a.emit(t, e)
		alice.receive()
	}
	c.emit(t, clocked("bob", "one", "one", time.Hour))
	carol.receive()
	operate := func(values transports.Values) transports.Outcome {
		t.Helper()
		o, err := w.gateway.Operate(t.Context(), transports.Operation{Command: "forget-room", Values: values})
		if err != nil {
			t.Fatalf("%v: %v", values, err)
		}
		return o
	}
	if o := operate(transports.Values{fieldRoom: {"bob%irc.example"}}); o.Form == nil || o.Form.Fields[0].Fault == "" {
		t.Errorf("got %+v", o)
	}
	if o := operate(transports.Values{fieldRoom: {goJID}}); o.Form == nil || o.Form.Instructions !=
		"What is kept of #go%irc.example is deleted for good, for everybody (messages: 2). Users who could read some of it: 2." {
		t.Errorf("got %+v", o)
	}
	if o := operate(transports.Values{fieldRoom: {goJID}, sure: {"true"}}); o.Said != "#go%irc.example is forgotten." {
		t.Errorf("got %+v", o)
	}
	for _, e := range []transports.Message{clocked("bob", "one", "one", time.Hour), clocked("bob", "two", "two", time.Second), clocked("bob", "three", "three", 0)} {
		c.emit(t, e)
		carol.receive()
	}
	a.emit(t, clocked("bob", "three", "three", 0))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: three")
	wantLines(t, spoken(carol.page(goJID, "")), "bob: three")
	if o := operate(transports.Values{fieldRoom: {"#unheard%irc.example"}, sure: {"true"}}); o.Form == nil || o.Form.Fields[0].Fault != "Nothing of that is kept." {
		t.Errorf("got %+v", o)
	}
	if _, err := db.CollectArchive(t.Context(), now()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, spoken(alice.page(goJID, "")), "bob: three")
}

// What takes longer than a command may goes on by itself, and its user is told when it is done.
func TestForgettingGoesOn(t *testing.T) {
	t.Parallel()
	w, _ := newArchiveWorld(t)
	alice := w.client("alice@localhost/phone")
	s := w.join(alice, "alice")
	s.emit(t, roomLine("bob", "hello"))
	alice.receive()
	wantLines(t, spoken(alice.page(goJID, "")), "bob: hello")
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	told := make(chan string, 1)
	said, err := w.gateway.forgetRun(over, transports.Call{
		User: transports.Address{Local: "alice", Domain: "localhost"}, On: goRoom, Values: transports.Values{sure: {"true"}}, Tell: func(s string) { told <- s },
	})
	if err != nil || !strings.HasPrefix(said, "That is much.") {
		t.Errorf("said %q, %v", said, err)
	}
	select {
	case got := <-told:
		if got != "All of it is forgotten now." {
			t.Errorf("told %q", got)
		}
	case <-time.After(testWait):
		t.Fatal("nobody is told")
	}
	wantLines(t, spoken(alice.page(goJID, "")))
}
