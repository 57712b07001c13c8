package biboumi

import (
	"slices"

	"passerelle/component"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// stay is a channel that a user wants to stay in while he is away.
type stay struct {
	user    store.UserID
	room    roomName
	network string
}

// stays are the channels that users are brought into at the start, without a client of theirs: those that they stay in, where it is known by
// which nick. Into the others they come with their next client, as in biboumi after its start.
func (i *importer) stays(all []stay, servers []*wishes, found []setting) []store.Occupancy {
	nicks := map[stay]string{} // by user and network
	for _, o := range servers {
		nicks[stay{user: o.user, network: o.on.Network}] = o.set[ircbridge.SettingNick]
	}
	var rooms []store.Occupancy
	for _, s := range all {
		wanted := setting{s.user, transports.Scope(transports.TargetRoom, s.room.name), component.SettingPersistent, "true", false}
		nick := nicks[stay{user: s.user, network: s.network}]
		switch {
		case !slices.Contains(found, wanted): // he has said something else here
		case nick == "":
			i.summary.leave(s.user, leftStay)
		default:
			rooms = append(rooms, store.Occupancy{UserID: s.user, Room: s.room.local, Nick: nick})
		}
	}
	return rooms
}
