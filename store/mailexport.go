package store

import (
	"context"
	"database/sql"
	"fmt"
)

// exportPage is how many rows of mail are read at a time for an export.
const exportPage = 500

// MailPeople returns the next contacts of mail of a user behind one, in the order of their JIDs; none behind the last one.
func (db *DB) MailPeople(ctx context.Context, id UserID, after string) (all []MailContact, err error) {
	err = db.query(ctx, scanMailContacts(&all), `SELECT `+mailContactColumns+` FROM mail_contacts
		WHERE domain = $1 AND jid = $2 AND contact > $3 ORDER BY contact LIMIT $4`, id.Domain, id.JID, after, exportPage)
	return all, mailOfUser(err)
}

// MailHistory returns what the next letters of a user behind one are called, in their order; none behind the last one.
func (db *DB) MailHistory(ctx context.Context, id UserID, after int64) (all []MailMessage, err error) {
	err = db.query(ctx, func(r *sql.Rows) error {
		var m MailMessage
		var ok bool
		err := scanMailMessage(&m, &ok)(r)
		all = append(all, m)
		return err
	}, `SELECT `+mailMessageColumns+` FROM mail_messages WHERE domain = $1 AND jid = $2 AND id > $3 ORDER BY id LIMIT $4`, id.Domain, id.JID, after, exportPage)
	return all, mailOfUser(err)
}

// MailHeld returns the next mails behind one that wait until a user has said whether he wants them; none behind the last one.
func (db *DB) MailHeld(ctx context.Context, id UserID, after int64) (all []MailWaiting, err error) {
	err = db.query(ctx, scanMailWaiting(&all), `SELECT `+mailWaitingColumns+` FROM mail_waiting
		WHERE domain = $1 AND jid = $2 AND mail > $3 ORDER BY mail LIMIT $4`, id.Domain, id.JID, after, exportPage)
	return all, mailOfUser(err)
}

// MailWritten returns the ids of the next mails behind one that a user has written and that are still kept; none behind the last one.
func (db *DB) MailWritten(ctx context.Context, id UserID, after int64) (all []int64, err error) {
	err = db.query(ctx, func(r *sql.Rows) error {
		var mail int64
		err := r.Scan(&mail)
		all = append(all, mail)
		return err
	}, `SELECT id FROM mail_out WHERE domain = $1 AND jid = $2 AND id > $3 ORDER BY id LIMIT $4`, id.Domain, id.JID, after, exportPage)
	return all, mailOfUser(err)
}

// HasMailIn reports whether a mail that came is kept, without reading it.
func (db *DB) HasMailIn(ctx context.Context, id int64) (kept bool, err error) {
	err = db.query(ctx, func(r *sql.Rows) error { return r.Scan(&kept) }, `SELECT EXISTS (SELECT 1 FROM mail_in WHERE id = $1)`, id)
	return kept, mailOfUser(err)
}

func mailOfUser(err error) error {
	if err != nil {
		return fmt.Errorf("read the mail of a user: %w", err)
	}
	return nil
}
