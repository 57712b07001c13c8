package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

// publishes has a client publish an entry in its user's own feed.
func (g *socialGateway) publishes(c xmppClient, item, said string) {
	g.t.Helper()
	g.publishesAt(c, item, said, time.Now())
}

func (g *socialGateway) publishesAt(c xmppClient, item, said string, when time.Time) {
	g.t.Helper()
	at := when.UTC().Format(time.RFC3339)
	sendStanza(g.t, c, `<iq type='set' id='publish-`+item+`'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='`+transports.NodeFeed+`'><item id='`+item+
		`'><entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>`+said+`</title><id>tag:localhost,2026:`+item+`</id><published>`+at+`</published><updated>`+at+
		`</updated></entry></item></publish></pubsub></iq>`)
	g.granted(c, "publish-"+item)
}

// granted waits for the result of a request.
func (g *socialGateway) granted(c xmppClient, id string) {
	g.t.Helper()
	e := await(g.t, c, "the answer to "+id, func(e *xmpptest.Element) bool { return e.Name.Local == "iq" && e.Get("id") == id })
	if e.Get("type") != "result" {
		g.t.Fatalf("got %s", e)
	}
}

// TestSocialOwnFeed: what a user publishes in his own feed is on his page and comes to who follows him, once he takes part and not before; what he takes
// back is gone, and a gateway that was away finds what it has missed.
func TestSocialOwnFeed(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"prosody", "ejabberd"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			w := newSocialWorld(t)
			one := w.gateway("one.example", xmppServer(t, server, false), "")
			one.start()
			alice := one.client("alice")
			one.publishesAt(alice, "before", "nobody is to read this", time.Now().Add(-time.Hour))
			one.say(alice, gatewayDomain, "social on", "alice@one.example")
			await(t, alice, "the request to see her presence", func(e *xmpptest.Element) bool {
				return e.Name.Local == "presence" && e.Get("type") == "subscribe" && e.Get("from") == gatewayDomain
			})
			sendStanza(t, alice, "<presence type='subscribed' to='"+gatewayDomain+"'/>")
			sendStanza(t, alice, "<presence type='subscribe' to='"+gatewayDomain+"'/>")
			one.publishes(alice, "first", "My first post")
			page := one.awaitPage("/u/alice", "My first post")
			if strings.Contains(page, "nobody is to read this") {
				t.Error("what she published before she took part is on the page")
			}
			one.awaitPage("/u/alice.atom", "My first post")

			one.process.Kill()
			one.publishes(alice, "away", "While you were away")
			one.start()
			one.awaitPage("/u/alice", "While you were away")
			if server == "ejabberd" {
				return // as it is packaged it does not say what is taken back
			}
			sendStanza(t, alice, `<iq type='set' id='retract'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='`+transports.NodeFeed+
				`' notify='true'><item id='away'/></retract></pubsub></iq>`)
			one.granted(alice, "retract")
			if err := poll(t.Context(), func() error {
				status, body, err := one.page("/u/alice")
				if err != nil || status != http.StatusOK || strings.Contains(body, "While you were away") {
					return errors.New("it is there still")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSocialPostIsInOwnFeed: where the server lets the gateway, what a user posts by message is in his own feed as well, and on his page once, also
// after a restart.
func TestSocialPostIsInOwnFeed(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t)
	one := w.gateway("one.example", xmppServer(t, "prosody", true), "")
	one.start()
	alice := one.client("alice")
	one.say(alice, gatewayDomain, "social on", "alice@one.example")
	one.say(alice, gatewayDomain, "post Said to the bot", "Published")
	if err := poll(t.Context(), func() error {
		sendStanza(t, alice, `<iq type='get' id='items'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='`+transports.NodeFeed+`'/></pubsub></iq>`)
		e := await(t, alice, "her node", func(e *xmpptest.Element) bool { return e.Get("id") == "items" })
		if !strings.Contains(e.String(), "Said to the bot") {
			return errors.New("it is not in her node")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	one.publishes(alice, "own", "Said in the feed")
	one.awaitPage("/u/alice", "Said in the feed")
	one.process.Kill()
	one.start()
	one.publishes(alice, "last", "Said at last")
	one.awaitPage("/u/alice.atom", "Said at last")
	_, feed, err := one.page("/u/alice.atom")
	if n := strings.Count(feed, "<entry"); err != nil || n != 3 {
		t.Errorf("there are %d entries (%v):\n%s", n, err, feed)
	}
}
