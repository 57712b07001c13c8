package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"modernc.org/sqlite"
)

// SQLite writes to a log, which has to be folded into the file from time to time. By itself it does so within a commit, which then waits until
// some thousand pages are copied. So a connection of its own copies them while others write, and the committer folds in the rest, between two
// commits, so that the log can begin anew. Nobody copies what a reader still needs as it was.

// When the log is folded, in pages that it has and the file has not.
const (
	foldFrom  = 4000         // most commits are of few pages of the file, again and again
	foldRest  = 500          // as much the committer folds in itself
	foldMost  = 4 * foldFrom // with more the committer waits, so that the log does not grow without an end
	foldTries = 3            // in a row, before the committer folds whatever is left
)

// folder folds the log. But for the channels it is the committer's.
type folder struct {
	log     *slog.Logger
	pages   int // in the log alone
	next    int // from how many on it is folded
	folding bool
	tries   int

	begin  chan struct{}
	folded chan int      // pages that were left, -1 where it failed
	done   chan struct{} // closed when the goroutine has ended
}

// newFolder starts a goroutine that ends with close.
func newFolder(pool *sql.DB, log *slog.Logger) *folder {
	f := &folder{log: log, next: foldFrom, begin: make(chan struct{}, 1), folded: make(chan int, 1), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for range f.begin {
			f.folded <- f.fold(pool)
		}
	}()
	return f
}

// close waits for what is being folded. The committer has ended by then.
func (f *folder) close() {
	if f != nil {
		close(f.begin)
		<-f.done
	}
}

// fold copies what no reader needs as it was, and returns how many pages are left.
func (f *folder) fold(pool *sql.DB) (left int) {
	var busy, all, folded int
	if err := pool.QueryRowContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &all, &folded); err != nil {
		f.log.Warn("the log of the database cannot be folded into its file; it is tried again", "error", err)
		return -1
	}
	return all - folded
}

// wrote is called by the committer after each commit.
func (f *folder) wrote(write *sql.DB) {
	if f == nil {
		return
	}
	n, err := pagesWritten(write)
	if err != nil {
		f.log.Warn("it is not known how long the log of the database is", "error", err)
		n = 1
	}
	f.pages += n
	if f.folding {
		f.look(write)
	}
	if !f.folding && f.pages >= f.next {
		f.start()
	}
}

func (f *folder) start() {
	f.folding = true
	f.begin <- struct{}{} // it has room: there is one at a time
}

// look sees whether something was folded, for which it waits where the log is too long.
func (f *folder) look(write *sql.DB) {
	var left int
	if f.pages >= foldMost {
		left = <-f.folded
	} else {
		select {
		case left = <-f.folded:
		default:
			return
		}
	}
	f.folding = false
	if f.tries++; left > foldRest && f.tries < foldTries {
		f.start()
		return
	}
	f.tries = 0
	if left >= 0 {
		left = f.fold(write)
	}
	// A reader may need it, or something else is wrong: it is tried again when there is as much more.
	f.pages, f.next = max(left, 0), max(left, 0)+foldFrom
}

// pagesWritten is how many pages a connection has written to the log since it was asked last.
func pagesWritten(pool *sql.DB) (n int, err error) {
	conn, err := pool.Conn(context.Background())
	if err != nil {
		return 0, fmt.Errorf("take the connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // which gives it back to the pool
	err = conn.Raw(func(driver any) error {
		n, _, err = driver.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
		return err
	})
	return n, err
}
