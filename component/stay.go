package component

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// A user may stay in rooms while none of his clients is there: what is said is kept in the archive for when one comes back, and after any
// restart he is in them again.

// StayPolicy says who stays in rooms.
type StayPolicy uint8

// The policies.
const (
	StayNever   StayPolicy = iota // nobody
	StayAllowed                   // who wants to
	StayDefault                   // who does not say that he does not want to
)

// AlwaysOn is how much of it users may have. Zero numbers take the defaults.
type AlwaysOn struct {
	Policy   StayPolicy
	Networks int // on which a user stays
	Rooms    int // in which he stays, on all networks
	// Unseen is after how long somebody is taken off the networks of whom nothing is seen, Idle the same of somebody whose clients are in
	// rooms, and who does nothing; zero is never.
	Unseen, Idle time.Duration
}

const (
	maxStayNetworks = 8
	maxStayRooms    = 100
)

func (a *AlwaysOn) setDefaults() {
	a.Networks = cmp.Or(a.Networks, maxStayNetworks)
	a.Rooms = cmp.Or(a.Rooms, maxStayRooms)
}

// comeBackAfter is how long it takes at least until somebody who lost rooms that he stays in is brought back: a network that has just sent him
// away is not asked again with each of his stanzas.
const comeBackAfter = time.Minute

// readPersists reads where somebody wants to stay, by scope; nil where he said nothing.
func readPersists(set map[string]string) map[string]bool {
	if len(set) == 0 {
		return nil
	}
	persists := make(map[string]bool, len(set))
	for scope, value := range set {
		persists[scope], _ = transports.ParseBool(value)
	}
	return persists
}

// persists reports whether the user, who has a session, wants to stay in a room, and may.
func (u *user) persists(room transports.Target) bool {
	policy := u.g.rules().AlwaysOn.Policy
	r, err := u.related()
	if policy == StayNever || err != nil || u.g.opt.Store == nil {
		return false
	}
	// The more particular counts.
	for _, on := range []transports.Target{room, {Kind: transports.TargetNetwork, Network: room.Network}, {}} {
		if wants, said := r.persists[u.g.scope(on)]; said {
			return wants
		}
	}
	return policy == StayDefault
}

// settle has the user stay in a room that he has entered, where he wants to.
func (n *network) settle(room *muc.Room) {
	if room == nil || room.Nick() == "" || room.Stays() || !n.u.persists(room.Target()) {
		return
	}
	if err := n.mayStay(); err != nil {
		room.Say(err.In(n.Words), n.u.out)
		return
	}
	room.Stay(n.u.out)
	room.Say(n.Words("You stay in this room from now on, also while you are away. To leave it for good, write “leave %s” to %s.",
		room.Address(), n.u.g.botAddress()), n.u.out)
}

// mayStay reports why the user cannot stay in another room of a network.
func (n *network) mayStay() *transports.Error {
	rooms, networks, here := 0, 0, false
	for _, other := range n.u.networks {
		stays := 0
		for _, r := range other.rooms {
			if r.Stays() {
				stays++
			}
		}
		if rooms += stays; stays > 0 {
			networks++
			here = here || other == n
		}
	}
	limit := n.u.g.rules().AlwaysOn
	switch {
	case rooms >= limit.Rooms:
		return transports.Errorf(transports.Policy,
			"You stay in %d rooms while you are away, which is the most. You leave this one with your last client; to stay in it, leave another one for good.", limit.Rooms)
	case !here && networks >= limit.Networks:
		return transports.Errorf(transports.Policy,
			"You stay on %d networks while you are away, which is the most. You leave this room with your last client; to stay in it, leave those of another network for good.",
			limit.Networks)
	}
	return nil
}

// persist notes where the user wants to stay; the empty value is as for the level above.
func (r *relations) persist(scope, value string) {
	if value == "" {
		delete(r.persists, scope)
		return
	}
	if r.persists == nil {
		r.persists = make(map[string]bool)
	}
	r.persists[scope], _ = transports.ParseBool(value)
}

// resettle has the user stay where he wants to, and nowhere else.
func (u *user) resettle() {
	for _, n := range u.networks {
		for _, room := range n.rooms {
			switch wants := u.persists(room.Target()); {
			case wants:
				n.settle(room)
			case room.Stays():
				room.Say("You leave this room with your last client from now on.", u.out)
				room.Unstay(u.out)
			}
		}
	}
}

// feed gives an event to a room. Where it takes the user out of one that he stays in, and no client of his sees it, he is told.
func (n *network) feed(room *muc.Room, e transports.Event) {
	stayed, alone := room.Stays(), room.Alone()
	room.Event(e, n.u.out)
	n.owe(room)
	parted, ok := e.(transports.Parted)
	if !ok || !stayed || room.Stays() {
		return
	}
	why := parted.Reason
	if parted.Err != nil {
		why = transports.AsError(parted.Err).In(n.Words)
	}
	if parted.How == transports.PartLost {
		n.u.beAbsent(absence{since: now()})
	}
	if alone {
		n.u.sayOut(room.Target(), parted.How, parted.By, why)
	}
}

// sayOut tells the user that he is not in a room any more.
func (u *user) sayOut(room transports.Target, how transports.PartKind, by, why string) {
	s := saidTo(u.g.botAddress(), u.jid, u.lang)
	name, again := u.g.address(room).String(), text.Say(s.lang, "Join it again if you want to be back.")
	var body string
	switch how {
	case transports.PartKicked:
		body = text.Say(s.lang, "While you were away, %[2]s removed you from %[1]s.", name, cmp.Or(by, room.Network))
	case transports.PartBanned:
		body, again = text.Say(s.lang, "While you were away, %[2]s banned you from %[1]s.", name, cmp.Or(by, room.Network)), ""
	case transports.PartLost:
		body, again = text.Say(s.lang, "You are not in %s any more.", name), text.Say(s.lang, "It is tried again when you are back.")
	default:
		body = text.Say(s.lang, "While you were away, the network took you out of %s.", name)
	}
	if how != transports.PartLost && why != "" {
		why = quote(why)
	}
	u.say(s, strings.Join(slices.DeleteFunc([]string{body, why, again}, func(s string) bool { return s == "" }), " "))
}

// sayLost tells the user that his session is over, and so his time in the rooms where he stays.
func (n *network) sayLost(why string) {
	n.u.beAbsent(absence{since: now()})
	s := saidTo(n.u.g.botAddress(), n.u.jid, n.u.lang)
	n.u.say(s, text.Say(s.lang, "You are not connected to %s any more, where you stay while you are away.", n.id)+" "+why+" "+
		text.Say(s.lang, "It is tried again when you are back."))
}

// absence is of somebody who has rooms to come back to.
type absence struct {
	since time.Time // he is not brought back at once then; zero where he is
	gone  bool      // he was idle, see idle.go
}

// beAbsent notes that the user has rooms to come back to.
func (u *user) beAbsent(a absence) {
	u.absent = true
	u.g.mu.Lock()
	defer u.g.mu.Unlock()
	u.g.absent[u.jid] = a
}

// comeBack brings a user back into the rooms where he stays, once something of him comes. What servers send for those who go does not
// count.
func (u *user) comeBack(kind, typ string) {
	if !u.absent || kind == "presence" && typ != "" && typ != "probe" && typ != "subscribe" || kind == "iq" && typ != "get" && typ != "set" {
		return
	}
	u.g.mu.Lock()
	was := u.g.absent[u.jid]
	if now().Sub(was.since) < u.g.opt.Timing.ComeBack {
		u.g.mu.Unlock()
		return
	}
	delete(u.g.absent, u.jid)
	u.g.mu.Unlock()
	u.absent = false
	id := u.g.userID(u.jid)
	u.background(func(ctx context.Context) func() {
		err := u.g.recorded(ctx, &occupied{user: u.jid, write: (*store.Tx).SawUser}) // what waits to be written is so then
		var stays []store.Occupancy
		if err == nil {
			stays, err = u.g.opt.Store.Stays(ctx, id)
		}
		return func() {
			if err != nil {
				u.g.log.Error("where a user stays could not be read", u.logID(), "error", err)
				if len(stays) == 0 {
					u.beAbsent(absence{since: now(), gone: was.gone})
					return
				}
			}
			if was.gone {
				u.note((*store.Tx).Returned)
				u.sayBack(stays)
			}
			for _, o := range stays {
				r := restoring{client: u.jid, room: o.Room, nick: o.Nick, password: o.Password.Reveal()}
				u.announceRestore(r)
				u.restore(r)
			}
		}
	})
}

// returnTo brings the user back into a room where he stays; err says why it cannot be.
func (u *user) returnTo(r restoring, room *muc.Room, err *transports.Error) {
	if err == nil && room.Stays() {
		return
	}
	if err == nil {
		n := u.networks.of(room.Target().Network)
		if err = n.mayStay(); err == nil {
			room.Return(r.nick, r.password, u.out)
			u.moved = true
			return
		}
		n.tidy(room)
	}
	if err.Kind == transports.Busy || err.Kind == transports.Policy {
		u.beAbsent(absence{since: now()})
	} else {
		u.forgetOccupancy(r)
	}
	u.g.log.Warn("a user could not be brought back into a room", u.logID(), "error", err)
	if err.Kind != transports.Denied {
		s := saidTo(u.g.botAddress(), u.jid, u.lang)
		u.say(s, text.Say(s.lang, "You are not back in %s, where you stay while you are away.", u.roomAddress(r).String())+" "+err.In(text.In(s.lang)))
	}
}
