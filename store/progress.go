package store

import (
	"context"
	"database/sql"
	"fmt"
)

// progressPrefix stands before the name of a job in the table meta.
const progressPrefix = "progress: "

// SetProgress notes how far a job came, which goes on from there when it was interrupted. The words are the job's.
func (tx *Tx) SetProgress(job, value string) error {
	err := checkFields(field{"job", job, maxScope}, field{"progress", value, maxValue})
	if err == nil {
		err = tx.setMeta(progressPrefix+job, value)
	}
	if err != nil {
		return fmt.Errorf("note the progress of %s: %w", job, err)
	}
	return nil
}

// Progress returns what SetProgress noted last; empty where that was nothing.
func (db *DB) Progress(ctx context.Context, job string) (string, error) {
	var value string
	if err := db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&value) },
		`SELECT value FROM meta WHERE name = $1`, progressPrefix+job); err != nil {
		return "", fmt.Errorf("read the progress of %s: %w", job, err)
	}
	return value, nil
}
