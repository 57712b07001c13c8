package component

import (
	"cmp"
	"context"
	"slices"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// Reactions, replies and retractions in private conversations, where the network carries them: what rooms do in muc/refer.go. There is one
// other here, so what he put to a message is with the message.

// privateTarget is whom a message of a client is for.
func (u *user) privateTarget(in *inbound, n *network, e entity) (transports.Target, *muc.Room, *transports.Error) {
	if e.kind != entityOccupant {
		return e.target, nil, nil
	}
	room := n.room(e.target.ID)
	if room == nil || !room.Has(in.from) {
		return transports.Target{}, nil, transports.NewError(transports.NotJoined, "You are not in this room, so your message was not sent. Join it first.", nil)
	}
	person, ok := room.Occupant(in.to.Resource)
	if !ok {
		return transports.Target{}, nil, transports.Errorf(transports.NotFound, "Nobody in this room is called %s.", in.to.Resource)
	}
	return transports.Target{Kind: transports.TargetContact, Network: e.target.Network, ID: person.Nick}, room, nil
}

// partner is the address of somebody who says something to the user alone, and the room in which they talk, nil for none.
func (n *network) partner(nick string) (transports.Address, *muc.Room) {
	if room := n.via[nick]; room != nil {
		if occupant, there := room.OccupantJID(nick); there && !room.Alone() {
			return occupant, room
		}
	}
	return n.contactAddress(nick), nil
}

// showPrivate sends the user something from somebody who says it to him alone.
func (n *network) showPrivate(from transports.Address, room *muc.Room, nick, id string, content func(*stanza.Builder)) {
	send := func(to transports.Address) {
		b := n.u.out.Stanzas.Start("message").JID("from", from).JID("to", to).Attr("type", "chat").Attr("id", id)
		content(b)
		if room == nil {
			appendNick(b, nick) // XEP-0172 §4.3: in the address it is folded and escaped
		} else {
			b.StartNS("x", muc.NSUser).End() // XEP-0045 §7.5
			muc.AppendOccupantID(b, room.OccupantID(nick))
		}
		b.End()
	}
	if room == nil {
		send(n.u.jid)
		return
	}
	// No server copies what comes from a room to other clients (XEP-0280 §6.1), so each gets its own.
	for to := range room.Clients() {
		send(to)
	}
}

// byNetwork finds a private message by the network's id of it, lately said or in the archive.
func (n *network) byNetwork(id string, with transports.Address) *talkLine {
	if id == "" {
		return nil
	}
	for i := len(n.talk) - 1; i >= 0; i-- {
		if slices.Contains(n.talk[i].netIDs, id) {
			return &n.talk[i]
		}
	}
	l, ok := n.u.find(func(ctx context.Context) (store.Line, error) {
		return n.u.g.opt.Store.PrivateLine(ctx, n.u.g.userID(n.u.jid), store.LineKey{NetworkID: id})
	})
	if !ok || slices.Contains(n.buried, l.ID) || l.Who != with.Local || l.Retracted || n.u.tooOld(with, l.Time) {
		return nil
	}
	return n.recollect(&l)
}

// recollect remembers a private message that the archive knows; nil for one that says nothing.
func (n *network) recollect(l *store.Line) *talkLine {
	st, err := stanza.Parse([]byte(l.Stanza), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		return nil
	}
	defer st.Release()
	body := downgrade.Unquoted(st.Root)
	if body == "" {
		return nil
	}
	t := talkLine{id: st.Root.Attr("id"), kept: l.ID, with: l.Who, Quoted: downgrade.Quoted{Body: body, Own: l.Outgoing}}
	if l.NetworkID != "" {
		t.netIDs = []string{l.NetworkID}
	}
	n.remember(t)
	return &n.talk[len(n.talk)-1]
}

// refer takes what a client does with an earlier message to somebody, where the network can carry that. It reports whether it took it.
func (n *network) refer(in *inbound, to transports.Target, inRoom bool, t downgrade.Text) bool {
	l, f := n.said(cmp.Or(t.ReactsTo, t.Retracts)), n.session.Features(to)
	removed := t.Removed
	if !f.Unreacts {
		removed = nil
	}
	ref := n.u.nextRef()
	var q transports.Request
	switch {
	case l == nil || len(l.netIDs) == 0 || len(n.private) >= maxPrivate:
		return false
	case t.ReactsTo != "" && f.Reacts && len(t.Added)+len(removed) > 0:
		q = transports.React{Ref: ref, To: to, On: l.netIDs[0], Add: t.Added, Remove: removed}
	case t.Retracts != "" && f.Redacts && l.Own:
		q = transports.Redact{Ref: ref, To: to, Messages: slices.Clone(l.netIDs)}
	default:
		return false
	}
	root := in.root()
	p := privateSend{from: in.from, to: in.to, id: root.Attr("id"), inRoom: inRoom, text: t, aside: true, kept: n.keepSent(to, root)}
	if err := n.session.Do(n.u.ctx, q); err != nil {
		n.u.refuse(in, transports.AsError(err))
		return true
	}
	if n.private == nil {
		n.private = make(map[transports.Ref]privateSend)
	}
	n.private[ref] = p
	return true
}

// referred notes that the network has taken what refers to an earlier message.
func (n *network) referred(p privateSend) {
	n.change(p.text)
	if p.kept != nil {
		p.kept.Time = now()
		n.u.g.archive.offerPrivate(p.kept, n.u.archiveShare())
	}
	if l := n.said(p.text.Retracts); l != nil {
		n.bury(l, muc.Tombstone{Retraction: p.id, Time: now()})
	}
}

// bury forgets a private message that was taken back, here and in the archive.
func (n *network) bury(l *talkLine, t muc.Tombstone) {
	if l.kept != "" && n.u.g.archive != nil {
		n.u.g.archive.offer(keepItem{share: n.u.archiveShare(), retract: &store.Retraction{
			User: n.u.g.userID(n.u.jid), ID: l.kept, Stanza: muc.Buried(l.id, "chat", "", t, transports.Address{}),
		}}, nil)
	}
	if l.kept != "" {
		if len(n.buried) == keepTalk {
			n.buried = slices.Delete(n.buried, 0, 1)
		}
		n.buried = append(n.buried, l.kept)
	}
	id := l.id
	n.talk = slices.DeleteFunc(n.talk, func(l talkLine) bool { return l.id == id })
}

// reacted shows the signs that somebody has put to a private message now (XEP-0444 §2.2).
func (n *network) reacted(e transports.Reacted) {
	if e.From == nil || e.To != (transports.Target{}) {
		return // one's own are not reflected
	}
	nick := e.From.Nick
	from, _ := n.partner(nick)
	if !n.hears(nick, from) {
		return
	}
	l := n.byNetwork(e.On, n.contactAddress(nick))
	if l == nil || l.with != n.contactAddress(nick).Local {
		return
	}
	before := len(l.theirs)
	for _, sign := range e.Remove {
		l.theirs = slices.DeleteFunc(l.theirs, func(s theirSign) bool { return s.text == sign })
	}
	changed := len(l.theirs) < before
	for _, sign := range e.Add {
		if len(l.theirs) < downgrade.MaxSigns && !slices.ContainsFunc(l.theirs, func(s theirSign) bool { return s.text == sign }) {
			l.theirs, changed = append(l.theirs, theirSign{sign, e.ID}), true
		}
	}
	if changed {
		n.sayReactions(l, e.From, e.ID, e.Time)
	}
}

func (n *network) sayReactions(l *talkLine, from *transports.Person, netID string, at time.Time) {
	n.sayAside(from, netID, at, func(b *stanza.Builder) {
		b.StartNS("reactions", downgrade.NSReactions).Attr("id", l.id)
		for _, s := range l.theirs {
			b.Start("reaction").Text(s.text).End()
		}
		b.End()
		b.StartNS("store", nsHints).End() // XEP-0444 §3
	})
}

// redacted shows that somebody took back what he said to the user alone (XEP-0424 §3), or a sign.
func (n *network) redacted(e transports.Redacted) {
	if e.By == nil || e.To != (transports.Target{}) {
		return
	}
	from, _ := n.partner(e.By.Nick)
	with := n.contactAddress(e.By.Nick)
	if !n.hears(e.By.Nick, from) {
		return
	}
	for i := range n.talk {
		l := &n.talk[i]
		if j := slices.IndexFunc(l.theirs, func(s theirSign) bool { return s.netID == e.Message }); j >= 0 && l.with == with.Local {
			l.theirs = slices.Delete(l.theirs, j, j+1)
			n.sayReactions(l, e.By, e.ID, e.Time)
			return
		}
	}
	l := n.byNetwork(e.Message, with)
	if l == nil || l.Own || l.with != with.Local {
		return
	}
	id := n.sayAside(e.By, e.ID, e.Time, func(b *stanza.Builder) {
		b.StartNS("retract", downgrade.NSRetract).Attr("id", l.id).End()
		b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSRetract).End()
		b.Start("body").Text("/me took back an earlier message.").End()
		b.StartNS("store", nsHints).End()
	})
	n.bury(l, muc.Tombstone{Retraction: id, Time: now()})
}

// sayAside shows what somebody says about an earlier message to the user alone, and keeps it. It returns its id.
func (n *network) sayAside(who *transports.Person, netID string, at time.Time, content func(*stanza.Builder)) string {
	from, room := n.partner(who.Nick)
	id, contact := newID(), n.contactAddress(who.Nick)
	if at.IsZero() {
		at = now()
	}
	kept := n.u.g.archive != nil && n.u.keeps(contact) && !n.u.forgot(contact.Local, at) && n.u.g.archive.offerPrivate(&store.PrivateLine{
		Owner: n.u.g.userID(n.u.jid), With: contact.Local, ID: id, Time: at, NetworkID: netID, Stanza: n.u.g.archive.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", id).Attr("type", "chat")
			content(b)
			b.End()
		}),
	}, n.u.archiveShare())
	n.showPrivate(from, room, who.Nick, id, func(b *stanza.Builder) {
		content(b)
		if kept { // XEP-0359 §4
			b.StartNS("stanza-id", nsSID).JID("by", contact).Attr("id", id).End()
		}
	})
	return id
}

// replied is what stands in front of a reply to the user alone, and the payload that says so.
func (n *network) replied(e *transports.Message) (quotation string, payload func(*stanza.Builder)) {
	none := func(*stanza.Builder) {}
	l := n.byNetwork(e.ReplyTo, n.contactAddress(e.From.Nick))
	if l == nil || l.with != n.contactAddress(e.From.Nick).Local {
		return "", none
	}
	quotation = muc.Quotation("", l.Body)
	to, id := n.u.jid, l.id
	if !l.Own {
		to = n.contactAddress(e.From.Nick)
	}
	return quotation, func(b *stanza.Builder) { muc.AppendReply(b, to, id, quotation) }
}
