package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// File is a row of files: something that anybody who has its link may fetch until it expires. The bytes are the caller's to keep.
type File struct {
	UserID         // who brought it
	ID      string // unique
	Name    string
	Type    string
	Size    int64
	Expires time.Time
}

// Limits of a file's row, in bytes.
const (
	maxFileID   = 64
	maxFileName = 255
	maxFileType = 127 // RFC 6838 §4.2, and parameters have no place in it
)

// ErrFileQuota says that a user has as much as he may have.
var ErrFileQuota = errors.New("the user's files are as much as he may have")

// AddFile adds a file, unless the user then had more than quota bytes; that is ErrFileQuota.
func (tx *Tx) AddFile(f File, quota int64) error {
	err := checkFields(field{"id", f.ID, maxFileID}, field{"name", f.Name, maxFileName}, field{"type", f.Type, maxFileType})
	if err == nil {
		err = tx.addUser(f.UserID)
	}
	var used int64
	if err == nil {
		err = tx.query(func(r *sql.Rows) error { return r.Scan(&used) },
			`SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM files WHERE domain = $1 AND jid = $2`, f.Domain, f.JID)
	}
	if err == nil && used+f.Size > quota {
		err = ErrFileQuota
	}
	if err == nil {
		err = tx.exec(`INSERT INTO files (id, domain, jid, name, type, size, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			f.ID, f.Domain, f.JID, f.Name, f.Type, f.Size, tx.now, millis(f.Expires))
	}
	if err != nil {
		return fmt.Errorf("add a file: %w", err)
	}
	return nil
}

// File finds a file, expired or not.
func (db *DB) File(ctx context.Context, id string) (f File, found bool, err error) {
	err = db.query(ctx, func(r *sql.Rows) error {
		var expires int64
		err := r.Scan(&f.ID, &f.Domain, &f.JID, &f.Name, &f.Type, &f.Size, &expires)
		f.Expires, found = fromMillis(expires), true
		return err
	}, `SELECT id, domain, jid, name, type, size, expires FROM files WHERE id = $1`, id)
	if err != nil {
		return File{}, false, fmt.Errorf("find a file: %w", err)
	}
	return f, found, nil
}

// FilesSize is how many bytes the files of all users have.
func (db *DB) FilesSize(ctx context.Context) (bytes int64, err error) {
	err = db.query(ctx, func(r *sql.Rows) error { return r.Scan(&bytes) }, `SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM files`)
	if err != nil {
		return 0, fmt.Errorf("add up the files: %w", err)
	}
	return bytes, nil
}

const expireFiles = `DELETE FROM files WHERE id IN (SELECT id FROM files WHERE expires <= $1 ORDER BY expires LIMIT $2) RETURNING id`

// ExpireFiles removes the rows of files that expired by a time, some hundred at most, and returns their ids. Where it returns none,
// there are no more.
func (db *DB) ExpireFiles(ctx context.Context, by time.Time) ([]string, error) {
	var ids []string
	err := db.Write(ctx, func(tx *Tx) error {
		return tx.query(func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, expireFiles, millis(by), deleteChunk)
	})
	if err != nil {
		return nil, fmt.Errorf("remove expired files: %w", err) // ids may still be written to
	}
	return ids, nil
}
