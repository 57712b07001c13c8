package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Names in the table meta.
const (
	metaSchema   = "schema"    // version of the schema: how many migrations were made
	metaKeyCheck = "key_check" // a sealed value that only the right key opens
	metaReady    = "ready"     // when Ready last wrote
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema, forward only and frozen once it was released. The first one makes schema 1.
type migration struct {
	name string
	sql  string
}

// migrations reads the embedded steps, in order. Their numbers have no gaps, so the number of steps is the schema that this
// binary knows.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	steps := make([]migration, 0, len(names))
	for i, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		if !strings.HasPrefix(name, fmt.Sprintf("%03d-", i+1)) {
			return nil, fmt.Errorf("the migration %s should have the number %d", name, i+1)
		}
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the migration %s: %w", name, err)
		}
		steps = append(steps, migration{name: name, sql: string(text)})
	}
	return steps, nil
}

// prepare makes the database ours: schema and key check, all of it in one transaction or nothing. The transaction excludes others
// from its beginning, so of two processes that start at once the second finds everything done.
func (db *DB) prepare(ctx context.Context, steps []migration) error {
	tx, err := db.pool.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	from, err := migrate(ctx, tx, db.dialect, steps)
	if err == nil {
		err = db.checkKey(ctx, tx)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if db.dialect.remote { // whoever looks for a mark has to find the row
		if err := writeMeta(ctx, tx, metaCommit, db.marks.next()); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if from < len(steps) {
		db.log.Info("the schema of the database is up to date now", "from", from, "to", len(steps))
	}
	return nil
}

// migrate makes the steps that the database lacks and returns the schema that it had.
func migrate(ctx context.Context, tx *sql.Tx, d dialect, steps []migration) (from int, err error) {
	if d.lock != "" {
		if _, err := tx.ExecContext(ctx, d.lock); err != nil {
			return 0, fmt.Errorf("lock the schema: %w", err)
		}
	}
	ours, err := queryBool(ctx, tx, d.hasTable, "meta")
	if err != nil {
		return 0, fmt.Errorf("look for tables: %w", err)
	}
	if !ours {
		used, err := queryBool(ctx, tx, d.hasTables)
		if err != nil {
			return 0, fmt.Errorf("look for tables: %w", err)
		}
		if used {
			return 0, errors.New("it belongs to another program")
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)`); err != nil {
			return 0, fmt.Errorf("make the table meta: %w", err)
		}
	}
	version, found, err := readMeta(ctx, tx, metaSchema)
	if err != nil {
		return 0, err
	}
	if found {
		if from, err = strconv.Atoi(version); err != nil || from < 0 {
			return 0, fmt.Errorf("its schema %q is no number", version)
		}
	}
	if from > len(steps) {
		return 0, newerSchema(from, len(steps))
	}
	for _, step := range steps[from:] {
		if _, err := tx.ExecContext(ctx, d.migration(step.sql)); err != nil {
			return 0, fmt.Errorf("migration %s: %w", step.name, err)
		}
	}
	return from, writeMeta(ctx, tx, metaSchema, strconv.Itoa(len(steps)))
}

func readMeta(ctx context.Context, tx *sql.Tx, name string) (value string, found bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read %s: %w", name, err)
	}
	return value, true, nil
}

const upsertMeta = `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

func writeMeta(ctx context.Context, tx *sql.Tx, name, value string) error {
	if _, err := tx.ExecContext(ctx, upsertMeta, name, value); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (tx *Tx) setMeta(name, value string) error { return tx.exec(upsertMeta, name, value) }
