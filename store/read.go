package store

import (
	"context"
	"database/sql"
)

// query calls scan for each row. It is for tables' own reading methods, which take all rows at once: a reader that dawdled would
// keep a connection, and with it an old state of the database that no checkpoint may pass.
func (db *DB) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.pool.read.QueryContext(ctx, query, args...)
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
