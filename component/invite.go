package component

import (
	"time"

	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// nsConference is the namespace of direct invitations (XEP-0249).
const nsConference = "jabber:x:conference"

// Invitations to people of XMPP go out from the gateway to whomever the user names, so that there is a bound.
const (
	maxInvites = 20 // in inviteTime
	inviteTime = time.Minute
)

// maxInvited bounds how many people one message may invite.
const maxInvited = 10

// invite takes a mediated invitation (XEP-0045 §7.8.2): people of the network are invited there, others are told by message.
func (u *user) invite(in *inbound, e entity) {
	root := in.root()
	n := u.networks[e.target.Network]
	room := n.room(e.target.ID)
	if room == nil || !room.Has(in.from) {
		u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room, so nobody was invited. Join it first.", nil))
		return
	}
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	count := 0
	for invite := range root.Child(muc.NSUser, "x").Children() {
		if !invite.Is(muc.NSUser, "invite") {
			continue
		}
		if count++; count > maxInvited {
			u.refuse(in, transports.NewError(transports.TooLarge, "This is too many people at a time.", nil))
			return
		}
		to, err := transports.ParseAddress(invite.Attr("to"))
		if err != nil {
			u.bounce(r, transports.NewError(transports.BadRequest, "The invitation does not say whom.", err))
			continue
		}
		if to.Domain == u.g.domain.Domain {
			u.inviteThere(n, room, r, to)
			continue
		}
		u.inviteHere(room, r, to, invite)
	}
}

// inviteThere invites somebody of the network.
func (u *user) inviteThere(n *network, room *muc.Room, r reply, to transports.Address) {
	nick := ""
	if e, err := u.g.entity(to); err == nil && e.target.Network == n.id {
		switch e.kind {
		case entityContact:
			nick = e.target.ID
			if p := n.person(nick); p != nil {
				nick = p.Nick
			}
		case entityOccupant:
			if other := n.room(e.target.ID); other != nil {
				if p, ok := other.Occupant(to.Resource); ok {
					nick = p.Nick
				}
			}
		}
	}
	if nick == "" {
		u.bounce(r, transports.NewError(transports.NotFound, "Nobody can be invited at this address: it is none of a person on "+n.id+".", nil))
		return
	}
	n.ask(func(ref transports.Ref) transports.Request {
		return transports.Invite{Ref: ref, Room: room.Target(), Nick: nick}
	}, func(_ transports.Event, err *transports.Error) {
		if err != nil {
			u.bounce(r, err)
		}
	})
}

// inviteHere tells somebody of XMPP that he is invited, in both forms that clients know.
func (u *user) inviteHere(room *muc.Room, r reply, to transports.Address, invite *stanza.Element) {
	if t := now(); t.Sub(u.invitedFrom) > inviteTime {
		u.invited, u.invitedFrom = 0, t
	}
	if u.invited++; u.invited > maxInvites {
		u.bounce(r, transports.NewError(transports.Busy, "You have invited too many people. Try again in a minute.", nil))
		return
	}
	reason := invite.Child(muc.NSUser, "reason").Text()
	if len(reason) > maxReason {
		u.bounce(r, transports.NewError(transports.TooLarge, "The reason is too long.", nil))
		return
	}
	u.sendInvitation(room.Address(), to, r.from.Bare(), reason, room.Password(), "")
}

// maxReason bounds the reason of an invitation, in bytes.
const maxReason = 1000

// sendInvitation sends an invitation from a room, mediated (XEP-0045 §7.8.2) and direct (XEP-0249) in one.
func (u *user) sendInvitation(room, to, by transports.Address, reason, password, body string) {
	b := u.out.Stanzas.Start("message").JID("from", room).JID("to", to).Attr("id", newID())
	if body != "" {
		b.Start("body").Text(body).End()
	}
	b.StartNS("x", muc.NSUser).Start("invite").JID("from", by)
	if reason != "" {
		b.Start("reason").Text(reason).End()
	}
	b.End()
	if password != "" {
		b.Start("password").Text(password).End()
	}
	b.End()
	b.StartNS("x", nsConference).JID("jid", room).Attr("reason", reason).Attr("password", password).End()
	b.End()
}

// invitedThere tells the user's clients that somebody of the network asks him into a room.
func (n *network) invitedThere(e transports.Invited) {
	if e.From == nil {
		return
	}
	room := n.u.g.address(e.Room)
	said := text.Say("", "%s invites you to %s.", e.From.Nick, room.String())
	n.u.sendInvitation(room, n.u.jid, n.contactAddress(e.From.Nick), said, "", said)
}

// bounce answers a message with an error.
func (u *user) bounce(r reply, err *transports.Error) {
	u.out.Stanzas.Start("message").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id).Error(err).End()
}
