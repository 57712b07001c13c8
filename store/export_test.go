package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exportContract is what a user is handed of what is kept about him, on every database.
var exportContract = []behaviour{
	{"a user's archive is exported", testLines},
	{"what is kept about a user is told, without secrets", testAccount},
}

func testLines(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	const lines = MaxPage + 10
	a, b := fill(t, db, "#a", lines), fill(t, db, "#b", 3)
	see(t, db, user(1), a, a+lines-1)
	seeIn(t, db, user(1), "#b", b+1, b+1)
	seeIn(t, db, user(2), "#b", b, b)
	private(t, db, user(1), "bob", 3)
	private(t, db, user(2), "bob", 1)
	got := func(p Part, since time.Time) (ids []string) {
		t.Helper()
		for l, err := range db.Lines(t.Context(), user(1), p, since) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, l.ID)
		}
		return ids
	}
	var want []string
	for i := range lines {
		want = append(want, fmt.Sprint("#a", i))
	}
	if ids := got(Part{Room: "#a"}, time.Time{}); !slices.Equal(ids, want) {
		t.Errorf("#a: got %d lines, want %d", len(ids), len(want))
	}
	if ids := got(Part{Room: "#a"}, testStart.Add(5*time.Second)); !slices.Equal(ids, want[5:]) {
		t.Errorf("#a from its sixth line on: got %d lines, want %d", len(ids), len(want)-5)
	}
	if ids := got(Part{Room: "#b"}, time.Time{}); !slices.Equal(ids, []string{"#b1"}) {
		t.Errorf("#b: got %q", ids)
	}
	if ids := got(Part{Private: true}, testStart.Add(time.Second)); len(ids) != 2 {
		t.Errorf("private lines: got %q, want the last two", ids)
	}
	if ids := got(Part{Room: "#unheard"}, time.Time{}); len(ids) > 0 {
		t.Errorf("a room without archive: got %q", ids)
	}
	for l := range db.Lines(t.Context(), user(1), Part{Room: "#a"}, time.Time{}) { // the loop may end early
		if l.ID != "#a0" {
			t.Errorf("first line: got %q", l.ID)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failed := false
	for _, err := range db.Lines(ctx, user(1), Part{Room: "#a"}, time.Time{}) {
		failed = err != nil
	}
	if !failed {
		t.Error("an export that was stopped: no error")
	}
}

func testAccount(t *testing.T, db *DB, _ *testClock) {
	if got, err := db.Account(t.Context(), user(1)); err != nil || !cmp.Equal(got, Account{User: User{UserID: user(1)}, Idle: Idle{UserID: user(1)}}) {
		t.Errorf("of nobody: got %+v, %v", got, err)
	}
	file := File{UserID: user(1), ID: "f", Name: "a.txt", Type: "text/plain", Size: 3, Expires: testStart.Add(time.Hour)}
	for n := 1; n <= 2; n++ {
		write(t, db, func(tx *Tx) error {
			f := file
			f.UserID, f.ID = user(n), fmt.Sprint(f.ID, n)
			return errors.Join(
				tx.Set(user(n), "s", "nick", "al"), tx.SetSecret(user(n), "s", "password", "hunter2"),
				tx.AddContact(Contact{user(n), "bob%net"}), tx.Block(Block{user(n), "spam%net@" + testDomain}), tx.AddFile(f, 10), tx.Deny(user(n)),
				tx.Occupy(Occupancy{UserID: user(n), Room: "#a", Nick: "al"}), tx.Acted(user(n)), tx.Warned(user(n)),
				tx.Occupy(Occupancy{UserID: user(n), Resource: "desk", Room: "#a", Nick: "al", Password: "hunter2"}),
			)
		})
	}
	file.ID = "f1"
	want := Account{
		User:     User{UserID: user(1), FirstSeen: testStart, LastSeen: testStart},
		Idle:     Idle{UserID: user(1), Seen: testStart, Acted: testStart, Warned: testStart},
		Settings: []AccountSetting{{"s", "nick", "al", false}, {"s", "password", "", true}},
		Contacts: []string{"bob%net"}, Blocked: []string{"spam%net@" + testDomain},
		Rooms: []AccountRoom{{"#a", "", "al", false, testStart}, {"#a", "desk", "al", true, testStart}},
		Files: []File{file}, DeniedSince: testStart,
	}
	got, err := db.Account(t.Context(), user(1))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
