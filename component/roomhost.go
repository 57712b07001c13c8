package component

import (
	"time"

	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/transports"
)

// What rooms ask of the network that they are on, beside what is in private.go.

var _ muc.Host = (*network)(nil)

// OccupantID implements muc.Host.
func (n *network) OccupantID(room transports.Target, p *transports.Person) string {
	return n.u.g.occupantIDs.id(room, p)
}

// History implements muc.Host.
func (n *network) History(room transports.Target) (messages int, since time.Time) {
	return n.u.historyLength(room), n.u.archivedSince(room)
}

// Formatting implements muc.Host.
func (n *network) Formatting(room transports.Target) markup.Settings { return n.u.formatting(room) }

// Features implements muc.Host.
func (n *network) Features(room transports.Target) transports.Features {
	return n.session.Features(room)
}

// Words implements muc.Host.
func (n *network) Words(s string, args ...any) string { return text.Say(n.u.lang, s, args...) }

// MayType implements muc.Host.
func (n *network) MayType(room transports.Target) bool { return n.u.typesTo(room) }

// MayShow implements muc.Host.
func (n *network) MayShow(occupants int) bool { return n.u.mayShow(occupants) }

// Space implements muc.Host.
func (n *network) Space() int {
	space := maxKnownPeople
	for _, of := range n.u.networks {
		for _, room := range of.rooms {
			space -= room.Count()
		}
	}
	return space
}

// NextRef implements muc.Host.
func (n *network) NextRef() transports.Ref { return n.u.nextRef() }
