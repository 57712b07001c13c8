package ircbridge

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// Where a user may have a network be that the operator does not list.
func TestRoute(t *testing.T) {
	t.Parallel()
	strict := Reach{Ports: []uint16{6697, 6670}, UserPorts: []PortRange{{7000, 7010}}, Deny: []string{"*.example.net"}, Allow: []string{"*.example.org", "home"}}
	loose := Reach{UserPorts: []PortRange{{1, 65535}}, Plain: true, Unverified: true, AllowAddresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for name, tc := range map[string]struct {
		reach     Reach
		network   string
		set       map[string]string
		addresses string // where it is tried; empty if nowhere
		plain     bool
		faults    []string // fields that the form finds wrong
	}{
		"as the operator has it":         {strict, "irc.example.org", nil, "irc.example.org:6697 irc.example.org:6670", false, nil},
		"own ports":                      {strict, "irc.example.org", map[string]string{SettingTLSPorts: "7000\n6670"}, "irc.example.org:7000 irc.example.org:6670", false, nil},
		"no such ports":                  {strict, "irc.example.org", map[string]string{SettingTLSPorts: "6697\n25"}, "", false, []string{"tls_ports"}},
		"no ports":                       {strict, "irc.example.org", map[string]string{SettingTLSPorts: "irc"}, "", false, []string{"tls_ports"}},
		"too many ports":                 {loose, "irc.example.org", map[string]string{SettingTLSPorts: "1 2 3 4 5 6 7 8 9"}, "", false, []string{"tls_ports"}},
		"another name":                   {strict, "home", map[string]string{SettingAddress: "IRC.example.org"}, "irc.example.org:6697 irc.example.org:6670", false, nil},
		"an address that is denied":      {strict, "home", map[string]string{SettingAddress: "irc.example.net"}, "", false, []string{"address"}},
		"an address that is not allowed": {strict, "home", map[string]string{SettingAddress: "192.0.2.1"}, "", false, []string{"address"}},
		"an address of the world":        {loose, "home", map[string]string{SettingAddress: "2001:4860::1"}, "[2001:4860::1]:6697", false, nil},
		"nonsense":                       {loose, "home", map[string]string{SettingAddress: "a b"}, "a b:6697", false, []string{"address"}},
		"without TLS":                    {strict, "irc.example.org", map[string]string{SettingPorts: "7000"}, "", false, []string{"ports"}},
		"without TLS, allowed":           {loose, "irc.example.org", map[string]string{SettingPorts: "6667"}, "irc.example.org:6667", true, nil},
		"never if there is TLS":          {loose, "irc.example.org", map[string]string{SettingPorts: "6667", SettingTLSPorts: "6697"}, "irc.example.org:6697", false, nil},
		"biboumi's defaults":             {strict, "irc.example.org", map[string]string{SettingPorts: "7001", SettingTLSPorts: "6697\n6670"}, "irc.example.org:6697 irc.example.org:6670", false, nil},
		"a password in the clear":        {loose, "irc.example.org", map[string]string{SettingPorts: "6667", SettingPassword: "x"}, "", false, nil},
		"unchecked":                      {strict, "irc.example.org", map[string]string{SettingVerify: "false"}, "irc.example.org:6697 irc.example.org:6670", false, []string{"verify_cert"}},
		"no fingerprint":                 {strict, "irc.example.org", map[string]string{SettingFingerprint: "12:34"}, "irc.example.org:6697 irc.example.org:6670", false, []string{"fingerprint"}},
	} {
		tr := newTransport(t, Options{Open: true, Reach: tc.reach})
		base, err := tr.network("", tc.network)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, why := tr.asSet(base, tc.set)
		if (why != nil) != (tc.addresses == "") || why == nil && (strings.Join(n.Addresses, " ") != tc.addresses || n.Plain != tc.plain) {
			t.Errorf("%s: got %+v, %+v", name, n, why)
		}
		if why == nil && n.unverified != (tc.reach.Unverified && tc.set[SettingVerify] == "false") {
			t.Errorf("%s: unverified is %t", name, n.unverified)
		}
		var fields []string
		for _, f := range tr.CheckSettings("", transports.Target{Kind: transports.TargetNetwork, Network: tc.network}, tc.set) {
			fields = append(fields, f.Field)
		}
		if !slices.Equal(fields, tc.faults) {
			t.Errorf("%s: faults at %q, want %q", name, fields, tc.faults)
		}
	}
}

// What the operator configured is as he configured it.
func TestRouteOfTheOperator(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true, Networks: []Network{{ID: testNet, Addresses: []string{"192.0.2.1:6667"}, Plain: true}}})
	n, why := tr.asSet(tr.rules().byID[testNet], map[string]string{SettingAddress: "evil.example", SettingTLSPorts: "1", SettingPassword: "x"})
	if why != nil || n != tr.rules().byID[testNet] {
		t.Errorf("got %+v, %+v", n, why)
	}
	for _, s := range tr.Settings(transports.Target{Kind: transports.TargetNetwork, Network: testNet}) {
		if slices.Contains([]string{SettingAddress, SettingPorts, SettingTLSPorts, SettingVerify, SettingFingerprint}, s.Name()) {
			t.Errorf("%s can be set", s.Name())
		}
	}
}

func TestBurst(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		burst, most int
		value       string
		want        int
		wrong       bool
	}{
		{10, 20, "", 10, false},
		{10, 20, "20", 20, false},
		{10, 20, "0", 1, false},
		{10, 20, "21", 20, true},
		{10, 20, "-1", 20, true},
		{10, 5, "10", 10, false},
		{10, 20, "many", 10, true},
		{0, 20, "50", 50, false},
		{0, 20, "-1", 0, false},
		{0, 20, "x", 0, true},
	} {
		tr, err := New(Options{Burst: tc.burst, UserBurst: tc.most})
		if err != nil {
			t.Fatal(err)
		}
		set := map[string]string{SettingThrottle: tc.value}
		faults := tr.CheckSettings("", transports.Target{Kind: transports.TargetNetwork, Network: testNet}, set)
		if got := tr.burst(set); got != tc.want || (len(faults) > 0) != tc.wrong {
			t.Errorf("%q of %d, %d: %d, %v", tc.value, tc.burst, tc.most, got, faults)
		}
	}
}
