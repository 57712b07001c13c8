package c2s

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/dnstest"
	"passerelle/transports"
)

// Where a domain's server is, as far as the DNS says.
func TestTargets(t *testing.T) {
	t.Parallel()
	many := []string{}
	for i := range 40 {
		many = append(many, fmt.Sprintf("SRV %d 0 5222 h%d.test", i, i))
	}
	dns := dnstest.Start(t, dnstest.Zone{
		"_xmpp-client._tcp.both.test":             {"SRV 20 0 5222 b.both.test", "SRV 5 0 5222 first.both.test"},
		"_xmpps-client._tcp.both.test":            {"SRV 20 0 443 b.both.test", "SRV 30 0 5223 c.both.test"},
		"_xmpp-client._tcp.null.test":             {"SRV 0 0 0 ."},
		"_xmpp-client._tcp.half.test":             {"SRV 0 0 5222 a.half.test"},
		"_xmpps-client._tcp.half.test":            {"SRV 0 0 0 ."},
		"_xmpp-client._tcp.mail.test":             {"SRV 0 0 25 a.mail.test", "SRV 10 0 22 a.mail.test"},
		"_xmpp-client._tcp.many.test":             many,
		"_xmpp-client._tcp.xn--bcher-kva.test":    {"SRV 0 0 5222 b.test"},
		"_xmpp-client._tcp.broken.test":           {"SERVFAIL"},
		"_xmpp-client._tcp.brokenbutdirect.test":  {"SERVFAIL"},
		"_xmpps-client._tcp.brokenbutdirect.test": {"SRV 0 0 443 d.test"},
	})
	c := New(Options{Resolver: dns.Resolver()})
	for domain, want := range map[string]string{
		"both.test":                       "first.both.test:5222 b.both.test:443! b.both.test:5222 c.both.test:5223!",
		"null.test":                       "no server",
		"half.test":                       "a.half.test:5222",
		"mail.test":                       "no server",
		"many.test":                       "h0.test:5222 h1.test:5222 h2.test:5222 h3.test:5222 h4.test:5222 h5.test:5222",
		"none.test":                       "none.test:5222",
		"Bücher.test":                     "b.test:5222",
		"broken.test":                     "away",
		"brokenbutdirect.test":            "d.test:443!",
		"192.0.2.1":                       "192.0.2.1:5222",
		"[2001:db8::1]":                   "2001:db8::1:5222",
		"a..b":                            "no server",
		strings.Repeat("a", 70) + ".test": "no server",
	} {
		name, err := domain, error(nil)
		if !strings.HasPrefix(domain, "[") {
			name, err = asciiName(domain)
		}
		var found []target
		if err == nil {
			found, err = c.targets(t.Context(), name)
		}
		var got []string
		for _, f := range found {
			s := fmt.Sprintf("%s:%d", f.host, f.port)
			if f.direct {
				s += "!"
			}
			got = append(got, s)
		}
		if err != nil {
			got = append(got, ReasonOf(err).String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", domain, got, want)
		}
	}
}

// A stranger's name must not lead into the operator's network.
func TestAddresses(t *testing.T) {
	t.Parallel()
	dns := dnstest.Start(t, dnstest.Zone{
		"in.test": {"A 10.0.0.1", "A 169.254.169.254", "AAAA ::1"}, "mixed.test": {"A 127.0.0.1", "A 8.8.8.8"}, "lan.test": {"A 192.168.7.7"},
		"lots.test": {"A 8.8.8.1", "A 8.8.8.2", "A 8.8.8.3", "A 8.8.8.4"}, "fail.test": {"SERVFAIL"},
	})
	c := New(Options{Resolver: dns.Resolver(), Permit: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}})
	for host, want := range map[string]string{
		"in.test": "address not allowed", "mixed.test": "[8.8.8.8]", "lan.test": "[192.168.7.7]", "lots.test": "[8.8.8.1 8.8.8.2 8.8.8.3]",
		"fail.test": "away", "gone.test": "no server", "127.0.0.1": "address not allowed", "192.168.7.1": "[192.168.7.1]", "::ffff:127.0.0.1": "address not allowed",
	} {
		addrs, err := c.addresses(t.Context(), host)
		got := fmt.Sprint(addrs)
		if err != nil {
			got = ReasonOf(err).String()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

// The next place is tried where nobody is at the first, and none where a password was refused.
func TestPlaces(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := &fake{cert: ca.issue(t, testDomain), mechanisms: all, password: testPassword}
	good.start(t)
	wrong := &fake{cert: ca.issue(t, testDomain), mechanisms: all, password: "another"}
	wrong.start(t)
	stranger := &fake{cert: ca.issue(t, "stranger.test"), mechanisms: all, password: testPassword}
	stranger.start(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		places []string
		want   string
	}{
		"second":         {[]string{closed.Addr().String(), good.addr}, "<nil>"},
		"trusted":        {[]string{stranger.addr, good.addr}, "<nil>"},
		"refused":        {[]string{wrong.addr, good.addr}, "password refused"},
		"nobody":         {[]string{closed.Addr().String()}, "away"},
		"nobody trusted": {[]string{stranger.addr, closed.Addr().String()}, "not trusted"},
	} {
		var records []string
		for i, addr := range c.places {
			_, port, _ := net.SplitHostPort(addr)
			records = append(records, fmt.Sprintf("SRV %d 0 %s host.test", i, port))
		}
		dns := dnstest.Start(t, dnstest.Zone{"_xmpp-client._tcp." + testDomain: records, "host.test": {"A 127.0.0.1"}})
		client := New(Options{Resolver: dns.Resolver(), RootCAs: ca.pool, Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		s, err := client.Dial(t.Context(), Account{User: romeo, Password: testPassword})
		got := fmt.Sprint(err)
		if err != nil {
			got = ReasonOf(err).String()
		} else {
			s.Close()
		}
		if got != c.want {
			t.Errorf("%s: got %s (%v), want %s", name, got, err, c.want)
		}
		if _, err := New(Options{Resolver: dns.Resolver(), RootCAs: ca.pool}).Dial(t.Context(), Account{User: romeo, Password: testPassword}); ReasonOf(err) != Forbidden {
			t.Errorf("%s, where nothing is permitted: got %v", name, err)
		}
	}
}

// Without TLS nobody is logged in elsewhere than on this machine, whatever is configured.
func TestPlainElsewhere(t *testing.T) {
	t.Parallel()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil
	})
	if i < 0 {
		t.Skip("this machine has no address but loopback ones")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(addrs[i].(*net.IPNet).IP.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := New(Options{Hosts: map[string]Host{testDomain: {Addr: l.Addr().String(), Plain: true}}})
	if _, err := c.Dial(t.Context(), Account{User: romeo, Password: testPassword}); ReasonOf(err) != Insecure {
		t.Errorf("got %v", err)
	}
}

// A domain is the same in whatever letters it is written.
func TestHostInOtherLetters(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	f := &fake{cert: ca.issue(t, "xn--bcher-kva.example"), mechanisms: all, password: "another", direct: true}
	f.start(t)
	c := New(Options{RootCAs: ca.pool, Hosts: map[string]Host{"Bücher.example": {Addr: f.addr, Direct: true}}})
	if _, err := c.Dial(t.Context(), Account{User: transports.Address{Local: "romeo", Domain: "bücher.example"}, Password: testPassword}); ReasonOf(err) != Password {
		t.Errorf("got %v", err)
	}
}

// A server that says nothing holds nobody: the login ends with its context.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, direct := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		c := New(Options{Hosts: map[string]Host{testDomain: {Addr: l.Addr().String(), Direct: direct}}})
		_, err := c.Dial(ctx, Account{User: transports.Address{Local: "romeo", Domain: testDomain}, Password: testPassword})
		cancel()
		if ReasonOf(err) != Away {
			t.Errorf("direct %v: got %v", direct, err)
		}
	}
}
