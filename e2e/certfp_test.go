package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/xmpptest"
)

// certfp is alice before a gateway to a network with services, and the owner of liddell's account there.
type certfp struct {
	t     *testing.T
	ctx   context.Context
	g     *gateway
	s     *servers
	alice xmppClient
	owner *ircd.Peer
}

// A certificate takes the place of a password by a word to the bot and a page of the web. The password is nowhere then. Whenever the gateway is
// killed while that goes on, the login that is set works.
func TestCertificateForPassword(t *testing.T) {
	t.Parallel()
	s := accountsServers(t)
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	c := &certfp{t: t, ctx: ctx, s: s, g: newGateway(t, build(t), s)}
	conn, err := net.Dial("tcp", s.ircAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c.owner = ircd.NewPeer(conn)
	c.owner.Send(t, "NICK liddell", "USER liddell 0 * :liddell")
	c.owner.Expect(t, " 422 ")
	c.owner.Send(t, "PRIVMSG NickServ :REGISTER sesame liddell@example.org")
	c.owner.Expect(t, "is now registered")
	if err := c.g.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if c.alice, err = s.login(ctx, "alice", "home"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.alice.Close() }()

	// The login that there is, for what comes.
	c.say("login " + networkName)
	if page := c.fill(url.Values{"account": {"liddell"}, "password": {"open"}}); !strings.Contains(page, "is being asked") {
		t.Errorf("got %s", page)
	}
	c.hear("refuses the password of account liddell")
	c.say("login " + networkName)
	c.fill(url.Values{"account": {"liddell"}, "password": {"sesame"}})
	c.hear("has let you in as account liddell")
	c.isLoggedIn()

	c.say("certfp " + networkName + " show")
	c.hear("You have no certificate")

	// A word is enough. It is killed as soon as it has begun, and once services know the fingerprint.
	for _, until := range []func(){func() {}, func() { c.prints(1) }} {
		c.say("certfp " + networkName)
		c.hear("is being asked")
		until()
		c.g.Kill()
		if err := c.g.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		c.isLoggedIn()
	}

	c.say("certfp " + networkName + " new")
	c.hear("with a certificate alone")
	if set := c.set(); slices.Contains(set, "account-password") || slices.Contains(set, "new-certificate") || !slices.Contains(set, "certificate") {
		t.Errorf("%v are set", set)
	}
	c.prints(1)
	c.isLoggedIn()
	c.say("certfp " + networkName + " show")
	c.hear("The fingerprint of your certificate")

	// It is replaced, and the old one is not known any more. Where there is one, it says what there is to choose.
	c.say("certfp " + networkName)
	if asked := c.hear("1 Make a certificate"); !strings.Contains(asked, "2 Show the fingerprint") || !strings.Contains(asked, "3 Remove the certificate") ||
		!strings.Contains(asked, "“ok” is 1") {
		t.Errorf("got %q", asked)
	}
	c.say("1")
	c.hear("with a certificate alone")
	c.prints(1)
	c.isLoggedIn()
	for _, file := range []string{c.g.database(), c.g.database() + "-wal"} {
		if data, err := os.ReadFile(file); err != nil || bytes.Contains(data, []byte("sesame")) || bytes.Contains(data, []byte("BEGIN")) {
			t.Errorf("%s has the password or the certificate in it, or: %v", file, err)
		}
	}
	if strings.Contains(c.g.log.String(), "sesame") {
		t.Error("the log has the password in it")
	}
}

func (c *certfp) say(body string) {
	c.t.Helper()
	if err := c.alice.Send(c.ctx, "<message type='chat' to='help@"+gatewayDomain+"'><body>"+body+"</body></message>"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *certfp) hear(part string) string {
	c.t.Helper()
	var all []string
	for {
		e, err := c.alice.Receive(c.ctx)
		if err != nil {
			c.t.Fatalf("no message with %q: %v; there were %q", part, err, all)
		}
		body := e.Child(xmpptest.NSClient, "body").Text()
		if strings.Contains(body, part) {
			return body
		}
		all = append(all, body)
	}
}

// fill fills in the page that she gets a link to.
func (c *certfp) fill(form url.Values) string {
	c.t.Helper()
	asked := c.hear("Open this page and fill it in.")
	link := asked[strings.LastIndexByte(asked, '\n')+1:]
	status, page := fetch(c.ctx, c.t, link, form)
	if status != http.StatusOK {
		c.t.Fatalf("%d\n%s", status, page)
	}
	return page
}

// isLoggedIn has her join, looks who she is to the network, and has her leave.
func (c *certfp) isLoggedIn() {
	c.t.Helper()
	room := "'#go%" + networkName + "@" + gatewayDomain + "/alice'"
	if err := c.alice.Send(c.ctx, "<presence to="+room+"><x xmlns='http://jabber.org/protocol/muc'/></presence>"); err != nil {
		c.t.Fatal(err)
	}
	c.presence("110", "error")
	c.owner.Send(c.t, "WHOIS alice")
	account := ""
	for line := ""; !strings.Contains(line, " 318 "); line = c.owner.Expect(c.t, " liddell alice ") {
		if f := strings.Fields(line); len(f) > 4 && f[1] == "330" {
			account = f[4]
		}
	}
	if account != "liddell" {
		c.t.Fatalf("alice is logged in to %q", account)
	}
	if err := c.alice.Send(c.ctx, "<presence to="+room+" type='unavailable'/>"); err != nil {
		c.t.Fatal(err)
	}
	c.presence("unavailable", "error")
}

// presence passes over what she gets up to her own presence with that in it.
func (c *certfp) presence(with, not string) {
	c.t.Helper()
	for {
		e, err := c.alice.Receive(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		switch s := e.String(); {
		case !strings.HasPrefix(s, "<presence") || !strings.Contains(s, "#go%"):
		case strings.Contains(s, "'"+not+"'"):
			c.t.Fatalf("got %s", s)
		case strings.Contains(s, "'"+with+"'"):
			return
		}
	}
}

// prints waits until the account has so many fingerprints.
func (c *certfp) prints(want int) {
	c.t.Helper()
	if err := poll(c.ctx, func() error {
		c.owner.Send(c.t, "PRIVMSG NickServ :CERT LIST")
		c.owner.Expect(c.t, "Fingerprint list for")
		n := 0
		for ; !strings.Contains(c.owner.Expect(c.t, " NOTICE liddell :"), "End of"); n++ {
		}
		if n != want {
			return errors.New("the account has another number of fingerprints")
		}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
}

// set is what she has set on the network.
func (c *certfp) set() []string {
	c.t.Helper()
	db, err := sql.Open("sqlite", "file:"+c.g.database()+"?mode=ro")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(c.ctx, "SELECT name FROM settings WHERE scope = 'network:"+networkName+"'")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			c.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
	return names
}
