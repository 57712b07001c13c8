package store

import (
	"errors"
	"testing"
)

func testDenied(t *testing.T, db *DB, _ *testClock) {
	want := func(n ...int) {
		t.Helper()
		all, err := db.Denied(t.Context(), testDomain)
		if err != nil || len(all) != len(n) {
			t.Fatalf("denied are %v, %v; want %v", all, err, n)
		}
		for i, d := range all {
			if d.UserID != user(n[i]) || d.Since.IsZero() {
				t.Errorf("denied is %+v, want %v", d, user(n[i]))
			}
		}
	}
	want()
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Deny(user(2)), tx.Deny(user(1)), tx.Deny(user(1))) })
	want(1, 2)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.RemoveUser(user(1)), tx.Allow(user(2)), tx.Allow(user(3))) })
	want(1)
	if other, err := db.Denied(t.Context(), "other.example"); err != nil || len(other) > 0 {
		t.Errorf("at another domain: %v, %v", other, err)
	}
}
