package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// page is a page of a gateway as everybody sees it.
func (g *socialGateway) page(path string) (status int, body string, err error) {
	pem, err := os.ReadFile(g.ca)
	if err != nil {
		return 0, "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.web)
		},
	}}
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "https://"+g.name+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// awaitPage waits until a page has some text.
func (g *socialGateway) awaitPage(path, has string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), mailTime)
	defer cancel()
	var last string
	if err := poll(ctx, func() error {
		status, body, err := g.page(path)
		last = fmt.Sprint(status, err, " ", body)
		if err != nil || status != http.StatusOK || !strings.Contains(body, has) {
			return errors.New("not yet")
		}
		last = body
		return nil
	}); err != nil {
		g.t.Fatalf("%s has no %q: %s", path, has, last)
	}
	return last
}

// say has a client write something, and waits for a message of whom it writes to that has some text.
func (g *socialGateway) say(c xmppClient, to, words, answer string) *xmpptest.Element {
	g.t.Helper()
	sendStanza(g.t, c, `<message type='chat' id='`+fmt.Sprint(len(words), "-", answer)+`' to='`+to+`'><body>`+words+`</body></message>`)
	return g.hears(c, to, answer)
}

// hears waits for a message of somebody with some text.
func (g *socialGateway) hears(c xmppClient, from, text string) *xmpptest.Element {
	g.t.Helper()
	defer func(at time.Time) { g.t.Logf("%s heard %q after %v", from, text, time.Since(at)) }(time.Now())
	return await(g.t, c, text+" from "+from, func(e *xmpptest.Element) bool {
		return e.Name.Local == "message" && strings.HasPrefix(e.Get("from"), from) && strings.Contains(body(e), text)
	})
}

// TestSocial: users of two gateways, behind the two XMPP servers, follow each other and say everything that there is to say.
func TestSocial(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t)
	one, two := w.gateway("one.example", xmppServer(t, "prosody", false), ""), w.gateway("two.example", xmppServer(t, "ejabberd", false), "")
	one.start()
	two.start()
	alice, bob := one.client("alice"), two.client("bob")
	bot := gatewayDomain
	one.say(alice, bot, "social on", "alice@one.example")
	two.say(bob, bot, "social on", "bob@two.example")
	one.awaitPage("/u/alice", "alice")

	// Bob follows alice, and is told of what she posts.
	aliceHere, bobHere := two.contact("alice", one), one.contact("bob", two)
	two.say(bob, bot, "follow alice@"+one.name, "You follow alice (alice@"+one.name+") now.")
	one.hears(alice, "", "bob@two.example")
	sendStanza(t, alice, `<message type='chat' id='p1' to='`+bot+`'><body>post Hello, social #world!</body></message>`)
	post := two.hears(bob, aliceHere, "Hello, social #world!")
	one.awaitPage("/u/alice", "Hello, social")
	path := postPath.FindString(one.awaitPage("/u/alice.atom", "Hello, social"))

	// His answer is one to her, and on the page of the post.
	sendStanza(t, bob, `<message type='chat' id='b1' to='`+aliceHere+`'><body>Welcome!</body><reply xmlns='urn:xmpp:reply:0' id='`+post.Get("id")+`'/></message>`)
	answer := one.hears(alice, bobHere, "Welcome!")
	one.awaitPage(path, "Welcome!")
	if answer.Child("urn:xmpp:reply:0", "reply") == nil {
		t.Errorf("the answer says not what it answers:\n%s", answer)
	}
	// She answers him, who follows her, from her client.
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+bobHere+`'><body>Thank you.</body><reply xmlns='urn:xmpp:reply:0' id='`+answer.Get("id")+`'/></message>`)
	two.hears(bob, aliceHere, "Thank you.")

	// A heart is a favourite, and none is none.
	react := func(hearts, id string) {
		t.Helper()
		sendStanza(t, bob, `<message type='chat' id='`+id+`' to='`+aliceHere+`'><reactions xmlns='urn:xmpp:reactions:0' id='`+post.Get("id")+`'>`+hearts+`</reactions></message>`)
	}
	react("<reaction>❤</reaction>", "r1")
	await(t, alice, "that he likes it", func(e *xmpptest.Element) bool {
		return strings.Contains(e.String(), "❤") && strings.HasPrefix(e.Get("from"), bobHere)
	})
	react("", "r2")
	await(t, alice, "that he does not any more", func(e *xmpptest.Element) bool {
		r := e.Child("urn:xmpp:reactions:0", "reactions")
		return r != nil && len(r.Elements()) == 0 && strings.HasPrefix(e.Get("from"), bobHere)
	})

	// He repeats it, and what is no answer is asked about before it is public.
	two.say(bob, aliceHere, "/repeat", "It is repeated.")
	two.awaitPage("/u/bob", "Thank you.")
	sendStanza(t, bob, `<message type='chat' id='b2' to='`+aliceHere+`'><body>Between you and me</body></message>`)
	await(t, bob, "that it would be public", func(e *xmpptest.Element) bool {
		return e.Get("type") == "error" && strings.Contains(e.String(), "there are no private messages")
	})
	two.say(bob, aliceHere, "public", "It is published")
	one.hears(alice, bobHere, "Between you and me")

	// She takes her post back.
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+bot+`'><retract xmlns='urn:xmpp:message-retract:1' id='p1'/><body>/me retracted</body></message>`)
	await(t, bob, "that she took it back", func(e *xmpptest.Element) bool {
		return strings.HasPrefix(e.Get("from"), aliceHere) && strings.Contains(e.String(), post.Get("id")) && strings.Contains(e.String(), "message-retract")
	})
	if status, _, err := one.page(path); err != nil || status != http.StatusGone {
		t.Errorf("the page of what was taken back answers %d, %v", status, err)
	}

	// What he publishes in his own feed is told to her, who has him in her contacts.
	sendStanza(t, alice, `<presence type='subscribe' to='`+bobHere+`'/>`)
	await(t, alice, "that she follows him", func(e *xmpptest.Element) bool {
		return e.Name.Local == "presence" && e.Get("type") == "" && strings.HasPrefix(e.Get("from"), bobHere)
	})
	two.hears(bob, "", "alice@one.example")
	sendStanza(t, bob, `<presence type='subscribed' to='`+bot+`'/>`)
	now := time.Now().UTC().Format(time.RFC3339) // what is of the time before he took part is not published
	sendStanza(t, bob, `<iq type='set' id='f1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:microblog:0'><item id='i1'>`+
		`<entry xmlns='http://www.w3.org/2005/Atom'><title>Out of my own feed</title><id>tag:two.example,2026:i1</id><updated>`+now+`</updated><published>`+now+`</published>`+
		`</entry></item></publish></pubsub></iq>`)
	one.hears(alice, bobHere, "Out of my own feed")

	// Nobody is told any more of whom he does not follow.
	two.say(bob, bot, "unfollow alice@"+one.name, "any more")
	one.hears(alice, "", "does not follow you any more")
}

// postPath is the path of a post in a feed.
var postPath = regexp.MustCompile(`/n/[a-z0-9]+`)
