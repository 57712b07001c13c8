package store

import (
	"context"
	"database/sql"
	"fmt"
)

// hotStatements are those that every message costs, and everybody who comes or goes. They are compiled once and not each time, which would
// cost as much as running them.
func (d dialect) hotStatements() []string {
	hot := []string{selectArchive, growArchive, growSeen, insertOutgoing, deleteOutgoing, selectBlocked}
	for _, n := range d.inserts {
		hot = append(hot, lineInsert.sql(d, n), seenInsert.sql(d, n), jobInsert.sql(d, n), laneInsert.sql(d, n))
	}
	hot = append(hot, beginOperation, endOperation, takeMailIDs, takeJobIDs)
	hot = append(hot, jobStatements...)
	hot = append(hot, takeSocialWireIDs)
	hot = append(hot, socialWireStatements...)
	hot = append(hot, socialStatements...)
	hot = append(hot, mailStatements...)
	hot = append(hot, redirectStatements...)
	hot = append(hot, insertUser, sawUser, occupy, vacate)
	if d.remote {
		hot = append(hot, upsertMeta)
	}
	return hot
}

// prepareHot compiles the hot statements on the committer's connection. Where that one is replaced by another they are compiled anew.
func (db *DB) prepareHot(ctx context.Context) error {
	if db.dialect.tune != "" {
		if _, err := db.pool.write.ExecContext(ctx, db.dialect.tune); err != nil {
			return fmt.Errorf("tune the database: %w", err)
		}
	}
	db.hot = make(map[string]*sql.Stmt)
	for _, query := range db.dialect.hotStatements() {
		stmt, err := db.pool.write.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
		db.hot[query] = stmt
	}
	return nil
}

// run runs a statement that returns no rows.
func (tx *Tx) run(query string, args []any) (sql.Result, error) {
	if stmt := tx.hot[query]; stmt != nil {
		return tx.sql.StmtContext(tx.ctx, stmt).ExecContext(tx.ctx, args...)
	}
	return tx.sql.ExecContext(tx.ctx, query, args...)
}

// rows runs a statement that returns rows.
func (tx *Tx) rows(query string, args []any) (*sql.Rows, error) {
	if stmt := tx.hot[query]; stmt != nil {
		return tx.sql.StmtContext(tx.ctx, stmt).QueryContext(tx.ctx, args...)
	}
	return tx.sql.QueryContext(tx.ctx, query, args...)
}
