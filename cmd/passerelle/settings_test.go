package main

import (
	"log/slog"
	"maps"
	"path/filepath"
	"testing"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

func TestSecretSettingsAreSealed(t *testing.T) {
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
	want, plain := map[string]string{}, map[string]string{}
	for _, setting := range ircbridge.AllSettings() {
		want[setting.Name] = "value of " + setting.Name
		if !setting.Secret {
			plain[setting.Name] = want[setting.Name]
		}
	}
	for _, secret := range []string{ircbridge.SettingPassword, ircbridge.SettingAccountPassword, ircbridge.SettingCertificate} {
		if plain[secret] != "" || want[secret] == "" {
			t.Errorf("%s is no secret among the settings", secret)
		}
	}
	if err := s.Save(t.Context(), alice, "network:x", want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context(), alice.WithResource("phone"), "network:x")
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v and error %v, want %v", got, err, want)
	}
	open, err := db.Settings(t.Context(), s.id(alice), "network:x")
	if err != nil || !maps.Equal(open, plain) {
		t.Errorf("got %v in plain text and error %v, want %v", open, err, plain)
	}
	if err := s.Save(t.Context(), alice, "network:x", nil); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Load(t.Context(), alice, "network:x"); err != nil || len(got) > 0 {
		t.Errorf("got %v and error %v after everything was cleared", got, err)
	}
}
