package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/config"
	"passerelle/store"
)

// TestDKIMKeysAreSealed: the keys that sign mail open with the key of the database alone. Those that lie there open, as an older version or an operator has
// put them, are sealed at the next start, stay the same, and what was on the disk is overwritten.
func TestDKIMKeysAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := store.CreateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cfg := &config.Config{Store: config.Store{Path: filepath.Join(dir, "db")}}
	m := &config.Mail{Component: config.Component{Domain: "mail.example.org"}}
	path := dkimFile(cfg, m)
	made, err := dkimKeys(cfg, m, key, log)
	if err != nil {
		t.Fatal(err)
	}
	isSealed := func() {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil || bytes.Contains(text, []byte("PRIVATE KEY")) || !bytes.Contains(text, []byte("SEALED")) {
			t.Errorf("the file says, %v:\n%s", err, text)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("its mode is %v, %v", info.Mode(), err)
		}
		if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
			t.Errorf("there is %v, %v", left, err)
		}
		if again, plain, err := readDKIM(cfg, m, key); err != nil || plain || !again.RSA.Equal(made.RSA) || !again.Ed25519.Equal(made.Ed25519) {
			t.Errorf("they are read as others, %v, %v", plain, err)
		}
	}
	isSealed()

	text, err := made.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := path + "-other" // the same file, by another name
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	if _, plain, err := readDKIM(cfg, m, key); err != nil || !plain {
		t.Errorf("open ones are read as %v, %v", plain, err)
	}
	if again, err := dkimKeys(cfg, m, key, log); err != nil || !again.RSA.Equal(made.RSA) {
		t.Errorf("they have changed, %v", err)
	}
	isSealed()
	if left, err := os.ReadFile(other); err != nil || len(bytes.Trim(left, "\x00")) > 0 {
		t.Errorf("what was there still says, %v:\n%s", err, left)
	}

	wrong := bytes.Repeat([]byte{7}, store.KeySize)
	if _, err := dkimKeys(cfg, m, wrong, log); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "sealed with the key") {
		t.Errorf("with another key: %v", err)
	}
}
