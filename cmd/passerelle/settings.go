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
	secret, ok, err := s.db.Secret(ctx, s.id(user), scope, ircbridge.SettingPassword)
	if err != nil {
		return nil, err
	}
	if ok {
		if values == nil {
			values = make(map[string]string, 1)
		}
		values[ircbridge.SettingPassword] = secret.Reveal()
	}
	return values, nil
}

// Save implements ircbridge.Settings.
func (s settings) Save(ctx context.Context, user transports.Address, scope string, values map[string]string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		for _, name := range []string{ircbridge.SettingNick, ircbridge.SettingUsername, ircbridge.SettingRealname, ircbridge.SettingPassword} {
			value, set := values[name]
			var err error
			switch {
			case !set:
				err = tx.Unset(s.id(user), scope, name)
			case name == ircbridge.SettingPassword:
				err = tx.SetSecret(s.id(user), scope, name, store.Secret(value))
			default:
				err = tx.Set(s.id(user), scope, name, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
