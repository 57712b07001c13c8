package component

import (
	"context"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// People write to what they take for the address of a room or a person. Whatever it is, they are told the one that is meant, with a link.

// isWritten reports whether a stanza is a message that somebody wrote to be answered: no answer is expected to others.
func isWritten(root *stanza.Element) bool {
	typ := root.Attr("type")
	return root.Name == "message" && (typ == "" || typ == "chat" || typ == "normal") && root.Child(stanza.NSComponent, "body") != nil
}

// astray answers what went to an address that cannot be: with the error, and where somebody wrote something also in words.
func (u *user) astray(in *inbound, err error) {
	root := in.root()
	lang := root.Attr("xml:lang")
	meant, unmeant := u.g.opt.Transport.Find(lang, transports.Unescape(in.to.Local), transports.TargetDomain)
	fault := transports.AsError(err)
	why := fault.In(text.In(lang))
	said := why
	if unmeant == nil {
		said += " " + text.Say(lang, "Did you mean %s?", u.g.address(meant).String())
	}
	u.refuse(in, transports.NewError(fault.Kind, said, fault.Err))
	if !isWritten(root) || u.denied {
		return
	}
	s := u.hear(in)
	if unmeant == nil && meant.Kind == transports.TargetRoom {
		u.sayWayIn(s, why, meant)
		return
	}
	u.say(s, said)
}

// sayWayIn says something and behind it the way into a room.
func (u *user) sayWayIn(s said, first string, room transports.Target) {
	if u.awaited >= maxAwaited {
		u.say(s, first)
		return
	}
	u.background(func(ctx context.Context) func() {
		way := u.g.showIn(ctx, u.jid, s.lang, room, "")
		return func() { u.say(s, first+" "+way) }
	})
}

// toRoomOutside answers somebody who wrote to a room as if it were a person.
func (u *user) toRoomOutside(in *inbound, e entity) {
	// Where it comes from somebody who knows nothing of rooms, the link is what helps.
	lang := in.root().Attr("xml:lang")
	room := u.meantRoom(lang, e.target)
	u.refuse(in, transports.NewError(transports.NotJoined,
		text.Say(lang, "This is a room. To talk in it, join it: %s", JoinLink(u.g.address(room))), nil))
	if in := u.networks.of(e.target.Network).room(e.target.ID); in != nil {
		return // he knows the way
	}
	if isWritten(in.root()) {
		u.sayWayIn(u.hear(in), text.Say(lang, "This is a room, so nobody has read that."), room)
	}
}

// elsewhere says where a room or a person is whose network somebody calls as people do, and invites him into a room; nil where that is where
// he says.
func (u *user) elsewhere(lang string, from transports.Address, room transports.Target) error {
	meant := u.meantRoom(lang, room)
	if meant == room {
		return nil
	}
	if u.g.opt.Store != nil {
		ctx, cancel := context.WithTimeout(u.ctx, findWait)
		set, err := u.g.opt.Store.Settings(ctx, u.g.userID(u.jid), transports.Scope(transports.TargetNetwork, room.Network))
		if cancel(); err != nil || len(set) > 0 { // a network of his own
			return nil
		}
	}
	right := u.g.address(meant)
	if room.Kind == transports.TargetRoom && u.mayInvite() {
		u.sendInvitation(right, from, u.g.botAddress(), "", "", "")
	}
	return transports.NewError(transports.NotFound, text.Say(lang, "The network %s is at %s.", room.Network,
		u.g.address(transports.Target{Kind: transports.TargetNetwork, Network: meant.Network}).String())+" "+text.Say(lang, "Did you mean %s?", right.String()), nil)
}

// meantRoom is a room on the network that is meant, where its name is no address but what people call it.
func (u *user) meantRoom(lang string, room transports.Target) transports.Target {
	if u.networks.of(room.Network) != nil || strings.Contains(room.Network, ".") {
		return room
	}
	if right, err := u.g.opt.Transport.Find(lang, room.Network, transports.TargetNetwork); err == nil {
		room.Network = right.Network
	}
	return room
}

// isAstray reports whether somebody wrote to what is a network by its form only: most often a nick or a channel without its network.
func (u *user) isAstray(e entity) bool {
	if e.kind != entityNetwork || strings.Contains(e.target.Network, ".") || u.networks.of(e.target.Network) != nil {
		return false
	}
	t, err := u.g.opt.Transport.Find("", e.target.Network, transports.TargetNetwork)
	return err != nil || t.Network != e.target.Network
}

// toNobody answers a message to an address that isAstray, unless the user has given a network that name.
func (u *user) toNobody(s said, e entity, orElse func()) {
	name := e.target.Network
	u.background(func(ctx context.Context) func() {
		if u.g.opt.Store != nil {
			set, err := u.g.opt.Store.Settings(ctx, u.g.userID(u.jid), transports.Scope(transports.TargetNetwork, name))
			if err != nil || len(set) > 0 {
				return orElse
			}
		}
		network := u.g.exampleNetwork()
		if right, err := u.g.opt.Transport.Find(s.lang, name, transports.TargetNetwork); err == nil {
			return func() { u.say(s, text.Say(s.lang, "The network %s is at %s.", name, u.g.address(right).String())) }
		}
		person := u.g.address(transports.Target{Kind: transports.TargetContact, Network: network, ID: name})
		return func() {
			u.say(s, text.Say(s.lang, "%s is no network that I know. Somebody of that nick is, for instance, at %s. Write “help” to %s for more.",
				name, person.String(), u.g.botAddress().String()))
		}
	})
}

// toUnconnected answers what somebody does in a conversation with an occupant, or with an earlier message, on a network that he is not connected to.
func (u *user) toUnconnected(in *inbound, e entity) {
	lang := in.root().Attr("xml:lang")
	network := u.meantRoom(lang, e.target).Network
	u.refuse(in, transports.NewError(transports.Offline,
		text.Say(lang, "You are not connected to %s. Join a room there first, for instance %s.", network, u.exampleRoom(network)), nil))
}
