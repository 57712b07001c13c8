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
		hot = append(hot, lineInsert.sql(d, n), plainInsert.sql(d, n), seenInsert.sql(d, n), jobInsert.sql(d, n), laneInsert.sql(d, n))
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

// Statements that are run again and again are compiled as well, without being named above: to compile one costs as much as to run it.
const (
	warmAfter = 16   // times that it was run
	maxWarm   = 256  // statements
	maxCounts = 1024 // texts that are counted; with more, counting begins anew
)

// warm counts how often statements are run that are not compiled. It belongs to the committer.
type warm struct {
	runs map[string]int
	due  []string // those that were run often enough
	n    int      // those that were compiled
}

func (w *warm) ran(query string) {
	if w.runs[query]++; w.runs[query] == warmAfter {
		w.due = append(w.due, query)
	}
	if len(w.runs) > maxCounts {
		clear(w.runs)
	}
}

// warmUp compiles what was run often, between two transactions: within one the connection is taken. A server's driver does so by itself.
func (db *DB) warmUp(ctx context.Context) {
	for _, query := range db.warm.due {
		if db.dialect.remote || db.warm.n == maxWarm {
			break
		}
		if stmt, err := db.pool.write.PrepareContext(ctx, query); err == nil { // else it goes on as it is
			db.hot[query] = stmt
			db.warm.n++
		}
	}
	db.warm.due = db.warm.due[:0]
}

// run runs a statement that returns no rows.
func (tx *Tx) run(query string, args []any) (sql.Result, error) {
	tx.heat(query)
	if stmt := tx.hot[query]; stmt != nil {
		return tx.sql.StmtContext(tx.ctx, stmt).ExecContext(tx.ctx, args...)
	}
	return tx.sql.ExecContext(tx.ctx, query, args...)
}

// rows runs a statement that returns rows.
func (tx *Tx) rows(query string, args []any) (*sql.Rows, error) {
	tx.heat(query)
	if stmt := tx.hot[query]; stmt != nil {
		return tx.sql.StmtContext(tx.ctx, stmt).QueryContext(tx.ctx, args...)
	}
	return tx.sql.QueryContext(tx.ctx, query, args...)
}

func (tx *Tx) heat(query string) {
	if tx.hot[query] == nil && tx.warm != nil {
		tx.warm.ran(query)
	}
}
