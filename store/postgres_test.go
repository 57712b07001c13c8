package store

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// postgresOptions are options for an empty database on the server that the tests share.
func postgresOptions(tb testing.TB) Options {
	tb.Helper()
	opts := testOptions(tb)
	opts.Path, opts.URL = "", cluster.schema(tb)
	return opts
}

func TestPostgresURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"mysql://db.example.org/x", "should begin with postgresql://"},
		{"host=db.example.org password=hunter2", "should begin with postgresql://"},
		{"postgresql://user:hunter2@db.example.org:port/x", "read"},
		{"postgresql://user:hunter2@127.0.0.1:1/x?sslmode=disable", "connect"},
		{"postgresql://127.0.0.1:1/x?user=user&password=hunter2&sslmode=disable", "connect"},
	} {
		opts := testOptions(t)
		opts.Path, opts.URL = "", c.url
		db, err := Open(t.Context(), opts)
		if err == nil {
			t.Errorf("%s: it opened", c.url)
			_ = db.Close()
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, "hunter2") {
			t.Errorf("%s: got the error %q, want %q and no password in it", c.url, text, c.want)
		}
	}
	opts := testOptions(t)
	opts.URL = "postgresql:///x"
	if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("a path and a URL: got the error %v", err)
	}
}

// TestPostgresOtherProgram: tables of another program are refused in our schema and do not matter in others.
func TestPostgresOtherProgram(t *testing.T) {
	t.Parallel()
	opts, other := postgresOptions(t), postgresOptions(t)
	db, err := sql.Open("pgx", other.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE roster (jid TEXT)`); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, other, "belongs to another program")
	openTest(t, opts)
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	opts := postgresOptions(t)
	opts.URL += "&synchronous_commit=off"
	db := openTest(t, opts)
	var got string
	if err := db.pool.write.QueryRowContext(t.Context(), `SHOW synchronous_commit`).Scan(&got); err != nil || got != "on" {
		t.Errorf("synchronous_commit: got %q, %v, want on", got, err)
	}
	if _, err := db.pool.read.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("a reader could write")
	}
}

// TestPostgresOpenTogether: of several processes that make the schema at once each finds it made.
func TestPostgresOpenTogether(t *testing.T) {
	t.Parallel()
	opts := postgresOptions(t)
	const processes = 4
	opened := make(chan error, processes)
	for range processes {
		go func() {
			db, err := Open(t.Context(), opts)
			if err == nil {
				err = db.Close()
			}
			opened <- err
		}()
	}
	for range processes {
		if err := <-opened; err != nil {
			t.Error(err)
		}
	}
}

// TestPostgresRestarts: while the server is away writes and reads fail, and when it is back everything goes on.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	opts := testOptions(t)
	opts.Path, opts.URL = "", server.URL
	db := openTest(t, opts)
	write(t, db, touch(1))
	_ = jids(t, db, testDomain)

	server.Kill()
	if err := db.Write(t.Context(), touch(2)); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("a write without the server: got %v, want an error", err)
	}
	if _, err := db.Users(t.Context(), testDomain); err == nil {
		t.Error("a read without the server: no error")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, db, touch(3))
	if got, want := jids(t, db, testDomain), []string{user(1).JID, user(3).JID}; !slices.Equal(got, want) {
		t.Errorf("users: got %q, want %q", got, want)
	}
	// The same, but nobody noticed that it was away.
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for db.Write(t.Context(), touch(4)) != nil {
		if time.Now().After(deadline) {
			t.Fatal("no write succeeds after a restart")
		}
	}
	if _, err := db.Users(t.Context(), testDomain); err != nil {
		t.Errorf("a read after a restart: %v", err)
	}
}
