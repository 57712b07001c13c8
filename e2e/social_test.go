package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
		Dial: func(network, _ string) (net.Conn, error) { return net.Dial(network, g.web) },
	}}
	resp, err := client.Get("https://" + g.name + path)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// awaitPage waits until a page has some text.
func (g *socialGateway) awaitPage(path, has string) string {
	g.t.Helper()
	var last string
	if err := poll(g.t.Context(), func() error {
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
	two.say(bob, bot, "follow alice@"+one.name, "You follow alice (alice@"+one.name+") now.")
	one.hears(alice, "", "bob@two.example")
	one.say(alice, bot, "post Hello, social #world!", "one.example")
	two.hears(bob, two.contact("alice", one), "Hello, social #world!")
	one.awaitPage("/u/alice", "Hello, social")
}
