package component

import (
	"cmp"
	"time"

	"passerelle/transports"
)

// What users may have at a time, where Options do not say otherwise. Anybody who reaches the XMPP server may ask for as much as he likes, with disco#items for
// networks as well as with presence for rooms, and each session costs a socket and some memory.
const (
	maxNetworks = 32     // sessions of a user
	maxRooms    = 500    // of a user, on all networks
	maxSessions = 10_000 // of all users
)

// Limits are what users may have and do. Zero fields take the defaults, but that of JoinsPerMinute, which is no limit.
type Limits struct {
	Networks       int // that a user is connected to at a time
	Rooms          int // that a user is in at a time, on all networks
	Sessions       int // on networks, of all users at a time
	JoinsPerMinute int // of one user
}

func (l *Limits) setDefaults() {
	l.Networks = cmp.Or(l.Networks, maxNetworks)
	l.Rooms = cmp.Or(l.Rooms, maxRooms)
	l.Sessions = cmp.Or(l.Sessions, maxSessions)
}

// quota counts what may be had so often in some time.
type quota struct {
	used int
	from int64 // in Unix nanoseconds: each user has some of these
}

// take counts n more, and reports whether that is not too much.
func (q *quota) take(n, most int, every time.Duration) bool {
	t := now().UnixNano()
	if past := time.Duration(t - q.from); past > every || past < -every { // the latter where the clock was put back
		*q = quota{from: t}
	}
	q.used += n
	return q.used <= most
}

// mayJoin reports why the user may not join another room just now. Networks see all joins come from one address.
func (u *user) mayJoin() error {
	if most := u.g.rules().Limits.JoinsPerMinute; most > 0 && !u.joins.take(1, most, time.Minute) {
		return transports.Errorf(transports.Policy, "You have joined %d rooms within a minute, which is the most. Try again in a minute.", most)
	}
	return nil
}

// mayOpen reports why the user may not have another session.
func (u *user) mayOpen() *transports.Error {
	switch {
	case u.stopped:
		return transports.NewError(transports.Busy, stoppingText, nil)
	case u.denied:
		return u.g.denial("")
	case len(u.networks) >= u.g.rules().Limits.Networks:
		return transports.Errorf(transports.Policy,
			"You are connected to %d networks, which is the most. Leave the rooms of one of them first.", u.g.rules().Limits.Networks)
	case u.g.sessions.Load() >= int64(u.g.rules().Limits.Sessions):
		u.g.metrics.refused.Inc()
		return transports.NewError(transports.Busy, "So many people use this gateway that there is no room for another connection. Try again later.", nil)
	}
	return nil
}

// maxShown is how many presences of occupants a user may have sent to him by asking for them, in showTime. A presence of a few bytes
// asks for all of a room with thousands of people, and the XMPP server delivers some thousands of stanzas a second.
const (
	maxShown = 100_000
	showTime = time.Minute
)

// maxKnownPeople is how many people are known in all rooms of a user. Beyond that rooms do not show who comes: a network may invent people without
// end, and the largest of today have 50,000.
const maxKnownPeople = 250_000

// mayShow counts the occupants that a client asks for once more, and reports whether that is not too much.
func (u *user) mayShow(occupants int) bool {
	return u.shown.take(occupants, maxShown, showTime)
}

// mayEnter reports why the user may not have another room.
func (u *user) mayEnter() *transports.Error {
	rooms := 0
	for _, n := range u.networks {
		rooms += len(n.rooms)
	}
	if rooms >= u.g.rules().Limits.Rooms {
		return transports.Errorf(transports.Policy, "You are in %d rooms, which is the most. Leave one first.", u.g.rules().Limits.Rooms)
	}
	return nil
}
