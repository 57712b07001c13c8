package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver, to make schemas

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestPostgres kills each part while somebody talks and the gateway has its data in PostgreSQL, and then PostgreSQL itself, for which
// messages wait: nothing is missing in the archive then.
func TestPostgres(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, kind := range cells() {
		if kind.name != "fake" && kind.name != "prosody-inspircd" {
			continue // the database is none of their business
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
			way := realtest.PostgresWay(t, server)
			schemas := newSchemas(t, server)
			start := func(t *testing.T) *traffic {
				s := kind.start(t)
				g := newGateway(t, program, s)
				g.onPostgres(t, schemas.next(t, way.URL))
				return enterTraffic(t, s, g)
			}
			killEach(t, start)
			t.Run("database", func(t *testing.T) {
				w := start(t)
				stop := w.talk()
				server.Kill()
				if err := server.Restart(context.WithoutCancel(t.Context())); err != nil {
					t.Fatal(err)
				}
				way.Next(realservers.PostgresNoReply)
				if err := way.Await(t.Context()); err != nil {
					t.Fatal(err)
				}
				stop()
				w.report("")
				w.complete()
			})
			if kind.name != "fake" {
				return // it takes long on purpose, and no server has to do with it
			}
			t.Run("stop", func(t *testing.T) {
				w := start(t)
				stop := w.talk()
				stop()
				way.Hang()
				w.say("the database does not take this any more")
				ctx, cancel := context.WithTimeout(t.Context(), stopTimeout(t))
				defer cancel()
				if err := syscall.Kill(w.gateway.process.Pid(), syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				select {
				case <-w.gateway.process.Done():
				case <-ctx.Done():
					t.Error("systemd would have killed it")
				}
				way.Mend()
				for _, said := range []string{"messages are lost to the archive at the end", "close the database: the database does not answer"} {
					if !strings.Contains(w.gateway.log.String(), said) {
						t.Errorf("the log does not say %q", said)
					}
				}
			})
		})
	}
}

// stopTimeout is how long systemd waits for the end of the program.
func stopTimeout(t *testing.T) time.Duration {
	t.Helper()
	unit, err := os.ReadFile("../deploy/passerelle.service")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(unit), "\nTimeoutStopSec=")
	seconds, _, _ := strings.Cut(rest, "\n")
	d, err := time.ParseDuration(seconds + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// schemas make places in a database, each empty.
type schemas struct {
	db   *sql.DB
	made int
}

func newSchemas(t *testing.T, server *realservers.Postgres) *schemas {
	t.Helper()
	db, err := sql.Open("pgx", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &schemas{db: db}
}

// next makes one, and returns the URL of the database with it.
func (s *schemas) next(t *testing.T, url string) string {
	t.Helper()
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	if _, err := s.db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	return withParameter(url, "search_path", name)
}

// TestScenariosOnPostgres runs what has to do with the database once more, with PostgreSQL: a schema for each scenario.
func TestScenariosOnPostgres(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	places := newSchemas(t, server)
	files, err := filepath.Glob("scenarios/archive-*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	program := build(t)
	for _, name := range []string{"blocking", "configure-chat", "contact-presence", "find-user", "history", "long-message-gateway", "register", "status"} {
		files = append(files, "scenarios/"+name+".txtar")
	}
	for _, file := range slices.Sorted(slices.Values(files)) {
		url := places.next(t, server.URL)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := fakeServers(t)
			g := newGateway(t, program, s)
			g.onPostgres(t, url)
			runOn(t, readScenario(t, file), s, g)
		})
	}
}

// withParameter adds a parameter to a URL.
func withParameter(url, name, value string) string {
	if strings.Contains(url, "?") {
		return url + "&" + name + "=" + value
	}
	return url + "?" + name + "=" + value
}
