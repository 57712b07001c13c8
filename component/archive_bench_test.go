package component

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// archiveLinesEnv is how many lines the archive of BenchmarkArchivePage has; see store.
const archiveLinesEnv = "PASSERELLE_STORE_BENCH_LINES"

// benchStores runs a benchmark with each database.
func benchStores(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	open := func(b *testing.B, o store.Options) *store.DB {
		o.Key, o.Log = make([]byte, 32), slog.New(slog.DiscardHandler)
		db, err := store.Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	b.Run("db=SQLite", func(b *testing.B) {
		bench(b, open(b, store.Options{Path: filepath.Join(b.TempDir(), "archive.db")}))
	})
	b.Run("db=PostgreSQL", func(b *testing.B) {
		server := realtest.Postgres(b, realservers.PostgresOptions{Settings: []string{"shared_buffers=256MB", "max_wal_size=4GB"}})
		bench(b, open(b, store.Options{URL: server.URL}))
	})
}

// BenchmarkArchive takes lines of a room that some users hear through the whole gateway, to the stream and into the archive. An operation
// is a line of the network: one line of the archive, a stanza and a range for each user.
func BenchmarkArchive(b *testing.B) {
	for _, users := range []int{1, 10} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			benchStores(b, func(b *testing.B, db *store.DB) {
				tr := newScripted()
				g, conn := startBenchGateway(b, tr, db)
				sessions := make([]*scriptedSession, users)
				for i := range sessions {
					sessions[i] = enterBench(b, conn, tr, fmt.Sprintf("user%d@localhost/phone", i))
				}
				bob := &transports.Person{Nick: "bob"}
				b.ReportAllocs()
				b.ResetTimer()
				go func() {
					for n := range b.N {
						e := transports.Message{Room: goRoom, From: bob, Body: strings.Repeat("hello ", 15) + strconv.Itoa(n)}
						for _, s := range sessions {
							if s.host.Emit(s.ctx, e) != nil {
								return // the counter tells
							}
						}
						for g.archive.waiting() > maxKeeping/2 { // as a network that holds back
							time.Sleep(time.Millisecond)
						}
					}
				}()
				if err := xmpptest.NewCounter(conn, "</body>").Until(b.N * users); err != nil {
					b.Fatal(err)
				}
				id := store.UserID{Domain: testDomain, JID: "user0@localhost"}
				if err := g.archive.sync(b.Context(), id); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
				page, err := db.QueryRoom(b.Context(), store.RoomQuery{User: id, Room: "#go%irc.example"})
				if err != nil || page.Count != int64(b.N) {
					b.Errorf("%d of %d lines are in the archive, %v", page.Count, b.N, err)
				}
			})
		})
	}
}

// BenchmarkArchivePage asks for pages of a hundred lines from a large archive, one after the other, as a client does: an operation is from
// the request to the end of the page.
func BenchmarkArchivePage(b *testing.B) {
	lines := 20_000
	if text := os.Getenv(archiveLinesEnv); text != "" {
		var err error
		if lines, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	benchStores(b, func(b *testing.B, db *store.DB) {
		id := store.UserID{Domain: testDomain, JID: "user0@localhost"}
		const room = "#go%irc.example"
		fillArchive(b, db, id, room, lines)
		tr := newScripted()
		_, conn := startBenchGateway(b, tr, db)
		enterBench(b, conn, tr, "user0@localhost/phone")
		middle := archiveID(lines / 2)
		with := func(nick string) string {
			return `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='with'><value>` +
				goJID + `/` + nick + `</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>100</max><before/></set>`
		}
		for _, c := range []struct{ name, query string }{
			{"first", `<set xmlns='http://jabber.org/protocol/rsm'><max>100</max></set>`},
			{"last", `<set xmlns='http://jabber.org/protocol/rsm'><max>100</max><before/></set>`},
			{"after", `<set xmlns='http://jabber.org/protocol/rsm'><max>100</max><after>` + middle + `</after></set>`},
			{"start", `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='start'><value>` +
				archiveTime(lines/2).Format(time.RFC3339) + `</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>100</max></set>`},
			{"with", with("nick7")},
			{"with-rare", with("rare")},
		} {
			b.Run("page="+c.name, func(b *testing.B) {
				request := `<iq type='set' id='q' from='user0@localhost/phone' to='` + goJID + `'><query xmlns='urn:xmpp:mam:2'>` + c.query + `</query></iq>`
				end := xmpptest.NewCounter(conn, "</fin>")
				for n := 1; b.Loop(); n++ {
					if _, err := io.WriteString(conn, request); err != nil {
						b.Fatal(err)
					}
					if err := end.Until(n); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

var archiveStart = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func archiveTime(n int) time.Time { return archiveStart.Add(time.Duration(n) * time.Second) }

func archiveID(n int) string { return fmt.Sprintf("line%020d", n) }

// fillArchive makes an archive of a room, a line a second by a hundred people, each ten thousandth by one more, of which a user may read
// forty of every fifty.
func fillArchive(b *testing.B, db *store.DB, id store.UserID, room string, lines int) {
	b.Helper()
	body := `<body>` + strings.Repeat("some words ", 8) + `</body>`
	for from := 0; from < lines; from += 10_000 {
		batch := make([]store.RoomLine, 0, 10_000)
		for n := from; n < min(from+10_000, lines); n++ {
			nick := "nick" + strconv.Itoa(n*7919%100)
			if n%10_000 == 0 {
				nick = "rare"
			}
			batch = append(batch, store.RoomLine{
				Domain: testDomain, Room: room, ID: archiveID(n), Time: archiveTime(n), Nick: nick,
				Stanza: `<message id='` + archiveID(n) + `' type='groupchat'>` + body + `</message>`,
			})
		}
		if err := db.Write(b.Context(), func(tx *store.Tx) error {
			ids, err := tx.AppendRoomLines(batch)
			for i := 0; err == nil && i < len(ids); i += 50 {
				err = tx.ExtendSeen(id, room, ids[i], ids[min(i+39, len(ids)-1)])
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// enterBench brings a client into #go.
func enterBench(b *testing.B, conn net.Conn, tr *scripted, client string) *scriptedSession {
	b.Helper()
	if _, err := io.WriteString(conn, `<presence from='`+client+`' to='`+goJID+`/nick'><x xmlns='http://jabber.org/protocol/muc'/></presence>`); err != nil {
		b.Fatal(err)
	}
	s := <-tr.opened
	if err := s.host.Emit(s.ctx, entered((<-s.requests).(transports.Join))); err != nil {
		b.Fatal(err)
	}
	if err := xmpptest.NewCounter(conn, "<subject").Until(1); err != nil {
		b.Fatal(err)
	}
	return s
}

// waiting is how many items are queued.
func (a *archiver) waiting() int {
	a.queue.mu.Lock()
	defer a.queue.mu.Unlock()
	return a.queue.items
}

// BenchmarkRetention looks whether there is something to delete for a thousand users who want less to be kept, each with twenty rooms: there is
// nothing.
func BenchmarkRetention(b *testing.B) {
	db := openStore(b, filepath.Join(b.TempDir(), "p.db"))
	const users, rooms = 1000, 20
	if err := db.Write(b.Context(), func(tx *store.Tx) error {
		for r := range rooms {
			room := fmt.Sprintf("#room%d%%irc.example", r)
			lines := make([]store.RoomLine, users)
			for i := range lines {
				lines[i] = store.RoomLine{Domain: testDomain, Room: room, ID: newID(), Time: now(), Nick: "bob", Stanza: "<message/>"}
			}
			ids, err := tx.AppendRoomLines(lines)
			if err != nil {
				return err
			}
			for u, line := range ids {
				id := store.UserID{Domain: testDomain, JID: fmt.Sprintf("user%d@localhost", u)}
				if err := errors.Join(tx.ExtendSeen(id, room, line, line), tx.Set(id, "gateway", SettingDays, "30")); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	g, err := New(Options{Domain: testDomain, Transport: newScripted(), Store: db, Archive: true, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := g.ApplyRetention(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
