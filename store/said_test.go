package store

import (
	"errors"
	"fmt"
	"testing"
)

var saidContract = []behaviour{
	{"what users say waits in their order", testSaid},
	{"what users say has limits and goes with them", testSaidEnds},
}

func saidTexts(t *testing.T, db *DB, n int) (texts []string, all []Said) {
	t.Helper()
	all, err := db.Said(t.Context(), user(n))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		texts = append(texts, fmt.Sprintf("%s %s %d", s.Letter, s.Stanza, s.Tries))
	}
	return texts, all
}

func testSaid(t *testing.T, db *DB, _ *testClock) {
	for _, s := range []Said{{UserID: user(1), Letter: "a"}, {UserID: user(2), Letter: "b"}, {UserID: user(1), Letter: "c"}} {
		s.Stanza, s.Time = "<"+s.Letter+"/>", testStart
		write(t, db, func(tx *Tx) error { return tx.Say(s) })
	}
	texts, all := saidTexts(t, db, 1)
	if got, want := fmt.Sprint(texts), "[a <a/> 0 c <c/> 0]"; got != want || !all[0].Time.Equal(testStart) {
		t.Fatalf("got %s of %v, want %s", got, all[0].Time, want)
	}
	write(t, db, func(tx *Tx) error { return tx.TrySaying(all[1]) })
	write(t, db, func(tx *Tx) error { return tx.Unsay(all[0]) })
	write(t, db, func(tx *Tx) error { return tx.Say(Said{UserID: user(1), Letter: "d", Stanza: "<d/>", Time: testStart}) })
	texts, _ = saidTexts(t, db, 1)
	if got, want := fmt.Sprint(texts), "[c <c/> 1 d <d/> 0]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if texts, _ = saidTexts(t, db, 2); fmt.Sprint(texts) != "[b <b/> 0]" {
		t.Errorf("another user: got %q", texts)
	}
}

func testSaidEnds(t *testing.T, db *DB, _ *testClock) {
	if err := db.Write(t.Context(), func(tx *Tx) error { return tx.Say(Said{UserID: user(1), Stanza: string(make([]byte, MaxOutgoing+1))}) }); err == nil {
		t.Error("a stanza that is too large was taken")
	}
	write(t, db, func(tx *Tx) error {
		var errs []error
		for i := range maxSaid + 1 {
			errs = append(errs, tx.Say(Said{UserID: user(1), Letter: fmt.Sprint(i), Stanza: "<a/>"}))
		}
		return errors.Join(errs...)
	})
	if texts, _ := saidTexts(t, db, 1); len(texts) != maxSaid || texts[0] != "0 <a/> 0" {
		t.Errorf("got %d from %q on", len(texts), texts[0])
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })
	if texts, _ := saidTexts(t, db, 1); len(texts) != 0 {
		t.Errorf("%q is left of a user who was removed", texts)
	}
}
