package ircbridge

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Most sessions hear nothing most of the time. A connection on which nothing came for restAfter is at rest: a new goroutine goes on with
// it, whose stack is as small as stacks are, and reads only once there is something to be read. The stack of the one before had grown with
// all that it did, and would hardly shrink; with TLS reading alone takes a larger one.
const restAfter = 2 * time.Second

// rest lets another goroutine go on with a connection.
func (s *session) rest(c *conn) {
	c.lines.rest()
	s.t.running.Go(func() {
		if !s.connections(c) {
			s.end()
		}
	})
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
