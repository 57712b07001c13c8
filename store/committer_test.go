package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// touch is a write that can be told apart by its number.
func touch(n int) func(*Tx) error {
	return func(tx *Tx) error { return tx.TouchUser(user(n)) }
}

// hold occupies the committer until release is called and its write was answered. It must run in a synctest bubble.
func hold(t *testing.T, db *DB) (release func()) {
	t.Helper()
	gate, answered := make(chan struct{}), make(chan error, 1)
	go func() {
		answered <- db.Write(context.Background(), func(*Tx) error { <-gate; return nil })
	}()
	synctest.Wait()
	return func() {
		close(gate)
		if err := <-answered; err != nil {
			t.Errorf("the write that held the committer: %v", err)
		}
	}
}

// TestWriteGivesUp: a caller that waits no longer gets the cause, and its write is made all the same.
func TestWriteGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, testOptions(t))
		release := hold(t, db)

		ctx, cancel := context.WithCancelCause(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- db.Write(ctx, touch(1)) }()
		synctest.Wait() // it has its place in the queue and waits for the commit
		cancel(errTest)
		if err := <-answer; !errors.Is(err, errTest) || !strings.Contains(err.Error(), "commit") {
			t.Errorf("a caller that gave up: got %v, want %v while it waited for the commit", err, errTest)
		}
		if err := db.Write(ctx, touch(2)); !errors.Is(err, errTest) {
			t.Errorf("a caller that had given up before: got %v, want %v", err, errTest)
		}

		release()
		write(t, db, touch(3)) // it comes behind the others, so they are decided
		if got, want := jids(t, db, testDomain), []string{user(1).JID, user(3).JID}; !cmp.Equal(got, want) {
			t.Errorf("users: got %q, want %q", got, want)
		}
	})
}

// TestQueueFull: one more than the queue holds waits for a place, and gives up without a trace.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, testOptions(t))
		release := hold(t, db)
		var wg sync.WaitGroup
		for n := range maxQueue {
			wg.Go(func() {
				if err := db.Write(t.Context(), touch(n)); err != nil {
					t.Errorf("write %d: %v", n, err)
				}
			})
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := db.Write(ctx, touch(maxQueue))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "place in the write queue") {
			t.Errorf("a write to the full queue: got %v, want a deadline while it waited for a place", err)
		}

		release()
		wg.Wait()
		if got := len(jids(t, db, testDomain)); got != maxQueue {
			t.Errorf("users: got %d, want %d", got, maxQueue)
		}
	})
}

// TestBatches: what queued during a commit shares the next one, up to a limit, and a failure among them stays alone.
func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, testOptions(t))
		release := hold(t, db)
		const writes = maxBatch + 10
		transactions := map[any]int{} // filled by the committer, one operation after the other
		var wg sync.WaitGroup
		for n := range writes {
			wg.Go(func() {
				err := db.Write(t.Context(), func(tx *Tx) error {
					transactions[tx.sql]++
					err := tx.TouchUser(user(n))
					switch n % 10 {
					case 3:
						return errTest
					case 7:
						panic(errTest)
					}
					return err
				})
				if failed := n%10 == 3 || n%10 == 7; failed != (err != nil) {
					t.Errorf("write %d: got the error %v", n, err)
				}
			})
		}
		synctest.Wait()
		release()
		wg.Wait()

		var sizes []int
		for _, n := range transactions {
			sizes = append(sizes, n)
		}
		if len(sizes) != 2 || max(sizes[0], sizes[1]) != maxBatch {
			t.Errorf("operations in each transaction: got %v, want %d and the rest", sizes, maxBatch)
		}
		users := jids(t, db, testDomain)
		if got, want := len(users), writes-27-26; got != want { // of 0 to 265, 27 end in 3 and 26 in 7
			t.Errorf("users: got %d, want %d", got, want)
		}
		for _, jid := range users {
			if strings.Contains(jid, "3@") || strings.Contains(jid, "7@") {
				t.Errorf("the failed write of %s left its row", jid)
			}
		}
	})
}

// TestCloseDrains: Close makes what is queued and refuses what comes later; it can be called again.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts := testOptions(t)
		db := openTest(t, opts)
		release := hold(t, db)
		const writes = maxBatch + 1 // more than one commit
		var wg sync.WaitGroup
		for n := range writes {
			wg.Go(func() {
				if err := db.Write(t.Context(), touch(n)); err != nil {
					t.Errorf("write %d: %v", n, err)
				}
			})
		}
		synctest.Wait()
		wg.Go(func() {
			if err := db.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		synctest.Wait()
		if err := db.Write(t.Context(), touch(writes)); !errors.Is(err, ErrClosed) {
			t.Errorf("a write while closing: got %v, want %v", err, ErrClosed)
		}
		release()
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
		if err := db.Write(t.Context(), touch(writes)); !errors.Is(err, ErrClosed) {
			t.Errorf("a write after Close: got %v, want %v", err, ErrClosed)
		}
		if err := db.Ready(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("ready after Close: got %v, want %v", err, ErrClosed)
		}
		if got := len(jids(t, openTest(t, opts), testDomain)); got != writes {
			t.Errorf("users: got %d, want %d", got, writes)
		}
	})
}

// TestCloseRace: whatever comes while Close runs is either made or refused.
func TestCloseRace(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	db := openTest(t, opts)
	var mu sync.Mutex
	made := map[string]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := UserID{Domain: testDomain, JID: fmt.Sprintf("%d.%d@example.org", w, i)}
				err := db.Write(t.Context(), func(tx *Tx) error { return tx.TouchUser(id) })
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				made[id.JID] = true
				mu.Unlock()
			}
		})
	}
	for { // until the writers are at it
		mu.Lock()
		n := len(made)
		mu.Unlock()
		if n > 50 {
			break
		}
		runtime.Gosched()
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	got := map[string]bool{}
	for _, jid := range jids(t, openTest(t, opts), testDomain) {
		got[jid] = true
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("acknowledged and stored differ (-acknowledged +stored):\n%s", diff)
	}
}

// TestGoexit: an operation that ends the committer's goroutine, as a failing test in it does, leaves nobody waiting.
func TestGoexit(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	err := db.Write(t.Context(), func(tx *Tx) error {
		runtime.Goexit()
		return nil
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("the write: got %v, want %v", err, ErrClosed)
	}
	for range maxQueue + 1 { // more than the dead queue holds
		if err := db.Write(t.Context(), touch(1)); !errors.Is(err, ErrClosed) {
			t.Fatalf("a later write: got %v, want %v", err, ErrClosed)
		}
	}
}

// TestHangingReader: readers that stop half-way keep their old view, and writes go on.
func TestHangingReader(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	write(t, db, touch(0))
	write(t, db, touch(1))
	for range sqliteReaders {
		rows, err := db.pool.read.QueryContext(t.Context(), `SELECT jid FROM users`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if !rows.Next() {
			t.Fatalf("no row to hang on: %v", rows.Err())
		}
		defer func() {
			n := 1
			for rows.Next() {
				n++
			}
			if err := rows.Err(); err != nil || n != 2 {
				t.Errorf("the hanging reader saw %d users, %v, want the 2 of its beginning", n, err)
			}
		}()
	}
	// More than the log has when it is folded.
	value := strings.Repeat("x", maxValue)
	for n := range 2 * foldFrom * 4096 / maxValue {
		write(t, db, func(tx *Tx) error { return tx.Set(user(3+n), "s", "n", value) })
	}
}

// TestFullDisk: on a full disk a write fails with words, leaves nothing, and the next one that fits is made.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	write(t, db, touch(1))
	// SQLite's own limit gives the error that a full disk gives.
	var pages int
	if err := db.pool.write.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		if _, err := db.pool.write.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	big := func(tx *Tx) error { return tx.Set(user(2), "s", "n", strings.Repeat("x", maxValue)) }
	err := db.Write(t.Context(), big)
	if err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("a write to the full disk: got %v, want an error that says so", err)
	}
	write(t, db, touch(3))
	limit(pages + 1000)
	write(t, db, func(tx *Tx) error { return tx.Set(user(4), "s", "n", strings.Repeat("x", maxValue)) })
	if got, want := jids(t, db, testDomain), []string{user(1).JID, user(3).JID, user(4).JID}; !cmp.Equal(got, want) {
		t.Errorf("users: got %q, want %q", got, want)
	}
}

// TestLostTransaction: when an operation loses the transaction of all, everybody in it is told, and the next one works.
func TestLostTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, testOptions(t))
		release := hold(t, db)
		answers := make(chan error, 3)
		start := func(fn func(*Tx) error) {
			go func() { answers <- db.Write(t.Context(), fn) }()
			synctest.Wait()
		}
		start(touch(1))
		start(func(tx *Tx) error {
			// What SQLite does by itself after an I/O error.
			_, err := tx.sql.Exec(`ROLLBACK`)
			return errors.Join(errTest, err)
		})
		start(touch(2))
		release()
		for range 3 {
			if err := <-answers; !errors.Is(err, errTest) {
				t.Errorf("a write in the lost transaction: got %v, want %v", err, errTest)
			}
		}
		write(t, db, touch(3))
		if got, want := jids(t, db, testDomain), []string{user(3).JID}; !cmp.Equal(got, want) {
			t.Errorf("users: got %q, want %q", got, want)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			opts := testOptions(b)
			opts.Log = slog.New(slog.DiscardHandler)
			db := openTest(b, opts)
			next := make(chan int)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for n := range next {
						if err := db.Write(context.Background(), touch(n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for n := 0; b.Loop(); n++ {
				next <- n
			}
			close(next)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
