package component

import (
	"errors"

	"passerelle/component/avatar"
	"passerelle/component/downgrade"
	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// What users are told of contacts who publish goes through the outbox, as letters do. Events of nodes are headlines to the bare JID: a server drops
// them where no client is there (RFC 6121 §8.5.2.2.1), and a client that comes asks for what it has missed.

// deliverSocial has a user told an event of a transport that is Social. One of somebody whom he has blocked is dropped without a word.
func (g *Gateway) deliverSocial(tx *store.Tx, user transports.Address, e transports.Event) error {
	var of transports.Target
	switch e := e.(type) {
	case transports.EntryPublished:
		of = e.Of
	case transports.EntryWithdrawn:
		of = e.Of
	case transports.EntryRegarded:
		of = e.By
	case transports.FollowedBy:
		of = e.With
	case transports.ProfileChanged:
		of = e.With
	default:
		return transports.NewError(transports.Unsupported, "", nil)
	}
	if g.social == nil || of.Kind != transports.TargetContact {
		return transports.NewError(transports.Internal, "", errors.New("an event of nobody"))
	}
	id := g.userID(user)
	if blocked, err := tx.Blocks(id, g.address(of).String(), g.opt.Domain); blocked || err != nil {
		return err
	}
	var b stanza.Builder
	switch e := e.(type) {
	case transports.EntryPublished:
		g.renderPublished(&b, user, &e)
	case transports.EntryWithdrawn:
		g.renderWithdrawn(&b, user, &e)
		if e.Letter != "" {
			if err := g.sendEvent(tx, id, &b); err != nil {
				return err
			}
			g.renderTakenBack(&b, user, &e)
		}
	case transports.EntryRegarded:
		g.renderRegarded(&b, user, &e)
		if e.Letter != "" {
			if err := g.sendEvent(tx, id, &b); err != nil {
				return err
			}
			g.renderSigns(&b, user, &e)
		}
	case transports.FollowedBy:
		g.renderFollowed(&b, user, &e)
	case transports.ProfileChanged:
		tx.OnCommit(func() { g.profileChanged(user, e.With) })
	}
	return g.sendEvent(tx, id, &b)
}

// profileChanged has a contact's picture read anew and shown.
func (g *Gateway) profileChanged(to transports.Address, t transports.Target) {
	g.faces.Forget(t)
	g.onUser(to.Bare(), func(u *user) { u.contactChanged(t) })
}

// sendEvent has what was written sent, where that is anything, and makes room for the next stanza.
func (g *Gateway) sendEvent(tx *store.Tx, id store.UserID, b *stanza.Builder) error {
	defer b.Reset()
	if b.Len() == 0 {
		return nil
	}
	return g.sendLater(tx, store.Outgoing{UserID: id, Time: now(), Stanza: string(b.Bytes())})
}

// startEvent begins a message of a node's events (XEP-0060 §7.1.2.1).
func (g *Gateway) startEvent(b *stanza.Builder, of transports.Target, user transports.Address, node string) {
	b.Start("message").JID("from", g.address(of)).JID("to", user.Bare()).Attr("type", "headline").Attr("id", newID())
	b.StartNS("event", nsPubSubEvent).Start("items").Attr("node", node)
}

func endEvent(b *stanza.Builder) { b.End().End().End() }

// renderPublished tells of a new item. One that is too large is to be asked for (XEP-0472 §5.1).
func (g *Gateway) renderPublished(b *stanza.Builder, user transports.Address, e *transports.EntryPublished) {
	for _, whole := range []bool{true, false} {
		b.Reset()
		g.startEvent(b, e.Of, user, e.Node)
		b.Start("item").Attr("id", e.Entry.Item).JID("publisher", g.publisher(e.Of, e.Node, &e.Entry))
		if whole {
			g.appendEntry(b, e.Of, e.Node, &e.Entry)
		}
		b.End()
		endEvent(b)
		if b.Len() <= maxLetter {
			return
		}
	}
}

// renderWithdrawn tells that an item is gone (XEP-0060 §7.2.2.1).
func (g *Gateway) renderWithdrawn(b *stanza.Builder, user transports.Address, e *transports.EntryWithdrawn) {
	if e.Node == "" {
		return
	}
	g.startEvent(b, e.Of, user, e.Node)
	b.Start("retract").Attr("id", e.Item).End()
	endEvent(b)
}

// renderTakenBack takes back the letter that told of an item (XEP-0424 §3).
func (g *Gateway) renderTakenBack(b *stanza.Builder, user transports.Address, e *transports.EntryWithdrawn) {
	g.startAside(b, e.Of, user)
	b.StartNS("retract", downgrade.NSRetract).Attr("id", e.Letter).End()
	b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSRetract).End()
	b.Start("body").Text("/me took back an earlier message.").End()
	b.StartNS("store", nsHints).End()
	b.End()
}

// startAside begins a message about an earlier one.
func (g *Gateway) startAside(b *stanza.Builder, from transports.Target, user transports.Address) {
	id := newID()
	b.Start("message").JID("from", g.address(from)).JID("to", user.Bare()).Attr("type", "chat").Attr("id", id)
	b.StartNS("origin-id", nsSID).Attr("id", id).End()
}

// renderRegarded tells what somebody attaches to an item (XEP-0470 §4.1). What is attached to the user's own his server would have to tell.
func (g *Gateway) renderRegarded(b *stanza.Builder, user transports.Address, e *transports.EntryRegarded) {
	if e.Of.Kind != transports.TargetContact {
		return
	}
	node := microblog.AttachmentsNode(microblog.Place{Address: g.address(e.Of), Node: transports.NodeFeed, Item: e.Item})
	who := g.address(e.By)
	g.startEvent(b, e.Of, user, node)
	if !e.Regard.Noticed && len(e.Regard.Reactions) == 0 {
		b.Start("retract").Attr("id", who.String()).End()
	} else {
		b.Start("item").Attr("id", who.String()).JID("publisher", who)
		microblog.AppendRegard(b, &e.Regard)
		b.End()
	}
	endEvent(b)
}

// likedSign is how a like is shown that has no sign.
const likedSign = "❤️"

// renderSigns puts signs to a letter, all that somebody has put there by now (XEP-0444 §2.2).
func (g *Gateway) renderSigns(b *stanza.Builder, user transports.Address, e *transports.EntryRegarded) {
	signs := e.Regard.Reactions
	if e.Regard.Noticed && len(signs) == 0 {
		signs = []string{likedSign}
	}
	g.startAside(b, e.By, user)
	b.StartNS("reactions", downgrade.NSReactions).Attr("id", e.Letter)
	for _, sign := range signs[:min(len(signs), downgrade.MaxSigns)] {
		b.Start("reaction").Text(sign).End()
	}
	b.End()
	b.StartNS("store", nsHints).End() // XEP-0444 §4.2
	b.End()
}

// renderFollowed asks for the user's presence for somebody who follows him, or gives it back.
func (g *Gateway) renderFollowed(b *stanza.Builder, user transports.Address, e *transports.FollowedBy) {
	b.Start("presence").JID("from", g.address(e.With)).JID("to", user.Bare())
	if !e.On {
		b.Attr("type", "unsubscribe").End()
		return
	}
	b.Attr("type", "subscribe")
	appendNick(b, e.With.ID) // XEP-0172 §4.1
	b.End()
}

// contactChanged shows the user a contact of whom another name or picture is known, where he has him in his contact list.
func (u *user) contactChanged(t transports.Target) {
	e, contact := entity{entityContact, t}, u.g.address(t)
	if u.stopped || !u.inContacts(contact) || u.blocks(contact) {
		return
	}
	u.look(e, func() {
		u.showNow(e, contact, u.jid)
		b := u.out.Stanzas.Start("message").JID("from", contact).JID("to", u.jid).Attr("type", "headline").Attr("id", newID())
		b.StartNS("event", nsPubSubEvent).Start("items").Attr("node", avatar.NSMetadata) // XEP-0084 §4.2
		u.avatarOf(e, "").AppendItem(b, avatar.NSMetadata, "")
		endEvent(b)
	})
}
