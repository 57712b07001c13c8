package component

import (
	"cmp"
	"context"
	"strconv"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// nodeInfo answers what a node of a contact is (XEP-0060 §5.3, §5.4). It reports whether it is one that it knows.
func (u *user) nodeInfo(in *inbound, e entity, node string) bool {
	if u.g.social == nil || e.kind != entityContact || !hasEntries(node) || len(node) > maxNodeName {
		return false
	}
	of, user, g := e.target, u.jid, u.g
	u.pubsubAnswer(in, of, func(ctx context.Context) (payload, error) {
		p, err := g.social.Items(ctx, user, of, transports.ItemQuery{Node: node})
		if err != nil {
			return nil, err
		}
		title := node
		if nodes, err := g.social.Nodes(ctx, user, of); err == nil {
			for _, n := range nodes {
				if n.Name == node {
					title = cmp.Or(n.Title, node)
				}
			}
		}
		return func(b *stanza.Builder) { g.appendNodeInfo(b, of, node, title, p.Count) }, nil
	})
	return true
}

func (g *Gateway) appendNodeInfo(b *stanza.Builder, of transports.Target, node, title string, count int) {
	b.StartNS("query", nsDiscoInfo).Attr("node", node)
	b.Start("identity").Attr("category", "pubsub").Attr("type", "leaf").Attr("name", title).End()
	b.Start("feature").Attr("var", nsPubSub).End()
	b.StartNS("x", nsForm).Attr("type", "result")
	field := func(name, typ, value string) {
		b.Start("field").Attr("var", name).Attr("type", typ).Start("value").Text(value).End().End()
	}
	field("FORM_TYPE", "hidden", nsPubSubMeta)
	model := "publishers"
	if isComments(node) {
		model = "open"
	}
	field("pubsub#type", "text-single", transports.NodeFeed) // XEP-0472 §5.2
	field("pubsub#title", "text-single", title)
	field("pubsub#owner", "jid-multi", g.address(of).String())
	field("pubsub#access_model", "list-single", "open")
	field("pubsub#publish_model", "list-single", model)
	if count >= 0 {
		field("pubsub#num_items", "text-single", strconv.Itoa(count))
	}
	b.End().End()
}

// nodeList answers with the nodes of a contact (XEP-0060 §5.2), and nodeItems with the items of one (§5.5). Both report whether they do.
func (u *user) nodeList(in *inbound, e entity) bool {
	if u.g.social == nil || e.kind != entityContact {
		return false
	}
	of, user, g, to := e.target, u.jid, u.g, in.to
	u.pubsubAnswer(in, of, func(ctx context.Context) (payload, error) {
		nodes, err := g.social.Nodes(ctx, user, of)
		if err != nil {
			return nil, err
		}
		return func(b *stanza.Builder) {
			b.StartNS("query", nsDiscoItems)
			u.pepNodes(b, to)
			for _, n := range nodes[:min(len(nodes), maxListItems)] {
				b.Start("item").JID("jid", to).Attr("node", n.Name).Attr("name", n.Title).End()
			}
			b.End()
		}, nil
	})
	return true
}

func (u *user) nodeItems(in *inbound, e entity, query *stanza.Element) bool {
	node := query.Attr("node")
	if u.g.social == nil || e.kind != entityContact || !hasEntries(node) || len(node) > maxNodeName {
		return false
	}
	page, bad := readPage(query, maxItems)
	if bad != nil {
		u.refuse(in, bad)
		return true
	}
	of, user, g, to := e.target, u.jid, u.g, in.to
	q := transports.ItemQuery{Node: node, Max: page.max, After: page.after, Before: page.before, Last: page.last}
	u.pubsubAnswer(in, of, func(ctx context.Context) (payload, error) {
		p, err := g.social.Items(ctx, user, of, q)
		if err != nil {
			return nil, err
		}
		return func(b *stanza.Builder) {
			b.StartNS("query", nsDiscoItems).Attr("node", node)
			first, last := "", ""
			for i := range p.Entries {
				first, last = cmp.Or(first, p.Entries[i].Item), p.Entries[i].Item
				b.Start("item").JID("jid", to).Attr("name", last).End() // §5.5: the name is the id
			}
			if page.asked || p.Count > len(p.Entries) {
				appendSet(b, first, last, p.First, p.Count)
			}
			b.End()
		}, nil
	})
	return true
}
