package main

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"testing"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

func TestSettingsHaveSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := store.CreateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "db"), Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := settings{db: db, domain: "irc.example.org"}
	alice := transports.Address{Local: "alice", Domain: "example.org"}
	want := map[string]string{"nick": "liddell", ircbridge.SettingPassword: "hunter2", ircbridge.SettingAccountPassword: "sesame", ircbridge.SettingCertificate: "pem", ircbridge.SettingNewCertificate: "new", ircbridge.SettingNewPassword: "newer", ircbridge.SettingAfterConnect: "MODE al +i"}
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		id := store.UserID{Domain: s.domain, JID: alice.String()}
		err := tx.Set(id, "network:x", "nick", want["nick"])
		for _, name := range ircbridge.SecretSettings() {
			err = errors.Join(err, tx.SetSecret(id, "network:x", name, store.Secret(want[name])))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context(), alice.WithResource("phone"), "network:x")
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v and error %v, want %v", got, err, want)
	}
	if got, err = s.Load(t.Context(), alice, "network:y"); err != nil || len(got) > 0 {
		t.Errorf("got %v and error %v where nothing is set", got, err)
	}
}
