package store

import (
	"errors"
	"testing"
	"time"
)

// A user stays where an occupancy has no resource; what another one does, and his clients, is no matter of it.
func testStays(t *testing.T, db *DB, _ *testClock) {
	stay := Occupancy{UserID: user(1), Room: "#a", Nick: "alice", Password: "key", EnteredAt: testStart}
	client := stay
	client.Resource = "desk"
	other := stay
	other.UserID = user(2)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Occupy(stay), tx.Occupy(client), tx.Occupy(other)) })
	if got, err := db.Stays(t.Context(), user(1)); err != nil || len(got) != 1 || got[0] != stay {
		t.Errorf("got %+v, %v", got, err)
	}
	write(t, db, func(tx *Tx) error { return tx.Vacate(user(1), "", "#a") })
	if got, err := db.Stays(t.Context(), user(1)); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	wantOccupancies(t, db, client, other)
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Set(user(1), "gateway", "persistent", "true"), tx.Set(user(1), "room:#a", "persistent", "false"), tx.Set(user(1), "room:#a", "other", "x"),
			tx.Set(user(2), "gateway", "persistent", "no"), tx.SetSecret(user(1), "network:n", "persistent", "sealed"))
	})
	got, err := db.SettingScopes(t.Context(), user(1), "persistent")
	if err != nil || len(got) != 2 || got["gateway"] != "true" || got["room:#a"] != "false" {
		t.Errorf("got %v, %v", got, err)
	}
}

// What is noted of who is idle is for those who are known, and asked of those who are in rooms or were taken off.
func testIdle(t *testing.T, db *DB, clock *testClock) {
	want := func(want ...Idle) {
		t.Helper()
		got, err := db.Idle(t.Context(), testDomain)
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %+v, want %+v", got[i], want[i])
			}
		}
	}
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Acted(user(1)), tx.Warned(user(1)), tx.Gone(user(1))) })
	want() // nobody knows him
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Occupy(Occupancy{UserID: user(1), Room: "#a", Nick: "alice"}), tx.TouchUser(user(2)))
	})
	want(Idle{UserID: user(1), Seen: testStart})
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Acted(user(1)), tx.Gone(user(2))) })
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Warned(user(1)), tx.SawUser(user(2))) })
	one := Idle{UserID: user(1), Seen: testStart, Acted: testStart.Add(time.Hour), Warned: testStart.Add(2 * time.Hour)}
	want(one, Idle{UserID: user(2), Seen: testStart.Add(2 * time.Hour), Gone: testStart.Add(time.Hour)})
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Returned(user(1)), tx.Returned(user(2))) })
	one.Warned = time.Time{}
	want(one)
}
