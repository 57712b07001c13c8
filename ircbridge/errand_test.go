package ircbridge

import (
	"testing"
	"time"
)

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
