package microblog

import (
	"crypto/sha1" //nolint:gosec // XEP-0330 §2.1 says so, of ids
	"encoding/hex"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// ListID is the id of an item that says that somebody is subscribed to a node (XEP-0330 §2.1).
func ListID(server transports.Address, node string, who transports.Address) string {
	sum := sha1.Sum([]byte(server.String() + "<" + node + "<" + who.Bare().String())) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// AppendSubscription writes that somebody is subscribed to a node, as the payload of an item (XEP-0465 §4.2).
func AppendSubscription(b *stanza.Builder, to Place) {
	b.StartNS("subscription", NSPublic).Attr("node", to.Node).JID("jid", to.Address).End()
}

// AppendSubscriber writes who is subscribed to a node, as the payload of an item (XEP-0465 §4.4).
func AppendSubscriber(b *stanza.Builder, who transports.Address) {
	b.StartNS("subscriber", NSPublic).JID("jid", who).End()
}

// AppendSubscribed writes that somebody is subscribed to a node, as the payload of an item of the older list (XEP-0330 §5).
func AppendSubscribed(b *stanza.Builder, to Place, title string) {
	b.StartNS("subscription", nsSubscribed).JID("server", to.Address).Attr("node", to.Node)
	if title != "" {
		b.Start("title").Text(title).End()
	}
	b.End()
}

// ReadSubscribed reads an item of either list of what somebody is subscribed to; false where it is none.
func ReadSubscribed(item *stanza.Element) (Place, bool) {
	jid, node := "", ""
	if x := item.Child(NSPublic, "subscription"); x != nil {
		jid, node = x.Attr("jid"), x.Attr("node")
	} else if x := item.Child(nsSubscribed, "subscription"); x != nil {
		jid, node = x.Attr("server"), x.Attr("node")
	}
	a, err := transports.ParseAddress(jid)
	if err != nil || node == "" || len(node) > maxURL {
		return Place{}, false
	}
	return Place{Address: a.Bare(), Node: node}, true
}
