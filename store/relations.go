package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Relations are what the traffic of a user depends on.
type Relations struct {
	Contacts, Blocks []string
	Settings         map[string]map[string]string // plain ones, by name and scope
}

// Kinds of rows of Relations.
const (
	relationContact = iota
	relationBlock
	relationSetting
)

// Relations returns a user's contacts, what he has blocked, and the plain settings of some names that he has in any scope. That is one question
// to the database, since of everybody who comes it is asked.
func (db *DB) Relations(ctx context.Context, id UserID, settings ...string) (Relations, error) {
	r := Relations{Settings: make(map[string]map[string]string)}
	list, args := settingNames(id, settings)
	err := db.query(db.brief(ctx), func(rows *sql.Rows) error {
		var kind int
		var name, scope, value string
		if err := rows.Scan(&kind, &name, &scope, &value); err != nil {
			return err
		}
		switch kind {
		case relationContact:
			r.Contacts = append(r.Contacts, name)
		case relationBlock:
			r.Blocks = append(r.Blocks, name)
		case relationSetting:
			put(r.Settings, name, scope, value)
		}
		return nil
	}, `SELECT 0, contact, '', '' FROM contacts WHERE domain = $1 AND jid = $2
		UNION ALL SELECT 1, blocked, '', '' FROM blocks WHERE domain = $1 AND jid = $2
		UNION ALL SELECT 2, name, scope, value FROM settings WHERE domain = $1 AND jid = $2 AND name IN `+list+` AND value IS NOT NULL`, args...)
	if err != nil {
		return Relations{}, fmt.Errorf("read what is known of a user: %w", err)
	}
	return r, nil
}
