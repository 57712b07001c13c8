package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Tx is the transaction of one call of Write. It belongs to the function that it was handed to: it must not be used by another
// goroutine nor after the function returned.
type Tx struct {
	box *box
	ctx context.Context // the time that the database has, see DB.bound
	sql *sql.Tx         // nil when the operation is over
	hot map[string]*sql.Stmt
	// warm counts what is not among them.
	warm *warm

	dialect dialect
	now     int64 // one time for the whole operation, in Unix milliseconds
	err     error // the first statement that failed

	committed    []func()        // see OnCommit
	lastOutgoing *OutgoingNumber // of the database; an operation that fails may leave a gap

	jobs     chan<- struct{} // takes the word that there is something to do, see JobsAdded
	saidJobs bool            // it follows the commit

	own  *own
	took bool // ids of a series, which are not taken where it fails

	rooms map[archiveKey]roomEnd // of rooms that this operation looked up or appended to
}

// OnCommit has f called once what the transaction wrote is committed, before Write returns; never where it is not. All writers wait for f: it
// only tells somebody that there is something to do.
func (tx *Tx) OnCommit(f func()) { tx.committed = append(tx.committed, f) }

var errTxOver = errors.New("the transaction was used after its end")

// Now is the one time of the whole operation.
func (tx *Tx) Now() time.Time { return fromMillis(tx.now) }

// exec runs a statement. Once one has failed the operation cannot go on, as PostgreSQL has it: in SQLite the failure may have
// rolled back the transaction, and what followed would be committed by itself.
func (tx *Tx) exec(query string, args ...any) error {
	if tx.sql == nil {
		return errTxOver
	}
	if tx.err == nil {
		_, tx.err = tx.run(query, args)
	}
	return tx.err
}

// query calls scan for each row, under the same rule. The rows are over when it returns: a transaction has one connection.
func (tx *Tx) query(scan func(*sql.Rows) error, query string, args ...any) error {
	if tx.sql == nil {
		return errTxOver
	}
	if tx.err == nil {
		var rows *sql.Rows
		if rows, tx.err = tx.rows(query, args); tx.err == nil {
			tx.err = scanRows(rows, scan)
		}
	}
	return tx.err
}

// count runs a statement and returns how many rows it changed.
func (tx *Tx) count(query string, args ...any) (int64, error) {
	if tx.sql == nil {
		return 0, errTxOver
	}
	if tx.err != nil {
		return 0, tx.err
	}
	result, err := tx.run(query, args)
	if err != nil {
		tx.err = err
		return 0, err
	}
	return result.RowsAffected()
}
