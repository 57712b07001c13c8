package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// MailContactState says what a user has to do with somebody.
type MailContactState int

// The states.
const (
	MailWaits   MailContactState = iota // wrote to the user, who has not said whether he wants that
	MailKnown                           // was written to, or accepted
	MailBlocked                         // is not to write
)

// MailContact is somebody who writes to a user, or whom he writes to.
type MailContact struct {
	UserID
	Contact string // local part of its JID
	Mailbox string // as it was spelled last
	Name    string // empty where it is unknown
	State   MailContactState
	Number  int // by which the user names one whose mail waits; 0 where he has not been asked
	// Proof is the best that has ever shown that mail of his is from him, as mailbridge numbers it; 0 for nothing.
	Proof  int
	SeenAt time.Time
	Muted  time.Time // since when his mail is not shown; the zero Time where it is
}

const mailContactColumns = `domain, jid, contact, mailbox, name, state, number, proof, seen_at, muted`

func scanMailContacts(all *[]MailContact) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var c MailContact
		var seen, muted int64
		err := r.Scan(&c.Domain, &c.JID, &c.Contact, &c.Mailbox, &c.Name, &c.State, &c.Number, &c.Proof, &seen, &muted)
		c.SeenAt = fromMillis(seen)
		if muted != 0 {
			c.Muted = fromMillis(muted)
		}
		*all = append(*all, c)
		return err
	}
}

const meetMailContact = `INSERT INTO mail_contacts (` + mailContactColumns + `) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, 0)
	ON CONFLICT (domain, jid, contact) DO UPDATE SET mailbox = excluded.mailbox, seen_at = excluded.seen_at,
	proof = CASE WHEN excluded.proof > mail_contacts.proof THEN excluded.proof ELSE mail_contacts.proof END,
	name = CASE WHEN excluded.name = '' THEN mail_contacts.name ELSE excluded.name END
	WHERE excluded.mailbox <> mail_contacts.mailbox OR excluded.name NOT IN ('', mail_contacts.name) OR excluded.proof > mail_contacts.proof
	OR excluded.seen_at NOT BETWEEN mail_contacts.seen_at AND mail_contacts.seen_at + $9`

// metAgain is after how long it is noted that a user has met somebody again who has not changed, in milliseconds: who writes much costs no write a mail.
const metAgain = 60 * 1000

// MeetMailContact notes how somebody spells himself, whom the user has met now. Of one who is not known yet the state becomes that of c.
// An empty name leaves the one that is known, and a worse proof the one that there was.
func (tx *Tx) MeetMailContact(c MailContact) error {
	err := checkFields(field{"contact", c.Contact, maxPart}, field{"mailbox", c.Mailbox, maxMailbox}, field{"name", c.Name, maxPart})
	if err == nil {
		err = tx.addUser(c.UserID)
	}
	if err == nil {
		err = tx.exec(meetMailContact,
			c.Domain, c.JID, c.Contact, c.Mailbox, c.Name, c.State, c.Proof, tx.now, metAgain)
	}
	if err != nil {
		return fmt.Errorf("note a contact of mail: %w", err)
	}
	return nil
}

// SetMailContact changes the state of somebody.
func (tx *Tx) SetMailContact(id UserID, contact string, state MailContactState) error {
	if err := tx.exec(`UPDATE mail_contacts SET state = $4 WHERE domain = $1 AND jid = $2 AND contact = $3`, id.Domain, id.JID, contact, state); err != nil {
		return fmt.Errorf("change a contact of mail: %w", err)
	}
	return nil
}

// AcceptMailContact has a user know somebody, whatever shows that his mail is from him: that counts anew.
func (tx *Tx) AcceptMailContact(id UserID, contact string) error {
	if err := tx.exec(`UPDATE mail_contacts SET state = $4, number = 0, proof = 0 WHERE domain = $1 AND jid = $2 AND contact = $3`,
		id.Domain, id.JID, contact, MailKnown); err != nil {
		return fmt.Errorf("accept a contact of mail: %w", err)
	}
	return nil
}

// NumberMailContact gives somebody whose mail waits a number, if he has none.
func (tx *Tx) NumberMailContact(id UserID, contact string) error {
	if err := tx.exec(`UPDATE mail_contacts SET number = (SELECT COALESCE(MAX(number), 0) + 1 FROM mail_contacts WHERE domain = $1 AND jid = $2)
		WHERE domain = $1 AND jid = $2 AND contact = $3 AND number = 0`, id.Domain, id.JID, contact); err != nil {
		return fmt.Errorf("number a contact of mail: %w", err)
	}
	return nil
}

const selectMailContact = `SELECT ` + mailContactColumns + ` FROM mail_contacts WHERE domain = $1 AND jid = $2 AND contact = $3`

// MailContact returns somebody, and whether the user has met him.
func (tx *Tx) MailContact(id UserID, contact string) (MailContact, bool, error) {
	var all []MailContact
	if err := tx.query(scanMailContacts(&all), selectMailContact, id.Domain, id.JID, contact); err != nil {
		return MailContact{}, false, fmt.Errorf("read a contact of mail: %w", err)
	}
	return firstContact(all)
}

// MailContact returns somebody, and whether the user has met him.
func (db *DB) MailContact(ctx context.Context, id UserID, contact string) (MailContact, bool, error) {
	var all []MailContact
	if err := db.query(ctx, scanMailContacts(&all), selectMailContact, id.Domain, id.JID, contact); err != nil {
		return MailContact{}, false, fmt.Errorf("read a contact of mail: %w", err)
	}
	return firstContact(all)
}

func firstContact(all []MailContact) (MailContact, bool, error) {
	if len(all) == 0 {
		return MailContact{}, false, nil
	}
	return all[0], true, nil
}

// MailContacts returns those of a user in some states, the last met first.
func (db *DB) MailContacts(ctx context.Context, id UserID, state MailContactState, limit int) (all []MailContact, err error) {
	if err := db.query(ctx, scanMailContacts(&all), `SELECT `+mailContactColumns+` FROM mail_contacts
		WHERE domain = $1 AND jid = $2 AND state = $3 ORDER BY seen_at DESC, contact LIMIT $4`, id.Domain, id.JID, state, limit); err != nil {
		return nil, fmt.Errorf("read the contacts of mail: %w", err)
	}
	return all, nil
}

// likeText is a text in lower case as it stands in a pattern of LIKE with the escape character "!".
func likeText(s string) string {
	return strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`).Replace(strings.ToLower(s))
}

// FindMailContacts returns those known to a user whose address or name has a text in it, the last met first.
func (db *DB) FindMailContacts(ctx context.Context, id UserID, part string, limit int) (all []MailContact, err error) {
	like := "%" + likeText(part) + "%"
	if err := db.query(ctx, scanMailContacts(&all), `SELECT `+mailContactColumns+` FROM mail_contacts
		WHERE domain = $1 AND jid = $2 AND state = $3 AND (lower(mailbox) LIKE $4 ESCAPE '!' OR lower(name) LIKE $4 ESCAPE '!')
		ORDER BY seen_at DESC, contact LIMIT $5`, id.Domain, id.JID, MailKnown, like, limit); err != nil {
		return nil, fmt.Errorf("find contacts of mail: %w", err)
	}
	return all, nil
}

// MailWaiting is a mail of somebody who waits.
type MailWaiting struct {
	UserID
	Mail       int64 // the row of MailIn
	Contact    string
	Recipient  string // of mailbridge
	Subject    string
	ReceivedAt time.Time
}

// AddMailWaiting has a mail wait.
func (tx *Tx) AddMailWaiting(w MailWaiting) error {
	err := checkFields(field{"contact", w.Contact, maxPart}, field{"recipient", w.Recipient, maxEnvelope}, field{"subject", w.Subject, maxSubject})
	if err == nil {
		err = tx.exec(`INSERT INTO mail_waiting (domain, jid, mail, contact, recipient, subject, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (domain, jid, mail) DO NOTHING`, w.Domain, w.JID, w.Mail, w.Contact, w.Recipient, w.Subject, tx.now)
	}
	if err != nil {
		return fmt.Errorf("have a mail wait: %w", err)
	}
	return nil
}

func scanMailWaiting(all *[]MailWaiting) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var w MailWaiting
		var received int64
		err := r.Scan(&w.Domain, &w.JID, &w.Mail, &w.Contact, &w.Recipient, &w.Subject, &received)
		w.ReceivedAt = fromMillis(received)
		*all = append(*all, w)
		return err
	}
}

const mailWaitingColumns = `domain, jid, mail, contact, recipient, subject, received_at`

// MailWaiting returns the mails that wait for a user, of one contact or, with an empty one, of all, the first one first.
func (tx *Tx) MailWaiting(id UserID, contact string, limit int) (all []MailWaiting, err error) {
	if err := tx.query(scanMailWaiting(&all), `SELECT `+mailWaitingColumns+` FROM mail_waiting WHERE domain = $1 AND jid = $2 AND ($3 = '' OR contact = $3)
		ORDER BY mail LIMIT $4`, id.Domain, id.JID, contact, limit); err != nil {
		return nil, fmt.Errorf("read which mails wait: %w", err)
	}
	return all, nil
}

// MailWaitingOf is as MailWaiting, outside of a transaction.
func (db *DB) MailWaitingOf(ctx context.Context, id UserID, contact string, limit int) (all []MailWaiting, err error) {
	if err := db.query(ctx, scanMailWaiting(&all), `SELECT `+mailWaitingColumns+` FROM mail_waiting WHERE domain = $1 AND jid = $2 AND ($3 = '' OR contact = $3)
		ORDER BY mail LIMIT $4`, id.Domain, id.JID, contact, limit); err != nil {
		return nil, fmt.Errorf("read which mails wait: %w", err)
	}
	return all, nil
}

// CountMailWaiting returns how many mails wait for a user to want them, and how many bytes they are.
func (db *DB) CountMailWaiting(ctx context.Context, id UserID) (n int, size int64, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&n, &size) }, `SELECT COUNT(*), COALESCE(SUM(LENGTH(i.raw)), 0)
		FROM mail_waiting w LEFT JOIN mail_in i ON i.id = w.mail WHERE w.domain = $1 AND w.jid = $2`, id.Domain, id.JID); err != nil {
		return 0, 0, fmt.Errorf("count the mails that wait: %w", err)
	}
	return n, size, nil
}

// DropMailWaiting has a mail wait no more.
func (tx *Tx) DropMailWaiting(id UserID, mail int64) error {
	if err := tx.exec(`DELETE FROM mail_waiting WHERE domain = $1 AND jid = $2 AND mail = $3`, id.Domain, id.JID, mail); err != nil {
		return fmt.Errorf("end the waiting of a mail: %w", err)
	}
	return nil
}

// ExpireMailWaiting returns mails that have waited since before a time.
func (tx *Tx) ExpireMailWaiting(before time.Time, limit int) (all []MailWaiting, err error) {
	if err := tx.query(scanMailWaiting(&all), `SELECT `+mailWaitingColumns+` FROM mail_waiting WHERE received_at <= $1 ORDER BY received_at LIMIT $2`,
		millis(before), limit); err != nil {
		return nil, fmt.Errorf("look for mails that have waited too long: %w", err)
	}
	return all, nil
}
