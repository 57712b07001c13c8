package store

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
)

// ownContract is what every database must do with what the committer knows without asking.
var ownContract = []behaviour{
	{"an id is given once", testSeries},
	{"a user who was removed comes back", testUserAgain},
}

func testSeries(t *testing.T, db *DB, clock *testClock) {
	add := func(tx *Tx) (int64, error) {
		return tx.AddMailIn(MailIn{Domain: testDomain, Raw: []byte{}, KeepUntil: clock.now})
	}
	var last int64
	given := func() {
		t.Helper()
		var id int64
		write(t, db, func(tx *Tx) (err error) { id, err = add(tx); return err })
		if id <= last {
			t.Errorf("after the id %d comes %d", last, id)
		}
		last = id
	}
	// What took ids from the database has failed: they are the database's again, and whoever comes next takes them.
	for range 2 {
		if err := db.Write(t.Context(), func(tx *Tx) error { _, err := add(tx); return errors.Join(err, errTest) }); !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		given()
	}
	for range seriesStep + 1 {
		given()
	}
	row := int64(-1)
	if err := db.pool.read.QueryRowContext(t.Context(), `SELECT last FROM mail_ids`).Scan(&row); err != nil || row < last {
		t.Errorf("the database knows of %d ids, %v; %d were given", row, err, last)
	}
}

func testUserAgain(t *testing.T, db *DB, _ *testClock) {
	id := user(1)
	contact := MailContact{UserID: id, Contact: "bob@x", Mailbox: "bob@x"}
	meet := func(tx *Tx) error { return tx.MeetMailContact(contact) }
	write(t, db, meet)
	write(t, db, meet)
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(id) })
	write(t, db, meet) // its row refers to his
	write(t, db, func(tx *Tx) error { return errors.Join(meet(tx), tx.RemoveUser(id), meet(tx)) })
	write(t, db, func(tx *Tx) error { return errors.Join(meet(tx), tx.RemoveUser(id)) })
	write(t, db, meet)
	if err := db.Write(t.Context(), func(tx *Tx) error { return errors.Join(tx.RemoveUser(id), meet(tx), errTest) }); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(id) })
	if err := db.Write(t.Context(), func(tx *Tx) error { return errors.Join(meet(tx), errTest) }); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	write(t, db, meet)
	if _, ok, err := db.MailContact(t.Context(), id, "bob@x"); err != nil || !ok {
		t.Errorf("the contact is there: %v, %v", ok, err)
	}
}

// What is written again and again is compiled once, and goes on when its table has changed.
func TestWarmStatements(t *testing.T) {
	t.Parallel()
	db := openTest(t, Options{Path: filepath.Join(t.TempDir(), "passerelle.db"), Key: make([]byte, KeySize), Log: slog.New(slog.DiscardHandler)})
	const query = `UPDATE social_pushes SET added = $1 WHERE id = 1`
	for i := range int64(3 * warmAfter) {
		write(t, db, func(tx *Tx) error {
			if hot := tx.hot[query] != nil; hot != (i >= warmAfter) {
				t.Errorf("at the run %d it is compiled: %v", i, hot)
			}
			if i == 2*warmAfter {
				if err := tx.exec(`ALTER TABLE social_pushes ADD COLUMN extra BIGINT`); err != nil {
					return err
				}
			}
			return tx.exec(query, i)
		})
	}
	for i := range 2 * maxCounts {
		write(t, db, func(tx *Tx) error { return tx.exec(fmt.Sprintf(`UPDATE social_pushes SET added = %d WHERE id = 1`, i)) })
	}
	if n := len(db.warm.runs); n > maxCounts+1 {
		t.Errorf("%d texts are counted", n)
	}
}
