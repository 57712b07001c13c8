package main

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		busy bool
		base uint64
		want int
	}{
		{true, 500 << 20, busyGrowth},
		{true, 16 << 20, 2 * busyGrowth},
		{true, 1 << 20, mostGrowth},
		{true, 0, mostGrowth},  // before the first collection
		{false, 0, busyGrowth}, // before the first collection
		{false, 1 << 20, busyGrowth},
		{false, 16 << 20, 50},
		{false, 32 << 20, quietGrowth},
		{false, 500 << 20, quietGrowth},
	} {
		if got := growth(c.busy, c.base); got != c.want {
			t.Errorf("busy %t, %d bytes: got %d %%, want %d %%", c.busy, c.base, got, c.want)
		}
	}
}

// TestCollectionsAreTold: each one, not the first alone.
func TestCollectionsAreTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	over := make(chan struct{}, 1)
	whenCollected(ctx, over)
	for told := 0; told < 3; {
		runtime.GC()
		select {
		case <-over:
			told++
		case <-ctx.Done():
			t.Fatalf("told of %d collections", told)
		default: // cleanups run in their own time
			runtime.Gosched()
		}
	}
}
