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
