package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// MailOut is a mail that a user writes.
type MailOut struct {
	ID int64
	UserID
	Contact   string // local part of the JID that it is written to; empty for the domain
	MessageID string
	Bundle    string // what lines have in common that go into it
	Head      string // of mailbridge
	Job       int64  // that composes it
	Edits     int64  // how often its lines have changed
	BegunAt   time.Time
	Composed  bool
	Raw       []byte // as it goes out; empty before it is composed, and once nobody is to be sent it any more
}

// MailLine is a letter that is a line of such a mail.
type MailLine struct {
	Mail, Line int64
	XMPPID     string
	Client     string // full JID
	Receipt    bool   // it waits for one
	Letter     string // of mailbridge
}

// MailState says what became of a mail for one recipient.
type MailState int

// The states.
const (
	MailQueued    MailState = iota
	MailDelayed             // it is still tried, and the user knows
	MailSent                // the next server has it
	MailDelivered           // its server says that it has arrived
	MailFailed              // it will not arrive, or somebody behind its server says so
)

// MailRecipient is somebody whom a mail is for.
type MailRecipient struct {
	Mailbox string
	State   MailState
	Note    string
}

const mailOutColumns = `id, domain, jid, contact, message_id, bundle, head, job, edits, begun_at, raw, raw IS NOT NULL`

func scanMailOut(r *sql.Rows) (m MailOut, err error) {
	var begun int64
	err = r.Scan(&m.ID, &m.Domain, &m.JID, &m.Contact, &m.MessageID, &m.Bundle, &m.Head, &m.Job, &m.Edits, &begun, &m.Raw, &m.Composed)
	m.BegunAt = fromMillis(begun)
	return m, err
}

// NextMailID is an id for a mail that is written before it is begun.
func (tx *Tx) NextMailID() (int64, error) { return tx.nextMailID() }

// AddMailOut begins a mail and returns its id, a new one unless it has one; its Job is set by SetMailJob.
func (tx *Tx) AddMailOut(m MailOut) (id int64, err error) {
	err = checkFields(field{"contact", m.Contact, maxPart}, field{"Message-ID", m.MessageID, maxMessageID},
		field{"bundle", m.Bundle, maxValue}, field{"head", m.Head, 2 * maxOthers})
	if err == nil {
		err = tx.addUser(m.UserID)
	}
	if id = m.ID; err == nil && id == 0 {
		id, err = tx.nextMailID()
	}
	if err == nil {
		err = tx.exec(`INSERT INTO mail_out (id, domain, jid, contact, message_id, bundle, head, job, edits, begun_at, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, NULL)`,
			id, m.Domain, m.JID, m.Contact, m.MessageID, m.Bundle, m.Head, tx.now)
	}
	if err != nil {
		return 0, fmt.Errorf("begin a mail: %w", err)
	}
	return id, nil
}

// SetMailJob notes which job composes a mail.
func (tx *Tx) SetMailJob(mail, job int64) error {
	if err := tx.exec(`UPDATE mail_out SET job = $2 WHERE id = $1`, mail, job); err != nil {
		return fmt.Errorf("note the job of a mail: %w", err)
	}
	return nil
}

// GatheringMail returns the mail to a contact that was begun last and is not composed, and whether there is one.
func (tx *Tx) GatheringMail(id UserID, contact string) (m MailOut, ok bool, err error) {
	err = tx.query(func(r *sql.Rows) error { ok = true; m, err = scanMailOut(r); return err },
		`SELECT `+mailOutColumns+` FROM mail_out WHERE domain = $1 AND jid = $2 AND contact = $3 AND raw IS NULL ORDER BY id DESC LIMIT 1`,
		id.Domain, id.JID, contact)
	if err != nil {
		return MailOut{}, false, fmt.Errorf("look for a mail that is written: %w", err)
	}
	return m, ok, nil
}

// GatheringMails returns all mails of a user that are not composed, with lines, the first one first.
func (tx *Tx) GatheringMails(id UserID) (all []MailOut, err error) {
	err = tx.query(func(r *sql.Rows) error {
		m, err := scanMailOut(r)
		all = append(all, m)
		return err
	}, `SELECT `+mailOutColumns+` FROM mail_out WHERE domain = $1 AND jid = $2 AND raw IS NULL ORDER BY id LIMIT 100`, id.Domain, id.JID)
	if err != nil {
		return nil, fmt.Errorf("look for mails that are written: %w", err)
	}
	return all, nil
}

// MailOut returns a mail of a user, and whether it is known.
func (db *DB) MailOut(ctx context.Context, id int64) (m MailOut, ok bool, err error) {
	err = db.query(ctx, func(r *sql.Rows) error { ok = true; m, err = scanMailOut(r); return err },
		`SELECT `+mailOutColumns+` FROM mail_out WHERE id = $1`, id)
	if err != nil {
		return MailOut{}, false, fmt.Errorf("read a mail of a user: %w", err)
	}
	return m, ok, nil
}

// MailOut returns a mail of a user, and whether it is known.
func (tx *Tx) MailOut(id int64) (m MailOut, ok bool, err error) {
	err = tx.query(func(r *sql.Rows) error { ok = true; m, err = scanMailOut(r); return err }, `SELECT `+mailOutColumns+` FROM mail_out WHERE id = $1`, id)
	if err != nil {
		return MailOut{}, false, fmt.Errorf("read a mail of a user: %w", err)
	}
	return m, ok, nil
}

// AddMailLine puts a line behind those of a mail.
func (tx *Tx) AddMailLine(l MailLine) error {
	err := checkFields(field{"id", l.XMPPID, maxPart}, field{"client", l.Client, maxJID + maxPart + 1}, field{"letter", l.Letter, 4 * maxStanza})
	if err == nil {
		err = tx.exec(`INSERT INTO mail_lines (mail, line, xmpp_id, client, receipt, letter)
			VALUES ($1, (SELECT COALESCE(MAX(line), 0) + 1 FROM mail_lines WHERE mail = $1), $2, $3, $4, $5)`,
			l.Mail, l.XMPPID, l.Client, flag(l.Receipt), l.Letter)
	}
	if err == nil {
		err = tx.editMail(l.Mail)
	}
	if err != nil {
		return fmt.Errorf("add a line to a mail: %w", err)
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (tx *Tx) editMail(mail int64) error {
	return tx.exec(`UPDATE mail_out SET edits = edits + 1 WHERE id = $1`, mail)
}

// ChangeMailLine replaces a line of a mail that is not composed, with the letter that corrects it; with an empty letter it is removed. It
// reports whether the line was there, and how many the mail has now.
func (tx *Tx) ChangeMailLine(mail int64, xmppID, letter string) (found bool, left int, err error) {
	query, args := `UPDATE mail_lines SET letter = $3 WHERE mail = $1 AND xmpp_id = $2`, []any{mail, xmppID, letter}
	if letter == "" {
		query, args = `DELETE FROM mail_lines WHERE mail = $1 AND xmpp_id = $2`, args[:2]
	}
	var n int64
	err = checkFields(field{"letter", letter, 4 * maxStanza})
	if err == nil {
		n, err = tx.count(query, args...)
	}
	if err == nil {
		err = tx.editMail(mail)
	}
	if err == nil {
		err = tx.query(func(r *sql.Rows) error { return r.Scan(&left) }, `SELECT COUNT(*) FROM mail_lines WHERE mail = $1`, mail)
	}
	if err != nil {
		return false, 0, fmt.Errorf("change a line of a mail: %w", err)
	}
	return n > 0, left, nil
}

const selectMailLines = `SELECT mail, line, xmpp_id, client, receipt, letter FROM mail_lines WHERE mail = $1 ORDER BY line`

func scanMailLines(lines *[]MailLine) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var l MailLine
		var receipt int64
		err := r.Scan(&l.Mail, &l.Line, &l.XMPPID, &l.Client, &receipt, &l.Letter)
		l.Receipt = receipt != 0
		*lines = append(*lines, l)
		return err
	}
}

// MailLines returns the lines of a mail.
func (db *DB) MailLines(ctx context.Context, mail int64) (lines []MailLine, err error) {
	if err := db.query(ctx, scanMailLines(&lines), selectMailLines, mail); err != nil {
		return nil, fmt.Errorf("read the lines of a mail: %w", err)
	}
	return lines, nil
}

// MailLines returns the lines of a mail.
func (tx *Tx) MailLines(mail int64) (lines []MailLine, err error) {
	if err := tx.query(scanMailLines(&lines), selectMailLines, mail); err != nil {
		return nil, fmt.Errorf("read the lines of a mail: %w", err)
	}
	return lines, nil
}

// ComposeMail notes how a mail goes out and to whom, where its lines are still those of edits, and reports whether they are.
func (tx *Tx) ComposeMail(mail, edits int64, raw []byte, to []string) (same bool, err error) {
	n, err := tx.count(`UPDATE mail_out SET raw = $3 WHERE id = $1 AND edits = $2 AND raw IS NULL`, mail, edits, raw)
	for i := 0; i < len(to) && err == nil && n > 0; i++ {
		if err = checkFields(field{"mailbox", to[i], maxMailbox}); err == nil {
			err = tx.exec(`INSERT INTO mail_recipients (mail, mailbox, state, note, changed_at) VALUES ($1, $2, $3, '', $4)`, mail, to[i], MailQueued, tx.now)
		}
	}
	if err != nil {
		return false, fmt.Errorf("note how a mail goes out: %w", err)
	}
	return n > 0, nil
}

// DropMailOut removes a mail of which nothing is left.
func (tx *Tx) DropMailOut(mail int64) error {
	if err := tx.exec(`DELETE FROM mail_out WHERE id = $1`, mail); err != nil {
		return fmt.Errorf("drop a mail: %w", err)
	}
	return nil
}

// DelayMailRecipient notes why a recipient has not got a mail yet.
func (tx *Tx) DelayMailRecipient(mail int64, mailbox, note string) error {
	if len(note) > maxValue {
		note = strings.ToValidUTF8(note[:maxValue], "")
	}
	if err := tx.exec(`UPDATE mail_recipients SET note = $3 WHERE mail = $1 AND mailbox = $2 AND state IN ($4, $5)`, mail, mailbox, note, MailQueued, MailDelayed); err != nil {
		return fmt.Errorf("note why a mail waits: %w", err)
	}
	return nil
}

// SetMailRecipient notes what became of a mail for a recipient, and reports whether that is news: from a later state nothing leads back. An empty
// note leaves the one that is there.
func (tx *Tx) SetMailRecipient(mail int64, mailbox string, state MailState, note string) (news bool, err error) {
	if len(note) > maxValue {
		note = strings.ToValidUTF8(note[:maxValue], "")
	}
	n, err := tx.count(`UPDATE mail_recipients SET state = $3, note = CASE WHEN $4 = '' THEN note ELSE $4 END, changed_at = $5
		WHERE mail = $1 AND mailbox = $2 AND state < $3`,
		mail, mailbox, state, note, tx.now)
	if err != nil {
		return false, fmt.Errorf("note what became of a mail: %w", err)
	}
	return n > 0, nil
}

const selectMailRecipients = `SELECT mailbox, state, note FROM mail_recipients WHERE mail = $1 ORDER BY mailbox`

func scanMailRecipients(all *[]MailRecipient) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var m MailRecipient
		err := r.Scan(&m.Mailbox, &m.State, &m.Note)
		*all = append(*all, m)
		return err
	}
}

// MailRecipients returns whom a mail is for, and what became of it.
func (tx *Tx) MailRecipients(mail int64) (all []MailRecipient, err error) {
	if err := tx.query(scanMailRecipients(&all), selectMailRecipients, mail); err != nil {
		return nil, fmt.Errorf("read whom a mail is for: %w", err)
	}
	return all, nil
}

// MailRecipients returns whom a mail is for, and what became of it.
func (db *DB) MailRecipients(ctx context.Context, mail int64) (all []MailRecipient, err error) {
	if err := db.query(ctx, scanMailRecipients(&all), selectMailRecipients, mail); err != nil {
		return nil, fmt.Errorf("read whom a mail is for: %w", err)
	}
	return all, nil
}

// EmptyMailOut forgets the bytes of a mail that nobody is to be sent any more.
func (tx *Tx) EmptyMailOut(mail int64) error {
	if err := tx.exec(`UPDATE mail_out SET raw = $2 WHERE id = $1 AND NOT EXISTS
		(SELECT 1 FROM mail_recipients WHERE mail = $1 AND state IN ($3, $4))`, mail, []byte{}, MailQueued, MailDelayed); err != nil {
		return fmt.Errorf("empty a mail: %w", err)
	}
	return nil
}

// BundleRedirect is the bundle of mails that redirects make and nobody writes.
const BundleRedirect = "redirect"

// CountMailOut counts the mails that a user has begun since a time.
func (tx *Tx) CountMailOut(id UserID, since time.Time) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) },
		`SELECT COUNT(*) FROM mail_out WHERE domain = $1 AND jid = $2 AND begun_at > $3 AND bundle <> $4`, id.Domain, id.JID, millis(since), BundleRedirect); err != nil {
		return 0, fmt.Errorf("count the mails of a user: %w", err)
	}
	return n, nil
}

// PendingMail returns the mails of a user that somebody has not got, the first one first.
func (db *DB) PendingMail(ctx context.Context, id UserID, limit int) (all []MailOut, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error {
		m, err := scanMailOut(r)
		all = append(all, m)
		return err
	}, `SELECT id, domain, jid, contact, message_id, bundle, head, job, edits, begun_at, NULL, raw IS NOT NULL FROM mail_out m WHERE domain = $1 AND jid = $2 AND (raw IS NULL OR EXISTS
		(SELECT 1 FROM mail_recipients r WHERE r.mail = m.id AND r.state IN ($3, $4))) ORDER BY id LIMIT $5`,
		id.Domain, id.JID, MailQueued, MailDelayed, limit); err != nil {
		return nil, fmt.Errorf("read which mails of a user wait: %w", err)
	}
	return all, nil
}

// CollectMailOut deletes mails that were begun by a time and that nobody is sent any more; it reports whether there may be more.
func (tx *Tx) CollectMailOut(by time.Time) (more bool, err error) {
	n, err := tx.count(`DELETE FROM mail_out WHERE id IN (SELECT id FROM mail_out m WHERE begun_at <= $1 AND raw IS NOT NULL AND NOT EXISTS
		(SELECT 1 FROM mail_recipients r WHERE r.mail = m.id AND r.state IN ($2, $3)) ORDER BY begun_at LIMIT $4)`,
		millis(by), MailQueued, MailDelayed, collectMail)
	if err != nil {
		return false, fmt.Errorf("collect mails of users: %w", err)
	}
	return n == collectMail, nil
}
