package receive

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"passerelle/mailbridge/address"
)

// journal is a Backend that writes what came during the last fsync with the next one, as the database does.
type journal struct {
	file  *os.File
	queue chan entry
	done  sync.WaitGroup
}

type entry struct {
	text []byte
	err  chan error
}

func newJournal(b *testing.B) *journal {
	b.Helper()
	f, err := os.Create(b.TempDir() + "/journal")
	if err != nil {
		b.Fatal(err)
	}
	j := &journal{file: f, queue: make(chan entry, 256)}
	j.done.Go(j.run)
	b.Cleanup(func() {
		close(j.queue)
		j.done.Wait()
		_ = f.Close()
	})
	return j
}

func (j *journal) run() {
	for first := range j.queue {
		batch := []entry{first}
	more:
		for {
			select {
			case e, ok := <-j.queue:
				if !ok {
					break more
				}
				batch = append(batch, e)
			default:
				break more
			}
		}
		var err error
		for _, e := range batch {
			if _, err = j.file.Write(e.text); err != nil {
				break
			}
		}
		if err == nil {
			err = j.file.Sync()
		}
		for _, e := range batch {
			e.err <- err
		}
	}
}

func (j *journal) Rcpt(context.Context, Envelope, address.Mailbox) error { return nil }

func (j *journal) Accept(_ context.Context, m *Incoming) []error {
	text, err := m.Body.Bytes()
	if err == nil {
		e := entry{text, make(chan error, 1)}
		j.queue <- e
		err = <-e.err
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// BenchmarkReceive takes mails of 4 KiB, each on the disk before its answer, from sessions that send one after the other.
func BenchmarkReceive(b *testing.B) {
	text := "From: bob@example.com\r\nTo: alice@xmpp.test\r\nSubject: Hello\r\n\r\n" + strings.Repeat(strings.Repeat("x", 62)+"\r\n", 63) + ".\r\n"
	for _, lmtp := range []bool{false, true} {
		for _, sessions := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/%d", map[bool]string{false: "SMTP", true: "LMTP"}[lmtp], sessions), func(b *testing.B) {
				o := options(newJournal(b))
				o.Rules.Trusted = ours
				_, addr := serve(b, o, lmtp)
				var clients []*client
				for range sessions {
					c := dial(b, addr)
					c.want("220 ")
					c.say(map[bool]string{false: "EHLO", true: "LHLO"}[lmtp]+" there.example", "250")
					clients = append(clients, c)
				}
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for i, c := range clients {
					wg.Go(func() {
						for range (b.N + sessions - 1 - i) / sessions {
							c.say("MAIL FROM:<bob@example.com>", "250")
							c.say("RCPT TO:<alice@xmpp.test>", "250")
							c.say("DATA", "354")
							c.write(text)
							c.want("250")
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			})
		}
	}
}
