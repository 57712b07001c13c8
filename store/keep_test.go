package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// keepContract is how lines end, on every database.
var keepContract = []behaviour{
	{"old lines are deleted", testDeleteBefore},
	{"a removed user's lines are gone", testArchiveRemoveUser},
	{"lines that nobody can read are collected", testCollect},
	{"young lines are not collected", testCollectYoung},
	{"collecting can be stopped and goes on", testDeleteStopped},
}

// count is how many lines there are in a table.
func count(tb testing.TB, db *DB, table string) int {
	tb.Helper()
	var n int
	if err := db.pool.read.QueryRowContext(tb.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// fill appends n lines to a room, a second apart, with ids that begin with its name.
func fill(tb testing.TB, db *DB, room string, n int) LineID {
	tb.Helper()
	var first LineID
	write(tb, db, func(tx *Tx) error {
		lines := make([]RoomLine, n)
		for i := range lines {
			lines[i] = RoomLine{
				Domain: testDomain, Room: room, ID: fmt.Sprintf("%s%d", room, i), Time: testStart.Add(time.Duration(i) * time.Second),
				Nick: "alice", Stanza: "<m/>",
			}
		}
		numbers, err := tx.AppendRoomLines(lines)
		if err == nil {
			first = numbers[0]
		}
		return err
	})
	return first
}

func testDeleteBefore(t *testing.T, db *DB, clock *testClock) {
	clock.advance(24 * time.Hour)
	const lines = deleteChunk*2 + 10
	first := fill(t, db, "#a", lines)
	see(t, db, user(1), first, first+lines-1)
	see(t, db, user(2), first+3, first+5)
	fill(t, db, "#b", 3)
	write(t, db, func(tx *Tx) error {
		_, err := tx.AppendPrivateLines([]PrivateLine{{Owner: user(1), ID: "p", Time: testStart, Stanza: "<m/>"}})
		if err != nil {
			return err
		}
		_, err = tx.AppendRoomLines([]RoomLine{{Domain: "other.example.org", Room: "#a", ID: "o", Time: testStart, Stanza: "<m/>"}})
		return err
	})
	n, err := db.DeleteBefore(t.Context(), testDomain, testStart.Add((lines-2)*time.Second))
	if want := int64(lines - 2 + 3 + 1); err != nil || n != want {
		t.Errorf("deleted: got %d, %v, want %d", n, err, want)
	}
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, fmt.Sprint("#a", lines-2), fmt.Sprint("#a", lines-1))
	if got, want := count(t, db, "archive_lines"), 3; got != want {
		t.Errorf("lines left: got %d, want %d", got, want)
	}
	if got, want := count(t, db, "archive_seen"), 1; got != want {
		t.Errorf("ranges left: got %d, want %d", got, want)
	}
	p, err := db.QueryRoom(t.Context(), RoomQuery{user(1), "#a", Query{}})
	if err != nil || p.Count != 2 {
		t.Errorf("count: got %d, %v, want 2", p.Count, err)
	}
	// A number that was given is not given again.
	if again := fill(t, db, "#b", 0+1); again.of() == first.of() {
		t.Errorf("the line of #b has the number %d of #a", again)
	}
	if n, err = db.DeleteBefore(t.Context(), testDomain, testStart); err != nil || n != 0 {
		t.Errorf("deleted again: got %d, %v, want 0", n, err)
	}
}

func testArchiveRemoveUser(t *testing.T, db *DB, _ *testClock) {
	n := appendRoom(t, db, "a", "b", "c")
	see(t, db, user(1), n[0], n[1])
	see(t, db, user(2), n[1], n[1])
	private := func(owner UserID, ids ...string) {
		write(t, db, func(tx *Tx) error {
			for _, id := range ids {
				if _, err := tx.AppendPrivateLines([]PrivateLine{{Owner: owner, With: "bob", ID: id, Stanza: "<m/>"}}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	private(user(1), "p1", "p2")
	private(user(2), "q1")
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })

	gone := func() {
		t.Helper()
		wantRoom(t, db, RoomQuery{user(1), "#a", Query{}})
		if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), Query{Max: 10}}); err != nil || len(p.Lines) != 0 {
			t.Errorf("private lines of a removed user: got %q, %v", ids(p), err)
		}
	}
	gone()
	// He comes back and gets nothing of what was his.
	private(user(1), "p3")
	if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), Query{Max: 10}}); err != nil || !slices.Equal(ids(p), []string{"p3"}) {
		t.Errorf("private lines of who came back: got %q, %v, want p3", ids(p), err)
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })
	deleted, err := db.CollectArchive(t.Context(), testStart.Add(time.Second))
	if err != nil || deleted != 5 { // a, c, p1, p2, p3
		t.Errorf("collected: got %d, %v, want 5", deleted, err)
	}
	gone()
	wantRoom(t, db, RoomQuery{user(2), "#a", Query{}}, "b")
	if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(2), Query{Max: 10}}); err != nil || !slices.Equal(ids(p), []string{"q1"}) {
		t.Errorf("private lines of the other user: got %q, %v", ids(p), err)
	}
	if got := count(t, db, "archives"); got != 3 {
		t.Errorf("archives: got %d, want #a, that of user 2, and one that holds its number", got)
	}
	private(user(1), "p4")
	if _, err = db.CollectArchive(t.Context(), testStart.Add(time.Second)); err != nil || count(t, db, "archives") != 3 {
		t.Errorf("archives once another one came: got %d, %v, want 3", count(t, db, "archives"), err)
	}
}

func testCollect(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	const lines = 3 * seenBatch
	first := fill(t, db, "#a", lines)
	fill(t, db, "#b", 5)
	readable := make([]bool, lines)
	seen := func(n int, from, to LineID) {
		see(t, db, user(n), first+from, first+to)
		for i := from; i <= to; i++ {
			readable[i] = true
		}
	}
	// A long range that begins among short ones of others, and many that begin together.
	seen(1, 2, 40)
	for n := 2; n < seenBatch+4; n++ {
		seen(n, 3, 5)
		seen(n, LineID(n)+8, LineID(n)+8)
	}
	seen(2, 60, 60)
	seen(3, 62, 64)
	want := int64(5)
	for _, r := range readable {
		if !r {
			want++
		}
	}
	if n, err := db.CollectArchive(t.Context(), testStart.Add(time.Hour)); err != nil || n != want {
		t.Errorf("collected: got %d, %v, want %d", n, err, want)
	}
	for i, r := range readable {
		var there bool
		if err := db.pool.read.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM archive_lines WHERE line = $1)`,
			int64(first)+int64(i)).Scan(&there); err != nil || there != r {
			t.Errorf("line %d: got %v, %v, want %v", i, there, err, r)
		}
	}
	if n, err := db.CollectArchive(t.Context(), testStart.Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("collected again: got %d, %v, want 0", n, err)
	}
}

func testCollectYoung(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	first := fill(t, db, "#a", 10)
	if n, err := db.CollectArchive(t.Context(), testStart.Add(4*time.Second)); err != nil || n != 4 {
		t.Errorf("collected: got %d, %v, want 4", n, err)
	}
	see(t, db, user(1), first, first+9)
	wantRoom(t, db, RoomQuery{user(1), "#a", Query{}}, "#a4", "#a5", "#a6", "#a7", "#a8", "#a9")
}

func testDeleteStopped(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	fill(t, db, "#a", deleteChunk+1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	if _, err := db.CollectArchive(ctx, testStart.Add(time.Hour)); err == nil {
		t.Error("stopped before it began: no error")
	}
	if n, err := db.CollectArchive(t.Context(), testStart.Add(time.Hour)); err != nil || n != deleteChunk+1 {
		t.Errorf("collected: got %d, %v, want %d", n, err, deleteChunk+1)
	}
}

// What is deleted is not in the file any more, which gets smaller where much of it is free.
func TestReclaim(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	opts.Now = time.Now
	db, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	const words = "words that nobody is to find"
	for i := range 60 {
		write(t, db, func(tx *Tx) error {
			lines := make([]PrivateLine, 100)
			for j := range lines {
				lines[j] = PrivateLine{Owner: user(1), With: "bob", ID: fmt.Sprint(i, " ", j), Stanza: words + strings.Repeat(".", 5000)}
			}
			_, err := tx.AppendPrivateLines(lines)
			return err
		})
	}
	if n, err := db.Reclaim(t.Context()); err != nil || n != 0 {
		t.Errorf("reclaimed where nothing is free: %d, %v", n, err)
	}
	if err := db.Forget(t.Context(), user(1), Part{}); err != nil {
		t.Fatal(err)
	}
	if n, err := db.CollectArchive(t.Context(), time.Now()); err != nil || n != 6000 {
		t.Fatalf("collected %d, %v", n, err)
	}
	freed, err := db.Reclaim(t.Context())
	if err != nil || freed < 10<<20 {
		t.Errorf("reclaimed %d bytes, %v", freed, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(opts.Path)
	if err != nil || len(data) > 24<<20 {
		t.Errorf("the file has %d bytes, %v", len(data), err)
	}
	if bytes.Contains(data, []byte(words)) {
		t.Error("the words are in the file still")
	}
}
