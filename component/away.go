package component

import (
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// A user is away on a network while each of his clients is away or must not be disturbed, or none is there (RFC 6121 §4.7.2.1). What counts is
// what they send to rooms.

// show is what a client that is away says of it.
type show struct {
	text string
	at   time.Time
}

const (
	// maxShows bounds the clients of which it is kept.
	maxShows = 64
	// maxShowText is how much of it is kept, in bytes; networks cut it further.
	maxShowText = 400
	// absentText is said of who stays while none of his clients is there.
	absentText = "Not here at the moment. What you write is read later."
)

// noteShow takes the availability that a client shows to a room.
func (u *user) noteShow(resource string, p *stanza.Element) {
	s := show{text: p.Child(stanza.NSComponent, "status").Text(), at: now()}
	if len(s.text) > maxShowText {
		s.text = ""
	}
	switch p.Child(stanza.NSComponent, "show").Text() {
	case "away", "xa", "dnd":
		if was, ok := u.shows[resource]; ok && was.text == s.text || len(u.shows) >= maxShows {
			return
		}
		if u.shows == nil {
			u.shows = make(map[string]show)
		}
		u.shows[resource] = s
	default:
		if _, ok := u.shows[resource]; !ok {
			return
		}
		delete(u.shows, resource)
	}
	u.moved = true
}

// tellAway tells the networks whether the user is away, where that may have changed.
func (u *user) tellAway() {
	if !u.moved {
		return
	}
	u.moved = false
	if u.sharesDisplayed() {
		u.lookDisplayed()
	}
	away := u.findAway()
	for _, n := range u.networks {
		if n.away == away {
			continue
		}
		n.away = away
		if err := n.session.Do(u.ctx, away); err != nil {
			// He is taken for being there, as on networks that know nothing of it.
			u.g.log.Debug("a network is not told whether a user is away", u.logID(), "network", n.id, "error", err)
		}
	}
}

// findAway finds out whether the user is away; the client that went last says why. What is known of those that are gone is forgotten.
func (u *user) findAway() transports.SetAway {
	present, rooms := make(map[string]struct{}), 0
	for _, n := range u.networks {
		rooms += len(n.rooms)
		for _, room := range n.rooms {
			for resource := range room.Resources() {
				if len(u.shows) == 0 {
					return transports.SetAway{}
				}
				present[resource] = struct{}{}
			}
		}
	}
	if len(present) == 0 {
		u.shows = nil
		if rooms == 0 { // he is there to talk to somebody
			return transports.SetAway{}
		}
		return transports.SetAway{Away: true, Text: absentText}
	}
	var last show
	for resource := range u.shows {
		if _, there := present[resource]; !there {
			delete(u.shows, resource)
		}
	}
	for resource := range present {
		s, away := u.shows[resource]
		if !away {
			return transports.SetAway{}
		}
		if last.at.IsZero() || s.at.After(last.at) {
			last = s
		}
	}
	return transports.SetAway{Away: true, Text: last.text}
}
