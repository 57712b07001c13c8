package store

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testAllSettings(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Set(user(1), "s", "nick", "a"), tx.Set(user(1), "s", "empty", ""), tx.SetSecret(user(1), "s", "password", "p"),
			tx.Set(user(1), "other", "nick", "b"), tx.SetSecret(user(1), "other", "password", "q"), tx.Set(user(2), "s", "nick", "c"))
	})
	for _, names := range [][]string{nil, {"nick", "password", "none"}} {
		got, err := db.AllSettings(t.Context(), user(1), "s", names...)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"nick": "a", "empty": ""}; !maps.Equal(got.Plain, want) {
			t.Errorf("plain, %q: got %v, want %v", names, got.Plain, want)
		}
		if want := map[string]Secret{"password": "p"}; !maps.Equal(got.Secret, want) {
			t.Errorf("secret, %q: got %d of them, want %d", names, len(got.Secret), len(want))
		}
		var want map[string]map[string]string
		if names != nil {
			want = map[string]map[string]string{"nick": {"s": "a", "other": "b"}}
		}
		if diff := cmp.Diff(want, got.Named); diff != "" {
			t.Errorf("by name, %q (-want +got):\n%s", names, diff)
		}
	}
	write(t, db, func(tx *Tx) error {
		return tx.exec(`UPDATE settings SET sealed = $1 WHERE sealed IS NOT NULL`, []byte("damaged"))
	})
	if _, err := db.AllSettings(t.Context(), user(1), "s"); err == nil {
		t.Error("a damaged secret is no error")
	}
}

func testRelations(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(
			tx.AddContact(Contact{UserID: user(1), Contact: "bob%net"}), tx.AddContact(Contact{UserID: user(2), Contact: "eve%net"}),
			tx.Block(Block{UserID: user(1), Blocked: "eve%net@irc"}), tx.Block(Block{UserID: user(2), Blocked: "bob%net@irc"}),
			tx.Set(user(1), "", "days", "7"), tx.Set(user(1), "room:a", "days", "1"), tx.Set(user(1), "", "history", ""),
			tx.Set(user(1), "", "other", "x"), tx.Set(user(2), "", "days", "9"), tx.SetSecret(user(1), "sealed", "days", "p"),
		)
	})
	got, err := db.Relations(t.Context(), user(1), "days", "history", "never set")
	if err != nil {
		t.Fatal(err)
	}
	want := Relations{
		Contacts: []string{"bob%net"}, Blocks: []string{"eve%net@irc"},
		Settings: map[string]map[string]string{"days": {"": "7", "room:a": "1"}, "history": {"": ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err = db.Relations(t.Context(), user(3), "days"); err != nil || len(got.Contacts)+len(got.Blocks)+len(got.Settings) > 0 {
		t.Errorf("of somebody who is not known: got %v and error %v", got, err)
	}
}
