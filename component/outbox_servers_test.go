package component

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// realServer is an XMPP server that a test may kill.
type realServer struct {
	components, clients string // their addresses
	kill                func()
	restart             func(context.Context) error
}

var outboxServers = map[string]func(t *testing.T, users []realservers.Account) realServer{
	"prosody": func(t *testing.T, users []realservers.Account) realServer {
		p := realtest.Prosody(t, realservers.ProsodyOptions{Components: outboxComponents, Users: users})
		return realServer{p.ComponentAddr, p.C2SAddr, p.Kill, p.Restart}
	},
	"ejabberd": func(t *testing.T, users []realservers.Account) realServer {
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: outboxComponents, Users: users})
		return realServer{e.ComponentAddr, e.C2SAddr, e.Kill, e.Restart}
	},
}

var outboxComponents = []realservers.Component{{Domain: testDomain, Secret: "s3cret"}}

// newServerWorld is the world of a Postal transport at a real server.
func newServerWorld(t *testing.T, s realServer) *outboxWorld {
	t.Helper()
	w := newOutboxWorld(t, func(o *Options) { o.Server, o.Timing.Routed = s.components, 0 })
	w.logged("connected to the XMPP server")
	return w
}

// deliverMany delivers the letters from one to another one to alice, ten in a transaction.
func (w *outboxWorld) deliverMany(from, to int) {
	w.t.Helper()
	for i := from; i < to; i += 10 {
		var events []transports.Event
		for j := range 10 {
			events = append(events, letterTo(fmt.Sprint(i+j)))
		}
		w.deliver(outboxUser, events...)
	}
}

// answeredFor reports whether the server has answered for all stanzas up to one.
func (o *outbox) answeredFor(last store.OutgoingNumber) bool {
	return o.handed >= last || len(o.settled) > 0 && o.settled[len(o.settled)-1].last >= last
}

// collect logs alice in and reads what her server kept for her: how often each letter came.
func collect(t *testing.T, s realServer, want int) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testWait)
	defer cancel()
	alice, err := client.Login(ctx, s.clients, "alice", "pw", "phone")
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	got := map[string]int{}
	read := func(until func(*xmpptest.Element) bool) {
		for {
			e, err := alice.Receive(ctx)
			if err != nil {
				t.Errorf("%d different letters were kept, want %d: %v", len(got), want, err)
				return
			}
			if e.Name.Local == "message" && e.Child("", "body") != nil {
				got[e.Get("id")]++
			}
			if until(e) {
				return
			}
		}
	}
	read(func(*xmpptest.Element) bool { return len(got) == want || ctx.Err() != nil })
	if err := alice.Send(ctx, `<iq type='get' id='end' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`); err != nil {
		t.Fatal(err)
	}
	read(func(e *xmpptest.Element) bool { return e.Get("id") == "end" })
	return got
}

// count checks that each of n letters was kept, and reports how many came more than once.
func count(t *testing.T, got map[string]int, n int) (twice int) {
	t.Helper()
	for i := range n {
		if got[fmt.Sprint(i)] == 0 {
			t.Errorf("the letter %d is lost", i)
		}
		if got[fmt.Sprint(i)] > 1 {
			twice++
		}
	}
	if len(got) != n {
		t.Errorf("%d different letters were kept, want %d", len(got), n)
	}
	return twice
}

// TestServerKilledAtTheAnswer kills the server in the moment when it answers for the last of 200 letters to somebody who is not there. What the
// outbox still has then is sent again, and all of them are kept.
func TestServerKilledAtTheAnswer(t *testing.T) {
	t.Parallel()
	const n = 200
	for name, start := range outboxServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, []realservers.Account{{Name: "alice", Password: "pw"}})
			w := newServerWorld(t, s)
			w.deliverMany(0, n)
			w.waitFor("the answer", func(o *outbox) bool { return o.answeredFor(n) })
			s.kill()
			page, err := w.db.Outgoing(t.Context(), testDomain, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.emptied()
			twice := count(t, collect(t, s, n), n)
			t.Logf("%d or more were to be sent again, %d of %d were kept twice", len(page), twice, n)
		})
	}
}

// TestServerKilledInTheMiddle kills the server while letters are on their way.
func TestServerKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	const n = 400
	for name, start := range outboxServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, []realservers.Account{{Name: "alice", Password: "pw"}})
			w := newServerWorld(t, s)
			w.deliverMany(0, n/2)
			w.waitFor("some answers", func(o *outbox) bool { return o.answeredFor(n / 4) })
			s.kill()
			w.deliverMany(n/2, n)
			if err := s.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.emptied()
			t.Logf("%d of %d were kept twice", count(t, collect(t, s, n), n), n)
		})
	}
}

// TestExistsLeavesNothing: nobody finds anything that was left by looking whether he exists, where the server lets us ask in the name of users or keeps
// nothing that has no content. Without that it is one message.
func TestExistsLeavesNothing(t *testing.T) {
	t.Parallel()
	alice := []realservers.Account{{Name: "alice", Password: "pw"}}
	privileged := []realservers.Component{{Domain: testDomain, Secret: "s3cret", Privileged: true}}
	for name, c := range map[string]struct {
		start func(t *testing.T) realServer
		left  int
	}{
		"prosody": {func(t *testing.T) realServer { return outboxServers["prosody"](t, alice) }, 1},
		"prosody, privileged": {func(t *testing.T) realServer {
			p := realtest.Prosody(t, realservers.ProsodyOptions{Components: privileged, Users: alice})
			return realServer{components: p.ComponentAddr, clients: p.C2SAddr}
		}, 0},
		"ejabberd": {func(t *testing.T) realServer { return outboxServers["ejabberd"](t, alice) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t)
			w := newServerWorld(t, s)
			if c.left == 0 && strings.HasPrefix(name, "prosody") {
				w.logged("the XMPP server grants privileges")
			}
			for who, want := range map[string]bool{"alice": true, "nobody": false} {
				for range 2 {
					if got, err := w.gateway.Exists(t.Context(), transports.Address{Local: who, Domain: "localhost"}); got != want || err != nil {
						t.Errorf("%s: got %v, %v, want %v", who, got, err, want)
					}
				}
			}
			phone, err := client.Login(t.Context(), s.clients, "alice", "pw", "phone")
			if err != nil {
				t.Fatal(err)
			}
			defer phone.Close()
			if err := phone.Send(t.Context(), `<iq type='get' id='end' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`); err != nil {
				t.Fatal(err)
			}
			left := 0
			for {
				e, err := phone.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if e.Name.Local == "message" && e.Get("from") == testDomain {
					left++
				}
				if e.Get("id") == "end" {
					break
				}
			}
			if left != c.left {
				t.Errorf("%d messages are left, want %d", left, c.left)
			}
		})
	}
}

// TestUsersOfServers: who exists, and what is told of letters to who does not.
func TestUsersOfServers(t *testing.T) {
	t.Parallel()
	for name, start := range outboxServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, []realservers.Account{{Name: "alice", Password: "pw"}, {Name: "carol", Password: "pw"}})
			w := newServerWorld(t, s)
			carol, err := client.Login(t.Context(), s.clients, "carol", "pw", "phone")
			if err != nil {
				t.Fatal(err)
			}
			defer carol.Close()
			for who, want := range map[string]bool{"alice": true, "carol": true, "nobody": false} {
				if got, err := w.gateway.Exists(t.Context(), transports.Address{Local: who, Domain: "localhost"}); got != want || err != nil {
					t.Errorf("%s: got %v, %v, want %v", who, got, err, want)
				}
			}
			w.deliver(transports.Address{Local: "nobody", Domain: "localhost"}, letterTo("l1"))
			w.deliver(outboxUser, letterTo("l2"))
			w.returned(1)
			w.emptied()
			if got := collect(t, s, 1); got["l2"] != 1 || len(got) != 1 {
				t.Errorf("alice's server kept %v, want the letter l2", got)
			}
		})
	}
}
