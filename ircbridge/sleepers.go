package ircbridge

import "sync"

// sleepers are the sessions whose connections rest: one goroutine waits for all of their sockets. Where the system has nothing for that,
// each has a goroutine of its own, which waits with a small stack. Safe for any goroutine; a session's mutex is taken before theirs.
type sleepers struct {
	mu       sync.Mutex
	poll     *poller    // nil before the first one
	bySocket []*session // by file descriptor, which are small numbers; nil for those that do not rest
	refuses  bool       // nobody is waited for any more
	watching sync.WaitGroup
}

// maxRoused bounds how many sessions one look at the sockets has go on.
const maxRoused = 64

// add waits for the socket of a connection, and reports whether it does. Whoever adds a session removes it before its socket is closed.
func (l *sleepers) add(s *session, c *conn) (added bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open() {
		return false
	}
	err := c.raw.Control(func(socket uintptr) {
		fd := int(socket)
		if l.poll.add(fd) != nil {
			return
		}
		for len(l.bySocket) <= fd {
			l.bySocket = append(l.bySocket, nil)
		}
		l.bySocket[fd], added = s, true
	})
	return err == nil && added
}

// remove takes a connection out again.
func (l *sleepers) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = c.raw.Control(func(socket uintptr) { // it fails for a socket that is closed, which it is not
		l.poll.remove(int(socket))
		l.bySocket[socket] = nil
	})
}

// open sees to it that sockets are waited for. It is called with mu held.
func (l *sleepers) open() bool {
	if l.refuses || l.poll != nil {
		return !l.refuses
	}
	p, err := newPoller()
	if err != nil {
		l.refuses = true
		return false
	}
	l.poll = p
	l.watching.Go(func() { l.watch(p) })
	return true
}

// watch rouses those for whom something came, until the poller is closed. Should it fail, everybody goes on with a goroutine of his own.
func (l *sleepers) watch(p *poller) {
	ready := make([]int, 0, maxRoused)
	for {
		var err error
		if ready, err = p.wait(ready[:0]); err != nil {
			break
		}
		for _, fd := range ready {
			l.mu.Lock()
			s := l.bySocket[fd]
			l.mu.Unlock()
			if s != nil {
				s.rouse()
			}
		}
	}
	l.mu.Lock()
	l.refuses = true
	left := l.bySocket
	l.bySocket = make([]*session, len(left))
	l.mu.Unlock()
	for _, s := range left {
		if s != nil {
			s.rouse()
		}
	}
}

// close ends the waiting, once nobody rests any more. It is safe to call twice.
func (l *sleepers) close() {
	l.mu.Lock()
	l.refuses = true
	p := l.poll
	l.mu.Unlock()
	if p != nil {
		p.close()
	}
	l.watching.Wait()
}
