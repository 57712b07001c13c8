package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
)

// command runs a command line on the machine, and wants its exit code and a part of what it says.
func (c *clinic) command(code int, part string, args ...string) {
	c.t.Helper()
	var stdout, stderr strings.Builder
	args = append(args, "-config", filepath.Join(c.dir, "p.toml"))
	got := run(c.t.Context(), c.env(&stdout, &stderr), args)
	if said := stdout.String() + stderr.String(); got != code || !strings.Contains(said, part) {
		c.t.Fatalf("%s: exit code %d, want %d and %q in:\n%s", strings.Join(args, " "), got, code, part, said)
	}
}

// TestBackup: what was copied while passerelle runs is there again after it is put back, and nothing is written over.
func TestBackup(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.serve()()
	database, copied := filepath.Join(c.dir, "data/p.db"), filepath.Join(c.dir, "copy")
	key, err := store.LoadKey(filepath.Join(c.dir, "data/passerelle.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: database, Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.TouchUser(store.UserID{Domain: "irc.localhost", JID: "alice@localhost"})
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	c.command(exitOK, "The backup is in ", "backup", copied+"-at-rest")
	stop := c.serve()
	c.command(exitOK, "The backup is in ", "backup", copied)
	c.command(exitFailed, "file exists", "backup", copied)
	c.command(exitFailed, database+" is there: stop passerelle, and move it away", "restore", copied)
	stop()
	for _, from := range []string{copied, copied + "-at-rest"} {
		for _, suffix := range []string{"", ".answered"} {
			if err := os.Remove(database + suffix); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		c.command(exitOK, "has the schema ", "restore", from)
		if info, err := os.Stat(database); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the database: %v, %v", info, err)
		}
		stop = c.serve()
		c.command(exitOK, "alice@localhost", "user", "list")
		stop()
	}
	// A key that does not fit is noticed before anything is put anywhere.
	if err := os.Remove(database); err != nil {
		t.Fatal(err)
	}
	c.write("data/passerelle.key", strings.Repeat("cd", 32))
	c.command(exitFailed, "belong to another key", "restore", copied)
	if _, err := os.Stat(database); !os.IsNotExist(err) {
		t.Errorf("it was put back: %v", err)
	}
	c.command(exitUsage, "one directory is needed", "restore")
}
