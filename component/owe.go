package component

import (
	"sync"
	"time"

	"passerelle/component/muc"
)

// Where very much changes in rooms at once their clients are told bit by bit, in as many presences a second as leave the stream to everybody
// else: the server delivers some ten thousand stanzas a second.

const (
	payEvery     = 250 * time.Millisecond
	payRarely    = time.Second
	payAtOnce    = 100     // presences of a room
	payPerSecond = 2_000.0 // of all users of a domain
)

// budget is how many presences may be sent bit by bit. Safe to call from any goroutine.
type budget struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

// take takes as many as there are, most at most.
func (b *budget) take(most int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := now()
	b.left = min(payPerSecond, b.left+t.Sub(b.at).Seconds()*payPerSecond)
	b.at = t
	n := min(most, int(b.left))
	b.left -= float64(n)
	return n
}

// giveBack returns what was not used, or takes what was used beyond it.
func (b *budget) giveBack(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += float64(n)
}

// owe sees to it that the clients in a room are told what they have still to be told.
func (n *network) owe(room *muc.Room) {
	if room.Owes() && !n.owing {
		n.owing = true
		n.u.after(payRarely, n.pay)
	}
}

// pay tells clients in rooms what is due.
func (n *network) pay() {
	n.owing = false
	if n.u.networks.of(n.id) != n {
		return // it is over
	}
	wait := time.Duration(0)
	for _, room := range n.rooms {
		if !room.Owes() {
			continue
		}
		most := n.u.g.spare.take(payAtOnce)
		used, again := room.Settle(most, n.u.out)
		n.u.g.spare.giveBack(most - used)
		if again > 0 && (wait == 0 || again < wait) {
			wait = again
		}
	}
	if wait > 0 {
		n.owing = true
		n.u.after(min(max(wait, payEvery), payRarely), n.pay)
	}
}
