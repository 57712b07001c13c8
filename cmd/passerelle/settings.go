package main

import (
	"context"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// settings keeps in the database what users set on IRC networks.
type settings struct {
	db     *store.DB
	domain string
}

var _ ircbridge.Settings = settings{}

func (s settings) id(user transports.Address) store.UserID {
	return store.UserID{Domain: s.domain, JID: user.Bare().String()}
}

// Load implements ircbridge.Settings.
func (s settings) Load(ctx context.Context, user transports.Address, scope string) (map[string]string, error) {
	values, err := s.db.Settings(ctx, s.id(user), scope)
	if err != nil {
		return nil, err
	}
	for _, setting := range ircbridge.AllSettings() {
		if !setting.Secret {
			continue
		}
		secret, ok, err := s.db.Secret(ctx, s.id(user), scope, setting.Name)
		if err != nil {
			return nil, err
		}
		if ok {
			values[setting.Name] = secret.Reveal()
		}
	}
	return values, nil
}

// Save implements ircbridge.Settings.
func (s settings) Save(ctx context.Context, user transports.Address, scope string, values map[string]string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		for _, setting := range ircbridge.AllSettings() {
			value, set := values[setting.Name]
			var err error
			switch {
			case !set:
				err = tx.Unset(s.id(user), scope, setting.Name)
			case setting.Secret:
				err = tx.SetSecret(s.id(user), scope, setting.Name, store.Secret(value))
			default:
				err = tx.Set(s.id(user), scope, setting.Name, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
