package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// settleEvery is how often it is looked whether the process has come to rest; restingBytes is what it may allocate in that time
// and count as resting.
const (
	settleEvery  = 10 * time.Second
	restingBytes = 1 << 20
	// A collection halves a stack at most, and those who read from networks had theirs grow to 16 KiB in the burst.
	collections = 3
)

// settle gives memory back to the system when a burst (a thousand users who join after a restart) is over. The runtime alone
// would keep what the burst left behind until it next needs to collect, which at rest is minutes away.
func settle(ctx context.Context) error {
	t := time.NewTicker(settleEvery)
	defer t.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var last uint64
	settled := false
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		metrics.Read(sample)
		now := sample[0].Value.Uint64()
		resting := now-last < restingBytes
		last = now
		if resting && !settled {
			for range collections {
				debug.FreeOSMemory()
			}
		}
		settled = resting
	}
}
