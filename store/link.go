package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Link is a one-time link to a page on which a user fills in the form of a command.
type Link struct {
	UserID
	Command   string
	Target    string // local part of what the command is run on; empty for the domain
	ExpiresAt time.Time
}

// maxLinks is how many links that are not used a user has; with another one the first ends.
const maxLinks = 5

// AddLink makes a link work. Who has the token has the link, so it is not kept: the database knows its hash. Links that have expired
// are deleted by the way.
func (tx *Tx) AddLink(token Secret, l Link) error {
	err := l.check()
	if err == nil {
		err = checkFields(field{"command", l.Command, maxName}, field{"target", l.Target, maxPart})
	}
	if err == nil {
		err = tx.exec(`DELETE FROM links WHERE abs(expires_at) <= $1`, tx.now)
	}
	if err == nil {
		err = tx.exec(`DELETE FROM links WHERE hash IN (SELECT hash FROM links WHERE domain = $1 AND jid = $2
			ORDER BY expires_at DESC, hash LIMIT 1000 OFFSET $3)`, l.Domain, l.JID, maxLinks-1)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO links (hash, domain, jid, command, target, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			hashToken(token), l.Domain, l.JID, l.Command, l.Target, millis(l.ExpiresAt))
	}
	if err != nil {
		return fmt.Errorf("add a link: %w", err)
	}
	return nil
}

// TakeLink ends a link, and reports whether it worked until now: of those who use it at the same time, one gets true. Until its time
// is over the row stays, with the time below zero: see ReturnLink.
func (tx *Tx) TakeLink(token Secret) (bool, error) {
	n, err := tx.count(`UPDATE links SET expires_at = -expires_at WHERE hash = $1 AND expires_at > $2`, hashToken(token), tx.now)
	if err != nil {
		return false, fmt.Errorf("take a link: %w", err)
	}
	return n == 1, nil
}

// ReturnLink makes a link work again that was taken for nothing, unless its user was removed meanwhile.
func (tx *Tx) ReturnLink(token Secret) error {
	if err := tx.exec(`UPDATE links SET expires_at = -expires_at WHERE hash = $1 AND expires_at < 0`, hashToken(token)); err != nil {
		return fmt.Errorf("return a link: %w", err)
	}
	return nil
}

// Link returns a link, and whether it works.
func (db *DB) Link(ctx context.Context, token Secret) (Link, bool, error) {
	var l Link
	var expires int64
	err := db.pool.read.QueryRowContext(ctx, `SELECT domain, jid, command, target, expires_at FROM links WHERE hash = $1 AND expires_at > $2`,
		hashToken(token), millis(db.now())).Scan(&l.Domain, &l.JID, &l.Command, &l.Target, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Link{}, false, nil
	}
	if err != nil {
		return Link{}, false, fmt.Errorf("read a link: %w", err)
	}
	l.ExpiresAt = fromMillis(expires)
	return l, true, nil
}

// hashToken is what the database knows of a token. It has 256 random bits, so that a fast hash without salt does.
func hashToken(token Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return hex.EncodeToString(sum[:])
}
