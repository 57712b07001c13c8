package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Block is an address of ours that a user wants to hear nothing from.
type Block struct {
	UserID
	Blocked string // a JID, bare or full, or the domain
}

// Block notes that a user blocked an address. Blocking one again is no error.
func (tx *Tx) Block(b Block) error {
	err := checkFields(field{"blocked JID", b.Blocked, maxJID + 1 + maxPart})
	if err == nil && b.Blocked == "" {
		err = errors.New("it is empty")
	}
	if err == nil {
		err = tx.addUser(b.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO blocks (domain, jid, blocked) VALUES ($1, $2, $3) ON CONFLICT (domain, jid, blocked) DO NOTHING`,
			b.Domain, b.JID, b.Blocked)
	}
	if err != nil {
		return fmt.Errorf("block an address: %w", err)
	}
	return nil
}

// Unblock takes it back. Unblocking what is not blocked is no error.
func (tx *Tx) Unblock(b Block) error {
	if err := tx.exec(`DELETE FROM blocks WHERE domain = $1 AND jid = $2 AND blocked = $3`, b.Domain, b.JID, b.Blocked); err != nil {
		return fmt.Errorf("unblock an address: %w", err)
	}
	return nil
}

// UnblockAll takes back whatever a user has blocked.
func (tx *Tx) UnblockAll(id UserID) error {
	if err := tx.exec(`DELETE FROM blocks WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("unblock everything: %w", err)
	}
	return nil
}

// Blocks reports whether a user has blocked one of two addresses: a contact, or the domain that it is at.
func (tx *Tx) Blocks(id UserID, contact, domain string) (blocked bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { blocked = true; return r.Scan(new(int)) }, selectBlocked, id.Domain, id.JID, contact, domain); err != nil {
		return false, fmt.Errorf("look whether an address is blocked: %w", err)
	}
	return blocked, nil
}

const selectBlocked = `SELECT 1 FROM blocks WHERE domain = $1 AND jid = $2 AND blocked IN ($3, $4)`

// Blocks returns what a user has blocked, sorted.
func (db *DB) Blocks(ctx context.Context, id UserID) ([]string, error) {
	blocked, err := db.strings(ctx, `SELECT blocked FROM blocks WHERE domain = $1 AND jid = $2 ORDER BY blocked`, id.Domain, id.JID)
	if err != nil {
		return nil, fmt.Errorf("read blocked addresses: %w", err)
	}
	return blocked, nil
}
