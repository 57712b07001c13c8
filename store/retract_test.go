package store

import (
	"errors"
	"testing"
	"time"
)

// A line is found by what its network calls it, by who may read it, the newest first.
func testNetworkIDs(t *testing.T, db *DB, _ *testClock) {
	room := func(room, id, network string) RoomLine {
		return RoomLine{Domain: testDomain, Room: room, ID: id, Time: testStart, Nick: "alice", Stanza: "<" + id + "/>", NetworkID: network}
	}
	var numbers []LineID
	write(t, db, func(tx *Tx) (err error) {
		numbers, err = tx.AppendRoomLines([]RoomLine{room("#a", "one", "n1"), room("#a", "two", "n1"), room("#a", "three", "n1"), room("#a", "none", ""), room("#b", "other", "n2")})
		if err == nil {
			_, err = tx.AppendPrivateLines([]PrivateLine{{Owner: user(1), With: "bob", ID: "private", Time: testStart, Stanza: "<p/>", NetworkID: "n3"}})
		}
		return err
	})
	see(t, db, user(1), numbers[0], numbers[1])
	for key, want := range map[LineKey]string{
		{NetworkID: "n1"}: "two", {NetworkID: "n2"}: "", {NetworkID: "n3"}: "", {NetworkID: ""}: "", {ID: "one"}: "one", {ID: "three"}: "", {ID: "private"}: "",
	} {
		got, err := db.RoomLine(t.Context(), user(1), "#a", key)
		if got.ID != want || (want == "") != errors.Is(err, ErrNoSuchLine) {
			t.Errorf("%+v: got %q, %v, want %q", key, got.ID, err, want)
		}
	}
	if got, err := db.PrivateLine(t.Context(), user(1), LineKey{NetworkID: "n3"}); err != nil || got.ID != "private" || got.NetworkID != "n3" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := db.PrivateLine(t.Context(), user(2), LineKey{NetworkID: "n3"}); !errors.Is(err, ErrNoSuchLine) {
		t.Errorf("of somebody else: got %v", err)
	}
}

// Who heard that a line was taken back reads so, whatever he asks, and who did not reads what was said. It is gone once nobody reads it.
func testRetract(t *testing.T, db *DB, clock *testClock) {
	clock.advance(time.Hour)
	lines := appendRoom(t, db, "one", "two", "three")
	see(t, db, user(1), lines[0], lines[2])
	see(t, db, user(2), lines[0], lines[2])
	retract := func(n int, id string) {
		t.Helper()
		write(t, db, func(tx *Tx) error { return tx.Retract(Retraction{User: user(n), ID: id, Stanza: "<gone/>"}) })
	}
	want := func(n int, what ...string) {
		t.Helper()
		var got [4][]string
		for i, q := range []Query{{Max: 9}, {Max: 9, With: "alice"}, {Max: 9, IDs: []string{"one", "two", "three"}}} {
			p, err := db.QueryRoom(t.Context(), RoomQuery{user(n), "#a", q})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range p.Lines {
				if got[i] = append(got[i], l.Stanza); l.Retracted != (l.Stanza == "<gone/>") {
					t.Errorf("got %+v", l)
				}
			}
		}
		for l, err := range db.Lines(t.Context(), user(n), Part{Room: "#a"}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			got[3] = append(got[3], l.Stanza)
		}
		for i := range got {
			if len(got[i]) != len(what) {
				t.Fatalf("user %d, way %d: got %q, want %q", n, i, got[i], what)
			}
			for j := range what {
				if got[i][j] != what[j] {
					t.Errorf("user %d, way %d: got %q, want %q", n, i, got[i], what)
				}
			}
		}
	}
	kept := func(id string) (stanza string) {
		t.Helper()
		if _, err := db.CollectArchive(t.Context(), testStart.Add(30*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := db.pool.read.QueryRowContext(t.Context(), `SELECT stanza FROM archive_lines WHERE id = $1`, id).Scan(&stanza); err != nil {
			t.Fatal(err)
		}
		return stanza
	}
	retract(1, "two")
	retract(1, "two")
	retract(1, "nothing")
	want(1, "<one/>", "<gone/>", "<three/>")
	want(2, "<one/>", "<two/>", "<three/>")
	if l, err := db.RoomLine(t.Context(), user(1), "#a", LineKey{ID: "two"}); err != nil || l.Stanza != "<gone/>" {
		t.Errorf("got %+v, %v", l, err)
	}
	if got := kept("two"); got != "<two/>" {
		t.Errorf("somebody reads it, and there is %q", got)
	}
	retract(2, "two")
	want(2, "<one/>", "<gone/>", "<three/>")
	if got := kept("two"); got != "" {
		t.Errorf("nobody reads it, and there is %q", got)
	}
	if got := kept("one"); got != "<one/>" {
		t.Errorf("a line that stands has %q", got)
	}
	want(1, "<one/>", "<gone/>", "<three/>")
	write(t, db, func(tx *Tx) error {
		_, err := tx.AppendPrivateLines([]PrivateLine{{Owner: user(1), With: "bob", ID: "private", Time: testStart, Stanza: "<p/>"}})
		return errors.Join(err, tx.Retract(Retraction{User: user(2), ID: "private", Stanza: "<gone/>"}))
	})
	for _, what := range []string{"<p/>", "<gone/>"} {
		if p, err := db.QueryPrivate(t.Context(), PrivateQuery{user(1), Query{Max: 9}}); err != nil || p.Lines[0].Stanza != what {
			t.Errorf("got %+v, %v, want %q", p, err, what)
		}
		retract(1, "private")
	}
}
