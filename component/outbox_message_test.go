package component

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// TestDeliverMessage: letters that are one message go out together, and no other with them.
func TestDeliverMessage(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	carol := transports.Address{Local: "carol", Domain: "localhost"}
	w.connected()
	phones := map[transports.Address]*person{}
	for _, user := range []transports.Address{outboxUser, carol} {
		phones[user] = w.client(user.String() + "/phone")
		w.deliver(user, letterTo("l0"))
		phones[user].expect(`<message type='chat' id='l0'/>`)
	}
	w.emptied()
	if err := w.xmpp.Stall(testDomain); err != nil {
		t.Fatal(err)
	}
	one := letterTo("l1")
	one.Message = "mail"
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		for _, user := range []transports.Address{outboxUser, carol} {
			if err := w.gateway.Deliver(tx, user, one); err != nil {
				return err
			}
		}
		return w.gateway.Deliver(tx, carol, letterTo("l2"))
	}); err != nil {
		t.Fatal(err)
	}
	w.sent("l1")
	if err := w.xmpp.Drop(testDomain); err != nil {
		t.Fatal(err)
	}
	for _, phone := range phones {
		phone.expect(`<message type='chat' id='l1'/>`)
	}
	if e := phones[carol].expect(`<message type='chat' id='l2'/>`); e.Child("urn:xmpp:delay", "delay") != nil {
		t.Error("another letter went out with the message")
	}
	w.emptied()
}

func TestFlight(t *testing.T) {
	t.Parallel()
	row := func(user, letter, message string) store.Outgoing {
		return store.Outgoing{UserID: store.UserID{JID: user}, Letter: letter, Message: message, Stanza: "<a/>"}
	}
	many := slices.Repeat([]store.Outgoing{row("a", "1", "m")}, maxFlight+1)
	large := row("b", "2", "m")
	large.Stanza = strings.Repeat("x", maxFlightSize/4)
	for name, c := range map[string]struct {
		rows []store.Outgoing
		want int
	}{
		"a letter":                {[]store.Outgoing{row("a", "1", "")}, 1},
		"with files":              {[]store.Outgoing{row("a", "1", ""), row("a", "", ""), row("a", "", ""), row("a", "2", "")}, 3},
		"of two users":            {[]store.Outgoing{row("a", "1", ""), row("b", "", "")}, 2},
		"of many users":           {[]store.Outgoing{row("a", "1", ""), row("b", "2", ""), row("c", "3", ""), row("b", "4", ""), row("d", "5", "")}, 3},
		"two of a user":           {[]store.Outgoing{row("a", "1", ""), row("a", "2", ""), row("b", "3", "")}, 1},
		"files behind another's":  {[]store.Outgoing{row("a", "1", ""), row("b", "2", ""), row("a", "", "")}, 2},
		"a message to all":        {[]store.Outgoing{row("a", "1", "m"), row("b", "2", "m"), row("c", "3", "m"), row("a", "4", "n")}, 3},
		"messages to others":      {[]store.Outgoing{row("a", "1", "m"), row("b", "2", "m"), row("c", "3", "n"), row("d", "4", "n"), row("b", "5", "n")}, 4},
		"a message twice to one":  {[]store.Outgoing{row("a", "1", "m"), row("b", "2", "n"), row("a", "3", "m")}, 3},
		"a message with files":    {[]store.Outgoing{row("a", "1", "m"), row("a", "", "m"), row("b", "2", "m"), row("b", "", "m"), row("b", "3", "")}, 4},
		"to many":                 {many, maxFlight},
		"with large letters":      {[]store.Outgoing{row("a", "1", "m"), large, large, large, large, large}, 5},
		"letters of no message":   {[]store.Outgoing{row("a", "1", ""), row("b", "2", "")}, 2},
		"a message behind others": {[]store.Outgoing{row("a", "1", ""), row("b", "2", "m"), row("c", "3", "m")}, 3},
	} {
		if got := flight(c.rows); got != c.want {
			t.Errorf("%s: %d of %d go out together, want %d", name, got, len(c.rows), c.want)
		}
	}
}

// TestDeliverSideBySide: users do not wait for each other's letters, each of his own for the one before.
func TestDeliverSideBySide(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	carol := transports.Address{Local: "carol", Domain: "localhost"}
	w.connected()
	phone := w.client("alice@localhost/phone")
	w.client("carol@localhost/phone")
	w.deliver(outboxUser, letterTo("l0"))
	phone.expect(`<message type='chat' id='l0'/>`)
	w.emptied()
	if err := w.xmpp.Stall(testDomain); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		for _, l := range []struct {
			user transports.Address
			id   string
		}{{outboxUser, "l1"}, {carol, "l2"}, {outboxUser, "l3"}, {carol, "l4"}} {
			if err := w.gateway.Deliver(tx, l.user, letterTo(l.id)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	o := w.gateway.outbox
	w.waitFor("both first ones are sent", func(o *outbox) bool {
		_, one := o.letters[o.key(outboxUser.String(), "l1")]
		_, other := o.letters[o.key(carol.String(), "l2")]
		return one && other
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	for user, id := range map[transports.Address]string{outboxUser: "l3", carol: "l4"} {
		if _, sent := o.letters[o.key(user.String(), id)]; sent {
			t.Errorf("%s was sent before the server has answered for the one before", id)
		}
	}
}

// TestReady has a sender take what was committed, by way of memory or of the database, whatever happens in between: each comes in its turn.
func TestReady(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var committed []store.OutgoingNumber // what the database has
	var number, at store.OutgoingNumber
	var r ready
	byMemory, byDatabase := 0, 0
	for range 20_000 {
		switch random.IntN(200) {
		case 0:
			r.wanted = true
			at = max(0, at-store.OutgoingNumber(random.IntN(50))) // of a new stream
		case 1:
			r.known = true
		case 2:
			r.wanted = false
			r.skip(number)
		case 3, 4, 5, 6, 7, 8, 9, 10:
			rows, ok := r.take(at)
			i, _ := slices.BinarySearch(committed, at+1)
			want := committed[i:]
			switch {
			case !ok:
				byDatabase++
				if len(want) > 0 {
					at = want[random.IntN(len(want))]
				}
			case len(rows) != len(want):
				t.Fatalf("got %d rows behind %d, want %d", len(rows), at, len(want))
			default:
				byMemory += len(rows)
				for j := range rows {
					if at = rows[j].Number; at != want[j] {
						t.Fatalf("got %d, want %d", at, want[j])
					}
				}
			}
		default:
			number += 1 + store.OutgoingNumber(random.IntN(3)) // of other domains
			committed = append(committed, number)
			r.add(&store.Outgoing{Number: number, Stanza: strings.Repeat("x", random.IntN(2*readyBytes/readyRows))})
			size := 0
			for i := range r.rows {
				size += len(r.rows[i].Stanza)
			}
			if len(r.rows) > readyRows || size > readyBytes || size != r.bytes {
				t.Fatalf("%d rows of %d bytes are kept, %d are counted", len(r.rows), size, r.bytes)
			}
		}
	}
	if byMemory < 1000 || byDatabase < 10 {
		t.Errorf("%d rows came by memory, and %d pages of the database", byMemory, byDatabase)
	}
}

// TestDeliverManyAtOnce: more than memory keeps comes as well, in its order.
func TestDeliverManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	phone := w.connected().client("alice@localhost/phone")
	var events []transports.Event
	for i := range 2*readyRows + 10 {
		events = append(events, letterTo(fmt.Sprint(i)))
	}
	w.deliver(outboxUser, events...)
	w.deliver(outboxUser, letterTo("last"))
	for i := range events {
		if e := phone.receive(); e.Get("id") != fmt.Sprint(i) {
			t.Fatalf("got the letter %s, want %d", e.Get("id"), i)
		}
	}
	phone.expect(`<message type='chat' id='last'/>`)
	w.emptied()
}
