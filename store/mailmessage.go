package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// MailMessage says what a letter and its mail are called. Several letters that went into one mail have a row each.
type MailMessage struct {
	ID int64
	UserID
	Contact   string // local part of the JID of who wrote it, or whom it was written to
	Outward   bool   // the user wrote it
	XMPPID    string
	MessageID string // without brackets; empty where it has none
	Thread    string
	Subject   string
	Refs      string // Message-IDs before it in its thread, with spaces between
	Others    string // of mailbridge
	Hash      string // of what came
	Mail      int64  // the row of MailIn or of MailOut
	At        time.Time
	Muted     string // the contact that was muted, so that it was not shown; empty where it was
}

const mailMessageColumns = `id, domain, jid, contact, outward, xmpp_id, message_id, thread, subject, refs, others, hash, mail, at, muted`

const (
	insertMailMessage = `INSERT INTO mail_messages (` + mailMessageColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	selectMailCame    = `SELECT EXISTS (SELECT 1 FROM mail_messages WHERE domain = $1 AND jid = $2 AND message_id = $3 AND hash = $4 AND outward = 0 AND at > $5),
		EXISTS (SELECT 1 FROM mail_messages WHERE domain = $1 AND jid = $2 AND xmpp_id = $6)`
)

// mailMessageBy finds a user's last letter by a column.
func mailMessageBy(column string) string {
	return `SELECT ` + mailMessageColumns + ` FROM mail_messages WHERE domain = $1 AND jid = $2 AND ` + column + ` = $3 ORDER BY id DESC LIMIT 1`
}

// AddMailMessage notes what a letter and its mail are called.
func (tx *Tx) AddMailMessage(m MailMessage) error {
	err := checkFields(field{"contact", m.Contact, maxPart}, field{"id", m.XMPPID, maxPart}, field{"Message-ID", m.MessageID, maxMessageID},
		field{"thread", m.Thread, maxPart}, field{"subject", m.Subject, maxSubject}, field{"references", m.Refs, maxRefs}, field{"others", m.Others, maxOthers}, field{"contact", m.Muted, maxPart})
	if err == nil {
		err = tx.addUser(m.UserID)
	}
	if err == nil {
		m.ID, err = tx.nextMailID()
	}
	if err == nil {
		err = tx.exec(insertMailMessage,
			m.ID, m.Domain, m.JID, m.Contact, flag(m.Outward), m.XMPPID, m.MessageID, m.Thread, m.Subject, m.Refs, m.Others, m.Hash, m.Mail, tx.now, m.Muted)
	}
	if err != nil {
		return fmt.Errorf("note what a letter is called: %w", err)
	}
	return nil
}

// CountAnswers counts what a user has said from his mailbox that has a hash, since a time.
func (db *DB) CountAnswers(ctx context.Context, id UserID, hash string, since time.Time) (n int, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&n) },
		`SELECT COUNT(*) FROM mail_messages WHERE domain = $1 AND jid = $2 AND outward = 1 AND hash = $3 AND at > $4`, id.Domain, id.JID, hash, millis(since)); err != nil {
		return 0, fmt.Errorf("count what a user has said: %w", err)
	}
	return n, nil
}

// DropMailMessage forgets a letter of the user's that was never sent.
func (tx *Tx) DropMailMessage(id UserID, mail int64, xmppID string) error {
	if err := tx.exec(`DELETE FROM mail_messages WHERE domain = $1 AND jid = $2 AND xmpp_id = $3 AND mail = $4`, id.Domain, id.JID, xmppID, mail); err != nil {
		return fmt.Errorf("forget a letter: %w", err)
	}
	return nil
}

// MailKey says by what a letter is looked for; the first that is not empty counts.
type MailKey struct{ XMPPID, MessageID, Thread, Contact string }

func (k MailKey) sql(id UserID) (query string, args []any, err error) {
	column, value := "", ""
	switch {
	case k.XMPPID != "":
		column, value = "xmpp_id", k.XMPPID
	case k.MessageID != "":
		column, value = "message_id", k.MessageID
	case k.Thread != "":
		column, value = "thread", k.Thread
	case k.Contact != "":
		column, value = "contact", k.Contact
	default:
		return "", nil, errors.New("it says nothing of the letter")
	}
	return mailMessageBy(column), []any{id.Domain, id.JID, value}, nil
}

func scanMailMessage(m *MailMessage, ok *bool) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		*ok = true
		var outward, at int64
		err := r.Scan(&m.ID, &m.Domain, &m.JID, &m.Contact, &outward, &m.XMPPID, &m.MessageID, &m.Thread, &m.Subject, &m.Refs, &m.Others, &m.Hash, &m.Mail, &at, &m.Muted)
		m.Outward, m.At = outward != 0, fromMillis(at)
		return err
	}
}

// MailMessage returns the last letter of a user that a key is for, and whether there is one.
func (tx *Tx) MailMessage(id UserID, key MailKey) (m MailMessage, ok bool, err error) {
	query, args, err := key.sql(id)
	if err == nil {
		err = tx.query(scanMailMessage(&m, &ok), query, args...)
	}
	if err != nil {
		return MailMessage{}, false, fmt.Errorf("look for a letter: %w", err)
	}
	return m, ok, nil
}

// MailMessage returns the last letter of a user that a key is for, and whether there is one.
func (db *DB) MailMessage(ctx context.Context, id UserID, key MailKey) (m MailMessage, ok bool, err error) {
	query, args, err := key.sql(id)
	if err == nil {
		err = db.query(ctx, scanMailMessage(&m, &ok), query, args...)
	}
	if err != nil {
		return MailMessage{}, false, fmt.Errorf("look for a letter: %w", err)
	}
	return m, ok, nil
}

// LastMailFrom returns the last letter that somebody wrote to a user, and whether there is one.
func (db *DB) LastMailFrom(ctx context.Context, id UserID, contact string) (m MailMessage, ok bool, err error) {
	err = db.query(ctx, scanMailMessage(&m, &ok), `SELECT `+mailMessageColumns+` FROM mail_messages
		WHERE domain = $1 AND jid = $2 AND contact = $3 AND outward = 0 ORDER BY id DESC LIMIT 1`, id.Domain, id.JID, contact)
	if err != nil {
		return MailMessage{}, false, fmt.Errorf("look for a letter: %w", err)
	}
	return m, ok, nil
}

// MailCame reports whether a user has got a mail before, the same Message-ID with the same content, since a time; and whether a letter of his
// has an id already.
func (tx *Tx) MailCame(id UserID, messageID, hash string, since time.Time, xmppID string) (came, taken bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&came, &taken) }, selectMailCame,
		id.Domain, id.JID, messageID, hash, millis(since), xmppID); err != nil {
		return false, false, fmt.Errorf("look whether a mail came before: %w", err)
	}
	return came, taken, nil
}
