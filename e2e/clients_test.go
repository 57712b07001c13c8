package e2e

import (
	"context"
	"testing"
	"time"
)

// clientTime is the most that a conversation with a client that people use may take, on a machine that has other things to do.
const clientTime = 2 * time.Minute

// party is a gateway between real servers, with bob on the IRC side in #go, for a client that people use on the XMPP side.
type party struct {
	*servers
	t   *testing.T
	ctx context.Context
	bob *ircActor

	gateway *gateway
}

// withClient runs a test with each of the XMPP servers.
func withClient(t *testing.T, hold func(p *party), servers ...string) {
	t.Helper()
	t.Parallel()
	program := build(t)
	for _, xmpp := range servers {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			hold(newParty(t, program, realServers(t, xmpp, "ngircd")))
		})
	}
}

// onEachServer runs a test with servers in this process, and with each of the real XMPP servers.
func onEachServer(t *testing.T, hold func(t *testing.T, program string, s *servers)) {
	t.Helper()
	t.Parallel()
	program := build(t)
	for name, start := range map[string]func(testing.TB) *servers{
		"fake":     fakeServers,
		"prosody":  func(t testing.TB) *servers { return realServers(t, "prosody", "ngircd") },
		"ejabberd": func(t testing.TB) *servers { return realServers(t, "ejabberd", "inspircd") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold(t, program, start(t))
		})
	}
}

func newParty(t *testing.T, program string, s *servers) *party {
	t.Helper()
	g := newGateway(t, program, s)
	if err := g.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	t.Cleanup(cancel)
	bob, err := dialIRC(ctx, s.ircAddr, "bob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bob.conn.Close() })
	p := &party{servers: s, t: t, ctx: ctx, bob: bob, gateway: g}
	p.irc(">", "JOIN #go")
	p.irc("<", ":bob!* JOIN *#go")
	return p
}

// irc is a step of bob's, as in a scenario.
func (p *party) irc(verb, arg string) {
	p.t.Helper()
	var err error
	if verb == ">" {
		err = p.bob.send(p.ctx, arg)
	} else {
		err = p.bob.expect(p.ctx, arg, nil, false)
	}
	if err != nil {
		p.t.Fatalf("irc bob %s %s: %v", verb, arg, err)
	}
}

// Addresses as a user types them.
const (
	networkJID = networkName + "@" + gatewayDomain
	bobJID     = "bob%" + networkJID
	roomJID    = "#go%" + networkJID
)
