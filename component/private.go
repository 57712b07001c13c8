package component

import (
	"context"
	"slices"
	"strings"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// maxPrivate bounds the private messages that wait for the network, per session.
const maxPrivate = 256

// sendPrivate takes a message to a person: to a contact, or to an occupant of a room (XEP-0045 §7.5).
func (u *user) sendPrivate(in *inbound, e entity) {
	n := u.networks.of(e.target.Network)
	text := downgrade.Read(in.root(), n.quoted)
	switch {
	case u.inviteDirectly(in, e):
		return
	case text.Refused != nil:
		u.refuse(in, text.Refused)
		return
	case !text.Action && isTyped(text.Body):
		u.refuse(in, transports.NewError(transports.BadRequest,
			"This looks like a command of an IRC client, so it was not said. To say it all the same, put a space in front of it.", nil))
		return
	case n != nil && (text.Body == "" || text.ReactsTo != "" || text.Retracts != "") && u.sendAside(in, n, e, text):
		return
	case text.Body == "":
		u.markRead(in, n, e)
		return // chat states, receipts and markers: nothing to carry, and nothing to complain about (XEP-0085 §5.1, XEP-0333 §4)
	case n == nil && (e.kind != entityContact || text.ReactsTo != "" || text.Retracts != "" || in.root().AttrIs("type", "headline")):
		u.toUnconnected(in, e)
		return
	case n == nil:
		if n = u.connectToTalk(in, e); n == nil {
			return
		}
	}
	to, room, err := u.privateTarget(in, n, e)
	if err != nil {
		u.refuse(in, err)
		return
	}
	if room != nil {
		if n.via == nil {
			n.via = make(map[string]*muc.Room)
		}
		n.via[to.ID] = room
	} else {
		n.forgetVia(e.target.ID)
	}
	n.talking = n.talking || len(n.rooms) == 0
	if len(n.private) >= maxPrivate {
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
		return
	}
	root, answers := in.root(), ""
	if l := n.said(text.Answers); l != nil && len(l.netIDs) > 0 {
		answers = l.netIDs[0]
	}
	kept := n.keepSent(to, root)
	if !text.Passing {
		l := talkLine{id: root.Attr("id"), with: u.g.address(to).Local, Quoted: downgrade.Quoted{Body: text.Said, Own: true}}
		if kept != nil {
			l.kept = kept.ID
		}
		n.remember(l)
	}
	ref := u.nextRef()
	if n.private == nil {
		n.private = make(map[transports.Ref]privateSend)
	}
	n.private[ref] = privateSend{
		from: in.from, to: in.to, id: root.Attr("id"), receipt: root.Child(nsReceipts, "request") != nil,
		inRoom: e.kind == entityOccupant, text: text, kept: kept, waits: !n.online, lang: root.Attr("xml:lang"),
	}
	styled := muc.Styled(root, text, func() markup.Settings { return u.formatting(to) })
	n.utter(utterance{in: to, ref: ref, q: transports.Send{Ref: ref, To: to, Body: text.Body, Styled: styled, Action: text.Action, Receipt: n.private[ref].receipt, ReplyTo: answers}})
}

// sendAside takes what a message to a person does beside saying something, and reports whether that is all of it.
func (u *user) sendAside(in *inbound, n *network, e entity, text downgrade.Text) bool {
	to, room, err := u.privateTarget(in, n, e)
	if err != nil {
		return false
	}
	if text.Writes != nil {
		n.tellTyping(to, text)
		return true
	}
	return n.refer(in, to, room != nil, text)
}

func isTyped(body string) bool {
	_, typed := muc.Typed(body)
	return typed
}

// keepTaken is how many messages that the network took are remembered, per session: IRC says after the fact that there is
// nobody of that name, or that one may not speak.
const keepTaken = 16

// markRead tells the network what the user has read of a conversation, for other clients of his there (XEP-0333).
func (u *user) markRead(in *inbound, n *network, e entity) {
	id := in.root().Child(nsMarkers, "displayed").Attr("id")
	if id == "" || n == nil {
		return
	}
	to, _, err := u.privateTarget(in, n, e)
	if err != nil || !n.session.Features(to).Marks {
		return
	}
	var at time.Time
	if l := n.said(id); l != nil {
		at = l.at
	}
	if at.IsZero() {
		with := u.g.address(to)
		if l, ok := u.find(func(ctx context.Context) (store.Line, error) {
			return u.g.opt.Store.PrivateLine(ctx, u.g.userID(u.jid), store.LineKey{ID: id})
		}); ok && l.Who == with.Local && !u.tooOld(with, l.Time) {
			at = l.Time
		}
	}
	if !at.IsZero() {
		_ = n.session.Do(u.ctx, transports.MarkRead{In: to, Time: at}) // nothing depends on it
	}
}

// giveBack has a message come back to its writer, with why in that language, or where it names none in his.
func (n *network) giveBack(p privateSend, lang string, err *transports.Error) {
	n.u.out.Stanzas.Start("message").JID("from", p.to).JID("to", p.from).Attr("type", "error").Attr("id", p.id).Error(n.u.inWords(lang, err)).End()
}

// takenPrivate notes that the network took a message.
func (n *network) takenPrivate(e transports.Message) {
	p, ok := n.private[e.Ref]
	if !ok {
		return
	}
	p.taken, p.waits = true, false
	if e.ID != "" {
		p.netIDs = append(p.netIDs, e.ID)
	}
	n.private[e.Ref] = p
	if l := n.said(p.id); l != nil && len(p.netIDs) == e.Of {
		l.netIDs = p.netIDs
	}
	n.change(p.text)
	if p.kept != nil && !e.Services {
		p.kept.Time = now()
		if len(p.netIDs) == 1 && e.Of == 1 {
			p.kept.NetworkID = p.netIDs[0]
		}
		n.u.g.archive.offerPrivate(p.kept, n.u.archiveShare())
	}
	if p.receipt && p.id != "" { // XEP-0184 §5: here it says that the network has the message
		b := n.u.out.Stanzas.Start("message").JID("from", p.to).JID("to", p.from).Attr("type", "chat").Attr("id", newID())
		b.StartNS("received", nsReceipts).Attr("id", p.id).End()
		if p.inRoom {
			b.StartNS("x", muc.NSUser).End() // XEP-0045 §7.5
		}
		b.StartNS("store", nsHints).End() // XEP-0184 §5.5: a client that is offline learns it later
		b.End()
	}
	n.taken = append(n.taken, e.Ref)
	if len(n.taken) > keepTaken {
		delete(n.private, n.taken[0])
		n.taken = slices.Delete(n.taken, 0, 1)
	}
}

// forgetVia says that the user went on with somebody outside of rooms. Contact JIDs are folded, nicks are not.
func (n *network) forgetVia(contact string) {
	for nick := range n.via {
		if strings.EqualFold(nick, contact) {
			delete(n.via, nick)
		}
	}
}

// privateMessage delivers what somebody said to the user alone: where the conversation is held in a room, from the occupant and
// to all of the user's clients in it; else from the contact, to all clients or, where there are none, into what his server keeps for later
// (RFC 6121 §8.5.2.2).
// Late says that it was said while he was not there.
func (n *network) privateMessage(e transports.Message, late bool) {
	if e.Ref != 0 {
		if p, ok := n.private[e.Ref]; ok && e.Part < e.Of && e.ID != "" {
			p.netIDs = append(p.netIDs, e.ID)
			n.private[e.Ref] = p
		}
		if e.Clocked {
			n.heardAt(e.Time)
		}
		if e.Part == e.Of {
			n.takenPrivate(e)
		}
		return // one's own words to a person are not reflected
	}
	if e.From == nil {
		return
	}
	if e.To != (transports.Target{}) {
		n.saidElsewhere(e, late)
		return
	}
	body := muc.Prefix(&e) + e.Body
	from, room := n.partner(e.From.Nick)
	if !late && e.Clocked {
		n.heardAt(e.Time)
	}
	if !n.hears(e.From.Nick, from) {
		return
	}
	id := newID()
	quotation, reply := n.replied(&e)
	content := func(b *stanza.Builder, show markup.Show) {
		markup.Append(b, quotation+muc.Prefix(&e), e.Body, e.Spans, show)
		reply(b)
	}
	kept := n.keepHeard(e, id, content)
	l := talkLine{id: id, at: e.Time, with: n.contactAddress(e.From.Nick).Local, Quoted: downgrade.Quoted{Body: body}}
	if e.ID != "" {
		l.netIDs = []string{e.ID}
	}
	if kept {
		l.kept = id
	}
	n.remember(l)
	show := markup.ShowPlain
	if len(e.Spans) > 0 {
		show = n.u.formatting(transports.Target{Kind: transports.TargetNetwork, Network: n.id}).Show
	}
	n.showPrivate(from, room, e.From.Nick, id, func(b *stanza.Builder) {
		content(b, show)
		if kept { // XEP-0359 §4
			b.StartNS("stanza-id", nsSID).JID("by", n.contactAddress(e.From.Nick)).Attr("id", id).End()
		}
		if late || !e.Time.IsZero() && now().Sub(e.Time) > muc.FarPast { // a bouncer plays back what it kept
			muc.Delay(b, from.Bare(), e.Time)
		}
	})
}

// saidElsewhere takes what the user said to somebody with another client of his on the network. It is kept, and where his server lets the
// gateway, his clients see it as if one of them had said it. Late says that he did while the gateway was not there.
func (n *network) saidElsewhere(e transports.Message, late bool) {
	u, contact := n.u, n.u.g.address(e.To)
	if !late && e.Clocked {
		n.heardAt(e.Time)
	}
	if e.Services || e.To.Kind != transports.TargetContact || u.blocks(contact) {
		return
	}
	id := newID()
	content := func(b *stanza.Builder, show markup.Show) { markup.Append(b, muc.Prefix(&e), e.Body, e.Spans, show) }
	l := talkLine{id: id, with: contact.Local, Quoted: downgrade.Quoted{Body: muc.Prefix(&e) + e.Body, Own: true}}
	if e.ID != "" {
		l.netIDs = []string{e.ID}
	}
	if n.keepHeard(e, id, content) {
		l.kept = id
	}
	n.remember(l)
	if !u.saysAs() {
		return
	}
	nick := e.To.ID
	if p := n.person(nick); p != nil {
		nick = p.Nick
	}
	to, room := n.partner(nick)
	u.sayAs(to, id, func(b *stanza.Builder) {
		content(b, u.formatting(e.To).Show)
		if room != nil {
			b.StartNS("x", muc.NSUser).End() // XEP-0045 §7.5
		}
		b.StartNS("store", nsHints).End()
		if late {
			muc.Delay(b, u.jid, e.Time)
		}
	})
}

// talkLine is a private message that was said lately. Whose it is goes without saying.
type talkLine struct {
	id     string
	with   string    // local part of the contact
	netIDs []string  // the network's ids of it, one for each part
	at     time.Time // of what the network has said
	kept   string    // stanza id in the archive; empty where it is not there
	theirs []theirSign
	downgrade.Quoted
}

// theirSign is what the other one put to a message, with the network's id of that.
type theirSign struct{ text, netID string }

// keepTalk is how many of them are kept, per session.
const keepTalk = 20

func (n *network) remember(l talkLine) {
	if len(n.talk) == keepTalk {
		n.talk = slices.Delete(n.talk, 0, 1)
	}
	n.talk = append(n.talk, l)
}

// said finds a private message by its id; nil where it is not known.
func (n *network) said(id string) *talkLine {
	if n == nil {
		return nil
	}
	for i := len(n.talk) - 1; i >= 0 && id != ""; i-- {
		if n.talk[i].id == id {
			return &n.talk[i]
		}
	}
	return nil
}

// quoted finds a private message that another one refers to.
func (n *network) quoted(id string) (downgrade.Quoted, bool) {
	if l := n.said(id); l != nil {
		return l.Quoted, true
	}
	return downgrade.Quoted{}, false
}

// change notes what a message that the network has makes of earlier ones.
func (n *network) change(t downgrade.Text) {
	if l := n.said(t.Corrects); l != nil && l.Own {
		l.Body = t.Said
	}
	if l := n.said(t.ReactsTo); l != nil {
		l.Reacted = t.Reacted
	}
}

// notice shows text of the network that nobody in particular said.
func (n *network) notice(text string) {
	u := n.u
	from := u.g.address(transports.Target{Kind: transports.TargetNetwork, Network: n.id})
	if u.blocks(from) {
		return
	}
	// Of type chat, since clients hide headlines; but such lines are of the moment (XEP-0334 §4).
	b := u.out.Stanzas.Start("message").JID("from", from).JID("to", u.jid).Attr("type", "chat").Attr("id", newID()).Start("body").Text(text).End()
	for _, hint := range passing() {
		b.StartNS(hint, nsHints).End()
	}
	b.End()
}

func (n *network) contactAddress(nick string) transports.Address {
	return n.u.g.address(transports.Target{Kind: transports.TargetContact, Network: n.id, ID: nick})
}

// Whom says whom an address means that is none of an occupant: a nick, or a mask that MaskJID wrote.
func (n *network) Whom(a transports.Address) (nick, mask string) {
	if a.Domain != n.u.g.domain.Domain {
		return "", ""
	}
	if e, err := n.u.g.entity(a.Bare()); err == nil {
		if e.kind == entityContact && e.target.Network == n.id {
			return e.target.ID, ""
		}
		return "", ""
	}
	mask, ok := strings.CutSuffix(transports.Unescape(a.Local), n.u.g.opt.Transport.Format(transports.Target{Kind: transports.TargetContact, Network: n.id}))
	if !ok {
		return "", ""
	}
	return "", mask
}

// MaskJID writes a mask as an address, for clients that want one to send back. Nobody is there.
func (n *network) MaskJID(mask string) transports.Address { return n.contactAddress(mask) }

// RealJID is the address of somebody in a room as one would write to him outside of it. Everybody has one, since clients believe
// a room that says to be non-anonymous (XEP-0045 §7.2.3): Profanity 0.13 crashes where it is missing. Networks that name people
// without where they come from leave the resource empty.
func (n *network) RealJID(p *transports.Person) transports.Address {
	jid := n.contactAddress(p.Nick)
	if p.Host == "" {
		return jid
	}
	return jid.WithResource(p.Ident + "@" + p.Host)
}
