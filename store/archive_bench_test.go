package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// linesEnv is how many lines the archive of BenchmarkPage has, such as 10000000. It takes minutes and gigabytes to make, so
// without it the benchmark has few.
const linesEnv = "PASSERELLE_STORE_BENCH_LINES"

// benchEach runs a benchmark on both databases, which wait for the disk as they do in earnest.
func benchEach(b *testing.B, bench func(b *testing.B, db *DB)) {
	options := func(b *testing.B) Options {
		opts := testOptions(b)
		opts.Log = slog.New(slog.DiscardHandler)
		opts.Now = time.Now
		return opts
	}
	b.Run("db=SQLite", func(b *testing.B) { bench(b, openTest(b, options(b))) })
	b.Run("db=PostgreSQL", func(b *testing.B) {
		opts := options(b)
		server := realtest.Postgres(b, realservers.PostgresOptions{Settings: []string{"shared_buffers=256MB", "max_wal_size=4GB"}})
		opts.Path, opts.URL = "", server.URL
		bench(b, openTest(b, opts))
	})
}

// benchStanza is as long as a line of IRC mostly is as a stanza.
var benchStanza = `<message xmlns='jabber:client' from='#go%irc.example.net@irc.example.org/alice' type='groupchat' id='` +
	strings.Repeat("i", 26) + `'><body>` + strings.Repeat("some words ", 8) + `</body></message>`

// benchNumber makes stanza ids of 26 characters.
var benchNumber atomic.Int64

// benchLines are the next n lines of ten rooms and a hundred people.
func benchLines(n int) []RoomLine {
	now := time.Now()
	lines := make([]RoomLine, n)
	for i := range lines {
		k := benchNumber.Add(1)
		lines[i] = RoomLine{
			Domain: testDomain, Room: fmt.Sprintf("#room%d%%irc.example.net", k/64%10), ID: fmt.Sprintf("%026d", k), Time: now,
			Nick: "nick" + strconv.FormatInt(k*7919%100, 10), Stanza: benchStanza,
		}
	}
	return lines
}

// BenchmarkAppend appends lines by writes of some lines, several at a time. An operation is a line.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("lines=%d", size), func(b *testing.B) {
			benchEach(b, func(b *testing.B, db *DB) {
				const writers = 16
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for left.Add(-int64(size)) > -int64(size) {
							lines := benchLines(size)
							if err := db.Write(context.Background(), func(tx *Tx) error {
								_, err := tx.AppendRoomLines(lines)
								return err
							}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
			})
		})
	}
}

// BenchmarkExtendSeen notes that a hundred users heard a line. An operation is a user.
func BenchmarkExtendSeen(b *testing.B) {
	benchEach(b, func(b *testing.B, db *DB) {
		const readers = 100
		first := fill(b, db, "#a", 20000)
		for n := 0; b.Loop(); n++ {
			line := first + LineID(n%20000)
			write(b, db, func(tx *Tx) error {
				for i := range readers {
					if err := tx.ExtendSeen(user(i), "#a", line, line); err != nil {
						return err
					}
				}
				return nil
			})
		}
		b.ReportMetric(float64(b.N*readers)/b.Elapsed().Seconds(), "users/s")
	})
}

// BenchmarkPage reads pages of a hundred lines from large archives: of a room by ranges of its reader, and of a user.
func BenchmarkPage(b *testing.B) {
	lines := 20_000
	if text := os.Getenv(linesEnv); text != "" {
		var err error
		if lines, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	benchEach(b, func(b *testing.B, db *DB) {
		started := time.Now()
		bulk(b, db, lines)
		b.Logf("%d lines for each archive in %v", lines, time.Since(started))
		middle := bulkID("r", lines/2)
		start := testStart.Add(time.Duration(lines/2) * time.Second)
		for _, c := range []struct {
			name  string
			query Query
		}{
			{"first", Query{}},
			{"last", Query{Last: true}},
			{"after", Query{PageAfter: middle}},
			{"before", Query{PageBefore: middle}},
			{"between", Query{AfterID: bulkID("r", lines/4), BeforeID: middle, Last: true}},
			{"with", Query{With: "rare", Last: true}},
			{"with-nobody", Query{With: "nobody"}},
			{"start", Query{Start: start}},
			{"end", Query{End: start, Last: true}},
		} {
			c.query.Max = 100
			for _, reader := range []UserID{user(1), user(2)} {
				b.Run(fmt.Sprintf("archive=room/reader=%s/page=%s", map[UserID]string{user(1): "whole", user(2): "ranges"}[reader], c.name),
					func(b *testing.B) {
						for b.Loop() {
							p, err := db.QueryRoom(context.Background(), RoomQuery{reader, "#a", c.query})
							wantBenchPage(b, c.query, p, err)
						}
					})
			}
			c.query.AfterID = strings.Replace(c.query.AfterID, "r", "p", 1)
			for _, id := range []*string{&c.query.BeforeID, &c.query.PageAfter, &c.query.PageBefore} {
				*id = strings.Replace(*id, "r", "p", 1)
			}
			b.Run("archive=user/page="+c.name, func(b *testing.B) {
				for b.Loop() {
					p, err := db.QueryPrivate(context.Background(), PrivateQuery{user(1), c.query})
					wantBenchPage(b, c.query, p, err)
				}
			})
		}
	})
}

func wantBenchPage(b *testing.B, q Query, p Page, err error) {
	if err != nil || q.With == "" && len(p.Lines) != q.Max {
		b.Fatalf("query %+v: got %d lines, %v", q, len(p.Lines), err)
	}
}

// bulkID is the id of a line that bulk made. Ids sort like their lines, as those of a gateway do.
func bulkID(prefix string, n int) string { return fmt.Sprint(prefix, 100_000_000_000+n) }

// bulk fills an archive of a room and one of a user by a faster way than writes: a line a second, said by a hundred people, and
// every ten thousandth by one more. User 1 may read all of the room, user 2 forty lines of every fifty.
func bulk(b *testing.B, db *DB, lines int) {
	b.Helper()
	var room, private LineID
	write(b, db, func(tx *Tx) error {
		n, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#a", ID: bulkID("r", 0), Time: testStart, Stanza: "<m/>"}})
		if err != nil {
			return err
		}
		m, err := tx.AppendPrivateLines([]PrivateLine{{Owner: user(1), With: "x", ID: bulkID("p", 0), Time: testStart, Stanza: "<m/>"}})
		if err == nil {
			room, private = n[0], m[0]
		}
		return err
	})
	const series = `WITH RECURSIVE i (n) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM i WHERE n < CAST($2 AS BIGINT)) `
	const chunk = 100_000
	for from := 1; from < lines; from += chunk {
		to := min(from+chunk, lines) - 1
		write(b, db, func(tx *Tx) error {
			for prefix, first := range map[string]LineID{"r": room, "p": private} {
				if err := tx.exec(`INSERT INTO archive_lines (line, id, time, who, outgoing, stanza) `+series+
					`SELECT n + CAST($3 AS BIGINT), CAST($4 AS TEXT) || (100000000000 + n), CAST($5 AS BIGINT) + n * 1000, CASE WHEN n % 10000 = 0 THEN 'rare' ELSE 'nick' || (n * 7919 % 100) END,
					false, CAST($6 AS TEXT) FROM i`, from, to, int64(first), prefix, millis(testStart), benchStanza); err != nil {
					return err
				}
				if err := tx.exec(`UPDATE archives SET last = $2 WHERE archive = $1`, first.of(), int64(first)+int64(to)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	write(b, db, func(tx *Tx) error {
		if err := tx.ExtendSeen(user(1), "#a", room, room+LineID(lines-1)); err != nil {
			return err
		}
		if err := tx.addUser(user(2)); err != nil {
			return err
		}
		return tx.exec(`INSERT INTO archive_seen (domain, jid, lo, hi, archive) `+series+
			`SELECT CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) + n * 50, CAST($5 AS BIGINT) + n * 50 + 39, CAST($6 AS BIGINT) FROM i`, 0, lines/50-1, user(2).Domain, user(2).JID, int64(room), room.of())
	})
	if _, err := db.pool.write.ExecContext(context.Background(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkForget has users forget everything and what nobody can read any more deleted, and says how large the database is: full, when all
// that is gone, and when as much has come again.
func BenchmarkForget(b *testing.B) {
	lines := 20_000
	if text := os.Getenv(linesEnv); text != "" {
		var err error
		if lines, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	benchEach(b, func(b *testing.B, db *DB) {
		size := func() float64 {
			query := `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`
			if db.dialect.reclaim == "" {
				query = `SELECT pg_database_size(current_database())`
			}
			var bytes int64
			if err := db.pool.read.QueryRowContext(context.Background(), query).Scan(&bytes); err != nil {
				b.Fatal(err)
			}
			return float64(bytes) / (1 << 20)
		}
		bulk(b, db, lines)
		b.ReportMetric(size(), "MB-full")
		// Somebody else writes meanwhile.
		var waits []time.Duration
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				if err := db.Ready(context.Background()); err != nil {
					b.Error(err)
				}
				waits = append(waits, time.Since(began))
			}
		}()
		b.ResetTimer()
		began := time.Now()
		for _, id := range []UserID{user(1), user(2)} {
			if err := db.Forget(context.Background(), id, Part{}); err != nil {
				b.Fatal(err)
			}
		}
		forgotten := time.Since(began)
		n, err := db.CollectArchive(context.Background(), time.Now())
		if err != nil {
			b.Fatal(err)
		}
		collected := time.Since(began) - forgotten
		if _, err := db.Reclaim(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		close(stop)
		<-stopped
		slices.Sort(waits)
		b.ReportMetric(1000*waits[len(waits)/2].Seconds(), "ms-wait-median")
		b.ReportMetric(1000*waits[len(waits)*99/100].Seconds(), "ms-wait-p99")
		b.ReportMetric(forgotten.Seconds(), "s-forget")
		b.ReportMetric(float64(n)/collected.Seconds(), "lines/s-collected")
		b.ReportMetric((time.Since(began) - forgotten - collected).Seconds(), "s-reclaim")
		b.ReportMetric(size(), "MB-empty")
		bulk(b, db, lines)
		b.ReportMetric(size(), "MB-again")
	})
}
