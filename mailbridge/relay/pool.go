package relay

import (
	"context"
	"sync"
	"time"
)

// defaultPerHost is how many connections there are to a host at a time.
const defaultPerHost = 4

// pool keeps connections for the next mail to the same host, and bounds how many there are. Safe to use from any goroutine.
type pool struct {
	perHost int

	mu     sync.Mutex
	hosts  map[string]*host
	closed bool
	quits  sync.WaitGroup // goodbyes that are being said
}

// host is what there is of one. It is forgotten when nobody uses it.
type host struct {
	slots chan struct{} // one for each connection that is in use or being made
	users int           // who have a slot or wait for one
	idle  []*idleConn   // the one that was used last at the end
}

type idleConn struct {
	*conn
	timer *time.Timer
}

func newPool(perHost int) *pool { return &pool{perHost: perHost, hosts: map[string]*host{}} }

// enter waits for a slot at a host. Each is given back by leave.
func (p *pool) enter(ctx context.Context, key string) error {
	p.mu.Lock()
	h := p.hosts[key]
	if h == nil {
		h = &host{slots: make(chan struct{}, p.perHost)}
		p.hosts[key] = h
	}
	h.users++
	p.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		h.users--
		p.forget(key, h)
		p.mu.Unlock()
		return context.Cause(ctx)
	}
}

// take returns a connection that waits, or nil.
func (p *pool) take(key string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[key]
	for len(h.idle) > 0 {
		last := h.idle[len(h.idle)-1]
		h.idle = h.idle[:len(h.idle)-1]
		if last.timer.Stop() {
			return last.conn
		}
	}
	return nil
}

// leave gives a slot back, with the connection that was used, if there is one. It waits for the next mail where it can take one.
func (p *pool) leave(key string, c *conn) {
	p.mu.Lock()
	h := p.hosts[key]
	<-h.slots
	h.users--
	keep := c != nil && !c.dead && c.sent < maxPerConn && !p.closed
	if keep {
		i := &idleConn{conn: c}
		i.timer = time.AfterFunc(c.times.idle, func() { p.expire(key, i) })
		h.idle = append(h.idle, i)
	}
	p.forget(key, h)
	if c != nil && !keep {
		p.bye(c)
	}
	p.mu.Unlock()
}

// expire ends a connection that waited for long.
func (p *pool) expire(key string, i *idleConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[key]
	if h == nil {
		return
	}
	for n, other := range h.idle {
		if other == i {
			h.idle = append(h.idle[:n], h.idle[n+1:]...)
			p.bye(i.conn)
			break
		}
	}
	p.forget(key, h)
}

// bye ends a connection in the background, since who is at its other end may be slow. The lock is held.
func (p *pool) bye(c *conn) { p.quits.Go(c.quit) }

// forget removes a host that nobody uses. The lock is held.
func (p *pool) forget(key string, h *host) {
	if h.users == 0 && len(h.idle) == 0 {
		delete(p.hosts, key)
	}
}

// close ends the connections that wait.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for key, h := range p.hosts {
		for _, i := range h.idle {
			if i.timer.Stop() {
				p.bye(i.conn)
			}
		}
		h.idle = nil
		p.forget(key, h)
	}
	p.mu.Unlock()
	p.quits.Wait()
}
