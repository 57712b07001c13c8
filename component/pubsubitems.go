package component

import (
	"context"
	"slices"

	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// listedItem is an item as it is answered.
type listedItem struct{ id, xml string }

// itemList are items of one node, with what a page of them says of itself.
type itemList struct {
	node         string
	all          []listedItem
	paged        bool // who asks knows pages
	before       bool // those that stand before an item, or the last ones: what does not fit is missing at the beginning
	first, count int  // -1 where that is not known
}

// append writes the list as the answer to a request (XEP-0060 §6.5.4): what does not fit is on the next page.
func (l *itemList) append(b *stanza.Builder) {
	l.fit()
	b.StartNS("pubsub", nsPubSub).Start("items").Attr("node", l.node)
	for _, i := range l.all {
		b.Raw([]byte(i.xml))
	}
	b.End()
	if l.paged || l.count > len(l.all) {
		first, last := "", ""
		if n := len(l.all); n > 0 {
			first, last = l.all[0].id, l.all[n-1].id
		}
		appendSet(b, first, last, l.first, l.count)
	}
	b.End()
}

// fit leaves out what makes the list too long for a stanza.
func (l *itemList) fit() {
	size, n := 0, 0
	for n < len(l.all) {
		i := n
		if l.before {
			i = len(l.all) - 1 - n
		}
		if size += len(l.all[i].xml); size > maxListBytes && n > 0 {
			break
		}
		n++
	}
	switch {
	case n == len(l.all):
	case l.before:
		if l.first >= 0 {
			l.first += len(l.all) - n
		}
		l.all = l.all[len(l.all)-n:]
	default:
		l.all = l.all[:n]
	}
}

// add adds an item.
func (l *itemList) add(id string, publisher transports.Address, write payload) {
	var b stanza.Builder
	b.Start("item").Attr("id", id).JID("publisher", publisher)
	write(&b)
	b.End()
	l.all = append(l.all, listedItem{id, string(b.Bytes())})
}

func listOf(q *transports.ItemQuery, p *transports.ItemPage, paged bool) *itemList {
	l := &itemList{paged: paged && q.IDs == nil, before: q.Before != "" || q.Last, first: p.First, count: p.Count}
	if q.IDs != nil {
		l.count, l.first = -1, -1
	}
	return l
}

// entries answers with entries of a feed, or of those that answer one.
func (g *Gateway) entries(ctx context.Context, user transports.Address, of transports.Target, q transports.ItemQuery, paged bool) (payload, error) {
	p, err := g.social.Items(ctx, user, of, q)
	switch {
	case err != nil:
		return nil, err
	case len(q.IDs) > 0 && len(p.Entries) == 0:
		return nil, noNode()
	}
	l := listOf(&q, &p, paged)
	l.node = q.Node
	for i := range p.Entries {
		e := &p.Entries[i]
		l.add(e.Item, g.publisher(of, q.Node, e), func(b *stanza.Builder) { g.appendEntry(b, of, q.Node, e) })
	}
	return l.append, nil
}

// publisher is who has put an entry into a node: of a feed whose it is, among answers who wrote it.
func (g *Gateway) publisher(of transports.Target, node string, e *transports.Entry) transports.Address {
	if isComments(node) {
		return g.jidOf(e.Author)
	}
	return g.address(of)
}

func (g *Gateway) appendEntry(b *stanza.Builder, of transports.Target, node string, e *transports.Entry) {
	microblog.Append(b, e, microblog.Place{Address: g.address(of), Node: node}, g.names())
}

// attachedTo reads to which entry of a contact things are attached in a node (XEP-0470 §4.1).
func (g *Gateway) attachedTo(of transports.Target, node string) (item string, err error) {
	p, ok := microblog.ReadAttachmentsNode(node)
	if !ok || !hasEntries(p.Node) {
		return "", noNode()
	}
	if t, ok := g.names().Contact(p.Address); !ok || t != of {
		return "", noNode()
	}
	return p.Item, nil
}

// attachments answers with what people attach to an entry.
func (g *Gateway) attachments(ctx context.Context, user transports.Address, of transports.Target, node string, ids []string) (payload, error) {
	item, err := g.attachedTo(of, node)
	if err != nil {
		return nil, err
	}
	all, err := g.social.Regards(ctx, user, of, item)
	if err != nil {
		return nil, err
	}
	l := itemList{node: node, first: -1, count: -1}
	for i := range all {
		who := g.jidOf(all[i].By)
		id := who.Bare().String()
		if who.IsZero() || ids != nil && !slices.Contains(ids, id) { // whoever has no JID is in the summary alone
			continue
		}
		l.add(id, who, func(b *stanza.Builder) { microblog.AppendRegard(b, &all[i]) })
	}
	if len(ids) > 0 && len(l.all) == 0 {
		return nil, noNode()
	}
	return l.append, nil
}

// summaries answers with what is attached to each of some entries, summed up (XEP-0470 §4.6).
func (g *Gateway) summaries(ctx context.Context, user transports.Address, of transports.Target, q transports.ItemQuery, paged bool) (payload, error) {
	p, err := g.social.Items(ctx, user, of, q)
	if err != nil {
		return nil, err
	}
	l := listOf(&q, &p, paged)
	l.node = microblog.SummaryNode(q.Node)
	for i := range p.Entries {
		all, err := g.social.Regards(ctx, user, of, p.Entries[i].Item)
		if err != nil {
			return nil, err
		}
		l.add(p.Entries[i].Item, transports.Address{}, func(b *stanza.Builder) { microblog.AppendSummary(b, all) })
	}
	if len(q.IDs) > 0 && len(l.all) == 0 {
		return nil, noNode()
	}
	return l.append, nil
}

// follows answers with whom a contact follows, or who follows him, as far as he wants that to be known (XEP-0465, XEP-0330).
func (g *Gateway) follows(ctx context.Context, user transports.Address, of transports.Target, node string, ids []string, page pageRequest) (payload, error) {
	read := g.social.Followees
	if node == microblog.NodeSubscribers+transports.NodeFeed {
		read = g.social.Followers
	}
	all, err := read(ctx, user, of)
	if err != nil {
		return nil, err
	}
	owner := g.address(of)
	l := itemList{node: node, paged: page.asked, before: page.before != "" || page.last}
	for _, a := range all {
		who := g.jidOf(a)
		if who.IsZero() {
			continue
		}
		id, feed := microblog.ListID(who, transports.NodeFeed, owner), microblog.Place{Address: who, Node: transports.NodeFeed}
		if ids != nil && !slices.Contains(ids, id) {
			continue
		}
		l.add(id, transports.Address{}, func(b *stanza.Builder) {
			switch node {
			case microblog.NodeSubscriptions:
				microblog.AppendSubscription(b, feed)
			case microblog.NodeSubscribed:
				microblog.AppendSubscribed(b, feed, a.Name)
			default:
				microblog.AppendSubscriber(b, who)
			}
		})
	}
	if !page.asked {
		page.max = len(l.all) // the list is read as a whole; what does not fit is on the next page
	}
	from, to, bad := page.cut(len(l.all), func(id string) int {
		return slices.IndexFunc(l.all, func(i listedItem) bool { return i.id == id })
	})
	if bad != nil {
		return nil, bad
	}
	l.count, l.first, l.all = len(l.all), from, l.all[from:to]
	return l.append, nil
}

// subscriptions answers with the nodes of a contact that a user is subscribed to (XEP-0060 §5.6), or whether he is to one.
func (g *Gateway) subscriptions(ctx context.Context, user transports.Address, of transports.Target, node string) (payload, error) {
	all, err := g.social.Subscribed(ctx, user, of)
	if err != nil {
		return nil, err
	}
	return func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubSub).Start("subscriptions").Attr("node", node)
		for _, r := range all[:min(len(all), maxListItems)] {
			if node == "" || r.Node == node {
				b.Start("subscription").Attr("node", r.Node).JID("jid", user).Attr("subscription", "subscribed").End()
			}
		}
		b.End().End()
	}, nil
}
