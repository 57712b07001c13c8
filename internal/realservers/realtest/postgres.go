package realtest

import (
	"testing"

	"passerelle/internal/realservers"
)

// Postgres starts a database server that stops at the end of the test.
func Postgres(t testing.TB, o realservers.PostgresOptions) *realservers.Postgres {
	t.Helper()
	skipIfShort(t)
	p, err := realservers.StartPostgres(t.Context(), o)
	started(t, err)
	t.Cleanup(func() { stopped(t, p.Stop()) })
	return p
}

// PostgresWay makes a way to a PostgreSQL server on which something can happen.
func PostgresWay(t testing.TB, p *realservers.Postgres) *realservers.PostgresWay {
	t.Helper()
	w, err := realservers.NewPostgresWay(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, w.Close()) })
	return w
}
