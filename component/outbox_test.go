package component

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// outboxWorld is the world of a Postal transport with a database.
type outboxWorld struct {
	*postalWorld
	db *store.DB
}

func newOutboxWorld(t *testing.T, change func(*Options)) *outboxWorld {
	t.Helper()
	return newOutboxWorldAt(t, filepath.Join(t.TempDir(), "db"), change)
}

// newOutboxWorldAt has its database at a path.
func newOutboxWorldAt(t *testing.T, path string, change func(*Options)) *outboxWorld {
	t.Helper()
	db := openStore(t, path)
	return &outboxWorld{db: db, postalWorld: newPostalWorld(t, func(o *Options) {
		o.Store, o.OwnDomains, o.Timing.Routed = db, []string{"localhost"}, time.Millisecond
		if change != nil {
			change(o)
		}
	})}
}

var (
	outboxUser = transports.Address{Local: "alice", Domain: "localhost"}
	outboxBob  = mailbox("bob@mail.example")
)

func letterTo(id string) transports.Letter {
	return transports.Letter{ID: id, With: outboxBob, Body: "letter " + id}
}

// deliver delivers events to a user, in one transaction.
func (w *outboxWorld) deliver(user transports.Address, events ...transports.Event) {
	w.t.Helper()
	if err := w.db.Write(w.t.Context(), func(tx *store.Tx) error {
		for _, e := range events {
			if err := w.gateway.Deliver(tx, user, e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// emptied waits until nothing waits to be sent.
func (w *outboxWorld) emptied() {
	w.t.Helper()
	// A real server that has been killed and has a thousand letters to keep takes its time on a busy machine.
	ctx, cancel := context.WithTimeout(w.t.Context(), 6*testWait)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond) // each look is a commit, which the server that is waited for would have to wait for
	defer look.Stop()
	for ; ; <-look.C {
		err := w.db.Ready(ctx) // which waits for the clerk's commits as well
		var page []store.Outgoing
		if err == nil {
			page, err = w.db.Outgoing(ctx, testDomain, 0)
		}
		if err != nil {
			w.t.Fatalf("stanzas are still to be sent: %v\nlog:\n%s", err, w.log.String())
		}
		if len(page) == 0 {
			return
		}
	}
}

// waitFor waits for something that the outbox does.
func (w *outboxWorld) waitFor(what string, ok func(*outbox) bool) {
	w.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(2 * testWait); ; <-look.C {
		o := w.gateway.outbox
		o.mu.Lock()
		done := ok(o)
		o.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: not in time\nlog:\n%s", what, w.log.String())
		}
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	old := letterTo("l2")
	old.Time, old.Formal, old.Subject = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), true, "Hi"
	client := outboxUser.WithResource("phone")
	w.deliver(outboxUser,
		letterTo("l1"), old,
		transports.Receipt{With: outboxBob, ID: "mine", Client: client},
		transports.Failure{With: outboxBob, ID: "mine2", Client: client, Err: transports.NewError(transports.NotFound, "Nobody.", nil)},
		transports.Remark{ID: "r1", With: outboxBob, Text: "It is late."},
		transports.Remark{ID: "r2", Text: "Of all."},
	)
	const bob = `from='bob\40mail.example@` + testDomain + `'`
	phone.expect(`<message ` + bob + ` to='alice@localhost' id='l1' type='chat'><body>letter l1</body><origin-id xmlns='urn:xmpp:sid:0' id='l1'/></message>`)
	phone.expect(`<message ` + bob + ` id='l2' type='normal'><subject>Hi</subject><delay xmlns='urn:xmpp:delay' from='` + testDomain + `' stamp='2026-11-01T12:00:00.000Z'/></message>`)
	phone.expect(`<message ` + bob + ` to='alice@localhost/phone' type='chat'><received xmlns='urn:xmpp:receipts' id='mine'/></message>`)
	phone.expect(`<message ` + bob + ` type='error' id='mine2'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Nobody.</text></error></message>`)
	phone.expect(`<message ` + bob + ` id='r1' type='chat'><body>It is late.</body></message>`)
	phone.expect(`<message from='` + testDomain + `' id='r2' type='chat'><body>Of all.</body></message>`)
	w.emptied()
	if n := len(w.postal.returned); n != 0 {
		t.Errorf("%d came back", n)
	}
}

// TestDeliverNothing: what is not committed is not sent, and what no server takes is refused.
func TestDeliverNothing(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(w.gateway.Deliver(tx, outboxUser, letterTo("no")), errScripted)
	}); !errors.Is(err, errScripted) {
		t.Fatal(err)
	}
	large := letterTo("large")
	large.Body = strings.Repeat("x", store.MaxOutgoing)
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error { return w.gateway.Deliver(tx, outboxUser, large) }); transports.AsError(err).Kind != transports.TooLarge {
		t.Errorf("a large letter: got %v, want TooLarge", err)
	}
	w.deliver(outboxUser, letterTo("l1"))
	phone.expect(`<message type='chat' id='l1'/>`)
}

func TestDeliverOrder(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	const n = 300
	for i := 0; i < n; i += 5 {
		var events []transports.Event
		for j := range 5 {
			events = append(events, letterTo(fmt.Sprint(i+j)))
		}
		w.deliver(outboxUser, events...)
	}
	for i := range n {
		if e := phone.receive(); e.Get("id") != fmt.Sprint(i) {
			t.Fatalf("got the letter %s, want %d", e.Get("id"), i)
		}
	}
	w.emptied()
}

// returned waits for letters that came back and gives their ids, sorted.
func (w *outboxWorld) returned(n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		select {
		case r := <-w.postal.returned:
			ids = append(ids, r.ID)
			if r.Err.Kind != transports.NotFound || r.Err.Text == "" {
				w.t.Errorf("%s came back with %v", r.ID, r.Err)
			}
		case <-time.After(testWait):
			w.t.Fatalf("only %q came back\nlog:\n%s", ids, w.log.String())
		}
	}
	slices.Sort(ids)
	return ids
}

func TestDeliverReturned(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	w.connected()
	var failed sync.Map
	w.postal.onReturned = func(r transports.Returned) error {
		_, again := failed.LoadOrStore(r.ID, true)
		switch {
		case r.ID == "never":
			panic("out of order")
		case r.ID == "once" && !again:
			return errScripted
		}
		return nil
	}
	w.deliver(outboxUser, letterTo("a"), letterTo("once"), letterTo("never"), transports.Receipt{With: outboxBob, ID: "mine"}, letterTo("b"))
	if got, want := w.returned(3), []string{"a", "b", "once"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w.emptied()
	w.logged("a letter that came back is given up")
}

// TestReturnedByOthers: only the server can say that somebody does not get a letter.
func TestReturnedByOthers(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	w.connected()
	phone, mallory := w.client("alice@localhost/phone"), w.client("mallory@localhost/x")
	w.deliver(outboxUser, letterTo("l1"))
	phone.expect(`<message type='chat' id='l1'/>`)
	for _, p := range []*person{phone, mallory} {
		p.send(`<message type='error' id='l1' to='bob\40mail.example@` + testDomain + `'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
		p.alive()
	}
	if n := len(w.postal.returned); n != 0 {
		t.Errorf("%d came back", n)
	}
}

// TestDeliverAgain: what a server may not have read is sent again, under the same id and with the time it was said.
func TestDeliverAgain(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	w.deliver(outboxUser, letterTo("l1"))
	phone.expect(`<message type='chat' id='l1'/>`)
	w.emptied()
	if err := w.xmpp.Stall(testDomain); err != nil {
		t.Fatal(err)
	}
	w.deliver(outboxUser, letterTo("l2"), letterTo("l3"))
	w.sent("l2")
	if err := w.xmpp.Drop(testDomain); err != nil {
		t.Fatal(err)
	}
	// The server may have read something of it all the same.
	for seen := false; !seen; {
		e := phone.expect(`<message type='chat' id='l2'/>`)
		seen = e.Child("urn:xmpp:delay", "delay") != nil
	}
	if e := phone.expect(`<message type='chat' id='l3'/>`); e.Child("urn:xmpp:delay", "delay") != nil {
		t.Error("what was not sent before the answer for what stands before it is sent again")
	}
	w.emptied()
}

// sent waits until a letter is on its way to the stream.
func (w *outboxWorld) sent(id string) {
	w.t.Helper()
	k := w.gateway.outbox.key(outboxUser.String(), id)
	w.waitFor(id+" is sent", func(o *outbox) bool {
		_, ok := o.letters[k]
		return ok
	})
}

// TestDeliverLater: letters wait for the server and for the next process, in their order.
func TestDeliverLater(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	w.connected()
	w.xmpp.Stop()
	w.logged("nobody answers")
	const n = 1000
	for i := 0; i < n; i += 100 {
		var events []transports.Event
		for j := range 100 {
			events = append(events, letterTo(fmt.Sprint(i+j)))
		}
		w.deliver(outboxUser, events...)
	}
	w.stop()
	if err := w.xmpp.Start(); err != nil {
		t.Fatal(err)
	}
	phone := w.client("alice@localhost/phone")
	w.start(w.options(func(o *Options) { o.Transport, o.Store, o.Timing.Routed = w.postal, w.db, time.Millisecond }))
	for i := range n {
		phone.expect(`<message type='chat' id='` + fmt.Sprint(i) + `'><delay xmlns='urn:xmpp:delay'/></message>`)
	}
	w.emptied()
}

// TestDeliverAtStop: what the server has when a gateway ends in order is not sent again by the next one.
func TestDeliverAtStop(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, func(o *Options) { o.Timing.Routed = time.Hour })
	phone := w.connected().client("alice@localhost/phone")
	w.deliver(outboxUser, letterTo("l1"), letterTo("l2"))
	phone.expect(`<message type='chat' id='l1'/>`)
	phone.expect(`<message type='chat' id='l2'/>`)
	w.stop()
	w.emptied()
}

// TestDeliverRouted: what a server has routed but perhaps not stored is sent again where it ends soon after.
func TestDeliverRouted(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, func(o *Options) { o.Timing.Routed = time.Hour })
	phone := w.connected().client("alice@localhost/phone")
	w.deliver(outboxUser, letterTo("l1"))
	phone.expect(`<message type='chat' id='l1'/>`)
	w.settled()
	if err := w.xmpp.Drop(testDomain); err != nil {
		t.Fatal(err)
	}
	phone.expect(`<message type='chat' id='l1'><delay xmlns='urn:xmpp:delay'/></message>`)
}

// settled waits until the server has answered for something.
func (w *outboxWorld) settled() {
	w.t.Helper()
	w.waitFor("an answer", func(o *outbox) bool { return len(o.settled) > 0 })
}

func TestTell(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	w.gateway.Tell(outboxUser, outboxBob, "Hello.")
	phone.expect(`<message from='bob\40mail.example@` + testDomain + `' type='chat'><body>Hello.</body></message>`)
	w.gateway.Tell(outboxUser, transports.Target{}, "Hello.")
	phone.expect(`<message from='help@` + testDomain + `' type='chat'><body>Hello.</body></message>`)
}

// Who has written exists, and from whom something has come back is looked for again.
func TestExistsBySigns(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	w.connected()
	carol := transports.Address{Local: "carol", Domain: "localhost"}
	for _, exists := range []bool{true, false} {
		if exists {
			w.gateway.people.saw(carol.WithResource("x"))
		} else {
			w.deliver(carol, letterTo("a"))
			w.returned(1)
		}
		if ok, err := w.gateway.Exists(t.Context(), carol); ok != exists || err != nil {
			t.Errorf("carol: got %v, %v, want %v", ok, err, exists)
		}
	}
}

func TestExists(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	w.connected()
	phone := w.client("alice@localhost/phone")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if ok, err := w.gateway.Exists(t.Context(), outboxUser.WithResource("x")); !ok || err != nil {
				t.Errorf("alice: got %v, %v", ok, err)
			}
		})
	}
	nobody := transports.Address{Local: "nobody", Domain: "localhost"}
	for range 2 {
		if ok, err := w.gateway.Exists(t.Context(), nobody); ok || err != nil {
			t.Errorf("nobody: got %v, %v", ok, err)
		}
	}
	wg.Wait()
	phone.expect(`<message type='headline'><no-store xmlns='urn:xmpp:hints'/></message>`)
	phone.alive() // there was one question
	w.client("nobody@localhost/x")
	if ok, err := w.gateway.Exists(t.Context(), nobody); ok || err != nil {
		t.Errorf("what was answered is known for a while: got %v, %v", ok, err)
	}
	w.xmpp.Stop()
	w.logged("nobody answers")
	if ok, err := w.gateway.Exists(t.Context(), transports.Address{Local: "carol", Domain: "localhost"}); ok || transports.AsError(err).Kind != transports.Offline {
		t.Errorf("without a stream: got %v, %v, want Offline", ok, err)
	}
	if ok, err := w.gateway.Exists(t.Context(), outboxUser); !ok || err != nil {
		t.Errorf("alice, without a stream: got %v, %v", ok, err)
	}
}
