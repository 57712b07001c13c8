package store

import (
	"database/sql"
	"fmt"
	"time"
)

// MuteMailContact has mail of somebody not shown from a time on, or shown again with the zero Time.
func (tx *Tx) MuteMailContact(id UserID, contact string, since time.Time) error {
	ms := int64(0)
	if !since.IsZero() {
		ms = millis(since)
	}
	if err := tx.exec(`UPDATE mail_contacts SET muted = $4 WHERE domain = $1 AND jid = $2 AND contact = $3`, id.Domain, id.JID, contact, ms); err != nil {
		return fmt.Errorf("mute a contact of mail: %w", err)
	}
	return nil
}

// TakeMailMuted returns the last letters that were not shown since a contact was muted, the first of them first, and how many there were in all.
// They count as shown then, all of them.
func (tx *Tx) TakeMailMuted(id UserID, contact string, limit int) (last []MailMessage, n int64, err error) {
	err = tx.query(func(r *sql.Rows) error {
		var m MailMessage
		var ok bool
		err := scanMailMessage(&m, &ok)(r)
		last = append(last, m)
		return err
	}, `SELECT * FROM (SELECT `+mailMessageColumns+` FROM mail_messages
		WHERE domain = $1 AND jid = $2 AND muted = $3 AND muted <> '' ORDER BY id DESC LIMIT $4) AS last ORDER BY id`, id.Domain, id.JID, contact, limit)
	if err == nil {
		n, err = tx.count(`UPDATE mail_messages SET muted = '' WHERE domain = $1 AND jid = $2 AND muted = $3 AND muted <> ''`, id.Domain, id.JID, contact)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read which letters were not shown: %w", err)
	}
	return last, n, nil
}
