package transporttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"passerelle/transports"
)

// PostalHarness is a transport that stores and forwards.
type PostalHarness struct {
	Transport transports.Postal

	Locals []string // local parts that stand for something
	Faulty []string // and some that do not

	User transports.Address
	To   transports.Target // somebody whom a letter can be written to
	Far  transports.Target // somebody to whom nothing can be delivered just now
}

// RunPostal checks the contract for a transport that stores and forwards.
func RunPostal(t *testing.T, h PostalHarness) {
	t.Run("Addresses", Harness{Transport: h.Transport, Locals: h.Locals, Faulty: h.Faulty}.addresses)
	t.Run("OneNetworkWithoutRooms", h.oneNetwork)
	t.Run("PostsAreAnswered", h.postsAreAnswered)
	t.Run("TypedErrors", h.typedErrors)
	t.Run("DoNeverBlocks", h.doNeverBlocks)
	t.Run("CloseFinishes", h.closeFinishes)
	t.Run("Cards", h.cards)
}

func (h PostalHarness) open(t *testing.T, o *host) transports.Session {
	t.Helper()
	s, err := h.Transport.Open(t.Context(), h.User, "", o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close("test over") })
	return s
}

func (h PostalHarness) post(ref transports.Ref, id string, to transports.Target) transports.Post {
	return transports.Post{Ref: ref, Letter: transports.Letter{ID: id, With: to, Body: "letter " + id, Client: h.User.WithResource("client")}}
}

func (h PostalHarness) oneNetwork(t *testing.T) {
	if d := h.Transport.Describe(); d.Rooms || len(d.Networks) > 0 || d.Fixed != "" || d.Kind == "" || d.Name == "" || d.Prompt.Label == "" {
		t.Errorf("it describes itself as %+v", d)
	}
	for _, local := range h.Locals {
		if target, err := h.Transport.Parse(local); err != nil || target.Kind != transports.TargetContact || target.Network != "" {
			t.Errorf("Parse(%q) = %+v, %v: want a contact of no network", local, target, err)
		}
	}
	if _, err := h.Transport.Open(t.Context(), h.User, "elsewhere", newHost(t)); err == nil {
		t.Error("a session was opened on another network")
	} else {
		checkTyped(t, err)
	}
}

// Each letter is answered once and in order, and so is one that a client sends again since it heard nothing.
func (h PostalHarness) postsAreAnswered(t *testing.T) {
	const n = 20
	o := newHost(t)
	s := h.open(t, o)
	for i := range n {
		if err := s.Do(t.Context(), h.post(transports.Ref(i+1), fmt.Sprint("answered-", i), h.To)); err != nil {
			t.Fatalf("Do(Post): %v", err)
		}
	}
	for i := range n {
		if e := await[transports.Done](t, o); e.Ref != transports.Ref(i+1) || e.Err != nil {
			t.Fatalf("got %+v, want an answer to %d", e, i+1)
		}
	}
	if err := s.Do(t.Context(), h.post(n+1, "answered-0", h.To)); err != nil {
		t.Fatalf("Do(Post) again: %v", err)
	}
	if e := await[transports.Done](t, o); e.Ref != n+1 || e.Err != nil {
		t.Errorf("got %+v for a letter that is sent again", e)
	}
	for i, r := range []transports.Request{
		transports.Redact{Ref: 101, To: h.To, Messages: []string{"answered-1"}},
		transports.Redact{Ref: 102, To: h.To, Messages: []string{"never-written"}},
		transports.React{Ref: 103, To: h.To, On: "never-written", Add: []string{"👍"}},
	} {
		if err := s.Do(t.Context(), r); err != nil {
			t.Fatalf("Do(%+v): %v", r, err)
		}
		if e := await[transports.Done](t, o); e.Ref != transports.Ref(101+i) {
			t.Errorf("got %+v for %+v", e, r)
		}
	}
	// What nothing answers is taken whatever it is about.
	for _, id := range []string{"answered-2", "never-written"} {
		if err := s.Do(t.Context(), transports.Acknowledge{With: h.To, ID: id, Read: true}); err != nil {
			t.Errorf("Do(Acknowledge): %v", err)
		}
	}
}

func (h PostalHarness) typedErrors(t *testing.T) {
	o := newHost(t)
	s := h.open(t, o)
	for _, r := range []transports.Request{
		transports.Join{Ref: 1}, transports.Send{Ref: 2, To: h.To, Body: "x"}, transports.List{Ref: 3}, transports.Watch{Who: []transports.Target{h.To}}, nil,
	} {
		err := s.Do(t.Context(), r)
		if err == nil {
			t.Errorf("Do(%+v) was accepted", r)
			continue
		}
		checkTyped(t, err)
	}
	// Letters to nobody, and of nothing: refused at once, or in the answer.
	for i, l := range []transports.Letter{{ID: "to-nobody", Body: "x"}, {ID: "of-nothing", With: h.To}} {
		ref := transports.Ref(10 + i)
		err := s.Do(t.Context(), transports.Post{Ref: ref, Letter: l})
		if err == nil {
			e := await[transports.Done](t, o)
			if err = e.Err; e.Ref != ref {
				t.Errorf("got %+v, want an answer to %d", e, ref)
			}
		}
		if err == nil {
			t.Errorf("the letter %+v was accepted", l)
			continue
		}
		checkTyped(t, err)
	}
	s.Close("done")
	err := s.Do(t.Context(), h.post(20, "late", h.To))
	if err == nil {
		t.Fatal("Do after Close was accepted")
	}
	checkTyped(t, err)
	s.Close("again")
}

// Whatever the network does, a request waits for nothing.
func (h PostalHarness) doNeverBlocks(t *testing.T) {
	o := newHost(t)
	s := h.open(t, o)
	start := time.Now()
	for i := range 2000 {
		if err := s.Do(t.Context(), h.post(transports.Ref(i+1), fmt.Sprint("far-", i), h.Far)); err != nil {
			checkTyped(t, err)
		}
	}
	if d := time.Since(start); d > prompt {
		t.Errorf("2,000 requests took %v", d)
	}
}

// What was accepted is answered before Close returns, and nothing is said after that.
func (h PostalHarness) closeFinishes(t *testing.T) {
	o := newHost(t)
	s := h.open(t, o)
	var open []transports.Ref
	for i := range 10 {
		ref := transports.Ref(i + 1)
		if err := s.Do(t.Context(), h.post(ref, fmt.Sprint("last-", i), h.To)); err == nil {
			open = append(open, ref)
		}
	}
	s.Close("done")
	close(o.closed)
	for len(o.events) > 0 {
		e := <-o.events
		checkErrors(t, e)
		if d, ok := e.(transports.Done); ok {
			open = slices.DeleteFunc(open, func(r transports.Ref) bool { return r == d.Ref })
		}
	}
	if len(open) > 0 {
		t.Errorf("%v were accepted and not answered before Close returned", open)
	}
}

func (h PostalHarness) cards(t *testing.T) {
	c, err := h.Transport.Card(t.Context(), h.User, h.To)
	if err != nil || c.Target != h.To || c.Name == "" && c.Email == "" {
		t.Errorf("Card = %+v, %v", c, err)
	}
	for _, query := range []string{"", "%", "'", "nobody at all", c.Email} {
		found, err := h.Transport.SearchCards(t.Context(), h.User, query, 1)
		if err != nil || len(found) > 1 {
			t.Errorf("SearchCards(%q) = %+v, %v", query, found, err)
		}
	}
}
