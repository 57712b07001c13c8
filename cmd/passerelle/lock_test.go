package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// One process at a time uses a database, and the next one after it ended.
func TestLock(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "passerelle.db")
	release, err := lock(database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(database); err == nil || !strings.Contains(err.Error(), "another passerelle is using the database "+database) {
		t.Errorf("a second lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(database)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(filepath.Join(t.TempDir(), "nowhere", "x")); err == nil {
		t.Error("a lock in a directory that is not there")
	}
}
