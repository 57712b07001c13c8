package ircbridge

import (
	"context"
	"fmt"
	"testing"
	"time"

	"passerelle/transports"
)

// TestErrandsOfOneUser: whoever names networks that never answer leaves errands to others.
func TestErrandsOfOneUser(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{})
	done := make(chan struct{})
	defer close(done)
	begin := func(user transports.Address, network string) *transports.Error {
		return tr.errand(user, &Network{ID: network, Name: network}, func(context.Context) func() { <-done; return func() {} })
	}
	for n := range maxErrandsOf {
		if err := begin(alice, fmt.Sprint("net", n)); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, begin(alice, "another"), transports.Busy)
	if err := begin(bob, "another"); err != nil {
		t.Error(err)
	}
}

// TestErrandsAreSpaced bounds how often somebody can have a password tried.
func TestErrandsAreSpaced(t *testing.T) {
	t.Parallel()
	var times errandTimes
	now := time.Now()
	key, other := sessionKey{alice, testNet}, sessionKey{bob, testNet}
	for range errandsAtOnce {
		if wait := times.wait(key, now); wait != 0 {
			t.Fatalf("waits %v", wait)
		}
	}
	if wait := times.wait(key, now.Add(time.Minute)); wait != errandsWithin-time.Minute {
		t.Errorf("waits %v", wait)
	}
	if wait := times.wait(other, now); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	if wait := times.wait(key, now.Add(errandsWithin)); wait != 0 {
		t.Errorf("waits %v in the end", wait)
	}
	times.wait(key, now.Add(3*errandsWithin))
	if len(times) != 1 {
		t.Errorf("%d users are remembered", len(times))
	}
}
