package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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

// selectRelations is about users, see aboutUsers.
const selectRelations = `SELECT n, 0, contact, '', '' FROM asked CROSS JOIN contacts AS c WHERE c.domain = asked.domain AND c.jid = asked.jid
	UNION ALL SELECT n, 1, blocked, '', '' FROM asked CROSS JOIN blocks AS b WHERE b.domain = asked.domain AND b.jid = asked.jid
	UNION ALL SELECT n, 2, name, scope, value FROM asked CROSS JOIN settings AS s WHERE s.domain = asked.domain AND s.jid = asked.jid AND value IS NOT NULL`

// Relations returns a user's contacts, what he has blocked, and the plain settings of some names that he has in any scope. That is one question
// to the database, since of everybody who comes it is asked.
func (db *DB) Relations(ctx context.Context, id UserID, settings ...string) (Relations, error) {
	r, err := findUser(ctx, db.relations, id)
	if err != nil {
		return Relations{}, fmt.Errorf("read what is known of a user: %w", err)
	}
	for name := range r.Settings {
		if !slices.Contains(settings, name) {
			delete(r.Settings, name)
		}
	}
	return r, nil
}

// askRelations asks for those of many, with all settings.
func (db *DB) askRelations(ids []UserID, answers []Relations) error {
	return db.aboutUsers(ids, selectRelations, func(rows *sql.Rows) error {
		var n, kind int
		var name, scope, value string
		if err := rows.Scan(&n, &kind, &name, &scope, &value); err != nil {
			return err
		}
		switch r := &answers[n]; kind {
		case relationContact:
			r.Contacts = append(r.Contacts, name)
		case relationBlock:
			r.Blocks = append(r.Blocks, name)
		case relationSetting:
			put(&r.Settings, name, scope, value)
		}
		return nil
	})
}
