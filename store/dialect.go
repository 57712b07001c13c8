package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// dialect is all that is different in the SQL of the two databases.
type dialect struct {
	hasTables string // whether there is any table at all
	hasTable  string // whether there is a table of that name
	lock      string // taken by who brings the schema up to date; empty where a transaction excludes other writers from its beginning
	rowNumber string // the type of a BIGINT PRIMARY KEY
	reclaim   string // gives some free pages back; empty where that is not ours to do
	shrink    string // gives back memory that the committer's connection does not need; empty where that is not ours to do
	tune      string // said once to the committer's connection, when the schema is there; may be empty
	remote    bool   // it is a server, which may not answer, see settle.go

	trouble func(error) error // what an error says of the database as a whole, see trouble.go; nil where it says nothing of it

	// insert begins a statement that inserts many rows, which fails with all of its operation. So SQLite need not be able to undo some of the
	// rows alone, for which it would copy each page that it changes to a file of its own first.
	insert string

	// inserts are how many rows the statements insert that are compiled once, the most first. PostgreSQL is asked and waited for with each
	// statement, so for fewer than the most it gets one that it compiles anew; SQLite is not, and takes several in turn.
	inserts []int
}

// sqliteDialect keeps rows in the order of their number only where its type is INTEGER, which has 64 bits there.
func sqliteDialect() dialect {
	return dialect{
		hasTables: `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table')`,
		hasTable:  `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)`,
		rowNumber: `INTEGER PRIMARY KEY`,
		reclaim:   fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, reclaimPages),
		shrink:    `PRAGMA shrink_memory`,
		// What may be undone of a commit that several writes share would go to a file of its own, twice as many writes as the log takes. A
		// migration may sort more than fits into memory.
		tune:    `PRAGMA temp_store = MEMORY`,
		insert:  `INSERT OR FAIL`,
		inserts: []int{24, 16, 8, 4, 2, 1},
		trouble: sqliteTrouble,
	}
}

// postgresDialect looks at one schema, the first of the search path: others in the database are other programs' business. The
// number of the lock says "passerel" in ASCII.
func postgresDialect() dialect {
	return dialect{
		hasTables: `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema())`,
		hasTable:  `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1)`,
		lock:      `SELECT pg_advisory_xact_lock(8097880544449291628)`,
		rowNumber: `BIGINT PRIMARY KEY`,
		remote:    true,
		trouble:   postgresTrouble,
		insert:    `INSERT`,
		inserts:   []int{256, 1},
	}
}

// migration is the text of a migration as the database takes it.
func (d dialect) migration(text string) string {
	return strings.ReplaceAll(text, `BIGINT PRIMARY KEY`, d.rowNumber)
}

// atOnce is how many of n rows the next statement inserts.
func (d dialect) atOnce(n int) int {
	if d.remote {
		return min(n, d.inserts[0])
	}
	return d.inserts[slices.IndexFunc(d.inserts, func(size int) bool { return size <= n })]
}

// placeholders are those of rows, with what is the same in each of them behind: ($1, $2), ($3, $4). SQLite looks for each name in the list of all
// of them, so there they have none.
func (d dialect) placeholders(rows, columns int, fixed string) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString(fixed + "), (")
		default:
			b.WriteString(", ")
		}
		if d.remote {
			b.WriteString("$" + strconv.Itoa(i+1))
		} else {
			b.WriteString("?")
		}
	}
	b.WriteString(fixed + ")")
	return b.String()
}

func queryBool(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	var found bool
	err := tx.QueryRowContext(ctx, query, args...).Scan(&found)
	return found, err
}
