package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
)

// Examine looks at a database without changing it, whether or not a process has it open, and says in words what it is. Live says that one
// has. The error says that this program cannot use it, and why.
func Examine(ctx context.Context, opts Options, live bool) (found string, err error) {
	box, err := newBox(opts.Key)
	if err != nil {
		return "", err
	}
	if opts.URL != "" {
		life, end := context.WithCancel(ctx)
		defer end()
		p, err := openPostgres(ctx, life, opts.URL)
		if err != nil {
			return "", fmt.Errorf("open the database %s: %w", opts.name(), err)
		}
		return fmt.Sprintf("the database %s answers", opts.name()), p.close()
	}
	db, err := openToRead(opts.Path, live)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("open the database %s: %w", opts.Path, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	version, known, err := readMeta(ctx, tx, metaSchema)
	if err != nil || !known {
		return "", fmt.Errorf("the database %s cannot be read: %w", opts.Path, err)
	}
	steps, err := migrations()
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(version)
	switch {
	case err != nil:
		return "", fmt.Errorf("the schema %q of the database %s is no number", version, opts.Path)
	case n > len(steps):
		return "", newerSchema(n, len(steps))
	}
	text, known, err := readMeta(ctx, tx, metaKeyCheck)
	if err == nil && known {
		err = checkSealed(box, text)
	}
	if err != nil {
		return "", fmt.Errorf("the database %s: %w", opts.Path, err)
	}
	found = fmt.Sprintf("the database %s has the schema %d", opts.Path, n)
	if n < len(steps) {
		found += fmt.Sprintf(", and will have %d at the next start", len(steps))
	}
	return found, nil
}

// checkSealed refuses a key that does not open what the database was sealed with.
func checkSealed(b *box, text string) error {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("read the key check: %w", err)
	}
	if _, err := b.open(sealed, "meta", "value", metaKeyCheck); err != nil {
		return fmt.Errorf("the credentials in it belong to another key, use the key file that was made with it: %w", err)
	}
	return nil
}

// newerSchema says that a database is of a later program.
func newerSchema(has, known int) error {
	return fmt.Errorf("the database was written by a newer passerelle (schema %d, this binary knows %d): put the newer program back, or the copy of the database that you made before it", has, known)
}

// openToRead opens a file of SQLite without making or changing one. One that no process has open is read as it is: no files are put beside it, which
// might belong to another user than the process's.
func openToRead(path string, live bool) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	params := url.Values{"mode": {"ro"}}
	if _, err := os.Stat(path + "-wal"); !live && errors.Is(err, fs.ErrNotExist) { // else a process was killed, and the log has a part of it
		params.Set("immutable", "1")
	}
	return openPool(path, 1, params)
}

// Backup writes a copy of the database at path into a new file, as it is at one moment, while a process goes on writing to it if there is one. Only its
// owner can read the copy.
func Backup(ctx context.Context, path, to string, live bool) (err error) {
	db, err := openToRead(path, live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := createFile(to); err != nil { // SQLite fills an empty file, and would make it readable for everybody
		return err
	}
	if info, err := os.Stat(to); err != nil || info.Size() > 0 {
		return errors.Join(err, fmt.Errorf("%s is there already", to))
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, to); err != nil {
		return errors.Join(fmt.Errorf("copy the database: %w", err), os.Remove(to))
	}
	return nil
}
