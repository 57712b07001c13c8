package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
)

// ownPrefix stands before the name of a secret of the gateway's own in the table meta.
const ownPrefix = "secret: "

// OwnSecret returns a secret of the gateway's own, such as a key that signs: the one that is kept, or if there is none, a new one, which is
// kept sealed from then on. The name says what it is for.
func (db *DB) OwnSecret(ctx context.Context, name string, create func() (Secret, error)) (Secret, error) {
	s, err := db.ownSecret(ctx, name)
	if err != nil {
		return "", fmt.Errorf("read the secret %s: %w", name, err)
	}
	if s != "" {
		return s, nil
	}
	if s, err = create(); err == nil && s == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("make the secret %s: %w", name, err)
	}
	err = db.Write(ctx, func(tx *Tx) error {
		sealed := base64.StdEncoding.EncodeToString(tx.box.seal(s, "meta", "value", ownPrefix+name))
		return tx.exec(`INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, ownPrefix+name, sealed)
	})
	if err == nil {
		s, err = db.ownSecret(ctx, name) // somebody else may have been quicker
	}
	if err != nil {
		return "", fmt.Errorf("keep the secret %s: %w", name, err)
	}
	return s, nil
}

func (db *DB) ownSecret(ctx context.Context, name string) (s Secret, err error) {
	var text string
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&text) }, `SELECT value FROM meta WHERE name = $1`, ownPrefix+name); err != nil || text == "" {
		return "", err
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	return db.box.open(sealed, "meta", "value", ownPrefix+name)
}
