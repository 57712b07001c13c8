package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/killtest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

func TestMain(m *testing.M) {
	killtest.Main(func() { goleak.VerifyTestMain(withCluster{m}) }, map[string]func([]string) error{"write": writeUntilKilled})
}

// withCluster stops the PostgreSQL server of the tests behind the last one.
type withCluster struct{ *testing.M }

func (m withCluster) Run() int {
	code := m.M.Run()
	if err := cluster.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// cluster is the PostgreSQL server that all tests share, each in a schema of its own. The first one starts it.
var cluster sharedPostgres

type sharedPostgres struct {
	mu      sync.Mutex
	server  *realservers.Postgres
	err     error
	schemas int
}

// schema makes an empty schema and returns a URL that begins in it.
func (c *sharedPostgres) schema(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs PostgreSQL, and -short is set")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil && c.err == nil {
		c.server, c.err = realservers.StartPostgres(context.Background(), realservers.PostgresOptions{Fast: true})
	}
	if errors.Is(c.err, exec.ErrNotFound) {
		realtest.Missing(tb, c.err)
	}
	if c.err != nil {
		tb.Fatal(c.err)
	}
	c.schemas++
	name := fmt.Sprintf("test%d", c.schemas)
	return newSchema(tb, c.server.URL, name)
}

func (c *sharedPostgres) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	return c.server.Stop()
}

// newSchema makes a schema and returns the URL with it as the search path.
func newSchema(tb testing.TB, url, name string) string {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(tb.Context(), `CREATE SCHEMA `+name); err != nil {
		tb.Fatal(err)
	}
	return url + "&search_path=" + name
}

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, opts Options)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, testOptions(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, postgresOptions(t))
	})
}

// testKey is a key that anybody may know. testKey(1) and testKey(2) differ.
func testKey(n byte) []byte { return bytes.Repeat([]byte{n}, KeySize) }

// testStart is where the clock of tests begins.
var testStart = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// testClock is a clock that the test sets. It is read by the committer, so it is set between writes.
type testClock struct{ now time.Time }

func (c *testClock) advance(d time.Duration) { c.now = c.now.Add(d) }

// testOptions are options for a database in a directory of the test.
func testOptions(tb testing.TB) Options {
	tb.Helper()
	return Options{
		Path: filepath.Join(tb.TempDir(), "passerelle.db"),
		Key:  testKey(1),
		Log:  slog.New(slog.NewTextHandler(tb.Output(), nil)),
		Now:  func() time.Time { return testStart },
		// However much else the disk has to do.
		CloseTime: time.Minute,
	}
}

// openTest opens a database that the end of the test closes.
func openTest(tb testing.TB, opts Options) *DB {
	tb.Helper()
	db, err := Open(context.Background(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}

// write makes a write that must succeed.
func write(tb testing.TB, db *DB, fn func(*Tx) error) {
	tb.Helper()
	if err := db.Write(tb.Context(), fn); err != nil {
		tb.Fatalf("write: %v", err)
	}
}

// raw runs a statement that no method offers.
func raw(tb testing.TB, db *DB, query string, args ...any) {
	tb.Helper()
	write(tb, db, func(tx *Tx) error { return tx.exec(query, args...) })
}

// jids returns the users of a domain by name.
func jids(tb testing.TB, db *DB, domain string) []string {
	tb.Helper()
	users, err := db.Users(tb.Context(), domain)
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, u := range users {
		all = append(all, u.JID)
	}
	return all
}

const testDomain = "irc.example.org"

// user is a user of the test domain.
func user(n int) UserID { return UserID{Domain: testDomain, JID: fmt.Sprintf("user%d@example.org", n)} }

var errTest = errors.New("refused by the test")
