package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// forgetContract is what users and administrators want to be forgotten, on every database.
var forgetContract = []behaviour{
	{"a user forgets a room", testForgetRoomOfUser},
	{"a user forgets what is old", testForgetBefore},
	{"a user forgets a person", testForgetPerson},
	{"a user forgets everything", testForgetAll},
	{"many ranges and many lines are forgotten", testForgetMany},
	{"a room is forgotten for everybody", testForgetRoom},
	{"what is older than a time is not there", testForgetSince},
	{"a setting of all users is read in pages", testSettingsOfUsers},
}

// private appends private lines, a second apart, with ids that begin with the contact's name.
func private(tb testing.TB, db *DB, owner UserID, with string, n int) {
	tb.Helper()
	write(tb, db, func(tx *Tx) error {
		lines := make([]PrivateLine, n)
		for i := range lines {
			lines[i] = PrivateLine{Owner: owner, With: with, ID: fmt.Sprint(owner.JID, with, i), Time: testStart.Add(time.Duration(i) * time.Second), Stanza: "<m/>"}
		}
		_, err := tx.AppendPrivateLines(lines)
		return err
	})
}

// forget forgets a part once it has been counted.
func forget(tb testing.TB, db *DB, id UserID, p Part, want int64) {
	tb.Helper()
	for _, want := range []int64{want, 0} {
		if n, more, err := db.CountPart(tb.Context(), id, p); err != nil || n != want || more {
			tb.Errorf("count of %+v: got %d, %v, %v, want %d", p, n, more, err, want)
		}
		if err := db.Forget(tb.Context(), id, p); err != nil {
			tb.Errorf("forget %+v: %v", p, err)
		}
	}
}

// seeIn is see for another room than #a.
func seeIn(tb testing.TB, db *DB, id UserID, room string, from, to LineID) {
	tb.Helper()
	write(tb, db, func(tx *Tx) error { return tx.ExtendSeen(id, room, from, to) })
}

func privateLines(tb testing.TB, db *DB, id UserID) int {
	tb.Helper()
	p, err := db.QueryPrivate(tb.Context(), PrivateQuery{id, Query{Max: MaxPage}})
	if err != nil {
		tb.Fatal(err)
	}
	return len(p.Lines)
}

func testForgetRoomOfUser(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	a := fill(t, db, "#a", 10)
	b := fill(t, db, "#b", 3)
	see(t, db, user(1), a, a+3)
	see(t, db, user(1), a+6, a+9)
	seeIn(t, db, user(1), "#b", b, b+2)
	see(t, db, user(2), a+2, a+7)
	private(t, db, user(1), "bob", 2)
	forget(t, db, user(1), Part{Room: "#a"}, 8)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}})
	wantRoom(t, db, RoomQuery{user(1), "#b", Query{}}, "#b0", "#b1", "#b2")
	wantRoom(t, db, RoomQuery{user(2), "#a", Query{}}, "#a2", "#a3", "#a4", "#a5", "#a6", "#a7")
	if n := privateLines(t, db, user(1)); n != 2 {
		t.Errorf("private lines: got %d, want 2", n)
	}
	// A line of those times is none of his any more, whoever names it.
	if _, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", Query{AfterID: "#a2"}}); err == nil {
		t.Error("a forgotten line is a place to go on from")
	}
	// What nobody else heard goes for good, and what he hears from now on is his.
	if n, err := db.CollectArchive(t.Context(), clock.now); err != nil || n != 4 {
		t.Errorf("collected: got %d, %v, want 4", n, err)
	}
	next := fill(t, db, "#c", 1)
	seeIn(t, db, user(1), "#c", next, next)
	wantRoom(t, db, RoomQuery{user(1), "#c", Query{}}, "#c0")
	forget(t, db, user(1), Part{Room: "#unheard"}, 0)
}

func testForgetBefore(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	a := fill(t, db, "#a", 10)
	see(t, db, user(1), a, a+2)
	see(t, db, user(1), a+4, a+9)
	private(t, db, user(1), "bob", 10)
	private(t, db, user(2), "bob", 10)
	at := func(n int) time.Time { return testStart.Add(time.Duration(n) * time.Second) }
	forget(t, db, user(1), Part{Room: "#a", Before: at(6)}, 5)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "#a6", "#a7", "#a8", "#a9")
	forget(t, db, user(1), Part{Before: at(8)}, 2+8)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "#a8", "#a9")
	if mine, other := privateLines(t, db, user(1)), privateLines(t, db, user(2)); mine != 2 || other != 10 {
		t.Errorf("private lines: got %d and of another user %d, want 2 and 10", mine, other)
	}
	forget(t, db, user(1), Part{Before: testStart}, 0)
}

func testForgetPerson(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	a := fill(t, db, "#a", 1)
	see(t, db, user(1), a, a)
	private(t, db, user(1), "bob", deleteChunk+3)
	private(t, db, user(1), "carol", 2)
	private(t, db, user(2), "bob", 1)
	defer wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "#a0")
	forget(t, db, user(1), Part{With: "bob", Before: testStart.Add(2 * time.Second)}, 2)
	forget(t, db, user(1), Part{With: "bob"}, deleteChunk+1)
	forget(t, db, user(1), Part{With: "dave"}, 0)
	if mine, other := privateLines(t, db, user(1)), privateLines(t, db, user(2)); mine != 2 || other != 1 {
		t.Errorf("private lines: got %d and of another user %d, want 2 and 1", mine, other)
	}
	if _, _, err := db.CountPart(t.Context(), user(1), Part{Room: "#a", With: "bob"}); err == nil {
		t.Error("a part is of a room and of a person")
	}
}

func testForgetAll(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	for _, room := range []string{"#a", "#b", "#c"} {
		first := fill(t, db, room, 3)
		seeIn(t, db, user(2), room, first, first)
		if room != "#b" {
			seeIn(t, db, user(1), room, first, first+1)
		}
	}
	private(t, db, user(1), "bob", 4)
	private(t, db, user(2), "bob", 1)
	forget(t, db, user(1), Part{}, 2+2+4)
	private(t, db, user(1), "carol", 1)
	if mine, other := privateLines(t, db, user(1)), privateLines(t, db, user(2)); mine != 1 || other != 1 {
		t.Errorf("private lines: got %d and of another user %d, want 1 and 1", mine, other)
	}
	if n, err := db.CollectArchive(t.Context(), clock.now); err != nil || n != 3*2+4 {
		t.Errorf("collected: got %d, %v, want 10", n, err)
	}
	if n := count(t, db, "archive_lines"); n != 3+2 {
		t.Errorf("lines left: got %d, want 5", n)
	}
}

func testForgetMany(t *testing.T, db *DB, clock *testClock) {
	clock.advance(24 * time.Hour)
	const lines = 2*deleteChunk + 100
	first := fill(t, db, "#a", 2*lines)
	write(t, db, func(tx *Tx) error {
		for i := range LineID(lines) {
			if err := tx.ExtendSeen(user(1), "#a", first+2*i, first+2*i); err != nil {
				return err
			}
		}
		return nil
	})
	forget(t, db, user(1), Part{Room: "#a", Before: testStart.Add(lines * time.Second)}, lines/2)
	forget(t, db, user(1), Part{Room: "#a"}, lines/2)
	if n := count(t, db, "archive_seen"); n != 0 {
		t.Errorf("ranges left: got %d", n)
	}
}

func testForgetRoom(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	a, b := fill(t, db, "#a", 5), fill(t, db, "#b", 2)
	see(t, db, user(1), a, a)
	see(t, db, user(1), a+2, a+4)
	see(t, db, user(2), a+1, a+1)
	seeIn(t, db, user(2), "#b", b, b+1)
	if users, lines, more, err := db.Listeners(t.Context(), testDomain, "#a"); err != nil || users != 2 || lines != 5 || more {
		t.Errorf("listeners: got %d users, %d lines, %v, %v", users, lines, more, err)
	}
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(2), "archive:#a", "forgotten", "0") })
	write(t, db, func(tx *Tx) error { return tx.ForgetRoom(testDomain, "#a", "archive:#a", "forgotten", "17") })
	for n, want := range map[int]string{1: "17", 2: "17", 3: ""} {
		wantRoom(t, db, RoomQuery{user(n), "#a", Query{}})
		if set, err := db.Settings(t.Context(), user(n), "archive:#a"); err != nil || set["forgotten"] != want {
			t.Errorf("set for user %d: got %q, %v, want %q", n, set, err, want)
		}
	}
	wantRoom(t, db, RoomQuery{user(2), "#b", Query{}}, "#b0", "#b1")
	if users, lines, _, err := db.Listeners(t.Context(), testDomain, "#a"); err != nil || users != 0 || lines != 0 {
		t.Errorf("listeners: got %d users, %d lines, %v", users, lines, err)
	}
	// Who hears a line late that was there before has nothing of it, and what is said now is a new archive.
	if err := db.Write(t.Context(), func(tx *Tx) error { return tx.ExtendSeen(user(2), "#a", a+4, a+4) }); !errors.Is(err, ErrNoSuchLine) {
		t.Errorf("extended to a forgotten line: %v", err)
	}
	write(t, db, func(tx *Tx) error {
		ids, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#a", ID: "new", Time: clock.now, Stanza: "<m/>"}})
		if err != nil || ids[0].of() == a.of() {
			t.Errorf("the new line is %d, %v", ids, err)
		}
		return tx.ExtendSeen(user(1), "#a", ids[0], ids[0])
	})
	if n, err := db.CollectArchive(t.Context(), clock.now); err != nil || n != 5 {
		t.Errorf("collected: got %d, %v, want 5", n, err)
	}
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "new")
	if n := count(t, db, "archive_seen"); n != 2 {
		t.Errorf("ranges left: got %d, want 2", n)
	}
}

func testForgetSince(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	a := fill(t, db, "#a", 6)
	see(t, db, user(1), a, a+4)
	private(t, db, user(1), "bob", 6)
	since := testStart.Add(3 * time.Second)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{Since: since}}, "#a3", "#a4")
	if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), Query{Since: since}}); err != nil || p.Count != 3 {
		t.Errorf("private lines: got %d, %v, want 3", p.Count, err)
	}
	for _, q := range []Query{{AfterID: "#a1"}, {PageBefore: "#a2"}, {IDs: []string{"#a0"}}} {
		q.Since, q.Max = since, 10
		if p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", q}); !errors.Is(err, ErrNoSuchLine) {
			t.Errorf("%+v: got %q, %v", q, ids(p), err)
		}
	}
	m, err := db.RoomMetadata(t.Context(), user(1), "#a", since)
	if err != nil || m.First.ID != "#a3" || m.Last.ID != "#a4" {
		t.Errorf("metadata: got %+v, %v", m, err)
	}
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{Since: testStart.Add(time.Minute)}})
	if rooms, err := db.RoomsOf(t.Context(), user(1)); err != nil || !slices.Equal(rooms, []string{"#a"}) {
		t.Errorf("rooms: got %q, %v", rooms, err)
	}
	forget(t, db, user(1), Part{Private: true, Before: since}, 3)
	forget(t, db, user(1), Part{Private: true}, 3)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "#a0", "#a1", "#a2", "#a3", "#a4")
}

func testSettingsOfUsers(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Set(user(1), "a", "days", "1"), tx.Set(user(1), "b", "days", "2"), tx.Set(user(2), "a", "other", "3"),
			tx.SetSecret(user(3), "a", "days", "4"), tx.Set(user(4), "a", "days", "5"), tx.Set(UserID{"other.example", "x@y"}, "a", "days", "6"))
	})
	defer func() {
		write(t, db, func(tx *Tx) error { return tx.UnsetBelow(testDomain, "days", "3") })
		if got, err := db.SettingsOfUsers(t.Context(), testDomain, "days", "", 9); err != nil || fmt.Sprint(got) != "map[user4@example.org:map[a:5]]" {
			t.Errorf("once the smaller ones are gone: %v, %v", got, err)
		}
	}()
	for _, test := range []struct {
		after string
		n     int
		want  string
	}{
		{"", 2, "map[user1@example.org:map[a:1 b:2] user4@example.org:map[a:5]]"},
		{"", 1, "map[user1@example.org:map[a:1 b:2]]"},
		{user(1).JID, 1, "map[user4@example.org:map[a:5]]"},
		{user(4).JID, 1, "map[]"},
	} {
		if got, err := db.SettingsOfUsers(t.Context(), testDomain, "days", test.after, test.n); err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%d after %q: got %v, %v, want %s", test.n, test.after, got, err, test.want)
		}
	}
}
