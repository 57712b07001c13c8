package ircbridge

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestReports(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reported string
		fits     bool // somebody who is Alice!~ualice@host.example
		names    bool // the token is ualice, the gateway irc.example.org
	}{
		{"alice", true, false},
		{" Alice ", true, false},
		{"ualice", true, true},
		{"~ualice", true, true},
		{"host.example", true, false},
		{"ualice.irc.example.org", false, true},
		{"alice!~ualice@host.example", true, true},
		{"alice!*@*", true, false},
		{"*!~ualice@*", true, true},
		{"*!*@host.example", true, false},
		{"~ualice@elsewhere.example", false, true},
		{"renamed!ualice@host.example", false, true},
		{"bob!ubob@host.example", false, false},
		{"alice!ubob@host.example", false, false},
		{"ualice.irc.example.com", false, false},
		{"*!*@*", false, false},
		{"", false, false},
		{"!", false, false},
		{"@", false, false},
		{"*", false, false},
	} {
		r := readReport(test.reported)
		if got := r.fits("Alice", "~ualice", "host.example"); got != test.fits {
			t.Errorf("%q fits: %v", test.reported, got)
		}
		if got := r.names("ualice", "irc.example.org"); got != test.names {
			t.Errorf("%q names her: %v", test.reported, got)
		}
	}
}

// A report about nothing is about nobody, whatever the network has not told us.
func FuzzReports(f *testing.F) {
	for _, s := range []string{"a!b@c", "~", "*!*@*", "!@", "@!", "a@b!c", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := readReport(s)
		if r.fits("", "", "") {
			t.Errorf("%q fits somebody of whom nothing is known", s)
		}
		if r.names("u", "") && !strings.Contains(strings.ToLower(s), "u") {
			t.Errorf("%q names a token that is not in it", s)
		}
	})
}

func TestSeen(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr()), Identity: Identity{Key: []byte("key"), Domain: "irc.example.org"}})
	for _, user := range []transports.Address{alice, bob} {
		s, h := open(t, tr, user)
		enter(t, s, h, "#test", user.Local+"-irc")
	}
	for _, test := range []struct{ reported, network, want string }{
		{"alice-irc", "", "alice"},
		{"ALICE-IRC", testNet, "alice"},
		{"alice-irc", "other.test", ""},
		{"alice", "", ""},
		{tr.rules().Identity.token(bob), "", "bob"},
		{"x!~" + tr.rules().Identity.token(bob) + "@y", "", "bob"},
		{"nobody", "", ""},
		{"", "", ""},
	} {
		got := ""
		for _, s := range tr.Seen(test.reported, test.network) {
			got += s.User.Local
		}
		if got != test.want {
			t.Errorf("%q on %q is %q, want %q", test.reported, test.network, got, test.want)
		}
	}
	carol := transports.Address{Local: "carol", Domain: "example.org"}
	if !tr.Names(tr.rules().Identity.token(carol), carol) || tr.Names(tr.rules().Identity.token(carol), alice) {
		t.Error("a token does not name its user, or another")
	}
}
