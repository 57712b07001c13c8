package component

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// Streams that do not come about, break and come back.

// Each refusal is said in words that an operator can act on, and is not tried again in a hurry.
func TestNegotiationFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"wrong secret":   {func(o *Options) { o.Secret = "wrong" }, `refused the secret of irc.localhost`},
		"unknown domain": {func(o *Options) { o.Domain = "unheard.localhost" }, `does not know unheard.localhost: add Component`},
		"nobody there":   {func(o *Options) { o.Server = "127.0.0.1:1" }, `nobody answers as an XMPP server for components at 127.0.0.1:1`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.change)
			w.logged(tt.want, tt.want) // it tries again, and says so again
			w.stop()
			if s := w.log.String(); strings.Contains(s, "s3cret") || strings.Contains(s, "wrong\"") {
				t.Errorf("a secret is in the log:\n%s", s)
			}
		})
	}
}

func TestSecondConnectionIsToldWhy(t *testing.T) {
	t.Parallel()
	first := newWorld(t, nil).connected()
	second := newWorld(t, func(o *Options) { o.Server = first.xmpp.Addr() })
	second.logged("another process is connected to the XMPP server as irc.localhost: stop it")
	first.client("alice@localhost/phone").alive()
}

// A server that lets both in gives each a part of the stanzas: a ping of the domain to itself that nobody here sent tells.
func TestStrangePingToOneselfTellsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	if err := w.gateway.ping(context.Background(), w.gateway.domain, w.gateway.domain, testWait); err != nil {
		t.Fatal(err)
	}
	if s := w.log.String(); strings.Contains(s, "another process") {
		t.Errorf("our own ping was taken for another's:\n%s", s)
	}
	if err := w.xmpp.SendRaw(testDomain, `<iq type='get' id='strange' from='irc.localhost' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`); err != nil {
		t.Fatal(err)
	}
	w.logged("another process is connected to the XMPP server as irc.localhost")
}

// However often a refusal comes, the waits never shrink below the one for refusals.
func TestBackoff(t *testing.T) {
	t.Parallel()
	b := backoff{first: firstWait, max: maxWait, refused: refusedWait}
	var last time.Duration
	for i := range 20 {
		d := b.wait(&connectError{reason: reasonUnreachable})
		if d < firstWait*3/4 || d > maxWait*5/4 {
			t.Errorf("try %d: waits %s", i, d)
		}
		last = d
	}
	if last < maxWait*3/4 {
		t.Errorf("after many tries it waits only %s", last)
	}
	for _, r := range []reason{reasonNotAuthorized, reasonHostUnknown, reasonConflict, reasonBadDomain} {
		if d := b.wait(&connectError{reason: r}); d < refusedWait*3/4 {
			t.Errorf("reason %d: waits only %s", r, d)
		}
	}
	b.reset()
	if d := b.wait(&connectError{reason: reasonUnreachable}); d > 2*firstWait {
		t.Errorf("after a success it waits %s", d)
	}
}

// A broken link comes back by itself; sessions live on, people in rooms are told, and what was said meanwhile arrives.
func TestLinkComesBack(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*xmpptest.Server, string) error{
		"reset": (*xmpptest.Server).Drop, "orderly end": (*xmpptest.Server).CloseStream,
		"stream error": func(s *xmpptest.Server, d string) error {
			return s.SendRaw(d, `<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).connected()
			alice := w.client("alice@localhost/phone")
			s := w.enter(alice)
			if err := breaks(w.xmpp, testDomain); err != nil {
				t.Fatal(err)
			}
			w.logged("connected to", "again_in=")
			room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
			s.emit(t, transports.Message{Room: room, From: &transports.Person{Nick: "bob"}, Body: "while you were away"})
			w.logged("connected to", "again_in=", "connected to")
			// The two cross each other: the notice is written when the stream stands, the message before or after.
			bodies := alice.receive().Child("jabber:client", "body").Text() + "\n" + alice.receive().Child("jabber:client", "body").Text()
			if !strings.Contains(bodies, "while you were away") || !strings.Contains(bodies, "Messages of that time may be missing") {
				t.Errorf("got %q", bodies)
			}
			alice.alive()
		})
	}
}

// When the server is restarted its clients are gone: the gateway finds out and leaves their rooms.
func TestServerRestartFreesGhosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	s := w.enter(w.client("alice@localhost/phone"))
	w.xmpp.Stop()
	w.logged("again_in=")
	if err := w.xmpp.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ctx.Done():
	case <-time.After(testWait):
		t.Error("the session of a client that is gone is still open")
	}
}

// An orderly stop tells everybody, closes the sessions and ends the stream. Who is remembered in his rooms stays there; where nothing is
// remembered clients are out.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, told string }{
		{"remembers", `<message type='groupchat' from='#go%irc.example@irc.localhost'><body>*As soon as it runs again you are back in this room.</body></message>`},
		{"forgets", `<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='332'/></x></presence>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var db *store.DB
			if c.name == "remembers" {
				db = openStore(t, filepath.Join(t.TempDir(), "p.db"))
			}
			w := newWorld(t, func(o *Options) { o.Store = db }).connected()
			alice := w.client("alice@localhost/phone")
			s := w.enter(alice)
			w.stop()
			alice.expect(c.told)
			if s.ctx.Err() == nil {
				t.Error("the session is still open")
			}
			if errs := w.xmpp.StreamErrors(); len(errs) > 0 {
				t.Errorf("streams ended badly: %v", errs)
			}
			if db != nil {
				waitOccupancies(t, w, 1)
			}
		})
	}
}

// Who is in which room is remembered, with what is needed to come back.
func TestOccupancyIsRemembered(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) { o.Store = db }).connected()
	bob := w.client("bob@localhost/desk")
	bob.send(`<presence to='#quiet%irc.example@irc.localhost/bob'><x xmlns='http://jabber.org/protocol/muc'><password>key</password></x></presence>`)
	s := w.session()
	s.emit(t, entered(next[transports.Join](t, s)))
	o := waitOccupancies(t, w, 1)[0]
	if o.JID != "bob@localhost" || o.Resource != "desk" || o.Room != "#quiet%irc.example" || o.Nick != "bob" || o.Password.Reveal() != "key" {
		t.Errorf("remembered %+v", o)
	}
	bob.send(`<presence type='unavailable' to='#quiet%irc.example@irc.localhost/bob'/>`)
	waitOccupancies(t, w, 0)
}

// After a crash everybody who still is there is brought back into his rooms, and told; who is gone is forgotten.
func TestRestoreAfterCrash(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	// What a process that was killed left behind.
	err := db.Write(context.Background(), func(tx *store.Tx) error {
		return errors.Join(
			tx.Occupy(store.Occupancy{UserID: store.UserID{Domain: testDomain, JID: "bob@localhost"}, Resource: "desk", Room: "#quiet%irc.example", Nick: "bob", Password: "key"}),
			tx.Occupy(store.Occupancy{UserID: store.UserID{Domain: testDomain, JID: "ghost@localhost"}, Resource: "x", Room: "#go%irc.example", Nick: "ghost"}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store = db
		o.Server = "127.0.0.1:1" // bob logs in first
		// Long enough for the server to return what was told to who is gone, on a machine that is busy.
		o.Timing.RestoreWait = time.Second
	})
	w.stop()
	bob := w.client("bob@localhost/desk")
	opt := w.gateway.opt
	opt.Server = w.xmpp.Addr()
	w.start(opt)
	bob.expect(`<message type='groupchat' from='#quiet%irc.example@irc.localhost'/>`)
	bob.send(`<iq type='get' id='still' to='#quiet%irc.example@irc.localhost/bob'><ping xmlns='urn:xmpp:ping'/></iq>`)
	bob.expect(`<iq type='result' id='still'/>`)
	bob.send(`<message type='groupchat' id='early' to='#quiet%irc.example@irc.localhost'><body>there?</body></message>`)
	bob.expect(`<message type='error' id='early'><error type='wait'/></message>`)
	s := w.session()
	j := next[transports.Join](t, s)
	if s.user.Local != "bob" || j.Password != "key" || j.Nick != "bob" || !j.Lasting {
		t.Errorf("restored %s with %+v", s.user, j)
	}
	s.emit(t, transports.Entered{Ref: j.Ref, Room: j.Room, Nick: "bob", Members: []transports.Member{{Person: &transports.Person{Nick: "bob"}}}})
	bob.expect(`<presence from='#quiet%irc.example@irc.localhost/bob'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>`)
	bob.expect(`<message type='groupchat'><subject/></message>`)
	bob.expect(`<message type='groupchat' from='#quiet%irc.example@irc.localhost'><body>*you are back in this room*</body></message>`)
	waitOccupancies(t, w, 1)
	select {
	case s := <-w.transport.opened:
		t.Errorf("%s was restored, though gone", s.user)
	default:
	}
}

// waitOccupancies waits until the database knows n clients in rooms.
func waitOccupancies(t *testing.T, w *world, n int) []store.Occupancy {
	t.Helper()
	deadline := time.Now().Add(testWait)
	for {
		all, err := w.gateway.opt.Store.Occupancies(context.Background(), testDomain)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == n {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("the database knows %d clients in rooms, want %d", len(all), n)
		}
		// Each look waits for the commit of a write, so this is no busy loop.
		if err := w.gateway.opt.Store.Ready(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
