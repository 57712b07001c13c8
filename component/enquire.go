package component

import (
	"context"
	"fmt"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// What clients ask each other across the network: what they are (XEP-0092) and whether they are there (XEP-0199).

const (
	// Whom a user asks sees it, so that there is a bound: some clients ask everybody in a room.
	maxEnquiries = 20 // in enquireTime
	enquireTime  = time.Minute

	clientWait = 10 * time.Second // for the user's client to answer somebody on the network
	maxClient  = 100              // bytes of what it says of itself
)

// enquire asks the client of somebody on the network, a contact or an occupant, and answers with what it said.
func (u *user) enquire(in *inbound, e entity, question transports.Question) {
	n := u.networks.of(e.target.Network)
	who := e.target
	if e.kind == entityOccupant {
		room := n.room(e.target.ID)
		if room == nil || !room.Has(in.from) {
			u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room.", nil))
			return
		}
		person, ok := room.Occupant(in.to.Resource)
		if !ok {
			u.refuse(in, transports.NewError(transports.NotFound, text.Say(in.root().Attr("xml:lang"), "Nobody in this room is called %s.", in.to.Resource), nil))
			return
		}
		who = transports.Target{Kind: transports.TargetContact, Network: e.target.Network, ID: person.Nick}
	}
	switch {
	case n == nil:
		u.refuse(in, transports.NewError(transports.Offline, text.Say(in.root().Attr("xml:lang"), "You are not connected to %s.", e.target.Network), nil))
		return
	case u.blocks(in.to) || u.blocks(n.contactAddress(who.ID)):
		u.refuseBlocked(in)
		return
	case !u.enquiries.take(1, maxEnquiries, enquireTime):
		u.refuse(in, transports.NewError(transports.Busy, "You have asked too many clients. Try again in a minute.", nil))
		return
	}
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	n.ask(func(ref transports.Ref) transports.Request {
		return transports.Enquire{Ref: ref, Who: who, Question: question}
	}, func(ev transports.Event, err *transports.Error) {
		told, ok := ev.(transports.Told)
		if err != nil || !ok {
			u.answerIQ(r.from, r.to, r.id, err)
			return
		}
		b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id)
		if question == transports.AskVersion { // XEP-0092 §3; the network has name and version in one
			b.StartNS("query", nsVersion).Start("name").Text(told.Text).End().Start("version").End().End()
		}
		b.End()
	})
}

// enquired asks one of the user's clients what somebody on the network wants to know of it.
func (n *network) enquired(e transports.Enquired) {
	u := n.u
	if e.From == nil || !n.hears(e.From.Nick, n.contactAddress(e.From.Nick)) {
		return
	}
	from := n.contactAddress(e.From.Nick)
	tell := func(said string) {
		if u.networks.of(n.id) != n {
			return
		}
		who := transports.Target{Kind: transports.TargetContact, Network: n.id, ID: e.From.Nick}
		if err := n.session.Do(u.ctx, transports.Tell{Who: who, Question: e.Question, Token: e.Token, Text: said}); err != nil {
			u.g.log.Debug("somebody who asked was not answered", u.logID(), "network", n.id, "error", err)
		}
	}
	client, ok := n.clientFor(e.From.Nick)
	switch {
	case u.awaited >= maxAwaited:
		return
	case !ok && e.Question == transports.AskVersion:
		tell("")
		return
	case !ok:
		return
	}
	u.background(func(ctx context.Context) func() {
		if e.Question == transports.AskPing {
			if u.g.ping(ctx, from, client, clientWait) != nil {
				return func() {}
			}
			return func() { tell("") }
		}
		var name, version string
		err := u.g.ask(ctx, "get", from, client, clientWait, func(b *stanza.Builder) { b.StartNS("query", nsVersion).End() }, func(iq *stanza.Element) {
			q := iq.Child(nsVersion, "query")
			name, version = clip(q.Child(nsVersion, "name").Text(), maxClient), clip(q.Child(nsVersion, "version").Text(), maxClient)
		})
		if err != nil || name == "" {
			return func() { tell("") }
		}
		return func() { tell(fmt.Sprintf("%s %s", name, version)) }
	})
}

// clientFor is a client of the user that somebody on the network means: one that is in a room with him, or in any.
func (n *network) clientFor(nick string) (transports.Address, bool) {
	var found transports.Address
	for _, room := range n.rooms {
		for client := range room.Clients() {
			if _, there := room.OccupantJID(nick); there {
				return client, true
			}
			found = client
		}
	}
	return found, !found.IsZero()
}
