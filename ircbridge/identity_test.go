package ircbridge

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

var bob = transports.Address{Local: "bob", Domain: "example.org"}

// A token says nothing of who it is for but to who has the key, and is the same whatever client he uses.
func TestTokens(t *testing.T) {
	t.Parallel()
	one := Identity{Key: []byte("one"), Domain: "irc.example.org"}
	other := Identity{Key: []byte("other"), Domain: "irc.example.org"}
	if got := one.token(alice); got != one.token(alice.WithResource("phone")) || !regexp.MustCompile(`^u[a-z2-7]{8}$`).MatchString(got) {
		t.Errorf("the token is %q, and %q for a client", got, one.token(alice.WithResource("phone")))
	}
	if one.token(alice) == one.token(bob) || one.token(alice) == other.token(alice) {
		t.Error("two tokens are equal")
	}
}

func TestAddressesOfUsers(t *testing.T) {
	t.Parallel()
	i := Identity{Key: []byte("key"), Domain: "irc.example.org"}
	for _, prefix := range []string{"2001:db8:1:2::/64", "2001:db8::/57", "127.0.0.0/8", "::1/128", "0.0.0.0/0"} {
		p := netip.MustParsePrefix(prefix)
		a, b := i.address(alice, p), i.address(bob, p)
		if !p.Contains(a) || !p.Contains(b) || a != i.address(alice, p) || (a == b) != p.IsSingleIP() {
			t.Errorf("in %s: %s and %s", prefix, a, b)
		}
	}
	if own := i.own(); !netip.MustParsePrefix("fd00::/8").Contains(own.Addr()) || own == (&Identity{Key: []byte("other")}).own() {
		t.Errorf("our own network is %s", own)
	}
	// Where all connect from one address, a network that trusts us is told another one of each.
	i.Source = netip.MustParsePrefix("2001:db8::1/128")
	if line := i.webirc("sesame", alice, false); !strings.Contains(line, " fd") || line == i.webirc("sesame", bob, false) {
		t.Errorf("told is %q", line)
	}
}

// What a user set is honoured only where the operator lets him, and is asked for only then.
func TestNames(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	theirs := map[string]string{SettingUsername: (&Identity{Key: key}).token(bob) + "x"}
	token := (&Identity{Key: key}).token(alice)
	set := map[string]string{SettingUsername: "al", SettingRealname: "Alice A."}
	for _, test := range []struct {
		i              Identity
		set            map[string]string
		username, real string
	}{
		{Identity{}, nil, "nick", "nick"},
		{Identity{}, set, "al", "Alice A."},
		{Identity{Key: key}, nil, token, "nick"},
		{Identity{Key: key}, set, "al", "Alice A."},
		{Identity{Key: key, Fixed: true}, set, token, "nick"},
		{Identity{Key: key}, theirs, token, "nick"},
	} {
		if username, real := test.i.names(alice, "nick", test.set); username != test.username || real != test.real {
			t.Errorf("%+v with %v: %q, %q", test.i, test.set, username, real)
		}
	}
	asked := func(fixed bool) bool {
		tr := newTransport(t, Options{Networks: []Network{{ID: testNet}}, Settings: &memorySettings{}, Identity: Identity{Key: key, Fixed: fixed}})
		all := tr.Settings(transports.Target{Kind: transports.TargetNetwork, Network: testNet})
		return slices.ContainsFunc(all, func(s transports.Setting) bool { return s.Name() == SettingUsername || s.Name() == SettingRealname })
	}
	if !asked(false) || asked(true) {
		t.Error("the form asks for names that have no effect, or not for those that have")
	}
}

// A network that trusts the gateway is told who connects before it hears anything else.
func TestWebIRCComesFirst(t *testing.T) {
	t.Parallel()
	server := ircd.NewScript(t, nil)
	networks := plainNet(server.Addr)
	networks[0].WebIRC = "sesame"
	tr := newTransport(t, Options{Networks: networks, Identity: Identity{Key: []byte("key"), Domain: "irc.example.org"}})
	s, _ := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	peer := server.Accept(t)
	line, err := peer.Line()
	if err != nil {
		t.Fatal(err)
	}
	token := tr.rules().Identity.token(alice)
	if !regexp.MustCompile(`^WEBIRC sesame passerelle ` + token + `\.irc\.example\.org fd[0-9a-f:]+$`).MatchString(line) {
		t.Errorf("the first line is %q", line)
	}
	if line = peer.Expect(t, "USER "); !strings.HasPrefix(line, "USER "+token+" 0 * :alice") {
		t.Errorf("got %q", line)
	}
}
