package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// MailIn is a mail as it came.
type MailIn struct {
	ID         int64
	Domain     string // the virtual domain
	Envelope   string // of mailbridge
	Raw        []byte
	ReceivedAt time.Time
	Open       int // recipients who have not got it
	KeepUntil  time.Time
}

// Limits of mail, in bytes.
const (
	maxEnvelope  = 64 << 10
	maxRaw       = 128 << 20 // above what an operator may allow
	maxMessageID = 998       // a line of a header (RFC 5322 §2.1.1)
	maxSubject   = 4 << 10
	maxRefs      = 32 << 10
	maxOthers    = 64 << 10
	maxMailbox   = 1 << 10
)

const (
	insertMailIn = `INSERT INTO mail_in (id, domain, envelope, raw, received_at, open, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	closeMailIn  = `UPDATE mail_in SET open = open - 1 WHERE id = $1 AND open > 0`
)

// mailStatements are those that every mail that comes costs.
var mailStatements = []string{insertMailIn, closeMailIn, insertMailMessage, selectMailCame, meetMailContact}

// AddMailIn keeps a mail that came, and returns its id.
func (tx *Tx) AddMailIn(m MailIn) (id int64, err error) {
	err = checkFields(field{"domain", m.Domain, maxPart}, field{"envelope", m.Envelope, maxEnvelope})
	if err == nil && len(m.Raw) > maxRaw {
		err = fmt.Errorf("it has %d bytes", len(m.Raw))
	}
	if err == nil {
		id, err = tx.nextMailID()
	}
	if err == nil {
		err = tx.exec(insertMailIn, id, m.Domain, m.Envelope, m.Raw, tx.now, m.Open, millis(m.KeepUntil))
	}
	if err != nil {
		return 0, fmt.Errorf("keep a mail: %w", err)
	}
	return id, nil
}

// MailIn returns a mail that came, and whether it is kept.
func (db *DB) MailIn(ctx context.Context, id int64) (m MailIn, ok bool, err error) {
	err = db.query(ctx, func(r *sql.Rows) error {
		ok = true
		var received, keep int64
		m.ID = id
		err := r.Scan(&m.Domain, &m.Envelope, &m.Raw, &received, &m.Open, &keep)
		m.ReceivedAt, m.KeepUntil = fromMillis(received), fromMillis(keep)
		return err
	}, `SELECT domain, envelope, raw, received_at, open, keep_until FROM mail_in WHERE id = $1`, id)
	if err != nil {
		return MailIn{}, false, fmt.Errorf("read a mail: %w", err)
	}
	return m, ok, nil
}

// CloseMailIn notes that one more recipient has got a mail, or never will.
func (tx *Tx) CloseMailIn(id int64) error {
	if err := tx.exec(closeMailIn, id); err != nil {
		return fmt.Errorf("close a mail: %w", err)
	}
	return nil
}

// collectMail is how many rows of a table one write collects.
const collectMail = 100

// forgottenMail is how long after its time a mail is deleted that somebody has never got, in milliseconds.
const forgottenMail = 30 * 24 * 60 * 60 * 1000

// CollectMail deletes mails whose time is over and that everybody has got, and what is known of mails and of strangers before older; it reports
// whether there may be more.
func (tx *Tx) CollectMail(older time.Time) (more bool, err error) {
	for _, q := range []struct {
		text string
		time int64
	}{
		{`DELETE FROM mail_in WHERE id IN (SELECT id FROM mail_in WHERE keep_until <= $1 AND open = 0 ORDER BY keep_until LIMIT $2)`, tx.now},
		// By then nobody tries any more: its user was removed while it waited.
		{`DELETE FROM mail_in WHERE id IN (SELECT id FROM mail_in WHERE keep_until <= $1 ORDER BY keep_until LIMIT $2)`, tx.now - forgottenMail},
		{`DELETE FROM mail_messages WHERE id IN (SELECT id FROM mail_messages WHERE at <= $1 ORDER BY at LIMIT $2)`, millis(older)},
		{`DELETE FROM mail_contacts WHERE (domain, jid, contact) IN (SELECT domain, jid, contact FROM mail_contacts WHERE state = 0 AND muted = 0 AND seen_at <= $1
			ORDER BY seen_at LIMIT $2)`, millis(older)},
	} {
		n, err := tx.count(q.text, q.time, collectMail)
		if err != nil {
			return false, fmt.Errorf("collect mail: %w", err)
		}
		more = more || n == collectMail
	}
	return more, nil
}
