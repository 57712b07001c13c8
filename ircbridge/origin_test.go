package ircbridge

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strconv"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// Users who have servers of their own behind the name of one network are told apart, and who is on the same server is not.
func TestOrigin(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	forged, plain := startServer(t, ircd.Options{TLS: conf}), startServer(t, ircd.Options{})
	reach := Reach{UserPorts: []PortRange{{1, 65535}}, Plain: true, Unverified: true, AllowAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	bob := transports.Address{Local: "bob", Domain: "example.org"}
	origin := func(user transports.Address, s *ircd.Server, ports string) string {
		t.Helper()
		set := map[string]string{SettingAddress: "127.0.0.1", SettingVerify: "false", ports: strconv.Itoa(int(netip.MustParseAddrPort(s.Addr()).Port()))}
		settings := &memorySettings{values: map[string]map[string]string{user.String() + " " + Scope(testNet): set}}
		mine, h := open(t, newTransport(t, Options{Open: true, Reach: reach, Settings: settings}), user)
		do(t, mine, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: user.Local})
		return await(t, h, func(e transports.State) bool { return e.Online }).Link.Origin
	}
	vouched := func(id, host string) string {
		t.Helper()
		leaf, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
		n := &Network{ID: id, host: host, RootCAs: pool}
		if err != nil || n.verify("127.0.0.1", []*x509.Certificate{leaf}) != nil {
			t.Fatal("the certificate is not taken")
		}
		return n.origin(alice, &tls.Conn{})
	}
	seen := make(map[string]string)
	for who, o := range map[string]string{
		"the server of the name": vouched("127.0.0.1", "127.0.0.1"),
		"another host":           vouched(testNet, "127.0.0.1"),
		"a forged one":           origin(alice, forged, SettingTLSPorts),
		"alice without TLS":      origin(alice, plain, SettingPorts),
		"bob without TLS":        origin(bob, plain, SettingPorts),
	} {
		if seen[o] != "" {
			t.Errorf("%s and %s are one: %q", who, seen[o], o)
		}
		if seen[o] = who; (o == "") != (who == "the server of the name") {
			t.Errorf("%s is %q", who, o)
		}
	}
	if o := origin(bob, forged, SettingTLSPorts); seen[o] != "a forged one" {
		t.Errorf("two who are shown one certificate are apart: %q", o)
	}
}
