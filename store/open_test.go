package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantOpenError opens a database that must refuse, and returns the error.
func wantOpenError(t *testing.T, opts Options, words ...string) error {
	t.Helper()
	db, err := Open(t.Context(), opts)
	if err == nil {
		t.Errorf("the database opened, want an error with %q", words)
		return db.Close()
	}
	for _, w := range append(words, opts.Path) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got the error %q, want %q in it", err, w)
		}
	}
	return err
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	// Characters that mean something in the URI of a connection.
	opts.Path = filepath.Join(filepath.Dir(opts.Path), "a b?c#d%25&mode=memory;é.db")
	db := openTest(t, opts)
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "password", "hunter2") })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openTest(t, opts)
	wantSecret(t, db, "password", "hunter2", true)
	if got, want := jids(t, db, testDomain), []string{user(1).JID}; !cmp.Equal(got, want) {
		t.Errorf("users: got %q, want %q", got, want)
	}
}

// TestOpenTwice: a second process may look into the database of the first.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	onEach(t, testOpenTwice)
}

func testOpenTwice(t *testing.T, opts Options) {
	one, two := openTest(t, opts), openTest(t, opts)
	write(t, one, touch(1))
	write(t, two, touch(2))
	for _, db := range []*DB{one, two} {
		if got, want := jids(t, db, testDomain), []string{user(1).JID, user(2).JID}; !cmp.Equal(got, want) {
			t.Errorf("users: got %q, want %q", got, want)
		}
	}
}

// TestPragmas reads back what durability and isolation rest on.
func TestPragmas(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	for pragma, want := range map[string]string{
		"journal_mode":       "wal",
		"synchronous":        "2", // FULL
		"foreign_keys":       "1",
		"busy_timeout":       "5000",
		"journal_size_limit": "16777216",
	} {
		var got string
		if err := db.pool.write.QueryRowContext(t.Context(), `PRAGMA `+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
		}
	}
	if _, err := db.pool.read.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("a reader could write")
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	write(t, openTest(t, opts), touch(1))
	files, err := filepath.Glob(opts.Path + "*")
	if err != nil || len(files) != 4 {
		t.Fatalf("files: got %q, %v, want the database, its log, the index of that and the note of what was answered", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: got the mode %v, want %v", filepath.Base(file), got, fs.FileMode(0o600))
		}
	}
}

// TestNothingInPlain looks for secrets in the files as they are on the disk.
func TestNothingInPlain(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	db := openTest(t, opts)
	write(t, db, func(tx *Tx) error {
		return errors.Join(
			tx.Set(user(1), "s", "nick", "plain-nick"),
			tx.SetSecret(user(1), "s", "password", "sealed-password"),
			tx.Occupy(Occupancy{UserID: user(1), Room: "#a", Nick: "alice", Password: "sealed-key"}),
		)
	})
	if err := db.Close(); err != nil { // folds the log into the database
		t.Fatal(err)
	}
	data, err := os.ReadFile(opts.Path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"plain-nick":         true, // so the search works
		"sealed-password":    false,
		"sealed-key":         false,
		string(testKey(1)):   false,
		"passerelle key id":  false,
		string(keyCheckText): false,
	} {
		if got := strings.Contains(string(data), text); got != want {
			t.Errorf("%q is in the file: got %v, want %v", text, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is a text and no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		key        []byte
		want       string
	}{
		{"no path", "", testKey(1), "no path"},
		{"no key", filepath.Join(dir, "nokey.db"), nil, "key has 0 bytes and should have 32"},
		{"short key", filepath.Join(dir, "nokey.db"), testKey(1)[1:], "key has 31 bytes"},
		{"missing directory", filepath.Join(dir, "missing", "x.db"), testKey(1), "no such file or directory"},
		{"a file as directory", filepath.Join(file, "x.db"), testKey(1), "not a directory"},
		{"a directory", dir, testKey(1), "unable to open database file"},
		{"a text file", file, testKey(1), "file is not a database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := testOptions(t)
			opts.Path, opts.Key = c.path, c.key
			if err := wantOpenError(t, opts, c.want); strings.Contains(err.Error(), "out of memory") {
				t.Errorf("got the error %q, which names another one", err)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "nokey.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database without a key was made: %v", err)
	}
}

func TestOpenNeedsLog(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	opts.Log = nil
	if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "logger") {
		t.Errorf("got the error %v, want one about the logger", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, testOptions(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got the error %v, want %v", err, context.Canceled)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	onEach(t, testWrongKey)
}

func testWrongKey(t *testing.T, opts Options) {
	db := openTest(t, opts)
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "password", "hunter2") })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	opts.Key = testKey(2)
	wantOpenError(t, opts, "another key", "use the key file that was made with it")
	opts.Key = testKey(1)
	wantSecret(t, openTest(t, opts), "password", "hunter2", true)
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	onEach(t, testNewerSchema)
}

func testNewerSchema(t *testing.T, opts Options) {
	db := openTest(t, opts)
	write(t, db, func(tx *Tx) error { return tx.setMeta(metaSchema, "1007") })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, opts, "the database was written by a newer passerelle (schema 1007, this binary knows ")
}

func TestDamagedMeta(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{metaSchema: "no number", metaKeyCheck: "key check"} {
		onEach(t, func(t *testing.T, opts Options) {
			db := openTest(t, opts)
			write(t, db, func(tx *Tx) error { return tx.setMeta(name, "-1!") })
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			wantOpenError(t, opts, want)
		})
	}
}

// TestOtherProgram: a database of another program is refused and left alone.
func TestOtherProgram(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	p, err := openSQLite(t.Context(), opts.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.write.ExecContext(t.Context(), `CREATE TABLE roster (jid TEXT)`); err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, opts, "belongs to another program")
	if p, err = openSQLite(t.Context(), opts.Path); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var tables int
	if err := p.read.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil || tables != 1 {
		t.Errorf("tables of the other program: got %d, %v, want 1", tables, err)
	}
}

// TestMigrate goes from one schema to the next, and back to nothing where a step fails.
func TestMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, testMigrate)
}

func testMigrate(t *testing.T, opts Options) {
	db := openTest(t, opts)
	write(t, db, touch(1))
	known, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	schema := func() string {
		t.Helper()
		var version string
		if err := db.pool.read.QueryRowContext(t.Context(), `SELECT value FROM meta WHERE name = 'schema'`).Scan(&version); err != nil {
			t.Fatal(err)
		}
		return version
	}
	before := schema()

	good := migration{"good", `CREATE TABLE extra (n BIGINT); INSERT INTO extra VALUES (1); ALTER TABLE users ADD COLUMN note TEXT;`}
	bad := migration{"bad", `CREATE TABLE more (n BIGINT); INSERT INTO missing VALUES (1);`}
	err = db.prepare(t.Context(), append(known[:len(known):len(known)], good, bad))
	if err == nil || !strings.Contains(err.Error(), "migration bad") || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a migration that fails: got the error %v", err)
	}
	if got := schema(); got != before {
		t.Errorf("schema after the failure: got %s, want %s", got, before)
	}
	for range 2 { // the second time there is nothing left to do
		if err := db.prepare(t.Context(), append(known[:len(known):len(known)], good)); err != nil {
			t.Errorf("migrate: %v", err)
		}
		if got := schema(); got == before {
			t.Errorf("schema after the migration: got %s still", got)
		}
	}
	var n int
	if err := db.pool.read.QueryRowContext(t.Context(), `SELECT count(*) FROM extra`).Scan(&n); err != nil || n != 1 {
		t.Errorf("rows of the new table: got %d, %v, want 1", n, err)
	}
	if got, want := jids(t, db, testDomain), []string{user(1).JID}; !cmp.Equal(got, want) {
		t.Errorf("users after the migration: got %q, want %q", got, want)
	}
}
