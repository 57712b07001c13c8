package component

import (
	"slices"
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
	n := u.networks.of(e.target.Network)
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
			u.inviteThere(n, room.Target(), r, to)
			continue
		}
		u.inviteHere(room, r, to, invite)
	}
}

// inviteDirectly takes an invitation that a client sends to a person of the network by itself (XEP-0249 §2), and reports whether it did:
// where the room is one of his network, the network invites him.
func (u *user) inviteDirectly(in *inbound, e entity) bool {
	n := u.networks.of(e.target.Network)
	jid, err := transports.ParseAddress(in.root().Child(nsConference, "x").Attr("jid"))
	if n == nil || err != nil || jid.Domain != u.g.domain.Domain {
		return false
	}
	room, err := u.g.entity(jid.Bare())
	if err != nil || room.kind != entityRoom || room.target.Network != n.id {
		return false
	}
	u.inviteThere(n, room.target, reply{from: in.from, to: in.to, id: in.root().Attr("id")}, in.to)
	return true
}

// nickAt is the nick of whom an address of a person or an occupant means, and empty where it means nobody of the network.
func (n *network) nickAt(a transports.Address) string {
	e, err := n.u.g.entity(a)
	if err != nil || e.target.Network != n.id {
		return ""
	}
	switch e.kind {
	case entityContact:
		if p := n.person(e.target.ID); p != nil {
			return p.Nick
		}
		return e.target.ID
	case entityOccupant:
		if room := n.room(e.target.ID); room != nil {
			if p, ok := room.Occupant(a.Resource); ok {
				return p.Nick
			}
		}
	}
	return ""
}

// inviteThere invites somebody of the network, and says so in the room, as the network does.
func (u *user) inviteThere(n *network, room transports.Target, r reply, to transports.Address) {
	nick := n.nickAt(to)
	if nick == "" {
		u.bounce(r, transports.Errorf(transports.NotFound, "Nobody can be invited at this address: it is none of a person on %s.", n.id))
		return
	}
	n.ask(func(ref transports.Ref) transports.Request {
		return transports.Invite{Ref: ref, Room: room, Nick: nick}
	}, func(_ transports.Event, err *transports.Error) {
		if err != nil {
			u.bounce(r, err)
		} else if in := n.room(room.ID); in != nil {
			in.Say(text.Say(u.lang, "%s has been invited to %s.", nick, room.ID), u.out)
		}
	})
}

// inviteHere tells somebody of XMPP that he is invited, in both forms that clients know.
func (u *user) inviteHere(room *muc.Room, r reply, to transports.Address, invite *stanza.Element) {
	if !u.mayInvite() {
		u.bounce(r, transports.NewError(transports.Busy, "You have invited too many people. Try again in a minute.", nil))
		return
	}
	reason := invite.Child(muc.NSUser, "reason").Text()
	if len(reason) > maxReason {
		u.bounce(r, transports.NewError(transports.TooLarge, "The reason is too long.", nil))
		return
	}
	if len(u.invitees) == maxInvitees {
		u.invitees = slices.Delete(u.invitees, 0, 1)
	}
	u.invitees = append(u.invitees, invitee{room: room.Address(), jid: to.Bare()})
	u.sendInvitation(room.Address(), to, r.from.Bare(), reason, room.Password(), "")
}

// mayInvite counts an invitation or the answer to one, and reports whether there were not too many.
func (u *user) mayInvite() bool {
	return u.invited.take(1, maxInvites, inviteTime)
}

// invitee is somebody of XMPP whom the user has invited, and who may decline.
type invitee struct{ room, jid transports.Address }

// maxInvitees is how many of them are remembered, the last ones.
const maxInvitees = 32

// decline passes on that somebody declines an invitation (XEP-0045 §7.8.2): to a user who sent him one, and to nobody else, so that
// rooms cannot be made to write to strangers. People of the network are not told, which has no words for it.
func (u *user) decline(in *inbound, e entity) {
	decline := in.root().Child(muc.NSUser, "x").Child(muc.NSUser, "decline")
	to, err := transports.ParseAddress(decline.Attr("to"))
	reason := decline.Child(muc.NSUser, "reason").Text()
	if err != nil || len(reason) > maxReason || !u.mayInvite() {
		return
	}
	u.g.mu.Lock()
	inviter := u.g.users[to.Bare()]
	u.g.mu.Unlock()
	if inviter == nil {
		return
	}
	answer := invitee{room: in.to.Bare(), jid: u.jid}
	inviter.post(func() { inviter.declined(e.target, answer, reason) })
}

// declined tells the user that somebody whom he invited declines.
func (u *user) declined(t transports.Target, by invitee, reason string) {
	i := slices.Index(u.invitees, by)
	room := u.networks.of(t.Network).room(t.ID)
	if i < 0 || room == nil {
		return
	}
	u.invitees = slices.Delete(u.invitees, i, i+1)
	b := u.out.Stanzas.Start("message").JID("from", by.room).JID("to", u.jid).Attr("id", newID()).StartNS("x", muc.NSUser)
	b.Start("decline").JID("from", by.jid)
	if reason != "" {
		b.Start("reason").Text(reason).End()
	}
	b.End().End().End()
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
	room := n.u.g.address(e.Room)
	if e.From == nil || !n.hears(e.From.Nick, room) {
		return
	}
	said := text.Say("", "%s invites you to %s.", e.From.Nick, room.String())
	n.u.sendInvitation(room, n.u.jid, n.contactAddress(e.From.Nick), said, "", said)
}

// bounce answers a message with an error.
func (u *user) bounce(r reply, err *transports.Error) {
	u.out.Stanzas.Start("message").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id).Error(err).End()
}
