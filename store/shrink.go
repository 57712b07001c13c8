package store

import (
	"context"
	"fmt"
)

// Shrink gives back what SQLite has of its file in memory, up to 24 MB, for when nobody asks or writes anything for a while. Whoever does so first then waits a
// millisecond longer. PostgreSQL has its memory elsewhere.
func (db *DB) Shrink(ctx context.Context) error {
	if db.dialect.shrink == "" {
		return nil
	}
	if err := db.Write(ctx, func(tx *Tx) error { return tx.exec(db.dialect.shrink) }); err != nil {
		return fmt.Errorf("give memory of the database back: %w", err)
	}
	// Those who read at this moment keep their connections.
	db.pool.read.SetMaxIdleConns(0)
	db.pool.read.SetMaxIdleConns(sqliteReaders)
	return nil
}
