package component

import (
	"fmt"
	"time"

	"passerelle/transports"
)

// What users may have at a time. Anybody who reaches the XMPP server may ask for as much as he likes, with disco#items for
// networks as well as with presence for rooms, and each session costs a socket and some memory.
const (
	maxNetworks = 32     // sessions of a user
	maxRooms    = 500    // of a user, on all networks
	maxSessions = 10_000 // of all users, where Options do not say otherwise
)

// mayOpen reports why the user may not have another session.
func (u *user) mayOpen() *transports.Error {
	switch {
	case u.stopped:
		return transports.NewError(transports.Busy, stoppingText, nil)
	case u.denied:
		return u.g.denial("")
	case len(u.networks) >= maxNetworks:
		return transports.NewError(transports.Policy,
			fmt.Sprintf("You are connected to %d networks, which is the most. Leave the rooms of one of them first.", maxNetworks), nil)
	case u.g.sessions.Load() >= int64(u.g.opt.MaxSessions):
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

// mayShow counts the occupants that a client asks for once more, and reports whether that is not too much.
func (u *user) mayShow(occupants int) bool {
	if t := now(); t.Sub(u.shownFrom) > showTime {
		u.shown, u.shownFrom = 0, t
	}
	u.shown += occupants
	return u.shown <= maxShown
}

// mayEnter reports why the user may not have another room.
func (u *user) mayEnter() *transports.Error {
	rooms := 0
	for _, n := range u.networks {
		rooms += len(n.rooms)
	}
	if rooms >= maxRooms {
		return transports.NewError(transports.Policy, fmt.Sprintf("You are in %d rooms, which is the most. Leave one first.", maxRooms), nil)
	}
	return nil
}
