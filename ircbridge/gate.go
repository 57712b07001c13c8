package ircbridge

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"passerelle/transports"
)

// gates let users connect to a network one after the other: when it restarts, or we do, everybody wants in at the same moment, and networks
// turn away or ban who comes too fast. How fast that is, no network says. So it is found out as TCP finds out how much a line carries
// (RFC 5681 §3.1): it begins slowly, doubles each second while everybody is let in, is halved where somebody is turned away, and grows by one
// a second from then on, slower where it is slow. The methods of gates are safe to call from any goroutine.
type gates struct {
	mu      sync.Mutex
	most    float64          // connections a second to one network; zero for any number
	gates   map[string]*gate // by network
	sweepAt int              // number of gates at which those that nobody needs are looked for
}

// gate is that of one network.
type gate struct {
	rate   float64            // connections a second
	slowed time.Time          // when it was halved last; zero while it has never been
	by     transports.Address // whom it was halved for
	free   time.Time          // when the next one may connect
	queue  []*turn            // who waits, the first in front
	timer  *time.Timer
}

// turn is somebody who waits.
type turn struct{ come chan struct{} }

const (
	firstRate  = 10.0 // connections a second
	leastRate  = 1.0 / 30
	slowOnce   = time.Second      // those who are turned away within that are turned away for one reason
	slowAgain  = time.Minute      // and so is who is turned away again and again, which may be his own doing
	gateRests  = 10 * time.Second // after a pause as long as that it begins slowly again
	gateLasts  = 10 * time.Minute // for how long it is known that somebody was turned away
	freeGates  = 256              // gates that are kept without a look at them
	turnIsTold = 5 * time.Second  // a user whose turn is later than that is told when it is, about
)

// space changes how many connections a second there are at most; zero means any number.
func (g *gates) space(most float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = most
	for _, e := range g.gates {
		if most > 0 {
			e.rate = min(e.rate, most)
			continue
		}
		for _, t := range e.queue {
			close(t.come)
		}
		e.queue = nil
	}
}

// of finds the gate of a network; the caller holds mu.
func (g *gates) of(network string, now time.Time) *gate {
	if e := g.gates[network]; e != nil && !e.idle(now) {
		return e
	}
	if g.gates == nil {
		g.gates, g.sweepAt = make(map[string]*gate), freeGates
	}
	if len(g.gates) >= g.sweepAt {
		for id, e := range g.gates {
			if e.idle(now) {
				delete(g.gates, id)
			}
		}
		g.sweepAt = max(freeGates, 2*len(g.gates))
	}
	e := &gate{rate: min(firstRate, g.most)}
	g.gates[network] = e
	return e
}

func (e *gate) idle(now time.Time) bool { return len(e.queue) == 0 && now.Sub(e.free) > gateLasts }

// arrive takes a place in the queue of a network, and says how long that will take, about. It gives no turn to who need not wait.
func (g *gates) arrive(network string) (*turn, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most == 0 {
		return nil, 0
	}
	now := time.Now()
	e := g.of(network, now)
	if now.Sub(e.free) > gateRests {
		e.rate = min(e.rate, firstRate)
	}
	if len(e.queue) == 0 && !e.free.After(now) {
		e.free = now.Add(e.interval())
		return nil, 0
	}
	t := &turn{come: make(chan struct{})}
	e.queue = append(e.queue, t)
	g.arm(e, now)
	return t, max(0, e.free.Sub(now)) + e.estimate(len(e.queue)-1, g.most)
}

// leave gives a turn up.
func (g *gates) leave(network string, t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.gates[network]; e != nil {
		e.queue = slices.DeleteFunc(e.queue, func(other *turn) bool { return other == t })
		if len(e.queue) == 0 && e.timer != nil {
			e.timer.Stop()
			e.timer = nil
		}
	}
}

// arm sees to it that the first in the queue is called.
func (g *gates) arm(e *gate, now time.Time) {
	if e.timer == nil && len(e.queue) > 0 {
		e.timer = time.AfterFunc(e.free.Sub(now), func() { g.call(e) })
	}
}

// call lets the first in the queue go.
func (g *gates) call(e *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if e.timer = nil; len(e.queue) == 0 {
		return
	}
	if !e.free.After(now) { // else it was slowed meanwhile
		close(e.queue[0].come)
		e.queue[0] = nil
		if e.queue = e.queue[1:]; len(e.queue) == 0 {
			e.queue = nil
		}
		e.free = now.Add(e.interval())
	}
	g.arm(e, now)
}

// interval is the time to the next one: a half more or less, so that the network sees no metronome.
func (e *gate) interval() time.Duration {
	return time.Duration((0.5 + rand.Float64()) / e.rate * float64(time.Second))
}

// estimate is how long it takes to let in so many, if the network goes on to let everybody in.
func (e *gate) estimate(n int, most float64) time.Duration {
	left, rate, seconds := float64(n), e.rate, 0
	for ; left > rate && seconds < 3600; seconds++ {
		left -= rate
		if e.slowed.IsZero() {
			rate *= 2
		} else {
			rate++
		}
		rate = min(rate, most)
	}
	return time.Duration((float64(seconds) + left/rate) * float64(time.Second))
}

// letIn notes that a network let somebody in.
func (g *gates) letIn(network string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.gates[network]
	if e == nil {
		return
	}
	if e.slowed.IsZero() {
		e.rate = min(e.rate+1, g.most)
	} else {
		e.rate = min(e.rate+min(1/e.rate, e.rate/10), g.most)
	}
}

// turnedAway notes that a network turned somebody away who may come another time.
func (g *gates) turnedAway(network string, user transports.Address) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most == 0 {
		return
	}
	now := time.Now()
	e := g.of(network, now)
	if since := now.Sub(e.slowed); since < slowOnce || since < slowAgain && e.by == user {
		return
	}
	e.slowed, e.by = now, user
	e.rate = max(leastRate, e.rate/2)
	e.free = now.Add(e.interval())
}

// awaitGate waits until the session may connect to a network. It reports false when ctx ends before.
func (s *session) awaitGate(ctx context.Context, n *Network) bool {
	turn, wait := s.t.gates.arrive(n.gate())
	if turn == nil {
		return true
	}
	s.mu.Lock()
	if wait > turnIsTold && !s.queued {
		s.queued = true
		s.post(transports.NoticeOf(transports.Target{}, "Many people are connecting to %s at the moment. Your turn is in about %d s.", s.net.Name, int(wait.Seconds())+1))
	}
	s.mu.Unlock()
	s.flush()
	select {
	case <-turn.come:
		return true
	case <-ctx.Done():
		s.t.gates.leave(n.gate(), turn)
		return false
	}
}
