package e2e

import (
	"context"
	"testing"

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
