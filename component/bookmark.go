package component

import (
	"cmp"
	"context"
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Bookmarks are what makes a room appear in all clients of a user (XEP-0402). They are his, so they take his server's leave.

// nsBookmarks is the namespace of bookmarks, and the name of their node.
const nsBookmarks = "urn:xmpp:bookmarks:1"

// mark is a bookmark as it is before we change it.
type mark struct {
	there, auto bool // it is there; his clients enter the room by themselves
	name        string
	key         string
	rest        []byte // what else is in it, as XML
}

// bookmark has all clients of a user enter a room by themselves, now and later (XEP-0402).
func (g *Gateway) bookmark(ctx context.Context, user transports.Address, room transports.Target, key string) error {
	jid := g.address(room)
	m, err := g.bookmarked(ctx, user, jid)
	switch {
	case err != nil:
		return err
	case !m.there:
		m.name = room.ID
	case m.auto && (key == "" || m.key == key):
		return nil
	}
	m.key = cmp.Or(key, m.key)
	return g.publishAs(ctx, user, nsBookmarks, jid, func(b *stanza.Builder) {
		b.StartNS("conference", nsBookmarks).Attr("name", m.name).Attr("autojoin", "true")
		if m.key != "" {
			b.Start("password").Text(m.key).End()
		}
		b.Raw(m.rest).End()
	})
}

// bookmarked looks at a bookmark.
func (g *Gateway) bookmarked(ctx context.Context, user, room transports.Address) (mark, error) {
	found := make(chan mark, 1)
	err := g.askAs(ctx, "get", user, func(b *stanza.Builder) {
		b.Start("items").Attr("node", nsBookmarks).Start("item").JID("id", room).End().End()
	}, func(pubsub *stanza.Element) {
		conference := pubsub.Child(nsPubSub, "items").Child(nsPubSub, "item").Child(nsBookmarks, "conference")
		auto, _ := transports.ParseBool(conference.Attr("autojoin"))
		m := mark{there: conference != nil, auto: auto, name: strings.Clone(conference.Attr("name"))}
		for child := range conference.Children() {
			if child.Is(nsBookmarks, "password") {
				m.key = strings.Clone(child.Text())
			} else { // his nick, and what only the client knows that wrote it (XEP-0402)
				m.rest = child.AppendXML(m.rest, nsBookmarks)
			}
		}
		found <- m
	})
	if isMissing(err) { // there are no bookmarks at all
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return <-found, nil
}

// unbookmark has the clients of a user not enter a room any more (XEP-0402).
func (g *Gateway) unbookmark(ctx context.Context, user transports.Address, room transports.Target) error {
	err := g.askAs(ctx, "set", user, func(b *stanza.Builder) {
		b.Start("retract").Attr("node", nsBookmarks).Attr("notify", "true").Start("item").JID("id", g.address(room)).End().End()
	}, nil)
	if isMissing(err) {
		return nil
	}
	return err
}
