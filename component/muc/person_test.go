package muc

import (
	"fmt"
	"testing"

	"passerelle/transports"
)

// Clients are shown where somebody is by now, and not what they ask for with his vCard.
func TestPersonChanged(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	for _, e := range []transports.PersonChanged{
		{Who: &transports.Person{Nick: "bob", Account: "robert"}, Known: transports.KnownAccount},
		{Who: &transports.Person{Nick: "bob", Ident: "~bob", Host: "cloak.example"}, Known: transports.KnownUser},
		{Who: &transports.Person{Nick: "bob", Ident: "~bob", Host: "cloak.example"}, Known: transports.KnownUser}, // nothing new
		{Who: &transports.Person{Nick: "alice", Ident: "a", Host: "h"}, Known: transports.KnownUser},
		{Who: &transports.Person{Nick: "nobody", Ident: "a", Host: "h"}, Known: transports.KnownUser},
		{Who: &transports.Person{Nick: "bob", RealName: "Bob B."}, Known: transports.KnownRealName},
		{},
	} {
		p.event(e)
	}
	fmt.Fprintf(&p.log, "bob: %+v\n", *p.room.Person("bob"))
	// A list of names takes nothing of it back, but where he is. What he says tells who he is as well.
	p.event(transports.Entered{Room: goChannel, Nick: "alice", Subject: "all things Go", Members: []transports.Member{
		{Person: &transports.Person{Nick: "bob", Ident: "~bob", Host: "cloak.example"}, Role: transports.RoleOp}, {Person: &transports.Person{Nick: "alice"}},
	}})
	p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "bob", Ident: "~bob", Host: "cloak.example", Account: "robert2"}, Body: "hello"})
	fmt.Fprintf(&p.log, "bob: %+v\n", *p.room.Person("bob"))
	p.golden("person-changed")
}
