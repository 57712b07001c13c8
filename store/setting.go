package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// A setting has a name within a scope of a user. Scopes are the caller's words, such as "network:irc.libera.chat". A setting is
// plain or a secret; setting it again may change that.

// Set sets a plain setting.
func (tx *Tx) Set(id UserID, scope, name, value string) error {
	if err := checkFields(field{"value", value, maxValue}); err != nil {
		return fmt.Errorf("set %q: %w", name, err)
	}
	return tx.set(id, scope, name, value, nil)
}

// SetSecret sets a setting that is sealed on the disk and not among those that Settings returns.
func (tx *Tx) SetSecret(id UserID, scope, name string, value Secret) error {
	if len(value) > maxValue {
		return fmt.Errorf("set %q: the secret has more than %d bytes", name, maxValue)
	}
	return tx.set(id, scope, name, nil, tx.box.seal(value, "settings", "sealed", id.Domain, id.JID, scope, name))
}

// set writes either value, a string, or sealed and NULL for the other.
func (tx *Tx) set(id UserID, scope, name string, value any, sealed []byte) error {
	err := checkFields(field{"scope", scope, maxScope}, field{"name", name, maxName})
	if err == nil {
		err = tx.addUser(id)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO settings (domain, jid, scope, name, value, sealed) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (domain, jid, scope, name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed`,
			id.Domain, id.JID, scope, name, value, sealed)
	}
	if err != nil {
		return fmt.Errorf("set %q: %w", name, err)
	}
	return nil
}

// Unset removes a setting, plain or secret. Removing one that is not set is no error.
func (tx *Tx) Unset(id UserID, scope, name string) error {
	if err := tx.exec(`DELETE FROM settings WHERE domain = $1 AND jid = $2 AND scope = $3 AND name = $4`,
		id.Domain, id.JID, scope, name); err != nil {
		return fmt.Errorf("unset %q: %w", name, err)
	}
	return nil
}

// IsSet reports whether a user has a setting, plain or secret.
func (tx *Tx) IsSet(id UserID, scope, name string) (set bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { set = true; return r.Scan(new(int)) },
		`SELECT 1 FROM settings WHERE domain = $1 AND jid = $2 AND scope = $3 AND name = $4`, id.Domain, id.JID, scope, name); err != nil {
		return false, fmt.Errorf("look whether %q is set: %w", name, err)
	}
	return set, nil
}

const selectSetting = `SELECT value FROM settings WHERE domain = $1 AND jid = $2 AND scope = $3 AND name = $4 AND value IS NOT NULL`

// Setting returns a plain setting of a user; it is empty where it is not set.
func (tx *Tx) Setting(id UserID, scope, name string) (value string, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&value) },
		selectSetting, id.Domain, id.JID, scope, name); err != nil {
		return "", fmt.Errorf("read the setting %q: %w", name, err)
	}
	return value, nil
}

// UnsetBelow removes a plain setting from all users and scopes of a domain where its value is smaller, as text.
func (tx *Tx) UnsetBelow(domain, name, value string) error {
	if err := tx.exec(`DELETE FROM settings WHERE domain = $1 AND name = $2 AND value < $3`, domain, name, value); err != nil {
		return fmt.Errorf("unset %q: %w", name, err)
	}
	return nil
}

// Settings returns the plain settings of a scope by name. The map is empty, not nil, where there are none.
func (db *DB) Settings(ctx context.Context, id UserID, scope string) (map[string]string, error) {
	settings := map[string]string{}
	err := db.query(ctx, func(rows *sql.Rows) error {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		settings[name] = value
		return nil
	}, `SELECT name, value FROM settings WHERE domain = $1 AND jid = $2 AND scope = $3 AND value IS NOT NULL`,
		id.Domain, id.JID, scope)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return settings, nil
}

// ScopeSettings are the settings of a scope by name, secret ones apart, and plain ones of some names in any scope, by name and scope.
type ScopeSettings struct {
	Plain  map[string]string
	Secret map[string]Secret
	Named  map[string]map[string]string
}

// settingRow is a setting as it is stored: sealed where there is no value.
type settingRow struct {
	scope, name string
	value       sql.NullString
	sealed      []byte
}

// selectSettings is about users, see aboutUsers.
const selectSettings = `SELECT n, scope, name, value, sealed FROM asked CROSS JOIN settings AS s WHERE s.domain = asked.domain AND s.jid = asked.jid`

// askSettings asks for all settings of many users.
func (db *DB) askSettings(ids []UserID, answers [][]settingRow) error {
	return db.aboutUsers(ids, selectSettings, func(rows *sql.Rows) error {
		var n int
		var r settingRow
		err := rows.Scan(&n, &r.scope, &r.name, &r.value, &r.sealed)
		if err == nil {
			answers[n] = append(answers[n], r)
		}
		return err
	})
}

// AllSettings returns the settings of a scope, and those of some names in any scope, in one question to the database. It fails where a stored
// secret does not open.
func (db *DB) AllSettings(ctx context.Context, id UserID, scope string, names ...string) (ScopeSettings, error) {
	rows, err := findUser(ctx, db.settings, id)
	if err != nil {
		return ScopeSettings{}, fmt.Errorf("read settings: %w", err)
	}
	s := ScopeSettings{Plain: map[string]string{}}
	for _, r := range rows {
		switch {
		case r.value.Valid:
			if r.scope == scope {
				s.Plain[r.name] = r.value.String
			}
			if slices.Contains(names, r.name) {
				put(&s.Named, r.name, r.scope, r.value.String)
			}
		case r.scope == scope:
			opened, err := db.openSetting(id, scope, r.name, r.sealed)
			if err != nil {
				return ScopeSettings{}, fmt.Errorf("read settings: %w", err)
			}
			if s.Secret == nil {
				s.Secret = map[string]Secret{}
			}
			s.Secret[r.name] = opened
		}
	}
	return s, nil
}

// openSetting opens the value of a secret setting.
func (db *DB) openSetting(id UserID, scope, name string, sealed []byte) (Secret, error) {
	secret, err := db.box.open(sealed, "settings", "sealed", id.Domain, id.JID, scope, name)
	if err != nil {
		return "", fmt.Errorf("open the secret %q: %w", name, err)
	}
	return secret, nil
}

// SettingScopes returns the values of a plain setting that a user has in several scopes, by scope.
func (db *DB) SettingScopes(ctx context.Context, id UserID, name string) (map[string]string, error) {
	values := make(map[string]string)
	err := db.query(ctx, func(rows *sql.Rows) error {
		var scope, value string
		if err := rows.Scan(&scope, &value); err != nil {
			return err
		}
		values[scope] = value
		return nil
	}, `SELECT scope, value FROM settings WHERE domain = $1 AND jid = $2 AND name = $3 AND value IS NOT NULL`, id.Domain, id.JID, name)
	if err != nil {
		return nil, fmt.Errorf("read the setting %q: %w", name, err)
	}
	return values, nil
}

// put puts a value into a map of maps, which is nil as long as it is empty.
func put(values *map[string]map[string]string, name, scope, value string) {
	if *values == nil {
		*values = map[string]map[string]string{}
	}
	if (*values)[name] == nil {
		(*values)[name] = map[string]string{}
	}
	(*values)[name][scope] = value
}

// SettingsOfUsers returns the values of a plain setting of the next users of a domain behind a JID who have it in any scope, by JID and scope.
func (db *DB) SettingsOfUsers(ctx context.Context, domain, name, after string, n int) (map[string]map[string]string, error) {
	all := make(map[string]map[string]string)
	err := db.query(ctx, func(rows *sql.Rows) error {
		var jid, scope, value string
		err := rows.Scan(&jid, &scope, &value)
		if all[jid] == nil {
			all[jid] = make(map[string]string)
		}
		all[jid][scope] = value
		return err
	}, `SELECT jid, scope, value FROM settings WHERE domain = $1 AND name = $2 AND value IS NOT NULL AND jid IN
		(SELECT DISTINCT jid FROM settings WHERE domain = $1 AND name = $2 AND value IS NOT NULL AND jid > $3 ORDER BY jid LIMIT $4)`, domain, name, after, n)
	if err != nil {
		return nil, fmt.Errorf("read the setting %s of users: %w", name, err)
	}
	return all, nil
}

// OtherScopes counts the scopes in which a user has set something, but for one.
func (tx *Tx) OtherScopes(id UserID, scope string) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) },
		`SELECT COUNT(DISTINCT scope) FROM settings WHERE domain = $1 AND jid = $2 AND scope <> $3`, id.Domain, id.JID, scope); err != nil {
		return 0, fmt.Errorf("count where a user has set something: %w", err)
	}
	return n, nil
}

// Secret returns a secret setting and whether it is set. It fails where the stored value does not open.
func (db *DB) Secret(ctx context.Context, id UserID, scope, name string) (Secret, bool, error) {
	var sealed []byte
	err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&sealed) }, `SELECT sealed FROM settings
		WHERE domain = $1 AND jid = $2 AND scope = $3 AND name = $4 AND sealed IS NOT NULL`,
		id.Domain, id.JID, scope, name)
	if err != nil {
		return "", false, fmt.Errorf("read the secret %q: %w", name, err)
	}
	if sealed == nil {
		return "", false, nil
	}
	secret, err := db.openSetting(id, scope, name, sealed)
	return secret, err == nil, err
}

// UsersWith returns the next users behind a bare JID who have a setting in a scope, ordered by JID.
func (db *DB) UsersWith(ctx context.Context, domain, scope, name, after string, n int) ([]string, error) {
	jids, err := db.strings(ctx, `SELECT jid FROM settings WHERE domain = $1 AND scope = $2 AND name = $3 AND jid > $4 ORDER BY jid LIMIT $5`,
		domain, scope, name, after, n)
	if err != nil {
		return nil, fmt.Errorf("read who has the setting %s: %w", name, err)
	}
	return jids, nil
}

// SettingName says that something is set, and not to what.
type SettingName struct{ Scope, Name string }

// SettingNames returns what a user has set, plain or secret, ordered by scope and name.
func (db *DB) SettingNames(ctx context.Context, id UserID) ([]SettingName, error) {
	var names []SettingName
	err := db.query(ctx, func(rows *sql.Rows) error {
		var n SettingName
		err := rows.Scan(&n.Scope, &n.Name)
		names = append(names, n)
		return err
	}, `SELECT scope, name FROM settings WHERE domain = $1 AND jid = $2 ORDER BY scope, name`, id.Domain, id.JID)
	if err != nil {
		return nil, fmt.Errorf("read what a user has set: %w", err)
	}
	return names, nil
}
