package mailbridge

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

const benchUsers = 10_000

// counted takes mails and counts them.
type counted struct{ mails atomic.Int64 }

func (*counted) Site(address.Mailbox) string { return "smarthost" }

func (c *counted) Send(_ context.Context, e relay.Envelope, _ []byte) []relay.Result {
	c.mails.Add(1)
	return []relay.Result{{To: e.To[0], Outcome: relay.Sent, Code: 250}}
}

// benchGateway has 10,000 users whose messages are redirected by five rules each.
func benchGateway(b *testing.B) (*Transport, *store.DB, *counted, *postaltest.Clock) {
	log := slog.New(slog.DiscardHandler)
	now := postaltest.NewClock(time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC))
	db := postaltest.OpenStore(b, now, log)
	sent := &counted{}
	t, err := New(Options{
		Domain: "mail.example", Hostname: "mx.example", Store: db, Tokens: address.NewTokens([]byte("key")), Relay: sent, Log: log, Now: now.Now,
		Rules: Rules{
			Name: "Email", Domains: []Domain{{Name: "example.org", Users: "xmpp.example"}}, MaxSize: 25 << 20,
			Redirect: &RedirectRules{Sender: "redirect", PerHour: 20, PerDay: 100, Kept: 1000},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	t.Serve(&xmppSide{XMPP: postaltest.NewXMPP()})
	const rules = "from *@work.example when mon-fri 9:00-17:00 do always\nfrom *@work.example do digest at 8:00,18:00\nfrom spam*@* do never\nrooms mentions do unread 30\ndo unread 10"
	for from := 0; from < benchUsers; from += 500 {
		if err := db.Write(b.Context(), func(tx *store.Tx) error {
			for i := from; i < from+500; i++ {
				if err := tx.SetRedirect(store.Redirect{
					UserID: t.userID(benchUser(i)), Mailbox: fmt.Sprintf("me%d@example.net", i), State: store.RedirectOn, Alias: fmt.Sprint("u", i), Rules: rules, Settings: `{"Marks":true}`,
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return t, db, sent, now
}

func benchUser(n int) transports.Address {
	return transports.Address{Local: fmt.Sprint("user", n%benchUsers), Domain: "xmpp.example"}
}

func benchCopy(n int64) transports.Copy {
	return transports.Copy{
		Way: transports.WayModule, User: benchUser(int(n)), Peer: transports.Address{Local: fmt.Sprint("bob", n%3), Domain: "jabber.example"},
		ID: fmt.Sprint("m", n), ArchiveID: fmt.Sprint("a", n), Nick: "Bob", Body: "I shall be late, the train stands still again. Do not wait for me.",
	}
}

// benchFill has so many messages wait.
func benchFill(b *testing.B, t *Transport, messages int64) {
	var next atomic.Int64
	var filling sync.WaitGroup
	for range 64 { // they share commits
		filling.Go(func() {
			for i := next.Add(1) - 1; i < messages; i = next.Add(1) - 1 {
				if err := t.Copied(b.Context(), benchCopy(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	filling.Wait()
}

// processor is the time that this process has had of the processors.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCopied takes messages of 10,000 users with rules, each committed before the next of its sender, 16 at a time: each starts a clock or joins
// one.
func BenchmarkCopied(b *testing.B) {
	t, _, _, _ := benchGateway(b)
	var next atomic.Int64
	b.SetParallelism(8)
	b.ResetTimer()
	used := processor()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := t.Copied(b.Context(), benchCopy(next.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkRedirectDue mails what waits of as many conversations, all of which are due at once: from the job to the relay, without signatures.
func BenchmarkRedirectDue(b *testing.B) {
	t, db, sent, now := benchGateway(b)
	benchFill(b, t, int64(b.N))
	now.Advance(time.Hour)
	b.ResetTimer()
	used := processor()
	stop := benchRun(b, db, t, now)
	for sent.mails.Load() < min(int64(b.N), 3*benchUsers) {
		runtime.Gosched()
		time.Sleep(time.Millisecond) // the generator is not what is measured
	}
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkRedirectIdle has 10,000 users whose clocks run and of whom nothing is due: what that costs a second. Run it with -benchtime=10s or so.
func BenchmarkRedirectIdle(b *testing.B) {
	t, db, _, now := benchGateway(b)
	benchFill(b, t, benchUsers)
	stop := benchRun(b, db, t, now)
	defer stop()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ResetTimer()
	used := processor()
	for range b.N {
		time.Sleep(time.Second) // nothing is to happen
	}
	b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-µs/s")
	b.ReportMetric(float64(m.HeapAlloc)/benchUsers, "heap-bytes/user")
}

// benchRun has jobs done until what it returns is called.
func benchRun(b *testing.B, db *store.DB, t *Transport, now *postaltest.Clock) (stop func()) {
	return postaltest.Work(b, &jobs.Dispatcher{Store: db, Kinds: Kinds(t), Log: slog.New(slog.DiscardHandler), Now: now.Now})
}
