package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A connection to a server may break after it was asked for a commit and before it answered. Then nobody knows whether the commit was made,
// and whoever wrote would do so twice, or not at all. So each transaction leaves a mark of its own, and the next connection looks for it.

// metaCommit is the mark of the last commit, in the table meta.
const metaCommit = "commit"

// settleAgain lies between two tries to ask a server that is away.
const settleAgain = 250 * time.Millisecond

// ErrUnknown says that a write may have been made or not: the database was closed before it could be asked.
var ErrUnknown = errors.New("whether it was written is not known")

var (
	errSlow = errors.New("the database does not answer")
	errAway = errors.New("the database is away")
)

// marks gives each transaction of a process a mark that no other one has.
type marks struct {
	process string
	last    int64
}

func newMarks() *marks { return &marks{process: rand.Text()} }

func (m *marks) next() string {
	m.last++
	return m.process + " " + strconv.FormatInt(m.last, 10)
}

// selectMark waits for a transaction that is still being made by the server, for a connection that is gone: it holds the row.
const selectMark = `SELECT value FROM meta WHERE name = $1 FOR UPDATE`

// settle finds out what became of a commit that failed with an error, and returns nil where it was made. As long as the server is away it
// asks again, and refuses what others want to write meanwhile.
func (db *DB) settle(mark string, failed error) error {
	db.log.Warn("the connection to the database broke during a commit; looking what became of it", "error", failed)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case op := <-db.queue:
			op.err = errAway
			close(op.done)
			continue
		case <-db.life.Done():
			return fmt.Errorf("commit: %w: %w", ErrUnknown, failed)
		case <-again.C:
		}
		ctx, cancel := db.bound()
		var found string
		err := db.pool.write.QueryRowContext(ctx, selectMark, metaCommit).Scan(&found)
		cancel()
		switch {
		case err != nil:
			again.Reset(settleAgain)
		case found == mark:
			return nil
		default:
			return fmt.Errorf("commit: %w", failed)
		}
	}
}

// bound is the time that the database has for a batch. SQLite has no end: it answers a cancelled statement with an interrupt, which may
// undo the whole transaction, that is the writes of others.
func (db *DB) bound() (context.Context, context.CancelFunc) {
	if !db.dialect.remote {
		return context.Background(), func() {}
	}
	return context.WithTimeoutCause(db.life, db.writeTime, errSlow)
}
