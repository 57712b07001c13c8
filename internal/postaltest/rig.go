package postaltest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"passerelle/internal/jobs"
	"passerelle/store"
)

// OpenStore opens a database whose time is that of the test. It is closed at its end.
func OpenStore(t testing.TB, c *Clock, log *slog.Logger) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "db"), Key: make([]byte, store.KeySize), Log: log, Now: c.Now, CloseTime: Patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}

// Work has jobs done until stop is called, or the test ends. Stopping twice is safe.
func Work(t testing.TB, d *jobs.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// Await waits for something that comes on a channel.
func Await[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}
