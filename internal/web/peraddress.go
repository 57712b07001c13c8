package web

import (
	"net"
	"net/netip"
	"sync"
)

// maxPerAddress is how many connections one address has at a time: several people behind a provider's NAT share one, and a browser
// opens six.
const maxPerAddress = 32

// perAddress closes the connections of who has as many as he may have, so that one stranger cannot take all that there are. It is safe
// to use from any goroutine.
type perAddress struct {
	net.Listener

	mu   sync.Mutex
	open map[netip.Addr]int
}

func limitPerAddress(l net.Listener) *perAddress {
	return &perAddress{Listener: l, open: make(map[netip.Addr]int)}
}

// Accept implements net.Listener.
func (l *perAddress) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, counted := stranger(c.RemoteAddr())
		if !counted {
			return c, nil
		}
		if l.take(who) {
			return &countedConn{Conn: c, release: sync.OnceFunc(func() { l.release(who) })}, nil
		}
		_ = c.Close() // nothing was written
	}
}

func (l *perAddress) take(who netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= maxPerAddress {
		return false
	}
	l.open[who]++
	return true
}

func (l *perAddress) release(who netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who]--; l.open[who] == 0 {
		delete(l.open, who)
	}
}

// stranger is the address that a connection counts for, and whether it does: one of the operator's own machines may be a web server in
// front of the listener, behind which everybody is. A stranger has a network of 64 bits for himself (RFC 6177 §2), and counts as one.
func stranger(a net.Addr) (netip.Addr, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	who := tcp.AddrPort().Addr().Unmap().WithZone("")
	if who.IsLoopback() || who.IsPrivate() || who.IsLinkLocalUnicast() {
		return netip.Addr{}, false
	}
	if who.Is6() {
		if p, err := who.Prefix(64); err == nil {
			who = p.Addr()
		}
	}
	return who, true
}

// countedConn is a connection that counts until it is closed.
type countedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
