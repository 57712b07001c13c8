package store

import "testing"

// TestPlaceholders has rows as both databases take them. With names SQLite takes ever longer for each row.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect       dialect
		rows, columns int
		fixed         string
		want          string
	}{
		{sqliteDialect(), 1, 1, "", "(?)"},
		{sqliteDialect(), 2, 3, "", "(?, ?, ?), (?, ?, ?)"},
		{postgresDialect(), 1, 2, "", "($1, $2)"},
		{postgresDialect(), 3, 1, "", "($1), ($2), ($3)"},
		{sqliteDialect(), 2, 1, ", FALSE", "(?, FALSE), (?, FALSE)"},
	} {
		if got := c.dialect.placeholders(c.rows, c.columns, c.fixed); got != c.want {
			t.Errorf("%d rows of %d are %s, want %s", c.rows, c.columns, got, c.want)
		}
	}
}
