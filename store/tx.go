package store

import (
	"database/sql"
	"errors"
)

// Tx is the transaction of one call of Write. It belongs to the function that it was handed to: it must not be used by another
// goroutine nor after the function returned.
type Tx struct {
	box *box
	sql *sql.Tx // nil when the operation is over
	now int64   // one time for the whole operation, in Unix milliseconds
	err error   // the first statement that failed
}

var errTxOver = errors.New("the transaction was used after its end")

// exec runs a statement. Once one has failed the operation cannot go on, as PostgreSQL has it: in SQLite the failure may have
// rolled back the transaction, and what followed would be committed by itself.
func (tx *Tx) exec(query string, args ...any) error {
	if tx.sql == nil {
		return errTxOver
	}
	if tx.err == nil {
		_, tx.err = tx.sql.Exec(query, args...)
	}
	return tx.err
}
