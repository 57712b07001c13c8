package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Outgoing is a stanza for a user that the XMPP server is to have, whatever happens.
type Outgoing struct {
	UserID
	Number OutgoingNumber // set by the database
	Letter string         // the id of what may come back; empty where nobody wants to know
	Back   string         // the bare JID that an error comes from where that is not the user, since he says it himself
	// Message names what others get as well as one message, for a crash to repeat no more than one; empty where it stands for itself.
	Message string
	Stanza  string
	Time    time.Time // when what it says was said
}

// OutgoingNumber numbers stanzas in the order of their commits. It is unique in a database while a process runs.
type OutgoingNumber int64

// MaxOutgoing is the size of a stanza in bytes: servers take at least 256 KiB.
const MaxOutgoing = 200 << 10

// Bounds of what is read at once, beside the last stanza.
const (
	outgoingRows  = 200
	outgoingBytes = 256 << 10
)

// Send has a stanza sent once it is committed. It sets its number.
func (tx *Tx) Send(o *Outgoing) error {
	err := o.check()
	if err == nil {
		err = checkFields(field{"id", o.Letter, maxPart}, field{"JID", o.Back, maxJID}, field{"message", o.Message, maxPart}, field{"stanza", o.Stanza, MaxOutgoing})
	}
	if err == nil {
		*tx.lastOutgoing++
		o.Number = *tx.lastOutgoing
		err = tx.exec(insertOutgoing, int64(o.Number), o.Domain, o.JID, o.Letter, o.Back, o.Message, o.Stanza, millis(o.Time))
	}
	if err != nil {
		return fmt.Errorf("send a stanza: %w", err)
	}
	return nil
}

const insertOutgoing = `INSERT INTO outbox (number, domain, jid, letter, back, message, stanza, time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// Sent forgets the stanzas of a domain behind a number, up to another one.
func (tx *Tx) Sent(domain string, after, last OutgoingNumber) error {
	if err := tx.exec(deleteOutgoing, domain, int64(after), int64(last)); err != nil {
		return fmt.Errorf("forget stanzas that were sent: %w", err)
	}
	return nil
}

const deleteOutgoing = `DELETE FROM outbox WHERE domain = $1 AND number > $2 AND number <= $3`

// LastOutgoing is the newest stanza there is, of any domain.
func (db *DB) LastOutgoing(ctx context.Context) (OutgoingNumber, error) {
	var last OutgoingNumber
	err := db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&last) }, selectLastOutgoing)
	if err != nil {
		return 0, fmt.Errorf("read the newest stanza to be sent: %w", err)
	}
	return last, nil
}

const selectLastOutgoing = `SELECT coalesce(max(number), 0) FROM outbox`

// errPageFull ends the reading of a page.
var errPageFull = errors.New("the page is full")

// Outgoing returns the next stanzas of a domain behind a number. There are more unless it returns none.
func (db *DB) Outgoing(ctx context.Context, domain string, after OutgoingNumber) ([]Outgoing, error) {
	var page []Outgoing
	bytes := 0
	err := db.query(db.brief(ctx), func(rows *sql.Rows) error {
		o := Outgoing{UserID: UserID{Domain: domain}}
		var ms int64
		if err := rows.Scan(&o.Number, &o.JID, &o.Letter, &o.Back, &o.Message, &o.Stanza, &ms); err != nil {
			return err
		}
		o.Time = fromMillis(ms)
		page = append(page, o)
		if bytes += len(o.Stanza); bytes >= outgoingBytes {
			return errPageFull
		}
		return nil
	}, selectOutgoing, domain, int64(after), outgoingRows)
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, fmt.Errorf("read stanzas to be sent: %w", err)
	}
	return page, nil
}

const selectOutgoing = `SELECT number, jid, letter, back, message, stanza, time FROM outbox WHERE domain = $1 AND number > $2 ORDER BY number LIMIT $3`
