package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// heardContract is how histories of other programs are taken over, on every database.
var heardContract = []behaviour{
	{"a history is read by those who heard it", testHeard},
	{"a failed history leaves nothing", testHeardFailed},
	{"older lines come before those of a room", testAside},
	{"a job goes on from where it was", testProgress},
}

// heard are lines of rooms, each written as "room reader id".
func heard(lines ...string) []HeardLine {
	var all []HeardLine
	for _, l := range lines {
		f := strings.Fields(l)
		all = append(all, HeardLine{Reader: f[1], RoomLine: RoomLine{
			Domain: testDomain, Room: f[0], ID: f[2], Time: testStart, Nick: "carol", Stanza: "<" + f[2] + "/>",
		}})
	}
	return all
}

func testHeard(t *testing.T, db *DB, _ *testClock) {
	one, two := user(1), user(2)
	appendRoom(t, db, "before")
	see(t, db, one, archiveBase(1)+1, archiveBase(1)+1)
	var want [2][]string
	want[0] = []string{"before"}
	var lines []string
	for i := range 3 * db.dialect.inserts[0] { // some more than a statement takes
		reader, id := i%7/4, fmt.Sprintf("l%d", i)
		want[reader] = append(want[reader], id)
		lines = append(lines, "#a "+user(reader+1).JID+" "+id, fmt.Sprintf("#b%d %s b%d", i%3, two.JID, i))
	}
	write(t, db, func(tx *Tx) error { return tx.AppendHeard(heard(lines[:40]...)) })
	write(t, db, func(tx *Tx) error { return tx.AppendHeard(heard(lines[40:]...)) })
	wantRoom(t, db, RoomQuery{User: one, Room: "#a"}, want[0]...)
	wantRoom(t, db, RoomQuery{User: two, Room: "#a"}, want[1]...)
	wantRoom(t, db, RoomQuery{User: two, Room: "#b2", Query: Query{Max: 2}}, "b2", "b5")
	wantRoom(t, db, RoomQuery{User: one, Room: "#b2"})
	checkRanges(t, db)

	write(t, db, func(tx *Tx) error {
		known, err := tx.KnownLines(append(slices.Repeat([]string{"nothing"}, db.dialect.inserts[0]), "l1", "b2"))
		if len(known) != 2 || !known["l1"] || !known["b2"] {
			t.Errorf("known lines: %v", known)
		}
		return err
	})
}

// checkRanges: ranges of one user neither overlap nor touch.
func checkRanges(t *testing.T, db *DB) {
	t.Helper()
	var n int
	if err := db.pool.read.QueryRowContext(t.Context(), `SELECT count(*) FROM archive_seen a JOIN archive_seen b
		ON a.domain = b.domain AND a.jid = b.jid AND a.lo < b.lo AND a.hi >= b.lo - 1`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d ranges touch others, %v", n, err)
	}
}

func testHeardFailed(t *testing.T, db *DB, _ *testClock) {
	lines := heard("#a alice@example.org one", "#a bob@example.org two")
	lines[1].Stanza = strings.Repeat("x", maxStanza+1)
	if err := db.Write(t.Context(), func(tx *Tx) error { return tx.AppendHeard(lines) }); err == nil {
		t.Error("an endless line was taken")
	}
	if users, err := db.Users(t.Context(), testDomain); err != nil || len(users) != 0 {
		t.Errorf("users: %v, %v", users, err)
	}
}

func testAside(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	appendRoom(t, db, "new1", "new2")
	see(t, db, user(1), archiveBase(1)+1, archiveBase(1)+2)
	write(t, db, func(tx *Tx) error {
		ids, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#other", ID: "other", Time: testStart, Stanza: "<x/>"}})
		if err != nil {
			return err
		}
		return tx.ExtendSeen(user(1), "#other", ids[0], ids[0])
	})
	write(t, db, func(tx *Tx) error { return tx.SetRoomsAside(testDomain) })
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#a"})
	old := heard("#a "+user(2).JID+" old1", "#a "+user(1).JID+" old2")
	old[0].Time, old[1].Time = testStart.Add(-2*time.Hour), testStart.Add(-time.Hour)
	write(t, db, func(tx *Tx) error { return tx.AppendHeard(old) })
	for range 2 {
		if err := db.PutRoomsBack(t.Context(), testDomain); err != nil {
			t.Fatal(err)
		}
	}
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#a"}, "old2", "new1", "new2")
	wantRoom(t, db, RoomQuery{User: user(2), Room: "#a"}, "old1")
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#other"}, "other")
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#a", Query: Query{Start: testStart}}, "new1", "new2")
	checkRanges(t, db)
	// What is said from now on is behind all that.
	id := appendRoom(t, db, "newest")[0]
	see(t, db, user(1), id, id)
	wantRoom(t, db, RoomQuery{User: user(1), Room: "#a"}, "old2", "new1", "new2", "newest")
	checkRanges(t, db)
}

func testProgress(t *testing.T, db *DB, _ *testClock) {
	for _, want := range []string{"", "1", "2"} {
		if want != "" {
			write(t, db, func(tx *Tx) error { return tx.SetProgress("job", want) })
		}
		if got, err := db.Progress(t.Context(), "job"); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	broken := errors.New("broken")
	if err := db.Write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SetProgress("job", "3"), broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got, err := db.Progress(t.Context(), "job"); err != nil || got != "2" {
		t.Errorf("after a failed write: got %q, %v", got, err)
	}
}
