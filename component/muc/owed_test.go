package muc

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"passerelle/transports"
)

const splitReason = "Netsplit: a.example has lost the connection to b.example."

// pass lets time pass, and settles what is due then.
func (p *play) pass(d time.Duration) {
	p.t.Helper()
	p.now = p.now.Add(d)
	fmt.Fprintf(&p.log, "after: %s\n", d)
	p.room.Settle(1000, &p.out)
	p.flush()
}

func TestOwedPlays(t *testing.T) {
	t.Parallel()
	lost := func(nick string) transports.Parted {
		return transports.Parted{Nick: nick, How: transports.PartLost, Reason: splitReason}
	}
	plays := map[string]func(p *play){
		// Who does not come back in time has left, as XEP-0045 §9.3 has it for faults.
		"netsplit": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.pass(splitSaid)
			p.stanza(`<presence from='alice@localhost/laptop' to='#go%irc.example@irc.localhost/alice' id='j2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			p.event(lost("carol"))
			p.pass(splitHold)
		},
		// Who does, with the rank that he had, was never away. What he says comes from him.
		"netsplit-and-back": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.pass(splitSaid)
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: bob()}})
			p.event(transports.RoleChanged{Room: goChannel, Nick: "bob", Grant: transports.RoleOp})
			p.pass(backHold)
		},
		"netsplit-and-back-without-rank": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: bob()}})
			p.pass(backHold)
		},
		// Who comes back under the nick of somebody who is gone is not told that he has left himself.
		"netsplit-and-nick": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.State{Err: transports.NewError(transports.Offline, "Gone.", nil), Retry: time.Second})
			p.event(transports.Entered{Room: goChannel, Nick: "bob", Members: []transports.Member{{Person: &transports.Person{Nick: "bob", Ident: "al", Host: "host.alice"}}}})
			p.pass(splitHold)
		},
		"netsplit-and-talk": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: bob()}})
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "that was quick"})
			p.event(lost("bob"))
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "from outside"})
		},
		// Somebody else who takes the nick meanwhile is somebody else.
		"netsplit-and-another": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: &transports.Person{Nick: "bob", Ident: "b", Host: "other.example", Account: "other"}}})
			p.pass(splitHold)
		},
		"netsplit-and-kick": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: bob()}})
			p.event(transports.Parted{Room: goChannel, Nick: "bob", How: transports.PartKicked, By: "chanserv", Reason: "out"})
			p.pass(splitHold)
		},
		"netsplit-and-rename": func(p *play) {
			p.enter()
			p.event(lost("bob"))
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: bob()}})
			p.event(transports.Renamed{Old: "bob", New: "robert"})
			p.pass(splitHold)
		},
	}
	for name, f := range plays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			f(p)
			p.golden(name)
		})
	}
}

// TestNetsplitOf5000 counts the stanzas that a client gets where 5,000 people are lost and come back, in time or later, and where thousands of
// others come and go at once.
func TestNetsplitOf5000(t *testing.T) {
	t.Parallel()
	const people = 5000
	nick := func(i int) *transports.Person {
		return &transports.Person{Nick: fmt.Sprint("n", i), Ident: "u", Host: "h"}
	}
	for name, tc := range map[string]struct {
		away    time.Duration
		atOnce  int // stanzas while it happens
		in, all int // while no more than a minute has passed, and in the end
	}{
		"a moment":   {10 * time.Second, 0, 2, 2},
		"an hour":    {time.Hour, 1, 2*people + maxAtOnce, 2*people + maxAtOnce}, // the sentence, the leaves, the joins
		"for good":   {0, 0, 1, people + 10},
		"many joins": {-1, maxAtOnce, people, 2 * people},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			p.stanza(joinAlice)
			members := []transports.Member{{Person: &transports.Person{Nick: "alice"}}}
			for i := range people {
				members = append(members, transports.Member{Person: nick(i), Role: transports.Role(i%2) * transports.RoleVoice})
			}
			p.room.Event(transports.Entered{Ref: 1, Room: goChannel, Nick: "alice", Members: members}, &p.out)
			p.out.Reset()
			sent := func() int { return bytes.Count(p.out.Stanzas.Bytes(), []byte(" to='alice@localhost/phone'")) }
			settle := func(d time.Duration) {
				for end := p.now.Add(d); p.now.Before(end); p.now = p.now.Add(250 * time.Millisecond) {
					before := sent()
					p.room.Settle(100, &p.out)
					if n := sent() - before; n > 103 {
						t.Fatalf("%d stanzas at once", n)
					}
					if !p.room.Owes() {
						p.now = end
						break
					}
				}
			}
			come := func() {
				for i := range people {
					p.room.Event(transports.Joined{Room: goChannel, Member: transports.Member{Person: nick(i)}}, &p.out)
					if i%2 == 1 {
						p.room.Event(transports.RoleChanged{Room: goChannel, Nick: nick(i).Nick, Grant: transports.RoleVoice}, &p.out)
					}
				}
			}
			if tc.away < 0 {
				for i := range people {
					p.room.Event(transports.Parted{Room: goChannel, Nick: nick(i).Nick}, &p.out)
				}
				come()
			} else {
				for i := range people {
					p.room.Event(transports.Parted{Nick: nick(i).Nick, How: transports.PartLost, Reason: splitReason}, &p.out)
				}
			}
			if sent() > tc.atOnce {
				t.Errorf("%d stanzas at once", sent())
			}
			if tc.away > 0 {
				settle(tc.away)
				if tc.away > splitHold && p.room.Count() != 1 {
					t.Errorf("%d are left", p.room.Count())
				}
				before := sent()
				come()
				if n := sent() - before; n > maxAtOnce {
					t.Errorf("%d stanzas at once when they come back", n)
				}
			}
			if settle(time.Minute); sent() > tc.in {
				t.Errorf("%d stanzas within a minute, want %d at most", sent(), tc.in)
			}
			if settle(10 * time.Minute); sent() > tc.all || p.room.Owes() {
				t.Errorf("%d stanzas in the end, want %d at most", sent(), tc.all)
			}
			t.Logf("%d stanzas", sent())
		})
	}
}
