package realtest_test

import (
	"database/sql"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestPostgres: what was committed is there after a crash, and the folder goes with the server.
func TestPostgres(t *testing.T) {
	t.Parallel()
	p := realtest.Postgres(t, realservers.PostgresOptions{Fast: true, Settings: []string{"work_mem=1MB"}})
	run := func(statement string) error {
		db, err := sql.Open("pgx", p.URL)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(t.Context(), statement)
		return err
	}
	if err := run(`CREATE TABLE kept (n BIGINT)`); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if err := run(`SELECT n FROM kept`); err == nil {
		t.Error("it answers after Kill")
	}
	for range 2 { // once after Kill, once while it runs
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := run(`SELECT n FROM kept`); err != nil {
			t.Error(err)
		}
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(u.Query().Get("host")); !os.IsNotExist(err) {
		t.Errorf("its folder: got %v, want none", err)
	}
	if err := p.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop: no error")
	}
}
