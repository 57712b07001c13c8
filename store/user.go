package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// UserID is who a row belongs to: a person of the XMPP side at one of our domains. The same person at two domains is two users.
type UserID struct {
	Domain string // a virtual domain of ours
	JID    string // the person's bare JID
}

// check refuses an id that no row may have.
func (id UserID) check() error {
	if id.Domain == "" || id.JID == "" {
		return errors.New("the user has no domain or no JID")
	}
	return checkFields(field{"domain", id.Domain, maxPart}, field{"JID", id.JID, maxJID})
}

// User is a row of users.
type User struct {
	UserID
	FirstSeen time.Time
	LastSeen  time.Time
}

// TouchUser notes that the user was seen now, for the first time or again.
func (tx *Tx) TouchUser(id UserID) error {
	if err := id.check(); err != nil {
		return fmt.Errorf("touch a user: %w", err)
	}
	if err := tx.exec(`INSERT INTO users (domain, jid, first_seen, last_seen) VALUES ($1, $2, $3, $3)
		ON CONFLICT (domain, jid) DO UPDATE SET last_seen = excluded.last_seen`, id.Domain, id.JID, tx.now); err != nil {
		return fmt.Errorf("touch a user: %w", err)
	}
	return nil
}

// addUser makes a row for a user who has none, for the rows of other tables that refer to it. It is not TouchUser: putting a
// setting or a room back is no sign of the user.
func (tx *Tx) addUser(id UserID) error {
	if _, there := tx.own.users[id]; there {
		return nil
	}
	if err := id.check(); err != nil {
		return err
	}
	tx.OnCommit(func() { tx.own.addUser(id) })
	return tx.exec(insertUser, id.Domain, id.JID, tx.now)
}

const (
	insertUser = `INSERT INTO users (domain, jid, first_seen, last_seen) VALUES ($1, $2, $3, $3) ON CONFLICT (domain, jid) DO NOTHING`
	sawUser    = `UPDATE users SET last_seen = $3 WHERE domain = $1 AND jid = $2`
)

// RemoveUser removes everything of the user at that domain. Other tables follow by their foreign keys; his lines in the archive
// are nobody's from now on and are deleted by CollectArchive, and of his account on the social web nothing but its name is left, and for a
// time its key.
func (tx *Tx) RemoveUser(id UserID) error {
	if err := tx.forgetArchive(archiveKey{archiveUser, id.Domain, id.JID}); err != nil {
		return fmt.Errorf("remove a user: %w", err)
	}
	if err := tx.exec(`DELETE FROM links WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("remove a user: %w", err)
	}
	if err := tx.exec(`DELETE FROM outbox WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("remove a user: %w", err)
	}
	if a, ok, err := tx.SocialActor(id.Domain, SocialKey{JID: id.JID}); err != nil || ok {
		if err == nil {
			err = tx.EndSocialAccount(a.ID)
		}
		if err != nil {
			return fmt.Errorf("remove a user: %w", err)
		}
	}
	forget := func() { delete(tx.own.users, id) }
	forget() // now as well: a write that shares the commit may be the next to need him
	tx.OnCommit(forget)
	if err := tx.exec(`DELETE FROM users WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("remove a user: %w", err)
	}
	return nil
}

// SawUser notes that the user was seen now, if he is known: to be seen is no reason to be remembered.
func (tx *Tx) SawUser(id UserID) error {
	if err := tx.exec(sawUser, id.Domain, id.JID, tx.now); err != nil {
		return fmt.Errorf("note that a user was seen: %w", err)
	}
	return nil
}

// Users returns all users of a domain, ordered by JID.
func (db *DB) Users(ctx context.Context, domain string) ([]User, error) {
	return db.users(ctx, domain, `SELECT jid, first_seen, last_seen FROM users WHERE domain = $1 ORDER BY jid`, domain)
}

// UsersAfter returns the next users of a domain behind a JID, which need not be one of theirs, ordered by JID.
func (db *DB) UsersAfter(ctx context.Context, domain, after string, n int) ([]User, error) {
	return db.users(ctx, domain, `SELECT jid, first_seen, last_seen FROM users WHERE domain = $1 AND jid > $2 ORDER BY jid LIMIT $3`,
		domain, after, n)
}

// User returns a user, and whether there is one.
func (db *DB) User(ctx context.Context, id UserID) (User, bool, error) {
	users, err := db.users(ctx, id.Domain, `SELECT jid, first_seen, last_seen FROM users WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	if err != nil || len(users) == 0 {
		return User{}, false, err
	}
	return users[0], true, nil
}

func (db *DB) users(ctx context.Context, domain, query string, args ...any) ([]User, error) {
	var users []User
	err := db.query(ctx, func(rows *sql.Rows) error {
		u := User{UserID: UserID{Domain: domain}}
		var first, last int64
		if err := rows.Scan(&u.JID, &first, &last); err != nil {
			return err
		}
		u.FirstSeen, u.LastSeen = fromMillis(first), fromMillis(last)
		users = append(users, u)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the users: %w", err)
	}
	return users, nil
}
