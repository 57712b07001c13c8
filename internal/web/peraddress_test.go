package web

import (
	"io"
	"net"
	"testing"
)

// scriptedListener gives connections of addresses that a test says.
type scriptedListener struct {
	net.Listener
	from chan net.Addr
}

type scriptedConn struct {
	net.Conn
	from net.Addr
}

func (c scriptedConn) RemoteAddr() net.Addr { return c.from }

func (l scriptedListener) Accept() (net.Conn, error) {
	from, ok := <-l.from
	if !ok {
		return nil, io.EOF
	}
	ours, theirs := net.Pipe()
	return scriptedConn{ours, from}, theirs.Close()
}

// One stranger does not take the connections of everybody, and the operator's proxy may take them all.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	for name, test := range map[string]struct {
		first, second net.Addr
		want          bool // the second is taken when the first has all that one may have
	}{
		"the same":              {tcp("198.51.100.1"), tcp("198.51.100.1"), false},
		"the same, mapped":      {tcp("198.51.100.1"), tcp("::ffff:198.51.100.1"), false},
		"another":               {tcp("198.51.100.1"), tcp("198.51.100.2"), true},
		"the same network":      {tcp("2001:db8::1"), tcp("2001:db8::ffff:1"), false},
		"another network":       {tcp("2001:db8::1"), tcp("2001:db8:0:1::1"), true},
		"this machine":          {tcp("127.0.0.1"), tcp("127.0.0.1"), true},
		"this machine, IPv6":    {tcp("::1"), tcp("::1"), true},
		"a machine beside it":   {tcp("192.168.1.1"), tcp("192.168.1.1"), true},
		"a socket of the proxy": {&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Net: "unix"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := scriptedListener{from: make(chan net.Addr, 2)}
			l := limitPerAddress(inner)
			var conns []net.Conn
			for range maxPerAddress {
				inner.from <- test.first
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
			}
			other := tcp("203.0.113.9") // who is never refused
			inner.from <- test.second
			inner.from <- other
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if got := c.RemoteAddr() != other; got != test.want {
				t.Errorf("taken: %v, want %v", got, test.want)
			}
			for _, c := range append(conns, c, conns[0]) { // closing twice counts once
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if !test.want {
				inner.from <- test.second
				if c, err := l.Accept(); err != nil || c.RemoteAddr() != test.second {
					t.Errorf("after the others ended: %v, %v", c, err)
				} else if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if len(l.open) > 0 {
				t.Errorf("still counted: %v", l.open)
			}
		})
	}
}
