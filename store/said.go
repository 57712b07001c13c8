package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Said is something that a user says by way of the gateway where it logs in as he does.
type Said struct {
	UserID
	Number int64  // set by the database; the order in which he said it
	Letter string // the id of what may come back
	Stanza string
	Time   time.Time
	Tries  int // that were begun: with any, his server may have it
}

// maxSaid is how many are read at once.
const maxSaid = 100

// Say has something said once it is committed.
func (tx *Tx) Say(s Said) error {
	err := checkFields(field{"id", s.Letter, maxPart}, field{"stanza", s.Stanza, MaxOutgoing})
	if err == nil {
		err = tx.addUser(s.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO said (domain, jid, number, letter, stanza, time, tries)
			SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, 0 FROM said WHERE domain = $1 AND jid = $2`,
			s.Domain, s.JID, s.Letter, s.Stanza, millis(s.Time))
	}
	if err != nil {
		return fmt.Errorf("have something said: %w", err)
	}
	return nil
}

// TrySaying notes that something is about to be said.
func (tx *Tx) TrySaying(s Said) error {
	if err := tx.exec(`UPDATE said SET tries = tries + 1 WHERE domain = $1 AND jid = $2 AND number = $3`, s.Domain, s.JID, s.Number); err != nil {
		return fmt.Errorf("note that something is said: %w", err)
	}
	return nil
}

// Unsay forgets something that was said, or came back.
func (tx *Tx) Unsay(s Said) error {
	if err := tx.exec(`DELETE FROM said WHERE domain = $1 AND jid = $2 AND number = $3`, s.Domain, s.JID, s.Number); err != nil {
		return fmt.Errorf("forget what was said: %w", err)
	}
	return nil
}

// Said returns what a user has to say, the first of it where it is much.
func (db *DB) Said(ctx context.Context, id UserID) ([]Said, error) {
	var all []Said
	err := db.query(ctx, func(rows *sql.Rows) error {
		s := Said{UserID: id}
		var ms int64
		if err := rows.Scan(&s.Number, &s.Letter, &s.Stanza, &ms, &s.Tries); err != nil {
			return err
		}
		s.Time = fromMillis(ms)
		all = append(all, s)
		return nil
	}, `SELECT number, letter, stanza, time, tries FROM said WHERE domain = $1 AND jid = $2 ORDER BY number LIMIT $3`, id.Domain, id.JID, maxSaid)
	if err != nil {
		return nil, fmt.Errorf("read what a user says: %w", err)
	}
	return all, nil
}
