package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

const (
	nsPubSub      = "http://jabber.org/protocol/pubsub"
	nsPubSubEvent = nsPubSub + "#event"
	nsAtom        = "http://www.w3.org/2005/Atom"
)

// asks has a client ask something about the nodes of somebody, and waits for the result.
func (g *socialGateway) asks(c xmppClient, typ, id, to, payload string) *xmpptest.Element {
	g.t.Helper()
	sendStanza(g.t, c, `<iq type='`+typ+`' id='`+id+`' to='`+to+`'><pubsub xmlns='`+nsPubSub+`'>`+payload+`</pubsub></iq>`)
	e := await(g.t, c, "the answer to "+id, func(e *xmpptest.Element) bool { return e.Name.Local == "iq" && e.Get("id") == id })
	if e.Get("type") != "result" {
		g.t.Fatalf("got %s", e)
	}
	return e.Child(nsPubSub, "pubsub")
}

// told waits for an event of a node, and gives what it is about.
func (g *socialGateway) told(c xmppClient, of, node, what string) *xmpptest.Element {
	g.t.Helper()
	e := await(g.t, c, what+" in "+node, func(e *xmpptest.Element) bool {
		items := inside(e, nsPubSubEvent, "event", "items")
		return e.Name.Local == "message" && e.Get("from") == of && items != nil && items.Get("node") == node && items.Child(nsPubSubEvent, what) != nil
	})
	if e.Get("type") != "headline" {
		g.t.Errorf("an event of type %q", e.Get("type"))
	}
	return inside(e, nsPubSubEvent, "event", "items", what)
}

// inside is what stands in an element, by names of one namespace; nil where it does not.
func inside(e *xmpptest.Element, space string, names ...string) *xmpptest.Element {
	for _, name := range names {
		if e = e.Child(space, name); e == nil {
			return nil
		}
	}
	return e
}

// TestSocialNodes: who takes somebody of another gateway into his contact list follows him (XEP-0100), and reads, answers and likes what he publishes in
// nodes, as clients with feeds do it (XEP-0060, XEP-0277, XEP-0470, XEP-0472).
func TestSocialNodes(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t)
	one, two := w.gateway("one.example", xmppServer(t, "prosody", false), ""), w.gateway("two.example", xmppServer(t, "ejabberd", false), "")
	one.start()
	two.start()
	alice, bob := one.client("alice"), two.client("bob")
	one.say(alice, gatewayDomain, "social on", "alice@one.example")
	two.say(bob, gatewayDomain, "social on", "bob@two.example")
	one.awaitPage("/u/alice", "alice")

	contact := two.contact("alice", one)
	sendStanza(t, bob, `<presence type='subscribe' to='`+contact+`'/>`)
	await(t, bob, "that he may see her presence", func(e *xmpptest.Element) bool {
		return e.Name.Local == "presence" && e.Get("type") == "subscribed" && e.Get("from") == contact
	})
	one.hears(alice, "", "bob@two.example")
	one.say(alice, gatewayDomain, "post Hello, nodes!", "one.example")
	item := two.told(bob, contact, transports.NodeFeed, "item")
	id, title := item.Get("id"), inside(item, nsAtom, "entry", "title")
	if title == nil || title.Text() != "Hello, nodes!" {
		t.Errorf("got %s", item)
	}
	feed := two.asks(bob, "get", "items", contact, `<items node='`+transports.NodeFeed+`'/><set xmlns='http://jabber.org/protocol/rsm'><max>10</max></set>`)
	if i := inside(feed, nsPubSub, "items", "item"); i == nil || i.Get("id") != id || i.Get("publisher") != contact {
		t.Errorf("got %s", feed)
	}

	comments := transports.NodeComments + id
	two.asks(bob, "set", "subscribe", contact, `<subscribe node='`+comments+`' jid='bob@localhost'/>`)
	answer := two.asks(bob, "set", "comment", contact, `<publish node='`+comments+`'><item id='mine'><entry xmlns='`+nsAtom+`'><title>I read you</title></entry></item></publish>`)
	mine := inside(answer, nsPubSub, "publish", "item").Get("id")
	one.hears(alice, "", "I read you")
	found := two.asks(bob, "get", "comments", contact, `<items node='`+comments+`'/>`)
	if i := inside(found, nsPubSub, "items", "item"); i == nil || i.Get("id") != mine || mine == "" {
		t.Errorf("published %q, found %s", mine, found)
	}

	likes := "urn:xmpp:pubsub-attachments:1/xmpp:" + strings.ReplaceAll(contact, `\`, "%5C") + "?;node=urn%3Axmpp%3Amicroblog%3A0;item=" + id
	two.asks(bob, "set", "like", contact, `<publish node='`+likes+`'><item id='bob@localhost'><attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments></item></publish>`)
	await(t, alice, "that he likes it", func(e *xmpptest.Element) bool {
		return e.Name.Local == "message" && strings.HasPrefix(e.Get("from"), `bob\40two.example`) && (e.Child("urn:xmpp:reactions:0", "reactions") != nil || strings.Contains(body(e), "like"))
	})
	attached := two.asks(bob, "get", "likes", contact, `<items node='`+likes+`'/>`)
	if i := inside(attached, nsPubSub, "items", "item"); i == nil || i.Get("id") != "bob@localhost" {
		t.Errorf("got %s", attached)
	}
	two.asks(bob, "set", "uncomment", contact, `<retract node='`+comments+`'><item id='`+mine+`'/></retract>`)
	sendStanza(t, bob, `<presence type='unsubscribe' to='`+contact+`'/>`)
	one.hears(alice, "", "does not follow you any more")
}
