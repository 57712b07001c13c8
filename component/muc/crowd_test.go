package muc

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"passerelle/transports"
)

// TestCrowd has people come and go, and compares with a map. There must be no holes to speak of: a room has so many tables that those were most
// of the gateway's memory.
func TestCrowd(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	somebody := func() occupant {
		return occupant{person: &transports.Person{Nick: fmt.Sprintf("n%d", rnd.IntN(1500))}, role: transports.Role(rnd.IntN(4))}
	}
	for _, size := range []int{0, 1, maxChunk, maxChunk + 1, 700} {
		var list []occupant
		want := map[string]occupant{}
		for range size {
			o := somebody()
			list = append(list, o)
			if _, known := want[o.person.Nick]; !known { // the first counts
				want[o.person.Nick] = o
			}
		}
		c := newCrowd(list)
		for step := range 5000 {
			o := somebody()
			nick := o.person.Nick
			switch rnd.IntN(3) {
			case 0:
				c.put(o)
				want[nick] = o
			case 1:
				c.remove(nick)
				delete(want, nick)
			}
			if got, ok := c.find(nick); got != want[nick] || ok != (want[nick].person != nil) || got != c.get(nick) {
				t.Fatalf("size %d, step %d: %s is %+v, want %+v", size, step, nick, got, want[nick])
			}
		}
		if got := maps.Collect(c.all()); !maps.Equal(got, want) || c.count != len(want) {
			t.Fatalf("size %d: there are %d of whom %d are counted, want %d", size, len(got), c.count, len(want))
		}
		var nicks []string
		for nick := range c.all() {
			nicks = append(nicks, nick)
		}
		if !slices.IsSorted(nicks) {
			t.Fatalf("size %d: they are not sorted: %q", size, nicks)
		}
		for range c.all() {
			break // who asks may stop
		}
	}
}

// TestCrowdHasNoHoles adds people to a crowd one by one.
func TestCrowdHasNoHoles(t *testing.T) {
	t.Parallel()
	c := newCrowd(make([]occupant, 0, 1000))
	for i := range 1000 {
		c.put(occupant{person: &transports.Person{Nick: fmt.Sprintf("n%d", (i*617)%1000)}})
		room := 0
		for _, chunk := range c.chunks {
			if len(chunk) == 0 || len(chunk) > maxChunk {
				t.Fatalf("a chunk has %d", len(chunk))
			}
			room += cap(chunk)
		}
		if room > c.count+c.count/4+2 {
			t.Fatalf("for %d there is room for %d", c.count, room)
		}
	}
}
