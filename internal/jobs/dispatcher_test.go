package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/jobs"
	"passerelle/store"
)

var errTest = errors.New("refused by the test")

// bench is a dispatcher at work on a database of its own, in a synctest bubble: hours pass in no time.
type bench struct {
	t    *testing.T
	db   *store.DB
	stop func()
	log  *bytes.Buffer

	mu   sync.Mutex
	seen []string
}

// say notes that something happened, with the time since the beginning.
func (b *bench) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, fmt.Sprintf(format, args...))
}

// said is what was noted since the last call.
func (b *bench) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.seen
	b.seen = nil
	return seen
}

func open(tb testing.TB, dir string, log *slog.Logger) *store.DB {
	tb.Helper()
	db, err := store.Open(context.Background(), store.Options{Path: filepath.Join(dir, "test.db"), Key: make([]byte, store.KeySize), Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// work starts a dispatcher. It must be called in a bubble.
func work(t *testing.T, dir string, d jobs.Dispatcher) *bench {
	t.Helper()
	b := &bench{t: t, log: &bytes.Buffer{}}
	d.Log = slog.New(slog.NewTextHandler(b.log, nil))
	b.db = open(t, dir, d.Log)
	d.Store = b.db
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := b.db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

func (b *bench) add(all ...jobs.NewJob) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), func(tx *store.Tx) error {
		for _, j := range all {
			if _, err := jobs.Enqueue(tx, j); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(want ...string) {
	b.t.Helper()
	synctest.Wait()
	if got := b.said(); !slices.Equal(got, want) {
		b.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func kinds(do func(context.Context, jobs.Job) jobs.Outcome) map[string]jobs.Kind {
	return map[string]jobs.Kind{"test": {Do: do}}
}

func job(lane, site, payload string) jobs.NewJob {
	return jobs.NewJob{Lane: lane, Site: site, Kind: "test", Payload: []byte(payload)}
}

// Jobs of a lane are done one after the other, whatever others do meanwhile.
func TestLanesKeepOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *bench
		b = work(t, t.TempDir(), jobs.Dispatcher{Kinds: kinds(func(_ context.Context, j jobs.Job) jobs.Outcome {
			b.say("%s %s", j.Lane, j.Payload)
			if j.Lane == "a" && string(j.Payload) == "1" && j.Attempts == 1 {
				return jobs.Outcome{Err: errTest}
			}
			return jobs.Outcome{Verdict: jobs.Done}
		})})
		b.add(job("a", "", "1"), job("a", "", "2"), job("a", "", "3"))
		b.want("a 1")
		b.add(job("b", "", "1"))
		b.want("b 1")
		time.Sleep(2 * time.Minute)
		b.want("a 1", "a 2", "a 3")
		b.add(job("a", "", "4"))
		b.want("a 4")
	})
}

// The pauses grow as they should; who waits is told once that it is late and in the end that it failed.
func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var times []time.Duration
		var b *bench
		b = work(t, t.TempDir(), jobs.Dispatcher{Kinds: map[string]jobs.Kind{"test": {
			Do: func(context.Context, jobs.Job) jobs.Outcome {
				times = append(times, time.Since(start))
				return jobs.Outcome{Err: errTest}
			},
			Late: func(_ *store.Tx, j jobs.Job) error {
				b.say("late after %s: %s", time.Since(start).Round(time.Minute), j.Error)
				return nil
			},
			GaveUp: func(_ *store.Tx, j jobs.Job) error {
				b.say("given up after %s: %s", time.Since(start).Round(time.Minute), j.Error)
				return nil
			},
		}}})
		b.add(job("a", "x", "1"))
		time.Sleep(6 * 24 * time.Hour)
		b.want("late after 4h0m0s: refused by the test", "given up after 120h0m0s: refused by the test")
		want := []time.Duration{
			time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 4 * time.Hour,
		}
		for i, d := range want {
			if got := times[i+1] - times[i]; got < d || got > d+d/10+time.Second {
				t.Errorf("pause %d was %s, want %s and up to a tenth more", i+1, got, d)
			}
		}
		if last := times[len(times)-1]; last < 120*time.Hour-time.Second || last > 120*time.Hour+time.Second {
			t.Errorf("the last attempt was after %s, want it when the job expires", last)
		}
		if left, err := b.db.WaitingJobs(t.Context(), "test", 10); err != nil || len(left) > 0 {
			t.Errorf("there are still %v, %v", left, err)
		}
	})
}

// What goes wrong with one job is no matter of others, and a job is not lost by it.
func TestFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		bad := 2 // times: in a transaction with others, and alone
		var b *bench
		known := kinds(func(_ context.Context, j jobs.Job) jobs.Outcome {
			b.say("%s, attempt %d", j.Payload, j.Attempts)
			switch {
			case string(j.Payload) == "panic" && j.Attempts == 1:
				panic("oops")
			case string(j.Payload) == "then":
				return jobs.Outcome{Verdict: jobs.Done, Then: func(*store.Tx) error {
					if bad--; bad >= 0 {
						return errTest
					}
					return nil
				}}
			case string(j.Payload) == "failed":
				return jobs.Outcome{Verdict: jobs.Failed, Err: errTest}
			}
			return jobs.Outcome{Verdict: jobs.Done}
		})
		known["test"] = jobs.Kind{Do: known["test"].Do, GaveUp: func(_ *store.Tx, j jobs.Job) error {
			b.say("%s was given up: %s", j.Payload, j.Error)
			return nil
		}}
		b = work(t, dir, jobs.Dispatcher{Kinds: known})
		b.add(job("1", "x", "panic"))
		b.want("panic, attempt 1")
		b.add(job("2", "x", "then"))
		b.want("then, attempt 1")
		b.add(job("3", "x", "failed"))
		b.want("failed, attempt 1", "failed was given up: refused by the test")
		unknown := job("4", "x", "unknown")
		unknown.Kind = "newer"
		b.add(unknown)
		b.want()
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if got := b.said(); len(got) != 2 || !slices.Contains(got, "panic, attempt 2") || !slices.Contains(got, "then, attempt 2") {
			t.Errorf("tried again are %q", got)
		}
		time.Sleep(7 * 24 * time.Hour)
		b.want()
		if waiting, err := b.db.WaitingJobs(t.Context(), "newer", 10); err != nil || len(waiting) != 1 {
			t.Errorf("of the unknown kind wait %v, %v", waiting, err)
		}
		if n := strings.Count(b.log.String(), "does not know"); n != 1 {
			t.Errorf("it was said %d times that a kind is unknown", n)
		}
	})
}

// A site that is away is tried by one job at a time; all that wait are told and go out when it is back.
func TestSiteAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away, tries, done, late := true, 0, 0, 0
		var b *bench
		b = work(t, t.TempDir(), jobs.Dispatcher{Kinds: map[string]jobs.Kind{"test": {
			Do: func(context.Context, jobs.Job) jobs.Outcome {
				b.mu.Lock()
				defer b.mu.Unlock()
				tries++
				if away {
					return jobs.Outcome{Err: errTest, Away: true}
				}
				done++
				return jobs.Outcome{Verdict: jobs.Done}
			},
			Late: func(*store.Tx, jobs.Job) error { late++; return nil },
		}}})
		for i := range 100 {
			b.add(job(fmt.Sprint(i), "x", ""))
		}
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if tries > 4+4+5*4+2 || late != 100 {
			t.Errorf("in five hours a site that is away was tried %d times, and %d of 100 jobs are late", tries, late)
		}
		b.mu.Lock()
		away = false
		b.mu.Unlock()
		time.Sleep(17 * time.Minute)
		synctest.Wait()
		if done != 100 {
			t.Errorf("when it is back %d of 100 jobs are done", done)
		}
	})
}

// Those that lead to web servers go on while as many others are tried as may be, up to a bound of their own, and so do the others.
func TestWebJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trying, most, ends := map[bool]int{}, map[bool]int{}, make(chan struct{})
		var b *bench
		b = work(t, t.TempDir(), jobs.Dispatcher{InFlight: 5, Web: 20, Kinds: kinds(func(_ context.Context, j jobs.Job) jobs.Outcome {
			web := store.WebSite(j.Site)
			b.mu.Lock()
			trying[web]++
			most[web] = max(most[web], trying[web])
			b.mu.Unlock()
			<-ends
			b.mu.Lock()
			trying[web]--
			b.mu.Unlock()
			return jobs.Outcome{Verdict: jobs.Done}
		})})
		for i := range 30 {
			b.add(job(fmt.Sprint("mail", i), fmt.Sprint("mx", i, ".example"), ""), job(fmt.Sprint("web", i), fmt.Sprint("https://", i, ".example"), ""))
		}
		synctest.Wait()
		if trying[false] != 5 || trying[true] != 20 {
			t.Errorf("at a time are tried %v, want 20 of web servers and 5 of others", trying)
		}
		for range 60 {
			ends <- struct{}{}
			synctest.Wait()
		}
		if trying[false] != 0 || trying[true] != 0 || most[false] != 5 || most[true] != 20 {
			t.Errorf("still tried are %v; at most were %v", trying, most)
		}
	})
}

// What is cut short by the end of the program is tried at the next start.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := work(t, dir, jobs.Dispatcher{Kinds: kinds(func(ctx context.Context, _ jobs.Job) jobs.Outcome {
			<-ctx.Done()
			return jobs.Outcome{Err: ctx.Err()}
		})})
		b.add(job("a", "x", "1"), job("a", "x", "2"))
		synctest.Wait()
		b.stop()
		tried := make(chan string, 4)
		work(t, dir, jobs.Dispatcher{Kinds: kinds(func(_ context.Context, j jobs.Job) jobs.Outcome {
			tried <- fmt.Sprintf("%s, attempt %d", j.Payload, j.Attempts)
			return jobs.Outcome{Verdict: jobs.Done}
		})})
		for _, want := range []string{"1, attempt 2", "2, attempt 1"} {
			if got := <-tried; got != want {
				t.Errorf("tried is %s, want %s", got, want)
			}
		}
	})
}

// BenchmarkJobs is from Enqueue to done, of short jobs in lanes of their own.
func BenchmarkJobs(b *testing.B) {
	db := open(b, b.TempDir(), slog.New(slog.DiscardHandler))
	defer db.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	left := make(chan struct{}, b.N)
	d := jobs.Dispatcher{Store: db, Log: slog.New(slog.DiscardHandler), Kinds: kinds(func(context.Context, jobs.Job) jobs.Outcome {
		return jobs.Outcome{Verdict: jobs.Done, Then: func(*store.Tx) error { left <- struct{}{}; return nil }}
	})}
	stopped := make(chan struct{})
	go func() { d.Run(ctx); close(stopped) }()
	b.SetParallelism(32)
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lane := fmt.Sprint("lane ", n.Add(1))
			if err := db.Write(ctx, func(tx *store.Tx) error { _, err := jobs.Enqueue(tx, job(lane, "", "payload")); return err }); err != nil {
				b.Error(err)
			}
		}
	})
	for range b.N {
		<-left
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	cancel()
	<-stopped
}
