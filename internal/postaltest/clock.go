package postaltest

import (
	"sync"
	"time"
)

// Patience is how long a test waits for what has to come: far more than anything takes that works, on a machine with much else to do.
const Patience = time.Minute

// Clock is the time of a test, which moves when the test says so. Safe to call from any goroutine.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that stands at a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is what time it is.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance lets time pass.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
