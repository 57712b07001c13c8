package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// This file is all that knows the driver and SQLite's own ways.

const (
	sqliteReaders     = 4
	sqliteBusyTimeout = 5 * time.Second // for the lock of another process, such as a backup
	sqliteWALLimit    = 16 << 20        // bytes that the write-ahead log keeps after a checkpoint
	// A commit of many lines of the archive changes some megabytes. What the writer's cache does not hold is written to the log more
	// than once.
	sqliteWriteCache = 16 << 20 // bytes
)

// openSQLite opens the file and makes it where there is none.
func openSQLite(ctx context.Context, path string) (pool, error) {
	if path == "" {
		return pool{}, errors.New("no path was given")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return pool{}, err
	}
	if err := createFile(path); err != nil {
		return pool{}, err
	}
	var p pool
	// What is deleted is overwritten, so that nobody finds it in the file; auto_vacuum, which a file has from its beginning or never, lets the
	// file get smaller, see reclaim.go.
	if p.write, err = openPool(path, 1, url.Values{
		"_txlock":       {"immediate"}, // a transaction that begins by reading could not become a writer later
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // with WAL anything less answers before the disk has it
		"_foreign_keys": {"on"},
		"_pragma":       {"auto_vacuum(incremental)", "secure_delete(on)", fmt.Sprintf("journal_size_limit(%d)", sqliteWALLimit), "wal_autocheckpoint(0)", fmt.Sprintf("cache_size(-%d)", sqliteWriteCache>>10)},
	}); err != nil {
		return pool{}, err
	}
	if p.read, err = openPool(path, sqliteReaders, url.Values{"_query_only": {"on"}}); err != nil {
		return pool{}, errors.Join(err, p.write.Close())
	}
	if p.fold, err = openPool(path, 1, url.Values{"_query_only": {"on"}, "_synchronous": {"FULL"}}); err != nil {
		return pool{}, errors.Join(err, p.close())
	}
	if err := checkWAL(ctx, p.write); err != nil {
		return pool{}, errors.Join(err, p.close())
	}
	return p, nil
}

// createFile makes an empty file for SQLite to fill, because SQLite would make it readable for everybody. The files that it puts
// beside it get the same mode. A file that exists is not even opened: closing it would drop the locks (POSIX advisory locks
// belong to the process) that another DB of this process may hold on it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// openPool prepares a pool of size connections that live as long as it does.
func openPool(path string, size int, params url.Values) (*sql.DB, error) {
	params.Set("_busy_timeout", fmt.Sprint(sqliteBusyTimeout.Milliseconds()))
	params.Set("_dqs", "false") // "x" is a column, never a text by mistake
	params.Set("_defensive", "true")
	params.Set("_error_rc", "true") // messages that belong to the error
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// checkWAL makes the first connection and checks that the log is what was asked for: a file system without shared memory falls
// back silently to a journal in which one reader stops all writers.
func checkWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its file system cannot hold a write-ahead log (the journal mode is %q)", mode)
	}
	return nil
}
