package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Idle is since when a user does nothing, and what came of that. Times that are not known are zero.
type Idle struct {
	UserID
	Seen   time.Time // that anything came from him
	Acted  time.Time // that he did something himself
	Warned time.Time // that he was told that he will be taken off the networks
	Gone   time.Time // that he was
}

// Acted notes that the user did something himself now, if he is known.
func (tx *Tx) Acted(id UserID) error { return tx.idle(id, "acted") }

// Warned notes that he was told now that he will be taken off the networks.
func (tx *Tx) Warned(id UserID) error { return tx.idle(id, "warned") }

// Gone notes that he was taken off now.
func (tx *Tx) Gone(id UserID) error { return tx.idle(id, "gone") }

func (tx *Tx) idle(id UserID, column string) error {
	if err := tx.exec(`INSERT INTO idle (domain, jid, `+column+`) SELECT domain, jid, $3 FROM users WHERE domain = $1 AND jid = $2
		ON CONFLICT (domain, jid) DO UPDATE SET `+column+` = excluded.`+column, id.Domain, id.JID, tx.now); err != nil {
		return fmt.Errorf("note how long a user is idle: %w", err)
	}
	return nil
}

// Returned notes that he is back: he is neither warned nor gone any more.
func (tx *Tx) Returned(id UserID) error {
	if err := tx.exec(`UPDATE idle SET warned = NULL, gone = NULL WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("note that a user is back: %w", err)
	}
	return nil
}

// Idle returns how it is with the users of a domain who stay in rooms, or were taken off the networks.
func (db *DB) Idle(ctx context.Context, domain string) ([]Idle, error) {
	var all []Idle
	err := db.query(ctx, func(rows *sql.Rows) error {
		i := Idle{UserID: UserID{Domain: domain}}
		var seen int64
		var acted, warned, gone sql.NullInt64
		if err := rows.Scan(&i.JID, &seen, &acted, &warned, &gone); err != nil {
			return err
		}
		i.Seen, i.Acted, i.Warned, i.Gone = fromMillis(seen), maybeTime(acted), maybeTime(warned), maybeTime(gone)
		all = append(all, i)
		return nil
	}, `SELECT u.jid, u.last_seen, i.acted, i.warned, i.gone FROM users u LEFT JOIN idle i ON i.domain = u.domain AND i.jid = u.jid
		WHERE u.domain = $1 AND (i.gone IS NOT NULL
			OR EXISTS (SELECT 1 FROM occupancies o WHERE o.domain = u.domain AND o.jid = u.jid)) ORDER BY u.jid`, domain)
	if err != nil {
		return nil, fmt.Errorf("read who is idle: %w", err)
	}
	return all, nil
}

func maybeTime(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}
