package web

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of the connections to the public listener.
const (
	// maxPublicConns is how many there are at a time. Who comes then takes the place of the one that has its client waited for longest, see crowd.
	maxPublicConns = 512
	// maxPerAddress is how many one address has at a time: several people behind a provider's NAT share one, and a browser opens six.
	maxPerAddress = 32
	// patience is how long a client may be waited for before another one takes its place: enough for what is on its way from far.
	patience = 200 * time.Millisecond
)

// crowd bounds the connections of a listener. It closes those of an address that has as many as it may have. Where there are as many as there may be
// in all, it closes the one that has waited for its client longest: for a request, for what belongs to that, or for the answer to be read. So whoever
// has many addresses, and says a byte now and then on each connection (which the timeouts would end after seconds, and he would begin anew), keeps
// nobody out, and a request that is being worked on is never ended. It is safe to use from any goroutine.
type crowd struct {
	net.Listener
	most int
	// ended has a value when a connection has ended since the last look; closed is closed with the listener.
	ended  chan struct{}
	closed chan struct{}
	close  func() error

	mu   sync.Mutex
	open map[netip.Addr]int
	all  map[*crowdConn]struct{}
}

func newCrowd(l net.Listener, most int) *crowd {
	c := &crowd{
		Listener: l, most: most, ended: make(chan struct{}, 1), closed: make(chan struct{}),
		open: make(map[netip.Addr]int), all: make(map[*crowdConn]struct{}),
	}
	c.close = sync.OnceValue(func() error {
		close(c.closed)
		return l.Close()
	})
	return c
}

// Close implements net.Listener.
func (l *crowd) Close() error { return l.close() }

// Accept implements net.Listener.
func (l *crowd) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, counted := stranger(c.RemoteAddr())
		if counted && !l.take(who) {
			_ = c.Close() // nothing was written
			continue
		}
		in := &crowdConn{Conn: c, crowd: l, who: who, counted: counted, since: time.Now()}
		if !l.enter(in) {
			_ = in.Close() // nothing was written
			return nil, net.ErrClosed
		}
		return in, nil
	}
}

func (l *crowd) take(who netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= maxPerAddress {
		return false
	}
	l.open[who]++
	return true
}

// enter waits until there is room for a connection, and makes some. It is false where the listener was closed meanwhile.
func (l *crowd) enter(c *crowdConn) bool {
	for {
		slowest, wait, ok := l.room(c)
		if ok {
			return true
		}
		if slowest != nil {
			_ = slowest.Close() // its client is not there to be told
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-l.ended:
		case <-timer.C:
		case <-l.closed:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// room takes a connection in if there is room for it. Else it says which one is to go, or how long it takes at least until one may have to.
func (l *crowd) room(c *crowdConn) (slowest *crowdConn, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) < l.most {
		l.all[c] = struct{}{}
		return nil, 0, true
	}
	longest := time.Duration(-1)
	now := time.Now()
	for other := range l.all {
		if d, waits := other.waited(now); waits && d > longest {
			slowest, longest = other, d
		}
	}
	if longest >= patience {
		return slowest, 0, false
	}
	return nil, min(patience, patience-longest), false
}

func (l *crowd) leave(c *crowdConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, c)
	if c.counted {
		if l.open[c.who]--; l.open[c.who] == 0 {
			delete(l.open, c.who)
		}
	}
	select {
	case l.ended <- struct{}{}:
	default: // that is known
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

// crowdConn is a connection that counts until it is closed.
type crowdConn struct {
	net.Conn
	crowd   *crowd
	who     netip.Addr
	counted bool
	left    sync.Once

	mu sync.Mutex
	// Its client is waited for while all requests that are being served, if there are any, wait for the rest of themselves, or somebody writes.
	serving, reading, writing int
	since                     time.Time // when that began
}

// Close implements net.Conn.
func (c *crowdConn) Close() error {
	c.left.Do(func() { c.crowd.leave(c) })
	return c.Conn.Close()
}

// Write implements net.Conn.
func (c *crowdConn) Write(p []byte) (int, error) {
	c.now(0, 0, 1)
	defer c.now(0, 0, -1)
	return c.Conn.Write(p)
}

// now notes that so many more requests are served, are waited for the rest of, or are answered.
func (c *crowdConn) now(serving, reading, writing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waited := c.waits()
	c.serving += serving
	c.reading += reading
	c.writing += writing
	if !waited && c.waits() {
		c.since = time.Now()
	}
}

func (c *crowdConn) waits() bool { return c.serving == c.reading || c.writing > 0 }

// waited is for how long its client has been waited for.
func (c *crowdConn) waited(now time.Time) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.since), c.waits()
}

// crowdKey is that of a request's connection in its context.
type crowdKey struct{}

// withConn implements http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if c, ok := c.(*crowdConn); ok {
		return context.WithValue(ctx, crowdKey{}, c)
	}
	return ctx
}

// serving notes that a request is being served, until done is called.
func serving(r *http.Request) (done func()) {
	c, ok := r.Context().Value(crowdKey{}).(*crowdConn)
	if !ok {
		return func() {}
	}
	body := &awaitedBody{ReadCloser: r.Body, conn: c}
	c.now(1, 0, 0)
	if r.Body != http.NoBody {
		r.Body = body
	}
	return func() {
		body.end()
		c.now(-1, 0, 0)
	}
}

// awaitedBody has its client be waited for from when somebody begins to read it until it ends. It belongs to the goroutine of the request.
type awaitedBody struct {
	io.ReadCloser
	conn           *crowdConn
	reading, ended bool
}

// Read implements io.Reader.
func (b *awaitedBody) Read(p []byte) (int, error) {
	if !b.reading && !b.ended {
		b.reading = true
		b.conn.now(0, 1, 0)
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

// Close implements io.Closer.
func (b *awaitedBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func (b *awaitedBody) end() {
	if b.reading {
		b.reading = false
		b.conn.now(0, -1, 0)
	}
	b.ended = true
}
