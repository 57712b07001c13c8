package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often it is looked how much is being allocated.
	lookEvery = time.Second

	// busyBytes is what is allocated between two looks by a process that is busy: then it collects when the heap has grown by busyGrowth
	// per cent, so that collecting does not take its time from the traffic. Otherwise it does when the heap has grown by quietGrowth. What
	// users who come leave behind lies between what stays of them, and holes between it are all that a collection leaves: the less
	// there was, the fewer.
	busyBytes   = 64 << 20
	busyGrowth  = 100
	quietGrowth = 25

	// settleLooks is how many looks it takes to see whether the process has come to rest; restingBytes is what it may allocate in that
	// time and count as resting.
	settleLooks  = 10
	restingBytes = 1 << 20
	// A collection halves a stack at most, and those who read from networks had theirs grow to 16 KiB in the burst.
	collections = 3
)

// settle keeps the heap small. And it gives memory back to the system when a burst (a thousand users who join after a restart) is over: the
// runtime alone would keep what the burst left behind until it next needs to collect, which at rest is minutes away.
func settle(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var last, lastSettle uint64
	busy, settled := true, false
	for looks := 1; ; looks++ {
		metrics.Read(sample)
		now := sample[0].Value.Uint64()
		if is := now-last >= busyBytes; is != busy && os.Getenv("GOGC") == "" {
			busy = is
			debug.SetGCPercent(growth(busy))
		}
		last = now
		if looks%settleLooks == 0 {
			resting := now-lastSettle < restingBytes
			lastSettle = now
			if resting && !settled {
				for range collections {
					debug.FreeOSMemory()
				}
			}
			settled = resting
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func growth(busy bool) int {
	if busy {
		return busyGrowth
	}
	return quietGrowth
}
