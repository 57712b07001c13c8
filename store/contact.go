package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Contact is an address of ours in the contact list of a user, who is shown its presence.
type Contact struct {
	UserID
	Contact string // local part of its JID; empty for the domain itself
}

// AddContact notes that a contact is in a user's list. Adding one that is there is no error.
func (tx *Tx) AddContact(c Contact) error {
	err := checkFields(field{"contact", c.Contact, maxPart})
	if err == nil {
		err = tx.addUser(c.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO contacts (domain, jid, contact) VALUES ($1, $2, $3) ON CONFLICT (domain, jid, contact) DO NOTHING`,
			c.Domain, c.JID, c.Contact)
	}
	if err != nil {
		return fmt.Errorf("add a contact: %w", err)
	}
	return nil
}

// RemoveContact notes that a contact is not in a user's list any more. Removing one that is not there is no error.
func (tx *Tx) RemoveContact(c Contact) error {
	if err := tx.exec(`DELETE FROM contacts WHERE domain = $1 AND jid = $2 AND contact = $3`, c.Domain, c.JID, c.Contact); err != nil {
		return fmt.Errorf("remove a contact: %w", err)
	}
	return nil
}

// Contacts returns the contacts of a user, sorted.
func (db *DB) Contacts(ctx context.Context, id UserID) ([]string, error) {
	contacts, err := db.strings(ctx, `SELECT contact FROM contacts WHERE domain = $1 AND jid = $2 ORDER BY contact`, id.Domain, id.JID)
	if err != nil {
		return nil, fmt.Errorf("read contacts: %w", err)
	}
	return contacts, nil
}

// ContactsAfter returns the next contacts behind one, which need not be there, of all users of its domain, ordered by user and contact.
func (db *DB) ContactsAfter(ctx context.Context, after Contact, n int) ([]Contact, error) {
	var contacts []Contact
	err := db.query(ctx, func(rows *sql.Rows) error {
		c := Contact{UserID: UserID{Domain: after.Domain}}
		if err := rows.Scan(&c.JID, &c.Contact); err != nil {
			return err
		}
		contacts = append(contacts, c)
		return nil
	}, `SELECT jid, contact FROM contacts WHERE domain = $1 AND (jid, contact) > ($2, $3) ORDER BY jid, contact LIMIT $4`,
		after.Domain, after.JID, after.Contact, n)
	if err != nil {
		return nil, fmt.Errorf("read the contacts of everybody: %w", err)
	}
	return contacts, nil
}

// strings runs a query for a single column of text.
func (db *DB) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	var all []string
	err := db.query(ctx, func(rows *sql.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	}, query, args...)
	return all, err
}
