package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SocialBlockKind says what a user does not want of somebody.
type SocialBlockKind int

// The kinds.
const (
	SocialMuted   SocialBlockKind = iota + 1 // he hears nothing of him
	SocialBlocked                            // and does not have him as a follower
)

// SocialBlock is somebody of whom a user wants to hear nothing: by acct, by URI, or all of a host.
type SocialBlock struct {
	UserID
	Who   string
	Kind  SocialBlockKind
	Since time.Time
}

// BlockSocial notes that a user wants to hear nothing of somebody; with kind 0 he does again.
func (tx *Tx) BlockSocial(b SocialBlock) error {
	err := checkFields(field{"name", b.Who, maxURI})
	if err == nil {
		err = tx.addUser(b.UserID)
	}
	switch {
	case err != nil:
	case b.Kind == 0:
		err = tx.exec(`DELETE FROM social_blocks WHERE domain = $1 AND jid = $2 AND who = $3`, b.Domain, b.JID, b.Who)
	default:
		err = tx.exec(`INSERT INTO social_blocks (domain, jid, who, kind, since) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (domain, jid, who) DO UPDATE SET kind = excluded.kind`, b.Domain, b.JID, b.Who, b.Kind, tx.now)
	}
	if err != nil {
		return fmt.Errorf("block an actor: %w", err)
	}
	return nil
}

const socialBlockOf = `SELECT COALESCE(MAX(kind), 0) FROM social_blocks WHERE domain = $1 AND jid = $2 AND who IN ($3, $4, $5)`

// SocialBlockOf returns the most that a user does not want of somebody, who is called by an acct, a URI and a host; 0 for nothing.
func (tx *Tx) SocialBlockOf(id UserID, acct, uri, host string) (kind SocialBlockKind, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&kind) }, socialBlockOf, id.Domain, id.JID, acct, uri, host); err != nil {
		return 0, fmt.Errorf("look whether an actor is blocked: %w", err)
	}
	return kind, nil
}

// SocialBlocks returns the next of those of whom a user wants to hear nothing behind one, in their order.
func (db *DB) SocialBlocks(ctx context.Context, id UserID, after string, limit int) (all []SocialBlock, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error {
		b := SocialBlock{UserID: id}
		var since int64
		err := r.Scan(&b.Who, &b.Kind, &since)
		b.Since = fromMillis(since)
		all = append(all, b)
		return err
	}, `SELECT who, kind, since FROM social_blocks WHERE domain = $1 AND jid = $2 AND who > $3 ORDER BY who LIMIT $4`, id.Domain, id.JID, after, limit); err != nil {
		return nil, fmt.Errorf("read whom a user has blocked: %w", err)
	}
	return all, nil
}

// SocialHost is a host of others that an administrator has let take part or not.
type SocialHost struct {
	Host   string
	Denied bool
}

// SetSocialHost notes whether a host may take part; nil forgets what was said of it.
func (tx *Tx) SetSocialHost(domain, host string, denied *bool) error {
	err := checkFields(field{"host", host, maxPart})
	switch {
	case err != nil:
	case denied == nil:
		err = tx.exec(`DELETE FROM social_hosts WHERE domain = $1 AND host = $2`, domain, host)
	default:
		err = tx.exec(`INSERT INTO social_hosts (domain, host, denied, since) VALUES ($1, $2, $3, $4) ON CONFLICT (domain, host) DO UPDATE SET denied = excluded.denied`,
			domain, host, flag(*denied), tx.now)
	}
	if err != nil {
		return fmt.Errorf("note a host: %w", err)
	}
	return nil
}

// SocialHosts returns all hosts of which an administrator has said something, in their order.
func (db *DB) SocialHosts(ctx context.Context, domain string) (all []SocialHost, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error {
		var h SocialHost
		var denied int64
		err := r.Scan(&h.Host, &denied)
		h.Denied = denied != 0
		all = append(all, h)
		return err
	}, `SELECT host, denied FROM social_hosts WHERE domain = $1 ORDER BY host`, domain); err != nil {
		return nil, fmt.Errorf("read the hosts: %w", err)
	}
	return all, nil
}
