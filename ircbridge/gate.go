package ircbridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/transports"
)

// gates space the connections that are made to each network: when a network restarts, or we do, everybody wants in at the same moment,
// and networks ban addresses for that. Who comes gets the next free moment, a little early or late. Its methods are safe to call from
// any goroutine.
type gates struct {
	mu      sync.Mutex
	every   time.Duration        // between two connections to one network; zero for any number
	next    map[string]time.Time // by network: the first moment that is free
	sweepAt int                  // number of networks at which those that nobody waits for are looked for
}

const (
	freeGates = 256         // networks that are kept without a look at them
	gateTold  = time.Second // a user whose turn is later than that is told when it is
)

// space changes how many connections a second there are; zero means any number. Turns that were given stay.
func (g *gates) space(rate float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.every = 0
	if rate > 0 {
		g.every = time.Duration(float64(time.Second) / rate)
	}
}

// turn reserves the next free moment to connect to a network, and says how long it is until then.
func (g *gates) turn(network string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.every == 0 {
		return 0
	}
	if g.next == nil {
		g.next, g.sweepAt = make(map[string]time.Time), freeGates
	}
	if len(g.next) >= g.sweepAt {
		for id, at := range g.next {
			if at.Before(now) {
				delete(g.next, id)
			}
		}
		g.sweepAt = max(freeGates, 2*len(g.next))
	}
	at := g.next[network]
	if at.Before(now) {
		g.next[network] = now.Add(g.every)
		return 0
	}
	g.next[network] = at.Add(g.every)
	// At most half a turn early, so that nobody overtakes by much and two neighbours may not be the metronome that a network sees.
	return at.Sub(now) - rand.N(g.every/2+1)
}

// awaitGate waits until the session may connect to a network. It reports false when ctx ends before.
func (s *session) awaitGate(ctx context.Context, n *Network) bool {
	wait := s.t.gates.turn(n.gate(), time.Now())
	if wait <= 0 {
		return true
	}
	if wait > gateTold {
		s.mu.Lock()
		s.post(transports.Notice{Text: fmt.Sprintf("Many people are connecting to %s at the moment. Your turn is in about %d s.", s.net.Name, int(wait.Seconds())+1)})
		s.mu.Unlock()
		s.flush()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
