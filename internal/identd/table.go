package identd

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Table knows whose the connections are that are made through it. Safe to call from any goroutine.
type Table struct {
	mu      sync.Mutex
	conns   map[ends][]*tracked
	dialing int
	changed chan struct{} // closed and replaced when a connection was made, or was not
}

// ends are what a question names: our port, and who asks, with his.
type ends struct {
	port   uint16
	remote netip.AddrPort
}

// tracked is a connection in the table.
type tracked struct {
	net.Conn
	t      *Table
	at     ends
	local  netip.Addr
	user   string
	forget sync.Once
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{conns: make(map[ends][]*tracked), changed: make(chan struct{})}
}

// Dial makes a connection of somebody with dial. It is his until it is closed.
func (t *Table) Dial(user string, dial func() (net.Conn, error)) (net.Conn, error) {
	t.mu.Lock()
	t.dialing++
	t.mu.Unlock()
	nc, err := dial()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dialing--
	close(t.changed)
	t.changed = make(chan struct{})
	if err != nil {
		return nil, err
	}
	local, remote := addrPort(nc.LocalAddr()), addrPort(nc.RemoteAddr())
	if !local.IsValid() || !remote.IsValid() {
		return nc, nil // nobody could name it
	}
	c := &tracked{Conn: nc, t: t, at: ends{local.Port(), remote}, local: local.Addr(), user: user}
	t.conns[c.at] = append(t.conns[c.at], c)
	return c, nil
}

// NetConn is the connection itself, as that of TLS has it.
func (c *tracked) NetConn() net.Conn { return c.Conn }

// Close closes the connection. It is nobody's from then on.
func (c *tracked) Close() error {
	c.forget.Do(func() {
		c.t.mu.Lock()
		defer c.t.mu.Unlock()
		if left := slices.DeleteFunc(c.t.conns[c.at], func(o *tracked) bool { return o == c }); len(left) > 0 {
			c.t.conns[c.at] = left
		} else {
			delete(c.t.conns, c.at)
		}
	})
	return c.Conn.Close()
}

// find says whose the connection is between a port of ours and a remote one. Networks ask the moment that they are connected to,
// before we know of it ourselves, so while connections are being made it waits for them, until ctx ends. Local decides between
// connections from several addresses of ours; behind a translator of addresses it is none of theirs.
func (t *Table) find(ctx context.Context, local netip.Addr, at ends) (string, bool) {
	for {
		t.mu.Lock()
		conns, waiting, changed := t.conns[at], t.dialing > 0, t.changed
		i := slices.IndexFunc(conns, func(c *tracked) bool { return c.local == local })
		if i < 0 && len(conns) == 1 {
			i = 0
		}
		var user string
		if i >= 0 {
			user = conns[i].user
		}
		t.mu.Unlock()
		if i >= 0 || !waiting {
			return user, i >= 0
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", false
		}
	}
}

// addrPort is the address of a TCP connection in one form, zero for any other.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
