package ircbridge

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Most sessions hear nothing most of the time. A connection on which nothing came for restAfter is at rest: it has no buffer, and its
// session no goroutine, whose stack had grown with all that it did. The sleepers wait for all of them. A new goroutine goes on with a
// session once there is something to be read, or once its deadline has come.
const restAfter = 2 * time.Second

// rest is the last that a session's goroutine does when its connection has come to rest.
func (s *session) rest(c *conn) {
	c.lines.rest()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(c.queue) == 0 {
		c.queue = nil
	}
	s.t.running.Add(1) // the goroutine that goes on, which is waited for from here on
	if !s.t.sleepers.add(s, c) {
		s.goOn(c)
		return
	}
	c.alarm = time.AfterFunc(time.Until(c.deadline), s.rouse)
}

// rouse has the session go on, if its connection rests. It is safe to call from any goroutine.
func (s *session) rouse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if c == nil || c.alarm == nil {
		return // something else was faster
	}
	s.t.sleepers.remove(c)
	c.alarm.Stop()
	c.alarm = nil
	c.expireAt(c.deadline)
	s.goOn(c)
}

// goOn starts the goroutine that goes on with a connection which rested.
func (s *session) goOn(c *conn) {
	go func() {
		defer s.t.running.Done()
		if !s.connections(c) {
			s.end()
		}
	}()
}

// mayRest reports whether it can be waited for what comes without reading it, which pipes cannot.
func (c *conn) mayRest() bool { return c.raw != nil }

// socket is what lies under a connection; nil where that is no socket.
func socket(nc net.Conn) syscall.RawConn {
	for {
		wrapped, ok := nc.(interface{ NetConn() net.Conn }) // as TLS has it
		if !ok {
			break
		}
		nc = wrapped.NetConn()
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// next gives the next line. Where the connection rests it waits before it reads: what is left of lines and records that are not complete
// stays where it is.
func (c *conn) next() ([]byte, error) {
	if c.resting {
		if err := c.raw.Read(readable); err != nil {
			return nil, err
		}
		c.resting = false
	}
	return c.lines.next()
}

// readable reports whether there is something to be read from a socket, its end or an error included.
func readable(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}
