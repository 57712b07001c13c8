package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// followContract is what every database must do with those who are followed.
var followContract = []behaviour{
	{"who is followed and how far", testFollowed},
	{"the password of who is followed", testFollowPassword},
}

func followed(n int) Followed {
	return Followed{UserID: user(n), Way: n, Kind: 2, Node: fmt.Sprint("node", n), Reached: "a1", ReachedAt: testStart}
}

func testFollowed(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Follow(followed(0)), tx.Follow(followed(1)), tx.Follow(followed(2)))
	})
	all, err := db.FollowedAfter(t.Context(), testDomain, "", 10)
	if want := []Followed{followed(1), followed(2)}; err != nil || !cmp.Equal(all, want) {
		t.Errorf("got %+v, %v, want %+v", all, err, want)
	}
	if all, err = db.FollowedAfter(t.Context(), testDomain, user(1).JID, 1); err != nil || len(all) != 1 || all[0].UserID != user(2) {
		t.Errorf("behind the first: got %+v, %v", all, err)
	}
	reached := followed(2)
	reached.Reached, reached.ReachedAt = "a2", testStart.Add(time.Second)
	stranger := followed(3)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Reach(reached), tx.Reach(stranger)) })
	if got, err := db.Followed(t.Context(), user(2)); err != nil || !cmp.Equal(got, reached) {
		t.Errorf("got %+v, %v, want %+v", got, err, reached)
	}
	if got, err := db.Followed(t.Context(), user(3)); err != nil || !cmp.Equal(got, Followed{}) {
		t.Errorf("a stranger: got %+v, %v", got, err)
	}
}

func testFollowPassword(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Follow(followed(1)), tx.SetFollowPassword(user(1), "secret"), tx.Follow(followed(1)))
	})
	for n, want := range map[int]Secret{1: "secret", 2: ""} {
		if got, err := db.FollowPassword(t.Context(), user(n)); err != nil || got != want {
			t.Errorf("user %d: got %q, %v, want %q", n, got.Reveal(), err, want.Reveal())
		}
	}
	write(t, db, func(tx *Tx) error { return tx.SetFollowPassword(user(1), "") })
	if got, err := db.FollowPassword(t.Context(), user(1)); err != nil || got != "" {
		t.Errorf("a forgotten one: got %q, %v", got.Reveal(), err)
	}
}
