package ircbridge

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestReachNames(t *testing.T) {
	t.Parallel()
	r := Reach{Allow: []string{"*.example.org", "irc.example.com"}, Deny: []string{"bad.example.org", "*.worse.example.org"}}
	for name, want := range map[string]bool{
		"irc.example.org": true, "a.b.example.org": true, "irc.example.com": true, "worse.example.org": true,
		"example.org": false, "notexample.org": false, "a.irc.example.com": false, "bad.example.org": false, "a.worse.example.org": false, "": false,
	} {
		if got := r.names(name); got != want {
			t.Errorf("names(%q) = %v", name, got)
		}
	}
	if !(&Reach{}).names("any.example") {
		t.Error("without lists a name is refused")
	}
}

func TestReachAddresses(t *testing.T) {
	t.Parallel()
	r := Reach{
		AllowAddresses: []netip.Prefix{netip.MustParsePrefix("10.11.0.0/16"), netip.MustParsePrefix("fd00::/8")},
		DenyAddresses:  []netip.Prefix{netip.MustParsePrefix("8.8.0.0/16"), netip.MustParsePrefix("10.11.12.0/24")},
	}
	for address, want := range map[string]error{
		"9.9.9.9:6697": nil, "10.11.0.1:6697": nil, "[::ffff:10.11.0.1]:6697": nil, "[fd00::1]:6697": nil, "[2606:4700::1]:6697": nil,
		"8.8.8.8:6697": errDeniedAddress, "[::ffff:8.8.8.8]:6697": errDeniedAddress, "10.11.12.1:6697": errDeniedAddress,
		"10.12.0.1:6697": errNotPublic, "127.0.0.1:6697": errNotPublic, "[::1]:6697": errNotPublic, "169.254.169.254:80": errNotPublic,
		"[fe80::1%eth0]:6697": errNotPublic, "[64:ff9b::7f00:1]:6697": errNotPublic, "0.0.0.0:6697": errNotPublic,
	} {
		if err := r.check(address); !errors.Is(err, want) {
			t.Errorf("check(%s) = %v, want %v", address, err, want)
		}
	}
}

// A name that leads behind the firewall, or that the operator denies, is refused in words, and nothing is connected to.
func TestReachIsForStrangersServers(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	address := netip.MustParseAddrPort(server.Addr())
	for _, test := range []struct {
		name  string
		reach Reach
		want  string
	}{
		{"localhost", Reach{}, "localhost is not a server on the public internet, so you cannot connect to it from here."},
		{"localhost", Reach{DenyAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}, "The operator of this gateway does not let it connect to the address of localhost."},
		// It is let through as far as TLS, which this server does not speak.
		{"localhost", Reach{AllowAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "localhost does not speak TLS on this port."},
	} {
		test.reach.Ports = []uint16{1, address.Port()}
		h := newRecorder()
		s, err := newTransport(t, Options{Open: true, Reach: test.reach}).Open(context.Background(), alice, test.name, h)
		if err != nil {
			t.Fatal(err)
		}
		do(t, s, transports.Join{Ref: 1, Room: transports.Target{Kind: transports.TargetRoom, Network: test.name, ID: "#go"}, Nick: "alice"})
		if got := transports.AsError(await[transports.Done](t, h).Err); got == nil || got.Text != test.want {
			t.Errorf("%+v: %v, want %q", test.reach, got, test.want)
		}
	}
	listed := newTransport(t, Options{Open: true, Reach: Reach{Deny: []string{"*.example.org"}}, Networks: []Network{{ID: "irc.example.org"}}})
	if _, err := listed.Parse("#go%irc.example.org"); err != nil {
		t.Errorf("a network of the operator's is refused: %v", err)
	}
	_, err := listed.Parse("#go%other.example.org")
	if e := transports.AsError(err); e == nil || e.Kind != transports.Denied || e.Text != `The operator of this gateway does not let it connect to "other.example.org".` {
		t.Errorf("a server that is denied: %v", err)
	}
}
