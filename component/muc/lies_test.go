package muc

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// TestLies has a network tell what cannot be, of people with few nicks: who is there joins, who is not leaves, is kicked or gets ranks, and
// takes nicks that others have, with netsplits in between. Whatever it says, a client that believes what the room shows believes in the end
// what the room does, has no presence of who is away twice without one in between, and knows itself.
func TestLies(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			p := newPlay(t)
			p.stanza(joinAlice)
			c := belief{t: t, roles: map[string]string{}}
			c.hear(p)
			nick := func() string { return []string{"alice", "bob", "Bob", "carol", "dave", "erin"}[r.IntN(6)] }
			person := func() *transports.Person {
				return &transports.Person{Nick: nick(), Ident: "u", Host: []string{"", "a", "b"}[r.IntN(3)], Account: []string{"", "x"}[r.IntN(2)]}
			}
			role := func() transports.Role { return transports.Role(1 << r.IntN(5)) }
			enter := func() transports.Entered {
				e := transports.Entered{Room: goChannel, Nick: "alice", Subject: fmt.Sprint("s", r.IntN(3))}
				for range r.IntN(5) {
					e.Members = append(e.Members, transports.Member{Person: person(), Role: role()})
				}
				return e
			}
			first := enter()
			first.Ref = 1
			p.room.Event(first, &p.out)
			c.hear(p)
			for range 200 {
				var e transports.Event
				switch r.IntN(14) {
				case 0, 1, 2:
					e = transports.Joined{Room: goChannel, Member: transports.Member{Person: person(), Role: role()}}
				case 3:
					e = transports.Parted{Room: goChannel, Nick: nick(), Reason: "bye"}
				case 4:
					e = transports.Parted{Nick: nick(), How: transports.PartQuit}
				case 5, 6:
					e = transports.Parted{Nick: nick(), How: transports.PartLost, Reason: splitReason}
				case 7:
					e = transports.Renamed{Old: nick(), New: nick()}
				case 8:
					e = transports.RoleChanged{Room: goChannel, Nick: nick(), Grant: role(), Revoke: role()}
				case 9:
					if victim := nick(); victim != p.room.Nick() { // the bridge says Self then
						e = transports.Parted{Room: goChannel, Nick: victim, How: transports.PartKicked, By: nick()}
					}
				case 10:
					e = transports.Away{Nick: nick(), Away: r.IntN(2) == 0, Text: "lunch"}
				case 11:
					from := person()
					e = transports.Message{Room: goChannel, From: from, Body: "hello"}
				case 12:
					if r.IntN(4) == 0 {
						p.room.Event(transports.State{Err: transports.NewError(transports.Offline, "", nil), Retry: time.Second}, &p.out)
						e = enter()
					}
				case 13:
					p.now = p.now.Add(time.Duration(r.IntN(90)) * time.Second)
					p.room.Settle(1+r.IntN(5), &p.out)
				}
				if e != nil {
					p.room.Event(e, &p.out)
				}
				c.hear(p)
			}
			for i := 0; p.room.Owes() && i < 1000; i++ {
				p.now = p.now.Add(splitHold)
				p.room.Settle(10, &p.out)
			}
			c.hear(p)
			if c.self != p.room.Nick() {
				t.Errorf("the client believes to be %q, the room that it is %q", c.self, p.room.Nick())
			}
			for nick, o := range p.room.occupants.all() {
				if _, role := p.room.privileges(o.role); c.roles[nick] != role {
					t.Errorf("the client believes that %s is %q, the room that he is %q", nick, c.roles[nick], role)
				}
				delete(c.roles, nick)
			}
			if len(c.roles) > 0 {
				t.Errorf("the client believes in %v, who are not there", c.roles)
			}
		})
	}
}

// belief is what a client believes of a room.
type belief struct {
	t     *testing.T
	self  string
	roles map[string]string // by nick
}

func (c *belief) hear(p *play) {
	c.t.Helper()
	for _, s := range split(c.t, p.out.Stanzas.Bytes()) {
		st, err := stanza.Parse([]byte(s), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			c.t.Fatal(err)
		}
		e := st.Root
		x := e.Child(NSUser, "x")
		if e.Name == "presence" && x != nil {
			nick, self, renamed := addr(c.t, e.Attr("from")).Resource, false, ""
			for code := range x.Children() {
				self = self || code.Name == "status" && code.Attr("code") == "110"
				if code.Name == "status" && code.Attr("code") == "303" {
					renamed = x.Child(NSUser, "item").Attr("nick")
				}
			}
			switch e.Attr("type") {
			case "":
				if c.roles[nick] = x.Child(NSUser, "item").Attr("role"); self {
					c.self = nick
				}
			case "unavailable":
				if _, there := c.roles[nick]; !there {
					c.t.Errorf("somebody leaves who is not there: %s", s)
				}
				if self && renamed == "" {
					c.t.Errorf("the client is out: %s", s)
				}
				delete(c.roles, nick)
			}
		}
		st.Release()
	}
	p.out.Reset()
}
