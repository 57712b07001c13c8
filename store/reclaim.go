package store

import (
	"context"
	"database/sql"
	"fmt"
)

// What is deleted leaves pages in SQLite's file that new rows fill. Where much more is deleted than comes, the file gets smaller: some pages
// a write, so that everybody else's writes go on between them.
const (
	reclaimPages = 256 // a write moves at most, of 4 KiB
	reclaimShare = 4   // one part of so many may be free,
	reclaimLeast = 4096
)

// Reclaim gives space back to the system, where a good part of the database is free, and returns how many bytes. PostgreSQL does so by itself.
func (db *DB) Reclaim(ctx context.Context) (int64, error) {
	if db.dialect.reclaim == "" {
		return 0, nil
	}
	var pages, free, size int64
	count := func(pragma string, n *int64) error {
		return db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(n) }, `PRAGMA `+pragma)
	}
	before := int64(-1)
	for {
		for pragma, n := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &size} {
			if err := count(pragma, n); err != nil {
				return 0, fmt.Errorf("see how much of the database is free: %w", err)
			}
		}
		if before < 0 {
			before = pages
		}
		if free < reclaimLeast || free < pages/reclaimShare {
			return (before - pages) * size, nil
		}
		last := pages
		if err := db.Write(ctx, func(tx *Tx) error {
			return tx.query(func(*sql.Rows) error { return nil }, db.dialect.reclaim) // a row for each page
		}); err != nil {
			return 0, fmt.Errorf("give free space back: %w", err)
		}
		if err := count("page_count", &pages); err != nil || pages >= last {
			return (before - last) * size, err // a file of before this was possible
		}
	}
}
