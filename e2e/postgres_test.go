package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver, to make schemas

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// With its data in PostgreSQL the gateway does what it does with SQLite: it brings users back after a crash. And it comes back to
// the database by itself when that was away.
func TestPostgres(t *testing.T) {
	t.Parallel()
	db := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	s := fakeServers(t)
	g := newGateway(t, build(t), s)
	g.onPostgres(t, db.URL)
	w := enterTraffic(t, s, g)
	stop := w.talk()
	// The recorder works beside the traffic; by now it has long written that alice is in the room.
	g.Kill()
	w.restart(g)
	stop()
	w.report("restarted")

	db.Kill()
	if err := db.Restart(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stepTime)
	defer cancel()
	if err := g.awaitReady(ctx); err != nil {
		t.Errorf("after the database was away: %v", err)
	}
}

// TestScenariosOnPostgres runs what has to do with the database once more, with PostgreSQL: a schema for each scenario.
func TestScenariosOnPostgres(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	db, err := sql.Open("pgx", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	files, err := filepath.Glob("scenarios/archive-*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	program := build(t)
	for _, name := range []string{"blocking", "configure-chat", "contact-presence", "find-user", "history", "long-message-gateway", "register", "status"} {
		files = append(files, "scenarios/"+name+".txtar")
	}
	for i, file := range slices.Sorted(slices.Values(files)) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			schema := fmt.Sprintf("scenario%d", i)
			if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
				t.Fatal(err)
			}
			s := fakeServers(t)
			g := newGateway(t, program, s)
			g.onPostgres(t, withParameter(server.URL, "search_path", schema))
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
