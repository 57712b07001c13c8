package ircbridge

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"passerelle/internal/identd"
	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/transports"
)

// whois is what a network says of a nick: user name and host.
func whois(t *testing.T, addr, nick string) (user, host string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := ircd.NewPeer(conn)
	p.Send(t, "NICK watcher", "USER watcher 0 * :watcher")
	p.Expect(t, " 005 ")
	p.Send(t, "WHOIS "+nick)
	f := strings.Fields(p.Expect(t, " 311 ")) // RFC 2812 §5.1: RPL_WHOISUSER
	return f[4], f[5]
}

// A network that asks for idents is told the user's token, and takes it for his: without a tilde. Each user comes from an address of his
// own. Without an answer his token has the tilde.
func TestIdentAtRealServers(t *testing.T) {
	t.Parallel()
	identity := Identity{Key: []byte("key"), Domain: "irc.example.org", Source: netip.MustParsePrefix("127.77.0.0/16")}
	table := identd.NewTable()
	// Networks ask at port 113 of the address that somebody comes from.
	at := net.JoinHostPort(identity.address(alice, identity.Source).String(), "113")
	server, err := identd.Listen(context.Background(), identd.Options{Listen: at, Table: table, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		realtest.Missing(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	identity.Ident = table
	// ngIRCd asks only where it looks up names as well, which tests do not let it.
	addr := realtest.Inspircd(t, realservers.InspircdOptions{Ident: true}).Addr
	tr := newTransport(t, Options{Networks: plainNet(addr), Identity: identity})
	for user, mark := range map[transports.Address]string{alice: "", bob: "~"} {
		s, h := open(t, tr, user)
		enter(t, s, h, "#test", user.Local)
		ident, host := whois(t, addr, user.Local)
		if ident != mark+identity.token(user) || host != identity.address(user, identity.Source).String() {
			t.Errorf("%s is %s@%s, want %s@%s", user, ident, host, mark+identity.token(user), identity.address(user, identity.Source))
		}
	}
}

// Networks that trust the gateway show each user at an address of his own. They look up no names here, so they do not take the host.
func TestWebIRCAtRealServers(t *testing.T) {
	t.Parallel()
	identity := Identity{Key: []byte("key"), Domain: "irc.example.org"}
	for name, start := range map[string]func() string{
		"ngircd":   func() string { return realtest.Ngircd(t, realservers.NgircdOptions{WebIRC: "sesame"}).Addr },
		"inspircd": func() string { return realtest.Inspircd(t, realservers.InspircdOptions{WebIRC: "sesame"}).Addr },
	} {
		addr := start()
		networks := plainNet(addr)
		networks[0].WebIRC = "sesame"
		tr := newTransport(t, Options{Networks: networks, Identity: identity})
		for _, user := range []transports.Address{alice, bob} {
			s, h := open(t, tr, user)
			enter(t, s, h, "#test", user.Local)
			if _, host := whois(t, addr, user.Local); host != identity.address(user, identity.own()).String() {
				t.Errorf("%s knows %s at %s, want %s", name, user, host, identity.address(user, identity.own()))
			}
		}
	}
}
