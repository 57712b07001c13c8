package store

import (
	"database/sql"
	"os"
	"strings"
	"testing"
)

// writePages writes at least so many pages, a hundred a commit.
func writePages(t *testing.T, db *DB, n int) {
	t.Helper()
	value := strings.Repeat("x", 4<<10)
	for i := 0; i < n; i += 100 {
		write(t, db, func(tx *Tx) error {
			for j := range 100 {
				o := outgoing(1, "a")
				if o.Stanza = value; j == 0 {
					if err := tx.Sent(testDomain, 0, *tx.lastOutgoing); err != nil {
						return err
					}
				}
				if err := tx.Send(o); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// logPages is how many pages the file of the log has room for.
func logPages(t *testing.T, opts Options) int64 {
	t.Helper()
	info, err := os.Stat(opts.Path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size() / 4096
}

// TestLogIsFolded: however much is written, the log does not grow without an end, and what was written is in the file.
func TestLogIsFolded(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	db := openTest(t, opts)
	writePages(t, db, 10*foldFrom)
	if n := logPages(t, opts); n > foldMost+foldFrom {
		t.Errorf("the log has %d pages", n)
	}
	// What a reader needs as it was stays.
	tx, err := db.pool.read.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM outbox WHERE number > 0`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 100 {
		t.Fatalf("there are %d rows, want 100", n)
	}
	write(t, db, func(tx *Tx) error { return tx.Sent(testDomain, 0, *tx.lastOutgoing) })
	writePages(t, db, 2*foldFrom)
	if n := count(); n != 100 {
		t.Errorf("a reader sees %d rows, want the 100 that there were", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	grown := logPages(t, opts)
	writePages(t, db, 6*foldFrom)
	if n := logPages(t, opts); n > grown+foldMost {
		t.Errorf("the log has %d pages since nobody reads, %d before", n, grown)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(opts.Path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the log is left: %v", err)
	}
}
