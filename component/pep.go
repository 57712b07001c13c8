package component

import (
	"passerelle/component/avatar"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Nodes that everybody has (XEP-0163), besides those of avatars.
const (
	nsPubSub   = "http://jabber.org/protocol/pubsub" // XEP-0060
	nodeVCard4 = "urn:xmpp:vcard4"                   // XEP-0292 §3
	nsNick     = "http://jabber.org/protocol/nick"   // XEP-0172, its node as well (§4.4)
)

// pepItems answers a request for the items of a node (XEP-0060 §6.5). What is not there is said at once.
func (u *user) pepItems(in *inbound, e entity) {
	items := in.root().Child(nsPubSub, "pubsub").Child(nsPubSub, "items")
	node, id := items.Attr("node"), items.Child(nsPubSub, "item").Attr("id")
	u.showCard(in, e, func(r reply, c *card) { u.showItems(r, c, node, id) })
}

// showItems answers with the items of a node of somebody.
func (u *user) showItems(r reply, c *card, node, id string) {
	ok := true
	mark := u.out.Stanzas.Len()
	b := u.resultTo(r).StartNS("pubsub", nsPubSub).Start("items").Attr("node", node)
	switch node {
	case nodeVCard4:
		b.Start("item").Attr("id", "current")
		c.appendVCard4(b)
		b.End()
	case nsNick:
		b.Start("item").Attr("id", "current")
		appendNick(b, c.shown())
		b.End()
	case avatar.NSMetadata, avatar.NSData:
		ok = c.avatar.AppendItem(b, node, id)
	default:
		ok = false
	}
	if !ok {
		b.Truncate(mark)
		u.answerIQ(r.from, r.to, r.id, transports.NewError(transports.NotFound, "There is no such node, or nothing in it.", nil))
		return
	}
	b.End().End().End()
}

// appendNick adds what somebody calls himself (XEP-0172 §3).
func appendNick(b *stanza.Builder, nick string) {
	b.StartNS("nick", nsNick).Text(nick).End()
}

// pepNodes lists the nodes of a person (XEP-0163 §6.1, XEP-0060 §5.2).
func (u *user) pepNodes(b *stanza.Builder, of transports.Address) {
	for _, node := range []string{avatar.NSMetadata, nsNick, nodeVCard4} {
		b.Start("item").JID("jid", of).Attr("node", node).End()
	}
}
