package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"passerelle/store"
)

const (
	// lookEvery is how often it is looked how much is being allocated.
	lookEvery = time.Second

	// busyBytes is what is allocated between two looks by a process that is busy: then it collects when the heap has grown by busyGrowth
	// per cent, but not for less than busyLeast, so that collecting does not take its time from the traffic. Otherwise it does when the heap has grown by quietGrowth, but not for
	// less than quietBytes. What users who come leave behind lies between what stays of them, and holes between it are all that a collection
	// leaves: the less there was, the fewer.
	busyBytes   = 64 << 20
	busyGrowth  = 100
	busyLeast   = 32 << 20
	mostGrowth  = 1000
	quietGrowth = 25
	quietBytes  = 8 << 20

	// settleLooks is how many looks it takes to see whether the process has come to rest; restingBytes is what it may allocate in that
	// time and count as resting.
	settleLooks  = 10
	restingBytes = 1 << 20
	// A collection halves a stack at most, and those who read from networks had theirs grow to 16 KiB in the burst.
	collections = 3
)

// settle keeps the heap small. And it gives memory back to the system when a burst (a thousand users who join after a restart) is over: the
// runtime alone would keep what the burst left behind until it next needs to collect, which at rest is minutes away, and the system would keep what it has
// mapped of the program.
func settle(ctx context.Context, db *store.DB, log *slog.Logger) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	over := make(chan struct{}, 1)
	whenCollected(ctx, over)
	h := newHeap()
	var lastSettle uint64
	settled := false
	for looks := 0; ; {
		select {
		case <-over:
			h.read()
			h.adapt()
			continue
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		h.read()
		h.look()
		if looks++; looks%settleLooks == 0 {
			resting := h.allocated()-lastSettle < restingBytes
			lastSettle = h.allocated()
			if resting && !settled {
				if err := db.Shrink(ctx); err != nil {
					log.Debug("the database keeps its memory", "error", err)
				}
				for range collections {
					debug.FreeOSMemory()
				}
				if err := giveBackCode(); err != nil {
					log.Debug("the program's code stays in memory", "error", err)
				}
			}
			settled = resting
		}
	}
}

// heap says by how much it may grow until it is collected.
type heap struct {
	samples [4]metrics.Sample // what was allocated in all; what the last collection left, and the stacks and globals that it looked at
	last    uint64            // what was allocated at the last look
	busy    bool
	growth  int // per cent
	fixed   bool
}

func newHeap() *heap {
	h := &heap{busy: true, fixed: os.Getenv("GOGC") != ""}
	for i, name := range []string{"/gc/heap/allocs:bytes", "/gc/heap/live:bytes", "/gc/scan/stack:bytes", "/gc/scan/globals:bytes"} {
		h.samples[i].Name = name
	}
	h.read()
	return h
}

func (h *heap) read()             { metrics.Read(h.samples[:]) }
func (h *heap) allocated() uint64 { return h.samples[0].Value.Uint64() }

// base is what growth is per cent of.
func (h *heap) base() (n uint64) {
	for _, s := range h.samples[1:] {
		n += s.Value.Uint64()
	}
	return n
}

// look decides whether the process is busy, by what was allocated since the last look.
func (h *heap) look() {
	h.busy = h.allocated()-h.last >= busyBytes
	h.last = h.allocated()
	h.adapt()
}

// adapt sets the growth after a collection. A process that becomes busy is so before the next look.
func (h *heap) adapt() {
	h.busy = h.busy || h.allocated()-h.last >= busyBytes
	if g := growth(h.busy, h.base()); g != h.growth && !h.fixed {
		h.growth = g
		debug.SetGCPercent(g)
	}
}

// growth is by how many per cent a heap may grow.
func growth(busy bool, base uint64) int {
	if busy {
		return max(busyGrowth, min(mostGrowth, int(busyLeast*100/max(base, 1))))
	}
	return max(quietGrowth, min(busyGrowth, int(quietBytes*100/max(base, 1))))
}

// whenCollected tells of each collection until the end of ctx.
func whenCollected(ctx context.Context, over chan<- struct{}) {
	type garbage struct{ _ *garbage } // a pointer, since what has none may be put into one piece with others
	runtime.AddCleanup(new(garbage), func(over chan<- struct{}) {
		if ctx.Err() != nil {
			return
		}
		select {
		case over <- struct{}{}:
		default: // the last one is not looked at yet
		}
		whenCollected(ctx, over)
	}, over)
}
