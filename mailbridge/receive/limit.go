package receive

import (
	"net/netip"
	"sync"
	"time"
)

// Limits are what strangers may have. The zero value of a field is its default; who is trusted has no limits but those of a mail.
type Limits struct {
	Size        int64 // bytes of a mail; 25 MiB
	Recipients  int   // of a mail; 50
	Connections int   // of all strangers at a time; 100
	PerPeer     int   // connections of one address at a time; 20
	PerMinute   int   // mails of one address in a minute; 60
}

func (l Limits) filled() Limits {
	fill(&l.Size, 25<<20)
	fill(&l.Recipients, 50)
	fill(&l.Connections, 100)
	fill(&l.PerPeer, 20)
	fill(&l.PerMinute, 60)
	return l
}

func fill[N int | int64](n *N, usual N) {
	if *n == 0 {
		*n = usual
	}
}

// maxPeers is how many addresses are remembered for their mails in a minute. Beyond it all are forgotten, which costs a minute's count.
const maxPeers = 10_000

// gate counts what peers have. It is safe to use from any goroutine.
type gate struct {
	limits Limits
	now    func() time.Time

	mu     sync.Mutex
	all    int
	open   map[netip.Prefix]int
	minute time.Time
	mails  map[netip.Prefix]int // in this minute
}

func newGate(l Limits, now func() time.Time) *gate {
	return &gate{limits: l, now: now, open: make(map[netip.Prefix]int), mails: make(map[netip.Prefix]int)}
}

func (g *gate) set(l Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = l
}

// network is what counts as one peer: an address of IPv4, a /64 of IPv6, of which everybody has as many addresses as he likes.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // the zero Addr
	}
	return p
}

// enter takes a place for a connection, if there is one; leave gives it back.
func (g *gate) enter(p Peer) bool {
	if p.Trusted {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := network(p.Addr)
	if g.all >= g.limits.Connections || g.open[n] >= g.limits.PerPeer {
		return false
	}
	g.all++
	g.open[n]++
	return true
}

func (g *gate) leave(p Peer) {
	if p.Trusted {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := network(p.Addr)
	g.all--
	if g.open[n]--; g.open[n] <= 0 {
		delete(g.open, n)
	}
}

// mail counts a mail and reports whether it is one too many.
func (g *gate) mail(p Peer) bool {
	if p.Trusted {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); now.Sub(g.minute) >= time.Minute || len(g.mails) >= maxPeers {
		g.minute = now
		clear(g.mails)
	}
	n := network(p.Addr)
	if g.mails[n] >= g.limits.PerMinute {
		return true
	}
	g.mails[n]++
	return false
}
