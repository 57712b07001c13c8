package ircbridge

import (
	"hash/maphash"
	"strings"
	"sync"
	"weak"

	"passerelle/transports"
)

// people interns persons: hundreds of users who sit in the same large channel share one Person per member instead of having a
// copy each. What nobody holds any more is collected. Its methods are safe to call from any goroutine.
type people struct {
	mu      sync.Mutex
	seed    maphash.Seed
	byHash  map[uint64]weak.Pointer[transports.Person]
	sweepAt int // number of entries at which the dead ones are looked for
}

// maxWhere bounds the user name and the host of somebody, in bytes: networks have up to 10 and 63 of them.
const maxWhere = 255

// minSweep keeps small tables from being swept at every other insertion.
const minSweep = 256

// intern gives the one Person that equals p.
func (t *people) intern(p transports.Person) *transports.Person {
	if len(p.Ident) > maxWhere || len(p.Host) > maxWhere {
		p.Ident, p.Host = "", "" // as if the network did not say
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byHash == nil {
		t.seed = maphash.MakeSeed()
		t.byHash = make(map[uint64]weak.Pointer[transports.Person])
		t.sweepAt = minSweep
	}
	hash := maphash.Comparable(t.seed, p)
	if known := t.byHash[hash].Value(); known != nil && *known == p {
		return known // two persons of one hash take turns in the table
	}
	if len(t.byHash) >= t.sweepAt {
		for hash, person := range t.byHash {
			if person.Value() == nil {
				delete(t.byHash, hash)
			}
		}
		t.sweepAt = max(minSweep, 2*len(t.byHash))
	}
	// The strings are slices of whole lines, which must not stay in memory for the sake of a nick. One for all of them is smaller than
	// one for each.
	all := strings.Join([]string{p.Nick, p.Ident, p.Host, p.Account, p.RealName}, "")
	cut := func(s string) (own string) {
		own, all = all[:len(s)], all[len(s):]
		return own
	}
	person := &transports.Person{Nick: cut(p.Nick), Ident: cut(p.Ident), Host: cut(p.Host), Account: cut(p.Account), RealName: cut(p.RealName), Bot: p.Bot}
	t.byHash[hash] = weak.Make(person)
	return person
}
