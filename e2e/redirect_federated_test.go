package e2e

import (
	"context"
	"strings"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// TestRedirectOfAnotherServer: a user of another server, whom the operator lets, has what is written to his address here mailed, and what he gets at
// his own server, of which that pushes from there and the gateway reads by logging in there.
func TestRedirectOfAnotherServer(t *testing.T) {
	t.Parallel()
	const home, away = "a.localhost", "b.localhost"
	federation := realtest.Federation(t,
		realservers.ProsodyOptions{
			Domain: home, Users: []realservers.Account{{Name: "alice", Password: password}},
			Components: []realservers.Component{{Domain: gatewayDomain, Secret: gatewaySecret}},
		},
		realservers.ProsodyOptions{Domain: away, Users: []realservers.Account{{Name: "carol", Password: password}, {Name: "bob", Password: password}}, Push: true},
	)
	near, far := federation[0], federation[1]
	s := &servers{xmpp: near, componentAddr: near.ComponentAddr, login: func(ctx context.Context, user, resource string) (xmppClient, error) {
		if user == "alice" {
			return client.Login(ctx, near.C2SAddr, user+"@"+home, password, resource)
		}
		return client.Login(ctx, far.C2SAddr, user+"@"+away, password, resource)
	}}
	m := newMailGateway(t, build(t), s, `redirect = { enabled = true, guests = ["`+away+`"], login_servers = ["`+away+`=none://`+far.C2SAddr+`"] }`)
	m.start()
	alice, bob, carol := m.client("alice"), m.client("bob"), m.client("carol")
	alias := aliasSaid.FindString(m.redirects(carol))
	if alias == "" {
		t.Fatal("no address was named")
	}
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+alias+`'><body>From server to server.</body></message>`)
	if mail := m.awaitMail("From server to server."); !strings.Contains(mail, "alice@"+home+" wrote to you on XMPP:") {
		t.Errorf("the mail is\n%s", mail)
	}

	m.login(carol, "l", password)
	await(t, carol, "the way", func(e *xmpptest.Element) bool {
		return strings.Contains(body(e), "this gateway logs in to your account")
	})
	sendStanza(t, carol, `<message type='chat' id='r3' to='help@`+gatewayDomain+`'><body>redirect add do always</body></message>`)
	await(t, carol, "the rules", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "1. do always") })
	if err := carol.Close(); err != nil {
		t.Fatal(err)
	}
	sendStanza(t, bob, `<message type='chat' id='b1' to='carol@`+away+`'><body>She is away.</body></message>`)
	m.awaitWaiting(1) // a server does not push what comes while the gateway is there, which looks again a minute later
	if mail := m.awaitMail("She is away."); !strings.Contains(mail, "bob@"+away+" wrote to you on XMPP:") {
		t.Errorf("the mail is\n%s", mail)
	}
	if n := len(m.mails()); n != 3 { // with that of the code
		t.Errorf("%d mails went out", n)
	}
}
