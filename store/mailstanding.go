package store

import (
	"context"
	"database/sql"
	"fmt"
)

// MailStanding is what a user has to do with those whom a mail for him is from.
type MailStanding struct {
	Settings map[string]string      // plain ones of a scope, by name
	Blocked  []string               // see DB.Blocks
	Contacts map[string]MailContact // of those whom he has met, State, Proof and Muted alone
}

// What a row of selectMailStanding is.
const (
	standingSetting = iota
	standingBlocked
	standingContact
)

// selectMailStanding reads all of it at once: a question to SQLite costs more than its answer.
var selectMailStanding = fmt.Sprintf(`SELECT %d, name, value, 0, 0, 0 FROM settings WHERE domain = $1 AND jid = $2 AND scope = $3 AND value IS NOT NULL
	UNION ALL SELECT %d, blocked, '', 0, 0, 0 FROM blocks WHERE domain = $1 AND jid = $2
	UNION ALL SELECT %d, contact, '', state, proof, muted FROM mail_contacts WHERE domain = $1 AND jid = $2 AND contact IN ($4, $5, $6)`,
	standingSetting, standingBlocked, standingContact)

// MailStanding returns how a user stands towards at most three contacts, and his settings of a scope.
func (db *DB) MailStanding(ctx context.Context, id UserID, scope string, contacts [3]string) (s MailStanding, err error) {
	s = MailStanding{Settings: map[string]string{}, Contacts: map[string]MailContact{}}
	err = db.query(db.brief(ctx), func(r *sql.Rows) error {
		var kind int
		var name, value string
		var muted int64
		var c MailContact
		err := r.Scan(&kind, &name, &value, &c.State, &c.Proof, &muted)
		if muted != 0 {
			c.Muted = fromMillis(muted)
		}
		switch kind {
		case standingSetting:
			s.Settings[name] = value
		case standingBlocked:
			s.Blocked = append(s.Blocked, name)
		case standingContact:
			s.Contacts[name] = c
		}
		return err
	}, selectMailStanding, id.Domain, id.JID, scope, contacts[0], contacts[1], contacts[2])
	if err != nil {
		return MailStanding{}, fmt.Errorf("read how a user stands towards who writes to him: %w", err)
	}
	return s, nil
}
