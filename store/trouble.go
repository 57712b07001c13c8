package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a write fails with that no other write can do better. It is over once somebody has helped; nothing has to be started anew.
var (
	ErrNoRoom   = errors.New("there is no room on the disk of the database")
	ErrReadOnly = errors.New("the database cannot be written")
)

// troubled says in an error what it means for the database.
func (db *DB) troubled(err error) error {
	if err == nil {
		return nil
	}
	if trouble := db.dialect.trouble(err); trouble != nil {
		return fmt.Errorf("%w: %w", trouble, err)
	}
	return err
}

func sqliteTrouble(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return nil
	}
	switch e.Code() & 0xff { // without what extends it
	case sqlite3.SQLITE_FULL:
		return ErrNoRoom
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN: // as a disk that has become read-only answers
		return ErrReadOnly
	}
	return nil
}

func postgresTrouble(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	switch e.Code {
	case "53100": // disk_full
		return ErrNoRoom
	case "25006": // read_only_sql_transaction
		return ErrReadOnly
	}
	return nil
}
