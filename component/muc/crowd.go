package muc

import (
	"iter"
	"slices"
	"strings"

	"passerelle/transports"
)

// crowd is who is in a room, by nick, as the network writes it. There may be hundreds in each of thousands of rooms, so there are next to no
// holes in it: it is a list sorted by nick, in chunks, so that whoever comes or goes does not move all the others. The zero value is nobody.
type crowd struct {
	chunks [][]occupant // none is empty
	count  int
}

// maxChunk is how many occupants are in a chunk at most.
const maxChunk = 128

type occupant struct {
	person *transports.Person // whose nick is that in the room
	first  *transports.Person // as he came, or as he was known before he said anything
	spoke  bool               // he said something by then
	role   transports.Role
}

func (o occupant) compare(nick string) int { return strings.Compare(o.person.Nick, nick) }

// newCrowd takes over a list of occupants in any order. Of two with one nick the first is taken.
func newCrowd(all []occupant) crowd {
	slices.SortStableFunc(all, func(a, b occupant) int { return a.compare(b.person.Nick) })
	all = slices.CompactFunc(all, func(a, b occupant) bool { return a.person.Nick == b.person.Nick })
	c := crowd{chunks: make([][]occupant, 0, (len(all)+maxChunk-1)/maxChunk), count: len(all)}
	for chunk := range slices.Chunk(all, maxChunk) {
		c.chunks = append(c.chunks, slices.Clone(chunk)) // so that none keeps the memory of the others
	}
	return c
}

// place is where somebody is, or where he would be: at a place of a chunk, which may be one behind the last.
func (c *crowd) place(nick string) (chunk, at int, found bool) {
	chunk, found = slices.BinarySearchFunc(c.chunks, nick, func(chunk []occupant, nick string) int { return chunk[0].compare(nick) })
	if found || len(c.chunks) == 0 {
		return chunk, 0, found
	}
	chunk = max(chunk-1, 0) // the last one that begins before him
	at, found = slices.BinarySearchFunc(c.chunks[chunk], nick, occupant.compare)
	return chunk, at, found
}

// find finds somebody.
func (c *crowd) find(nick string) (occupant, bool) {
	if chunk, at, found := c.place(nick); found {
		return c.chunks[chunk][at], true
	}
	return occupant{}, false
}

// get is somebody, or nobody, who has no person.
func (c *crowd) get(nick string) occupant {
	o, _ := c.find(nick)
	return o
}

// put adds somebody, in the place of whoever had his nick.
func (c *crowd) put(o occupant) {
	chunk, at, found := c.place(o.person.Nick)
	switch {
	case found:
		c.chunks[chunk][at] = o
		return
	case len(c.chunks) == 0:
		c.chunks = [][]occupant{{o}}
	case len(c.chunks[chunk]) == maxChunk:
		half := c.chunks[chunk][maxChunk/2:]
		c.chunks = slices.Insert(c.chunks, chunk+1, slices.Clone(half))
		c.chunks[chunk] = slices.Clone(c.chunks[chunk][:maxChunk/2])
		c.put(o)
		return
	default:
		there := c.chunks[chunk]
		if len(there) == cap(there) { // append would double it
			there = append(make([]occupant, 0, len(there)+len(there)/8+1), there...)
		}
		c.chunks[chunk] = slices.Insert(there, at, o)
	}
	c.count++
}

// remove takes somebody out.
func (c *crowd) remove(nick string) {
	chunk, at, found := c.place(nick)
	if !found {
		return
	}
	c.count--
	if c.chunks[chunk] = slices.Delete(c.chunks[chunk], at, at+1); len(c.chunks[chunk]) == 0 {
		c.chunks = slices.Delete(c.chunks, chunk, chunk+1)
	}
}

// all is everybody, sorted by nick. The crowd must not change meanwhile.
func (c *crowd) all() iter.Seq2[string, occupant] {
	return func(yield func(string, occupant) bool) {
		for _, chunk := range c.chunks {
			for _, o := range chunk {
				if !yield(o.person.Nick, o) {
					return
				}
			}
		}
	}
}
