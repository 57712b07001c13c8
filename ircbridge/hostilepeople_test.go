package ircbridge

import (
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

// TestHugeNamesOfAllChannels: who is in the channels that are being entered is bounded over all of them.
func TestHugeNamesOfAllChannels(t *testing.T) {
	t.Parallel()
	s, c := &session{t: newTransport(t, Options{}), nick: "alice"}, &conn{isup: &plainISupport}
	s.conn = c
	for i := range 3 {
		r := &room{target: roomOf(fmt.Sprint("#", i)), name: fmt.Sprint("#", i), state: roomEntering, enter: &entering{}}
		s.rooms = append(s.rooms, r)
		for n := 0; n < maxMembers/2; n += 50 {
			var names []string
			for j := range 50 {
				names = append(names, fmt.Sprint("n", n+j))
			}
			s.names(c, []string{"alice", "=", r.name, strings.Join(names, " ")})
		}
	}
	members := 0
	for _, r := range s.rooms {
		members += len(r.enter.members)
	}
	if members != maxMembers {
		t.Errorf("%d members are kept, want %d", members, maxMembers)
	}
	s.enter(c, s.rooms[2]) // we are in it all the same
	for _, e := range s.out {
		if e, ok := e.(transports.Entered); ok && (len(e.Members) != 1 || e.Members[0].Person.Nick != "alice") {
			t.Errorf("got %d members", len(e.Members))
		}
	}
}

// TestHugeHosts: where somebody is said to be is no longer than on any honest network, and what he calls himself neither.
func TestHugeHosts(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "extended-join")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	long := strings.Repeat("x", 5000)
	p.Send(t, ":bob!b@"+long+" JOIN #test * :Bob "+long, ":carol!"+long+"@h JOIN #test * :Carol")
	for range 2 {
		j := await[transports.Joined](t, h)
		if who := j.Member.Person; len(who.Ident)+len(who.Host) > 2*maxWhere || len(who.RealName) > maxSetting {
			t.Errorf("%s has %d bytes of user and host, %d of a name", who.Nick, len(who.Ident)+len(who.Host), len(who.RealName))
		}
	}
}
