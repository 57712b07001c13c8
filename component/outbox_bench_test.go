package component

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/store"
	"passerelle/transports"
)

// outboxQuestion is what the outbox asks a server.
var outboxQuestion = regexp.MustCompile(`<iq type='get' from='irc\.localhost' to='localhost' id='(outbox-[^']+)'>(<query)?`)

// answerOutbox reads a stream as Prosody does: it counts messages and answers questions, as late as it is far away, until there were n messages or
// the stream is closed.
func answerOutbox(conn net.Conn, n int, far time.Duration) error {
	buf := make([]byte, 256<<10)
	var tail []byte
	for seen := 0; seen < n; {
		m, err := conn.Read(buf)
		if err != nil {
			return err
		}
		data := append(tail, buf[:m]...)
		last := bytes.LastIndexByte(data, '>') + 1
		for whole := data[:last]; ; {
			i := bytes.Index(whole, []byte("</iq>"))
			if i < 0 {
				// The beginning of a question waits for its end.
				if j := bytes.LastIndex(whole, []byte("<iq ")); j >= 0 {
					last -= len(whole) - j
					whole = whole[:j]
				}
				seen += bytes.Count(whole, []byte("</message>"))
				break
			}
			q := whole[:i+len("</iq>")]
			whole = whole[i+len("</iq>"):]
			seen += bytes.Count(q, []byte("</message>"))
			if found := outboxQuestion.FindSubmatch(q); found != nil {
				time.Sleep(far)
				payload := ""
				if len(found[2]) > 0 {
					payload = "<query xmlns='" + nsDiscoInfo + "'><identity category='server' type='im' name='Prosody'/></query>"
				}
				if _, err := fmt.Fprintf(conn, "<iq type='result' from='localhost' to='irc.localhost' id='%s'>%s</iq>", found[1], payload); err != nil {
					return err
				}
			}
		}
		tail = append([]byte(nil), data[last:]...)
	}
	return nil
}

// BenchmarkOutbox is from an event to its being deleted: a server that has all stanzas answers for them. Each letter has a body of 1 KiB.
func BenchmarkOutbox(b *testing.B) {
	for _, c := range []struct {
		name              string
		writers, perWrite int
		users             int
		far               time.Duration
	}{
		{"one writer", 1, 1, 1, 0},
		{"16 writers", 16, 1, 1, 0},
		{"64 at once", 1, 64, 1, 0},
		{"64 at once to 100 users", 1, 64, 100, 0},
		{"64 at once to 100 users 20 ms away", 1, 64, 100, 20 * time.Millisecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			db := openStore(b, filepath.Join(b.TempDir(), "db"))
			g, conn := startBenchGateway(b, &scriptedPostal{scripted: newScripted()}, db)
			letter := transports.Letter{With: mailbox("bob@mail.example"), Body: strings.Repeat("x", 1<<10)}
			done := make(chan error, 1)
			go func() { done <- answerOutbox(conn, b.N, c.far) }()
			b.ResetTimer()
			var wg sync.WaitGroup
			for writer := range c.writers {
				wg.Go(func() {
					for i := writer * c.perWrite; i < b.N; i += c.writers * c.perWrite {
						if err := db.Write(context.Background(), func(tx *store.Tx) error {
							for j := i; j < min(i+c.perWrite, b.N); j++ {
								l := letter
								l.ID = fmt.Sprint(j)
								if err := g.Deliver(tx, transports.Address{Local: fmt.Sprint("user", j%c.users), Domain: "localhost"}, l); err != nil {
									return err
								}
							}
							return nil
						}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
			go func() { done <- answerOutbox(conn, 1<<30, 0) }()
			for left := true; left; {
				page, err := db.Outgoing(context.Background(), testDomain, 0)
				if err != nil {
					b.Fatal(err)
				}
				left = len(page) > 0
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deleted/s")
			_ = conn.Close()
			<-done
		})
	}
}

// BenchmarkOutboxBacklog is from a server's being back to its having what has waited.
func BenchmarkOutboxBacklog(b *testing.B) {
	db := openStore(b, filepath.Join(b.TempDir(), "db"))
	g, err := New(Options{Domain: testDomain, Transport: &scriptedPostal{scripted: newScripted()}, Store: db, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < b.N; i += 100 {
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			for j := i; j < min(i+100, b.N); j++ {
				if err := g.Deliver(tx, outboxUser, transports.Letter{ID: fmt.Sprint(j), With: mailbox("bob@mail.example"), Body: strings.Repeat("x", 1<<10)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	_, conn := startBenchGateway(b, &scriptedPostal{scripted: newScripted()}, db)
	if err := answerOutbox(conn, b.N, 0); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}
