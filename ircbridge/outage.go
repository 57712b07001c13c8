package ircbridge

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"
)

// outages are the networks that cannot be reached. One of their users tries at a time, less and less often, and when he is through all of
// them come: without that a thousand users would try a thousand times as often, and each find out by himself. Its methods are safe to call
// from any goroutine.
type outages struct {
	mu      sync.Mutex
	outages map[string]*outage // by the addresses that were tried
	sweepAt int
}

type outage struct {
	why   *cause // of the last try
	tries int
	last  time.Time // try
	next  time.Time // when somebody may try again
	over  chan struct{}
}

const (
	maxProbe    = time.Minute // between two tries to reach a network
	outageLasts = 5 * time.Minute
	freeOutages = 256 // that are kept without a look at them
)

// addresses is what an outage is one of: users may call one server by many names, and have it at ports of their own.
func (n *Network) addresses() string { return strings.Join(n.Addresses, " ") }

// try reports why a network cannot be reached, without trying, or nil where the caller is to try. Eager is who has a user waiting.
func (o *outages) try(addresses string, eager bool) *cause {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.outages[addresses]
	if e == nil {
		return nil
	}
	now := time.Now()
	if e.next.After(now) && !(eager && now.Sub(e.last) >= joinAgainAfter) {
		return e.why
	}
	e.last, e.next = now, now.Add(dialTimeout) // nobody else meanwhile
	return nil
}

// failed notes that a try, which began then, was in vain.
func (o *outages) failed(addresses string, began time.Time, why *cause) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	e := o.outages[addresses]
	switch {
	case e == nil:
		if o.outages == nil {
			o.outages, o.sweepAt = make(map[string]*outage), freeOutages
		}
		if len(o.outages) >= o.sweepAt {
			for key, e := range o.outages {
				if now.Sub(e.next) > outageLasts {
					delete(o.outages, key) // whoever waits tries by himself in time
				}
			}
			o.sweepAt = max(freeOutages, 2*len(o.outages))
		}
		e = &outage{last: now, over: make(chan struct{})}
		o.outages[addresses] = e
	case began.Before(e.last):
		return // it had begun before it was known that there is an outage
	}
	e.why = why
	// No later than the earliest of those who wait for backoff, so that a user who is alone tries each time.
	e.next = now.Add(probeAfter(e.tries) * 79 / 100)
	e.tries++
}

// reached notes that the network was reached. Everybody who waits comes now.
func (o *outages) reached(addresses string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.outages[addresses]; e != nil {
		close(e.over)
		delete(o.outages, addresses)
	}
}

// over is closed at the end of the outage; nil where there is none.
func (o *outages) over(addresses string) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.outages[addresses]; e != nil {
		return e.over
	}
	return nil
}

// probeAfter is 1, 2, 4 … 60 s.
func probeAfter(tries int) time.Duration {
	if tries >= 6 {
		return maxProbe
	}
	return minRetry << tries
}

// dial connects the session to its network, when it is its turn and not while the network is known to be gone.
func (s *session) dial(ctx context.Context, n *Network, shown []tls.Certificate) (net.Conn, *cause) {
	addresses := n.addresses()
	s.mu.Lock()
	eager := s.eager
	s.eager, s.gate, s.addresses = false, n.gate(), addresses
	s.mu.Unlock()
	if why := s.t.outages.try(addresses, eager); why != nil {
		return nil, s.t.unreached(n, why.err.Err) // in words about n: what others call it is theirs
	}
	if !s.awaitGate(ctx, n) {
		return nil, closedMeanwhile()
	}
	began := time.Now()
	nc, why := s.t.dial(ctx, s.user, n, shown)
	switch {
	case why != nil && ctx.Err() != nil:
		return nil, closedMeanwhile()
	case why != nil && why.unreachable:
		s.t.outages.failed(addresses, began, why)
	default:
		s.t.outages.reached(addresses)
	}
	return nc, why
}
