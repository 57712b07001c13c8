package component

import (
	"cmp"

	"passerelle/component/downgrade"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// stanza takes a stanza of the user. It runs on the user's goroutine.
func (u *user) stanza(in *inbound) {
	root := in.root()
	typ := root.Type()
	e, err := u.g.entity(in.to)
	switch {
	case err != nil && typ == "error":
		return
	case err != nil:
		u.astray(in, err)
		return
	case typ == "error":
		u.bounced(in, e)
		return
	case u.wasSaidAs(in):
		return
	case u.stopped:
		u.refuse(in, transports.NewError(transports.Busy, stoppingText, nil))
		return
	}
	if lang := root.RawAttr("xml:lang"); len(lang) > 0 {
		u.lang = text.Known(string(lang))
	}
	if u.shutOut(in) {
		return
	}
	u.saw()
	u.comeBack(root.Name, typ)
	switch root.Name {
	case "iq":
		if root.Child(nsCommands, "command") != nil {
			u.act()
		}
		u.iq(in, e)
	case "message":
		if root.Child(stanza.NSComponent, "body") != nil || root.Child(stanza.NSComponent, "subject") != nil {
			u.act()
		}
		u.message(in, e, typ)
	case "presence":
		u.presence(in, e, typ)
	}
}

// refuse answers a stanza with an error, in its language where the text is one of the catalogue.
func (u *user) refuse(in *inbound, err *transports.Error) {
	root := in.root()
	if err == nil || !wantsAnswer(root.Name, root.Attr("type")) {
		return
	}
	b := u.out.Stanzas.Start(root.Name).JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", root.Attr("id"))
	if root.Name == "presence" && root.Child(muc.NS, "x") != nil {
		b.StartNS("x", muc.NS).End() // XEP-0045 §7.2: clients tell a refused join by it
	}
	b.Error(u.inWords(root.Attr("xml:lang"), err)).End()
}

// inWords is an error in a language, or without one in that which the user's clients have last said, where its text is one of the
// catalogue.
func (u *user) inWords(lang string, err *transports.Error) *transports.Error {
	return transports.NewError(err.Kind, err.In(text.In(cmp.Or(lang, u.lang))), err.Err)
}

// bounced takes an error that came back for something of ours: a client that is gone leaves the room that found out. It stays in
// its other rooms, since a client that has blocked somebody looks like one that is gone (XEP-0191 §3.2).
func (u *user) bounced(in *inbound, e entity) {
	if e.kind != entityRoom && e.kind != entityOccupant {
		return
	}
	n := u.networks.of(e.target.Network)
	if _, private := n.quoted(in.root().Attr("id")); private && e.kind == entityOccupant {
		// XEP-0191 §3.3: so answers the server of somebody who has blocked who wrote to him alone. He is in the room still.
		return
	}
	u.gone(in.from, in.to.Bare())
	if room := n.room(e.target.ID); room != nil {
		room.Bounced(in.from, in.root().Child(stanza.NSComponent, "error"), u.out)
	}
}

// message takes a message of any type but error.
func (u *user) message(in *inbound, e entity, typ string) {
	root := in.root()
	switch {
	case typ == "groupchat" && e.kind == entityRoom:
		if room := u.networks.of(e.target.Network).room(e.target.ID); room != nil {
			room.Groupchat(in.from, root, u.out)
			return
		}
		if u.returning(in.from, in.to.Bare()) {
			u.refuse(in, transports.NewError(transports.Offline, text.Say(root.Attr("xml:lang"), "The gateway has just been started and is going back into this room. Try again in a moment."), nil))
			return
		}
		u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room, so your message was not sent. Join it first.", nil))
	case typ == "groupchat":
		// XEP-0045 §7.5: "a message of type groupchat to an occupant MUST be refused"; the same goes for what is no room.
		u.refuse(in, transports.NewError(transports.BadRequest, "This address is not a room.", nil))
	case u.g.takesLetters(root, e):
		u.sendLetter(in, e)
	case e.kind == entityRoom && root.Child(muc.NSUser, "x").Child(muc.NSUser, "invite") != nil:
		u.invite(in, e)
	case e.kind == entityRoom && root.Child(muc.NSUser, "x").Child(muc.NSUser, "decline") != nil:
		u.decline(in, e)
	case e.kind == entityRoom && isVoiceRequest(root):
		u.refuse(in, transports.NewError(transports.Unsupported, text.Say(root.Attr("xml:lang"),
			"The network carries no requests to speak: ask an operator of the room in a private message."), nil))
	case e.kind == entityContact || e.kind == entityOccupant:
		if n := u.networks.of(e.target.Network); n != nil && (u.blocks(in.to) || e.kind == entityOccupant && u.blocks(n.contactAddress(in.to.Resource))) {
			u.refuseBlocked(in)
			return
		}
		u.sendPrivate(in, e)
	case downgrade.Encrypted(root) != nil: // XEP-0380 §1
		u.refuse(in, downgrade.Encrypted(root))
	case root.Child(stanza.NSComponent, "body") == nil:
		// Chat states, receipts and markers: nothing to carry, and nothing to complain about.
	case e.kind == entityRoom && u.roomBot(u.hear(in), e):
	case e.kind == entityRoom:
		u.toRoomOutside(in, e)
	case typ == "headline": // RFC 6121 §5.2.2: no reply is expected
	case u.isAstray(e) && u.awaited < maxAwaited:
		s := u.hear(in)
		u.toNobody(s, e, func() { u.bot(s, e) })
	default:
		u.bot(u.hear(in), e)
	}
}

// presence takes a presence of any type but error.
func (u *user) presence(in *inbound, e entity, typ string) {
	switch typ {
	case "":
		u.available(in, e)
	case "unavailable":
		u.unavailable(in, e)
	case "subscribe":
		u.subscribe(in, e)
	case "unsubscribe":
		u.unsubscribe(e, in.to.Bare())
	case "probe":
		u.probe(in, e)
	}
	// "subscribed" and "unsubscribed" say whether we may see the user, which nothing here depends on.
}

// available takes an available presence: to an occupant it is a join, a nick change or an update.
func (u *user) available(in *inbound, e entity) {
	root := in.root()
	switch {
	case e.kind == entityRoom && root.Child(muc.NS, "x") != nil:
		// XEP-0045 §7.2.1: "if the user does not specify a room nickname … jid-malformed".
		u.out.Stanzas.Start("presence").JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", root.Attr("id")).
			StartNS("x", muc.NS).End().
			RawError("modify", "jid-malformed", "A nick is needed to join: add it behind the room's address and a slash.").
			End()
	case e.kind != entityOccupant && root.Child(muc.NS, "x") != nil:
		// XEP-0045 §7.2: a client that is told nothing waits for ever. Most often what is missing is the sign of a channel.
		example := u.exampleRoom(cmp.Or(e.target.Network, u.exampleNetwork()))
		u.refuse(in, transports.NewError(transports.NotFound, text.Say(root.Attr("xml:lang"), "This is not a room. Rooms have addresses like %s.", example), nil))
	case e.kind != entityOccupant:
		// Directed presence to a contact, a network or the gateway needs no answer.
	default:
		room := u.networks.of(e.target.Network).room(e.target.ID)
		if room == nil && root.Child(muc.NS, "x") != nil {
			err := u.mayJoin()
			if err == nil {
				err = u.elsewhere(root.Attr("xml:lang"), in.from, e.target)
			}
			if err == nil {
				room, err = u.openRoom(e.target, in.to.Bare())
			}
			if err != nil {
				u.refuse(in, transports.AsError(err))
				return
			}
			u.saw() // before there was no session he came unnoticed
		}
		if room == nil {
			u.refuse(in, transports.NewError(transports.NotJoined, "You are no longer in this room. Join it again.", nil))
			return
		}
		if muc.WantsHistory(root) {
			u.recallHistory(room)
		}
		u.noteShow(in.from.Resource, root)
		room.Presence(in.from, in.to.Resource, root, u.out)
	}
}

// unavailable takes a client out of a room. Its server tells each room that it was in when it goes offline (RFC 6121 §4.6.3).
func (u *user) unavailable(in *inbound, e entity) {
	u.unwatchBlocklist(in.from)
	if e.kind != entityOccupant && e.kind != entityRoom {
		return
	}
	u.gone(in.from, in.to.Bare())
	if room := u.networks.of(e.target.Network).room(e.target.ID); room != nil {
		room.Unavailable(in.from, in.root().Child(stanza.NSComponent, "status").Text(), u.out)
	}
}

// openRoom finds or makes a room, and the session of its network.
func (u *user) openRoom(t transports.Target, addr transports.Address) (*muc.Room, error) {
	if room := u.networks.of(t.Network).room(t.ID); room != nil {
		return room, nil
	}
	if err := u.mayEnter(); err != nil {
		return nil, err
	}
	n, err := u.network(t.Network)
	if err != nil {
		return nil, err
	}
	room := muc.New(muc.Options{
		Address: addr, Target: t, Host: n, Archive: n.archive(t, addr), Bot: u.g.bot, Now: now, NewID: newID,
	})
	n.rooms = append(n.rooms, room)
	return room, nil
}

// exampleRoom is the address of a room on a network, for texts.
func (u *user) exampleRoom(network string) string {
	return u.g.address(transports.Target{Kind: transports.TargetRoom, Network: network, ID: "#channel"}).String()
}
