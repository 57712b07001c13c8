// Package transporttest is the contract of package transports as a suite that every transport runs in its tests.
//
// It is in charge of what all transports promise alike: addresses that round-trip, requests that never wait for the network,
// typed errors, events in order, silence after Close. What a network does is the business of its own tests.
package transporttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"passerelle/transports"
)

// patience bounds a wait for an event; prompt is what counts as not waiting for the network.
const (
	patience = 10 * time.Second
	prompt   = time.Second
)

// Harness is a transport and networks for it to talk to.
type Harness struct {
	Transport transports.Transport

	Locals []string // local parts that stand for something
	Faulty []string // and some that do not

	User transports.Address
	Nick string
	Room transports.Target // of a network that works

	// Say makes somebody else say each of the bodies in Room, in order.
	Say func(bodies ...string)

	// Stalled is a room of a network that accepts connections and then neither reads nor answers.
	Stalled transports.Target
}

// Run checks the contract.
func Run(t *testing.T, h Harness) {
	t.Run("Addresses", h.addresses)
	t.Run("EventsInOrder", h.eventsInOrder)
	t.Run("TypedErrors", h.typedErrors)
	t.Run("DoNeverBlocks", h.doNeverBlocks)
	t.Run("SilenceAfterClose", h.silenceAfterClose)
	t.Run("CloseWhileHostIsStuck", h.closeWhileStuck)
}

func (h Harness) addresses(t *testing.T) {
	for _, local := range h.Locals {
		target, err := h.Transport.Parse(local)
		if err != nil {
			t.Errorf("Parse(%q): %v", local, err)
			continue
		}
		if again, err := h.Transport.Parse(h.Transport.Format(target)); err != nil || again != target {
			t.Errorf("Parse(Format(%+v)) = %+v, %v", target, again, err)
		}
	}
	for _, local := range h.Faulty {
		target, err := h.Transport.Parse(local)
		e, ok := errors.AsType[*transports.Error](err)
		if !ok || e.Kind != transports.BadRequest && e.Kind != transports.NotFound {
			t.Errorf("Parse(%q) = %+v, %v: want an error of kind BadRequest or NotFound", local, target, err)
		}
	}
}

// host keeps the events of a session. After closed is set, any event is a fault.
type host struct {
	t      *testing.T
	events chan transports.Event
	closed chan struct{}
	stuck  chan struct{} // Emit hangs on messages until it is cancelled, and closes this; nil for a host that does not
}

func newHost(t *testing.T) *host {
	return &host{t: t, events: make(chan transports.Event, 10_000), closed: make(chan struct{})}
}

// Emit takes an event.
func (o *host) Emit(ctx context.Context, e transports.Event) error {
	select {
	case <-o.closed:
		o.t.Errorf("an event was emitted after Close: %+v", e)
	default:
	}
	if _, ok := e.(transports.Message); ok && o.stuck != nil {
		close(o.stuck)
		<-ctx.Done()
		return fmt.Errorf("wait for room: %w", context.Cause(ctx))
	}
	select {
	case o.events <- e:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for room: %w", context.Cause(ctx))
	}
}

func await[T transports.Event](t *testing.T, o *host) T {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-o.events:
			checkErrors(t, e)
			if v, ok := e.(T); ok {
				return v
			}
		case <-deadline:
			t.Fatalf("no %T came", *new(T))
		}
	}
}

// checkErrors fails where an event has an error that is not typed.
func checkErrors(t *testing.T, e transports.Event) {
	t.Helper()
	var err error
	switch e := e.(type) {
	case transports.Done:
		err = e.Err
	case transports.Parted:
		err = e.Err
	case transports.State:
		err = e.Err
	}
	if err != nil {
		checkTyped(t, err)
	}
}

func checkTyped(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*transports.Error](err); !ok || e.Text == "" {
		t.Errorf("error %T %v has no kind or no text", err, err)
	}
}

func (h Harness) open(t *testing.T, o *host, network string) transports.Session {
	t.Helper()
	s, err := h.Transport.Open(t.Context(), h.User, network, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close("test over") })
	return s
}

// enter opens a session and joins Room.
func (h Harness) enter(t *testing.T, o *host) transports.Session {
	t.Helper()
	s := h.open(t, o, h.Room.Network)
	if err := s.Do(t.Context(), transports.Join{Ref: 1, Room: h.Room, Nick: h.Nick}); err != nil {
		t.Fatalf("Do(Join): %v", err)
	}
	if e := await[transports.Entered](t, o); e.Ref != 1 || e.Room != h.Room {
		t.Fatalf("got %+v", e)
	}
	return s
}

func (h Harness) eventsInOrder(t *testing.T) {
	const n = 500
	o := newHost(t)
	s := h.enter(t, o)
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("message %d", i)
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		h.Say(bodies...)
	}()
	for i := range 20 {
		if err := s.Do(t.Context(), transports.Send{Ref: transports.Ref(100 + i), To: h.Room, Body: "own"}); err != nil {
			t.Fatalf("Do(Send): %v", err)
		}
	}
	for own, other := 0, 0; own < 20 || other < n; {
		m := await[transports.Message](t, o)
		if m.Ref != 0 {
			if want := transports.Ref(100 + own); m.Ref != want {
				t.Fatalf("got own message %d, want %d", m.Ref, want)
			}
			own++
			continue
		}
		if m.Body != bodies[other] {
			t.Fatalf("got %q, want %q", m.Body, bodies[other])
		}
		other++
	}
	<-said
	s.Close("done")
}

func (h Harness) typedErrors(t *testing.T) {
	o := newHost(t)
	s := h.enter(t, o)
	elsewhere := transports.Target{Kind: transports.TargetRoom, Network: h.Room.Network, ID: h.Room.ID + "-elsewhere"}
	for _, r := range []transports.Request{
		transports.Send{Ref: 2, To: elsewhere, Body: "x"},
		transports.Send{Ref: 3, To: h.Room},
		transports.SetSubject{Ref: 4, Room: elsewhere, Subject: "x"},
		transports.Moderate{Ref: 5, Room: elsewhere, Who: transports.Person{Nick: "x"}, Kick: true},
		transports.Join{Ref: 6},
		transports.Watch{Who: []transports.Target{{}}},
		nil,
	} {
		err := s.Do(t.Context(), r)
		if err == nil {
			t.Errorf("Do(%+v) was accepted", r)
			continue
		}
		checkTyped(t, err)
	}
	s.Close("done")
	err := s.Do(t.Context(), transports.Join{Ref: 7, Room: h.Room, Nick: h.Nick})
	if err == nil {
		t.Fatal("Do after Close was accepted")
	}
	checkTyped(t, err)
	s.Close("again")
}

func (h Harness) doNeverBlocks(t *testing.T) {
	o := newHost(t)
	s := h.open(t, o, h.Stalled.Network)
	start := time.Now()
	for i := range 2000 {
		for _, r := range []transports.Request{
			transports.Join{Ref: transports.Ref(i + 1), Room: h.Stalled, Nick: h.Nick},
			transports.Send{Ref: transports.Ref(i + 1), To: h.Stalled, Body: "x"},
			transports.List{Ref: transports.Ref(i + 1)},
			transports.Watch{Who: []transports.Target{{Kind: transports.TargetContact, Network: h.Stalled.Network, ID: fmt.Sprint("n", i)}}, Stop: i%3 == 0},
		} {
			if err := s.Do(t.Context(), r); err != nil {
				checkTyped(t, err)
			}
		}
	}
	s.Close("done")
	if d := time.Since(start); d > 2*prompt {
		t.Errorf("8,000 requests and Close took %v on a network that does nothing", d)
	}
}

func (h Harness) silenceAfterClose(t *testing.T) {
	o := newHost(t)
	s := h.enter(t, o)
	said := make(chan struct{})
	go func() {
		defer close(said)
		bodies := make([]string, 500)
		for i := range bodies {
			bodies[i] = "noise"
		}
		h.Say(bodies...)
	}()
	await[transports.Message](t, o)
	s.Close("done")
	close(o.closed)
	<-said
}

func (h Harness) closeWhileStuck(t *testing.T) {
	o := newHost(t)
	o.stuck = make(chan struct{})
	s := h.enter(t, o)
	h.Say("stop")
	select {
	case <-o.stuck:
	case <-time.After(patience):
		t.Fatal("the message did not come")
	}
	start := time.Now()
	if err := s.Do(t.Context(), transports.Send{Ref: 2, To: h.Room, Body: "x"}); err != nil {
		t.Errorf("Do while the host is stuck: %v", err)
	}
	s.Close("done")
	close(o.closed)
	if d := time.Since(start); d > 2*prompt {
		t.Errorf("Do and Close took %v while the host was stuck", d)
	}
}
