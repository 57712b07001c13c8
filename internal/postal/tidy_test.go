package postal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What is kept no longer is forgotten each hour, all that there is of it, and what cannot be forgotten an hour later.
func TestTidy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		left := []int{3, 0, 2} // at each time, until there is no more; a 0 fails
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Tidy(ctx, slog.New(slog.DiscardHandler), func(context.Context) (bool, error) {
				at = append(at, time.Since(start))
				if left[0] == 0 {
					left = left[1:]
					return true, errors.New("the database is away")
				}
				if left[0]--; left[0] > 0 {
					return true, nil
				}
				left = left[1:]
				return false, nil
			})
		}()
		time.Sleep(3 * time.Hour)
		cancel()
		<-done
		const m, h = time.Minute, time.Hour
		if want := []time.Duration{m, m, m, m + h, m + 2*h, m + 2*h}; !slices.Equal(at, want) {
			t.Errorf("it was tidied at %v, want %v", at, want)
		}
	})
}
