package component

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

// answerAll plays a network that takes everything, forgets its users now and then, and puts them out of rooms.
func answerAll(t *testing.T, s *scriptedSession, r *rand.Rand) {
	in := make(map[transports.Target]bool)
	nick := ""
	emit := func(e transports.Event) { _ = s.host.Emit(s.ctx, e) } // the session may be closed
	for {
		var q transports.Request
		select {
		case q = <-s.requests:
		case <-s.ctx.Done():
			return
		}
		switch q := q.(type) {
		case transports.Join:
			if nick == "" {
				nick = q.Nick
				emit(transports.State{Online: true, Nick: nick, Link: transports.Link{Origin: []string{"", "elsewhere"}[r.IntN(2)]}})
			}
			if r.IntN(5) == 0 {
				emit(transports.Done{Ref: q.Ref, Err: transports.NewError(transports.Denied, "Not today.", nil)})
				continue
			}
			in[q.Room] = true
			emit(transports.Entered{Ref: q.Ref, Room: q.Room, Nick: nick, Members: []transports.Member{{Person: &transports.Person{Nick: "bob"}}, {Person: &transports.Person{Nick: nick}}}})
			for i := range 5 {
				emit(transports.Message{Room: q.Room, From: &transports.Person{Nick: "bob"}, Body: fmt.Sprint(i), ID: fmt.Sprint("m", i)})
			}
		case transports.Leave:
			delete(in, q.Room)
		case transports.Send:
			for part := 1; part <= 2; part++ {
				emit(transports.Message{Ref: q.Ref, Part: part, Of: 2, Room: q.To, From: &transports.Person{Nick: nick}, Body: q.Body})
			}
		case transports.SetNick:
			if r.IntN(2) == 0 {
				emit(transports.Done{Ref: q.Ref, Err: transports.NewError(transports.Conflict, "It is taken.", nil)})
				continue
			}
			emit(transports.Renamed{Ref: q.Ref, Old: nick, New: q.Nick, Self: true})
			nick = q.Nick
		case transports.SetSubject:
			emit(transports.Subject{Ref: q.Ref, Room: q.Room, Text: q.Subject, By: nick})
		case transports.List:
			emit(transports.RoomList{Ref: q.Ref, Rooms: []transports.RoomInfo{{Room: goRoom, Name: "#go"}}})
		}
		switch r.IntN(40) {
		case 0: // the link is lost and comes back
			emit(transports.State{Err: transports.NewError(transports.Offline, "Lost.", nil), Retry: 1})
			emit(transports.State{Online: true, Nick: nick})
			for room := range in {
				emit(transports.Entered{Room: room, Nick: nick, Members: []transports.Member{{Person: &transports.Person{Nick: nick}}}})
			}
		case 1:
			for room := range in {
				emit(transports.Parted{Room: room, Nick: nick, Self: true, How: transports.PartKicked, By: "bob"})
			}
			clear(in)
		case 2: // the session is over
			emit(transports.State{Err: transports.NewError(transports.Offline, "Over.", nil)})
			return
		}
	}
}

// TestStorm has many users with several clients each do what they like, all at once, on networks that come and go: everything that wants an answer
// gets one, nothing panics, and the stream stands.
func TestStorm(t *testing.T) {
	t.Parallel()
	const users, clients, steps = 5, 3, 40
	db := openStore(t, filepath.Join(t.TempDir(), "storm.db"))
	w := newWorld(t, func(o *Options) { o.Store, o.Archive = db, true }).connected()
	ctx, cancel := context.WithCancel(t.Context())
	var networks, people sync.WaitGroup
	networks.Go(func() {
		for seed := uint64(0); ; seed++ {
			select {
			case s := <-w.transport.opened:
				networks.Go(func() { answerAll(t, s, rand.New(rand.NewPCG(seed, 3))) }) //nolint:gosec // it need not be unpredictable
			case <-ctx.Done():
				return
			}
		}
	})
	for u := range users {
		for c := range clients {
			p := w.client(fmt.Sprintf("u%d@localhost/c%d", u, c))
			people.Go(func() { stormyClient(t, p, rand.New(rand.NewPCG(uint64(u), uint64(c))), fmt.Sprint("n", u), steps) }) //nolint:gosec // as above
		}
	}
	people.Wait()
	w.client("alice@localhost/phone").alive()
	w.stop()
	cancel()
	w.transport.mu.Lock()
	for _, s := range w.transport.sessions {
		s.cancel()
	}
	w.transport.mu.Unlock()
	networks.Wait()
	if log := w.log.String(); strings.Contains(log, "panicked") {
		t.Errorf("something panicked:\n%s", log)
	}
	if errs := w.xmpp.StreamErrors(); len(errs) > 0 {
		t.Errorf("streams ended: %v", errs)
	}
}

// stormyClient sends one thing after the other, and waits for the answer to what has one.
func stormyClient(t *testing.T, p *person, r *rand.Rand, nick string, steps int) {
	await := func(what string, done func(e *xmpptest.Element) bool) {
		var seen []string
		ctx, cancel := context.WithTimeout(t.Context(), testWait)
		defer cancel()
		for {
			e, err := p.c.Receive(ctx)
			if err != nil {
				t.Errorf("%s of %s was not answered: %v; it got %q", what, nick, err, seen)
				return
			}
			if done(e) {
				return
			}
			if seen = append(seen, e.Name.Local+" "+e.Get("type")+" "+e.Get("id")); len(seen) > 20 {
				seen = seen[1:]
			}
		}
	}
	byID := func(id string) func(e *xmpptest.Element) bool {
		return func(e *xmpptest.Element) bool { return e.Get("id") == id }
	}
	in := make(map[string]bool)
	for i := range steps {
		id := fmt.Sprint("s", i)
		room := fmt.Sprintf("#r%d%%net%d.example@irc.localhost", r.IntN(3), r.IntN(2))
		switch r.IntN(10) {
		case 0, 1, 2:
			p.send(`<presence id='` + id + `' to='` + room + `/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			await("a join", func(e *xmpptest.Element) bool {
				return e.Name.Local == "presence" && strings.HasPrefix(e.Get("from"), room) && (e.Get("type") == "error" || strings.Contains(e.String(), `code="110"`) || strings.Contains(e.String(), `code='110'`))
			})
			in[room] = true
		case 3:
			p.send(`<presence type='unavailable' to='` + room + `/` + nick + `'/>`) // it may not have been in
			delete(in, room)
		case 4, 5:
			p.send(`<message type='groupchat' id='` + id + `' to='` + room + `'><body>` + id + `</body></message>`)
			await("a message", byID(id))
		case 6:
			p.send(`<presence id='` + id + `' to='` + room + `/` + nick + fmt.Sprint(r.IntN(3)) + `'/>`) // where it is in, another nick
		case 7:
			p.send(`<iq type='set' id='` + id + `' to='` + room + `'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>5</max><before/></set></query></iq>`)
			await("a query", byID(id))
		case 8:
			p.send(`<iq type='get' id='` + id + `' to='` + room + `'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
			await("disco", byID(id))
		case 9:
			p.send(`<iq type='get' id='` + id + `' to='net0.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
			await("a list", byID(id))
		}
	}
}
