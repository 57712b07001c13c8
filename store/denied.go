package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Denied is somebody whom an administrator has denied a gateway.
type Denied struct {
	UserID
	Since time.Time
}

// Deny notes that somebody may not use a gateway any more. Doing it again is no error.
func (tx *Tx) Deny(id UserID) error {
	err := id.check()
	if err == nil {
		err = tx.exec(`INSERT INTO denied (domain, jid, since) VALUES ($1, $2, $3) ON CONFLICT (domain, jid) DO NOTHING`, id.Domain, id.JID, tx.now)
	}
	if err != nil {
		return fmt.Errorf("deny a user: %w", err)
	}
	return nil
}

// Allow takes it back.
func (tx *Tx) Allow(id UserID) error {
	if err := tx.exec(`DELETE FROM denied WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("allow a user: %w", err)
	}
	return nil
}

// Denied returns whom administrators have denied a gateway, in the order of JIDs.
func (db *DB) Denied(ctx context.Context, domain string) ([]Denied, error) {
	var all []Denied
	err := db.query(ctx, func(rows *sql.Rows) error {
		d := Denied{UserID: UserID{Domain: domain}}
		var since int64
		if err := rows.Scan(&d.JID, &since); err != nil {
			return err
		}
		d.Since = fromMillis(since)
		all = append(all, d)
		return nil
	}, `SELECT jid, since FROM denied WHERE domain = $1 ORDER BY jid`, domain)
	if err != nil {
		return nil, fmt.Errorf("read who is denied: %w", err)
	}
	return all, nil
}
