package store

import (
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// plan is how the database would run a query, one step a line.
func plan(t *testing.T, db *DB, query string, args ...any) string {
	t.Helper()
	explain := `EXPLAIN QUERY PLAN `
	postgres := db.dialect.lock != ""
	if postgres {
		explain = `EXPLAIN `
	}
	var steps strings.Builder
	err := db.query(t.Context(), func(rows *sql.Rows) error {
		var step string
		var ignored [3]int
		var err error
		if postgres {
			err = rows.Scan(&step)
		} else {
			err = rows.Scan(&ignored[0], &ignored[1], &ignored[2], &step)
		}
		steps.WriteString(step + "\n")
		return err
	}, explain+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return steps.String()
}

// What stands in the plan of a query that looks at all rows, sorts them, or looks for the ranges of one user among all.
var (
	notIndexed = regexp.MustCompile(`(?m)^SCAN|Seq Scan on archive`)
	sorted     = regexp.MustCompile(`TEMP B-TREE|Sort Key`)
	notByUser  = regexp.MustCompile(`archive_seen_archive`)
)

// TestPlans: no query of the archive looks at all lines, whatever it asks for.
func TestPlans(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		opts.Now = func() time.Time { return testStart.Add(time.Hour) }
		db := openTest(t, opts)
		first := fill(t, db, "#a", 20000)
		write(t, db, func(tx *Tx) error {
			for i := range 2000 {
				if err := tx.ExtendSeen(user(i%20), "#a", first+LineID(i*10), first+LineID(i*10+i%8)); err != nil {
					return err
				}
				if err := tx.Retract(Retraction{User: user(i % 20), ID: fmt.Sprintf("#a%d", i*10), Stanza: "<gone/>"}); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := db.pool.write.ExecContext(t.Context(), `ANALYZE`); err != nil {
			t.Fatal(err)
		}
		if got := plan(t, db, `SELECT id FROM archive_lines WHERE stanza = 'x' ORDER BY time`); !notIndexed.MatchString(got) {
			t.Fatalf("a query that looks at all lines is not found out:\n%s", got)
		}
		lo, hi := int64(first+100), int64(first+19000)
		type query struct {
			text   string
			args   []any
			faults []*regexp.Regexp
		}
		page := []*regexp.Regexp{notIndexed, sorted}
		chunk := []*regexp.Regexp{notIndexed} // of some hundred rows, which may be sorted
		var queries []query
		for _, s := range []span{{lo: LineID(lo), hi: LineID(hi)}, {lo: LineID(lo), hi: LineID(hi), who: "alice"}} {
			for _, backward := range []bool{false, true} {
				text, args := pageSQL(s, 100, backward)
				queries = append(queries, query{text, args, page})
			}
		}
		queries = append(queries,
			query{selectSeenForward, []any{testDomain, user(1).JID, lo, hi, seenBatch}, append(page, notByUser)},
			query{selectSeenBackward, []any{testDomain, user(1).JID, lo, hi, seenBatch}, append(page, notByUser)},
			query{selectSaidForward, []any{lo, hi, 100, "alice", testDomain, user(1).JID}, append(page, notByUser)},
			query{selectSaidBackward, []any{lo, hi, 100, "alice", testDomain, user(1).JID}, append(page, notByUser)},
			query{selectLines + `WHERE id = $1`, []any{"#a1"}, page},
			query{selectSince, []any{lo, hi}, page},
			query{selectByNetwork, []any{"x", lo, hi, sameNetworkID}, page},
			query{selectRetracted, []any{lo, hi, testDomain, user(1).JID}, page},
			query{selectSeenByAnybody, []any{first.of(), lo, hi, seenBatch}, page},
			query{deleteSeenChunk, []any{lo, lo + 1000, deleteChunk, first.of()}, chunk},
			query{deleteLineChunk, []any{lo, hi, deleteChunk}, chunk},
			query{countSeen, []any{testDomain, user(1).JID, lo, hi}, append(page, notByUser)},
			query{nextSeen, []any{testDomain, user(1).JID, lo}, append(page, notByUser)},
			query{unseeChunk, []any{testDomain, user(1).JID, lo, hi, deleteChunk}, append(chunk, notByUser)},
			query{unseeRest, []any{testDomain, user(1).JID, lo, hi, hi + 1}, append(chunk, notByUser)},
			query{deleteWithOne, []any{lo, hi, deleteChunk, "alice"}, chunk},
		)
		for _, q := range queries {
			got := plan(t, db, q.text, q.args...)
			for _, fault := range q.faults {
				if found := fault.FindString(got); found != "" {
					t.Errorf("%s\nthe plan has %q:\n%s", fmt.Sprint(q.text, q.args), found, got)
				}
			}
		}
	})
}
