package main

import (
	"context"
	"slices"
	"time"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// settingsWait bounds how long a user's connection waits for what he has set.
const settingsWait = 30 * time.Second

// settings has from the database what users set on IRC networks.
type settings struct {
	db     *store.DB
	domain string
}

var _ ircbridge.Settings = settings{}

func (s settings) id(user transports.Address) store.UserID {
	return store.UserID{Domain: s.domain, JID: user.Bare().String()}
}

// Save implements ircbridge.Settings.
func (s settings) Save(ctx context.Context, user transports.Address, scope, mark string, values map[string]string) (saved bool, err error) {
	id := s.id(user)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		saved = mark == ""
		if !saved {
			if saved, err = tx.IsSet(id, scope, mark); err != nil || !saved {
				return err
			}
		}
		for name, value := range values {
			switch {
			case value == "":
				err = tx.Unset(id, scope, name)
			case slices.Contains(ircbridge.SecretSettings(), name):
				err = tx.SetSecret(id, scope, name, store.Secret(value))
			default:
				err = tx.Set(id, scope, name, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return saved && err == nil, err
}

// Load implements ircbridge.Settings.
func (s settings) Load(ctx context.Context, user transports.Address, scope string) (map[string]string, error) {
	set, _, err := s.LoadWith(ctx, user, scope)
	return set, err
}

// LoadWith implements ircbridge.Settings.
func (s settings) LoadWith(ctx context.Context, user transports.Address, scope string, names ...string) (map[string]string, map[string]map[string]string, error) {
	ctx, cancel := s.db.Within(ctx, settingsWait)
	defer cancel()
	set, err := s.db.AllSettings(ctx, s.id(user), scope, names...)
	if err != nil {
		return nil, nil, err
	}
	for name, secret := range set.Secret {
		set.Plain[name] = secret.Reveal()
	}
	return set.Plain, set.Named, nil
}
