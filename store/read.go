package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
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
	for lost := 0; ; lost++ {
		rows, err := db.rows(ctx, query, args)
		switch {
		case err == nil:
			return scanRows(rows, scan)
		case lost == maxLost || !isLost(err):
			return err
		}
	}
}

// brief is a context for a question whose answer is at hand. SQLite has it before anybody could give up, and what waits for that costs as much as
// the question.
func (db *DB) brief(ctx context.Context) context.Context {
	if db.dialect.remote {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// Within bounds what a caller waits for such an answer: a server may not give it.
func (db *DB) Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if !db.dialect.remote {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

func (db *DB) rows(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	stmt, err := db.reads.statement(ctx, db.pool.read, query)
	if err != nil {
		return nil, err
	}
	if stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return db.pool.read.QueryContext(ctx, query, args...)
}

// maxLost is how many connections may be found to be gone before somebody is told: a server that was restarted has ended all.
const maxLost = postgresReaders

// isLost reports whether a question did not reach the server, since the connection that it was to go by is gone.
func isLost(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "write"
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
