package ircbridge

import (
	"strings"
	"sync"
	"weak"

	"passerelle/transports"
)

// people interns persons: hundreds of users who sit in the same large channel share one Person per member instead of having a
// copy each. What nobody holds any more is collected. Its methods are safe to call from any goroutine.
type people struct {
	mu      sync.Mutex
	byValue map[transports.Person]weak.Pointer[transports.Person]
	sweepAt int // number of entries at which the dead ones are looked for
}

// minSweep keeps small tables from being swept at every other insertion.
const minSweep = 256

// intern gives the one Person that equals p.
func (t *people) intern(p transports.Person) *transports.Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byValue[p].Value(); known != nil {
		return known
	}
	if t.byValue == nil {
		t.byValue = make(map[transports.Person]weak.Pointer[transports.Person])
		t.sweepAt = minSweep
	}
	if len(t.byValue) >= t.sweepAt {
		for value, person := range t.byValue {
			if person.Value() == nil {
				delete(t.byValue, value)
			}
		}
		t.sweepAt = max(minSweep, 2*len(t.byValue))
	}
	// The strings are slices of whole lines, which must not stay in memory for the sake of a nick.
	person := &transports.Person{
		Nick:     strings.Clone(p.Nick),
		Ident:    strings.Clone(p.Ident),
		Host:     strings.Clone(p.Host),
		Account:  strings.Clone(p.Account),
		RealName: strings.Clone(p.RealName),
	}
	t.byValue[*person] = weak.Make(person)
	return person
}
