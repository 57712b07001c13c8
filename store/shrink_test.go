package store

import (
	"context"
	"database/sql"
	"testing"
)

// TestShrink: what SQLite had in memory is given back, and it is asked and written to as before.
func TestShrink(t *testing.T) {
	t.Parallel()
	onEach(t, testShrink)
}

func testShrink(t *testing.T, opts Options) {
	db := openTest(t, opts)
	for n := range 3 {
		write(t, db, func(tx *Tx) error { return tx.Set(user(n), "s", "a", "b") })
		if set, err := db.Settings(t.Context(), user(n), "s"); err != nil || set["a"] != "b" {
			t.Errorf("read %v, %v of what was just written", set, err)
		}
		if err := db.Shrink(t.Context()); err != nil {
			t.Fatal(err)
		}
		if idle := db.pool.read.Stats().Idle; opts.URL == "" && idle != 0 {
			t.Errorf("%d connections were kept", idle)
		}
	}
}

// TestShrinkWhileSomebodyReads: he reads on.
func TestShrinkWhileSomebodyReads(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		write(t, db, touch(1))
		write(t, db, touch(2))
		read := 0
		err := db.query(context.Background(), func(r *sql.Rows) error {
			read++
			if err := db.Shrink(t.Context()); err != nil {
				t.Error(err)
			}
			return r.Scan(new(string))
		}, `SELECT jid FROM users ORDER BY jid`)
		if err != nil || read != 2 {
			t.Errorf("read %d of 2 users, %v", read, err)
		}
	})
}
