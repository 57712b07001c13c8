package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Followed is a user of whom the gateway learns what he gets elsewhere.
type Followed struct {
	UserID
	Way, Kind int    // of transports; Way is 0 for one who was followed before
	Node      string // where his server pushes to
	Reached   string // the id in his archive up to which everything is known
	ReachedAt time.Time
}

// Follow notes that a user is followed, or how from now on. His password stays.
func (tx *Tx) Follow(f Followed) error {
	err := checkFields(field{"node", f.Node, maxPart}, field{"id", f.Reached, maxPart})
	if err == nil {
		err = tx.addUser(f.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO followed (domain, jid, way, kind, node, reached, reached_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (domain, jid) DO UPDATE SET way = excluded.way, kind = excluded.kind, node = excluded.node, reached = excluded.reached,
			reached_at = excluded.reached_at`, f.Domain, f.JID, f.Way, f.Kind, f.Node, f.Reached, millis(f.ReachedAt))
	}
	if err != nil {
		return fmt.Errorf("follow a user: %w", err)
	}
	return nil
}

// Reach notes up to where everything of a user is known. Of one who is not followed nothing is noted.
func (tx *Tx) Reach(f Followed) error {
	err := checkFields(field{"id", f.Reached, maxPart})
	if err == nil {
		err = tx.exec(`UPDATE followed SET reached = $3, reached_at = $4 WHERE domain = $1 AND jid = $2`, f.Domain, f.JID, f.Reached, millis(f.ReachedAt))
	}
	if err != nil {
		return fmt.Errorf("note how far a user is followed: %w", err)
	}
	return nil
}

// SetFollowPassword keeps the password with which the gateway logs in as a user who is followed; an empty one is forgotten.
func (tx *Tx) SetFollowPassword(id UserID, password Secret) error {
	var sealed []byte
	if password != "" {
		sealed = tx.box.seal(password, "followed", "password", id.Domain, id.JID)
	}
	if err := tx.exec(`UPDATE followed SET password = $3 WHERE domain = $1 AND jid = $2`, id.Domain, id.JID, sealed); err != nil {
		return fmt.Errorf("keep a password: %w", err)
	}
	return nil
}

// FollowPassword is the password of a user who is followed; empty for none.
func (db *DB) FollowPassword(ctx context.Context, id UserID) (password Secret, err error) {
	err = db.query(ctx, func(rows *sql.Rows) error {
		var sealed []byte
		err := rows.Scan(&sealed)
		if err == nil && sealed != nil {
			password, err = db.box.open(sealed, "followed", "password", id.Domain, id.JID)
		}
		return err
	}, `SELECT password FROM followed WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	if err != nil {
		return "", fmt.Errorf("read a password: %w", err)
	}
	return password, nil
}

// Followed is how a user is followed, or was: its Way is 0 then. Where he never was it is the zero value.
func (db *DB) Followed(ctx context.Context, id UserID) (f Followed, err error) {
	err = db.query(ctx, scanFollowed(func(found Followed) {
		found.Domain = id.Domain
		f = found
	}), selectFollowed+` WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	if err != nil {
		return f, fmt.Errorf("read how a user is followed: %w", err)
	}
	return f, nil
}

// FollowedAfter returns the next users of a domain behind a JID who are followed, ordered by JID.
func (db *DB) FollowedAfter(ctx context.Context, domain, after string, n int) ([]Followed, error) {
	var all []Followed
	err := db.query(ctx, scanFollowed(func(f Followed) {
		f.Domain = domain
		all = append(all, f)
	}), selectFollowed+` WHERE domain = $1 AND jid > $2 AND way <> 0 ORDER BY jid LIMIT $3`, domain, after, n)
	if err != nil {
		return nil, fmt.Errorf("read who is followed: %w", err)
	}
	return all, nil
}

const selectFollowed = `SELECT jid, way, kind, node, reached, reached_at FROM followed`

func scanFollowed(do func(Followed)) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var f Followed
		var ms int64
		if err := rows.Scan(&f.JID, &f.Way, &f.Kind, &f.Node, &f.Reached, &ms); err != nil {
			return err
		}
		f.ReachedAt = fromMillis(ms)
		do(f)
		return nil
	}
}
