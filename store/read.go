package store

import (
	"context"
	"database/sql"
)

// query calls scan for each row. It is for tables' own reading methods, which take all rows at once: a reader that dawdled would
// keep a connection, and with it an old state of the database that no checkpoint may pass.
func (db *DB) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return queryRows(ctx, db.pool.read, scan, query, args)
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func queryRows(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args []any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
