package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// maxReads bounds the statements of reading methods that are kept compiled. Their texts are constants but for some with lists, of which
// there is one for each length.
const maxReads = 64

// reads are the statements of reading methods, compiled when they are first run: to compile one costs as much as to run it, and what is
// asked when a user comes is asked again for each of a thousand.
type reads struct {
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

// statement is a query compiled; nil where there are too many.
func (r *reads) statement(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	stmt, full := r.stmts[query], len(r.stmts) >= maxReads
	r.mu.Unlock()
	if stmt != nil || full {
		return stmt, nil
	}
	stmt, err := pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.stmts[query]; known != nil { // somebody else was quicker
		return known, stmt.Close()
	}
	if r.stmts == nil {
		r.stmts = make(map[string]*sql.Stmt)
	}
	r.stmts[query] = stmt
	return stmt, nil
}

// query calls scan for each row. It is for tables' own reading methods, which take all rows at once: a reader that dawdled would
// keep a connection, and with it an old state of the database that no checkpoint may pass.
func (db *DB) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	stmt, err := db.reads.statement(ctx, db.pool.read, query)
	if err != nil {
		return err
	}
	var rows *sql.Rows
	if stmt != nil {
		rows, err = stmt.QueryContext(ctx, args...)
	} else {
		rows, err = db.pool.read.QueryContext(ctx, query, args...)
	}
	if err != nil {
		return err
	}
	return scanRows(rows, scan)
}

// scanRows calls scan for each row and closes them.
func scanRows(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
