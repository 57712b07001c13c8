package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"passerelle/internal/dnstest"
	"passerelle/internal/safehttp"
)

// authority makes certificates that a pool trusts.
func authority(t *testing.T) (pool *x509.CertPool, issue func(names ...string) tls.Certificate) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootKey := newKey()
	sign := func(c *x509.Certificate, key *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, root, key.Public(), rootKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	parsed, err := x509.ParseCertificate(sign(root, rootKey))
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, func(names ...string) tls.Certificate {
		key := newKey()
		c := &x509.Certificate{
			SerialNumber: big.NewInt(2), NotBefore: root.NotBefore, NotAfter: root.NotAfter, DNSNames: names,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if a := net.ParseIP(names[0]); a != nil {
			c.DNSNames, c.IPAddresses = nil, []net.IP{a}
		}
		return tls.Certificate{Certificate: [][]byte{sign(c, key)}, PrivateKey: key}
	}
}

// world is the internet of a test: mail servers at addresses of their own, all at one port, and names for them.
type world struct {
	*testing.T
	dns  *dnstest.Server
	port string
	pool *x509.CertPool
	cert func(...string) tls.Certificate
}

func newWorld(t *testing.T, zone dnstest.Zone) *world {
	w := &world{T: t, dns: dnstest.Start(t, zone)}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is most likely free at the other addresses too
	if err != nil {
		t.Fatal(err)
	}
	_, w.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	w.pool, w.cert = authority(t)
	return w
}

// server is a mail server at an address. With names it has a certificate for them.
func (w *world) server(addr, offers string, answers map[string]string, names ...string) *peer {
	w.Helper()
	if len(names) > 0 {
		offers += ";STARTTLS"
	}
	p := listenAt(w.T, net.JoinHostPort(addr, w.port), behave(offers, answers))
	if len(names) > 0 {
		p.certify(&tls.Config{Certificates: []tls.Certificate{w.cert(names...)}})
	}
	return p
}

func (w *world) relay() *Relay {
	w.Helper()
	return start(w.T, Options{Resolver: w.dns.Resolver(), RootCAs: w.pool, Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, port: w.port})
}

func TestMX(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dnstest.Zone{
		"two.test":           {"MX 20 b.two.test", "MX 10 a.two.test"},
		"a.two.test":         {"A 127.0.7.1"},
		"b.two.test":         {"A 127.0.7.2"},
		"none.test":          {"A 127.0.7.2"},
		"null.test":          {"MX 0 ."},
		"text.test":          {"TXT nothing here"},
		"slow.test":          {"SERVFAIL"},
		"gone.test":          {"MX 10 missing.test"},
		"inside.test":        {"MX 10 inside.two.test"},
		"inside.two.test":    {"A 10.0.0.1"},
		"us.test":            {"MX 10 gw.example.org", "MX 20 b.two.test"},
		"behind.test":        {"MX 10 b.two.test", "MX 20 gw.example.org", "MX 30 a.two.test"},
		"alias.test":         {"MX 10 c.two.test"},
		"c.two.test":         {"A 127.0.7.3"},
		"multi.test":         {"MX 10 m.two.test"},
		"m.two.test":         {"A 127.0.7.9", "A 127.0.7.2"},
		"xn--bcher-kva.test": {"MX 10 b.two.test"},
	})
	a := w.server("127.0.7.1", "SIZE", map[string]string{"RCPT TO:<away@": "421 4.3.2 later", "RCPT TO:<no@": "550 5.1.1 no", "RCPT TO:<soon@": "451 4.7.1 greylisted"})
	b := w.server("127.0.7.2", "SIZE", nil)
	w.server("127.0.7.3", "SIZE", map[string]string{"EHLO": "250-gw.example.org\r\n250 HELP"})
	r := w.relay()
	for _, c := range []struct{ to, want string }{
		{"x@two.test", "sent 250 2.0.0 queued as 1"},
		{"no@two.test", "never 550 5.1.1 no"},
		{"soon@two.test", "later 451 4.7.1 greylisted"},
		{"away@two.test", "sent 250 2.0.0 queued as 1"}, // by b
		{"x@none.test", "sent 250 2.0.0 queued as 1"},
		{"x@multi.test", "sent 250 2.0.0 queued as 1"},
		{"x@bücher.test", "sent 250 2.0.0 queued as 1"},
		{"x@null.test", "never 556 5.1.10 null.test takes no mail"},
		{"x@text.test", "never 550 5.1.2 there is no mail domain text.test"},
		{"x@nowhere.test", "never 550 5.1.2 there is no mail domain nowhere.test"},
		{"x@slow.test", "later 451 4.4.3 the DNS does not say where mail for slow.test goes"},
		{"x@gone.test", "never 550 5.4.4 there is no host missing.test"},
		{"x@inside.test", "never 554 5.4.4 inside.two.test is not in the public internet"},
		{"x@us.test", "never 554 5.4.6 mail for us.test would come back to this server"},
		{"x@behind.test", "sent 250 2.0.0 queued as 1"},
		{"x@alias.test", "never 554 5.4.6 mail for c.two.test would come back to this server"},
	} {
		wantResults(t, send(t, r, envelope(t, c.to)), c.to+" "+c.want)
	}
	if na, nb := len(a.got()), len(b.got()); na != 1 || nb != 5 {
		t.Errorf("the servers got %d and %d mails, want 1 and 5", na, nb)
	}
	// Each domain is a delivery of its own.
	wantResults(t, send(t, r, envelope(t, "x@two.test", "x@null.test", "y@two.test")),
		"x@two.test sent 250 2.0.0 queued as 1", "x@null.test never 556 5.1.10 null.test takes no mail", "y@two.test sent 250 2.0.0 queued as 1")
	if na := len(a.got()); na != 2 {
		t.Errorf("the mail to two people of a domain was sent as %d", na-1)
	}
}

// Towards strangers TLS is used where it works, whatever the certificate.
func TestOpportunisticTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dnstest.Zone{"good.test": {"A 127.0.8.1"}, "other.test": {"A 127.0.8.2"}, "broken.test": {"A 127.0.8.3"}, "refuses.test": {"A 127.0.8.4"}})
	good := w.server("127.0.8.1", "SIZE", nil, "good.test")
	other := w.server("127.0.8.2", "SIZE", nil, "somebody.test")
	broken := w.server("127.0.8.3", "SIZE;STARTTLS", nil)
	broken.certify(&tls.Config{MaxVersion: tls.VersionTLS10, Certificates: []tls.Certificate{w.cert("broken.test")}})
	refuses := w.server("127.0.8.4", "SIZE;STARTTLS", map[string]string{"STARTTLS": "454 4.7.0 not now"})
	r := w.relay()
	for to, p := range map[string]*peer{"good": good, "other": other, "broken": broken, "refuses": refuses} {
		wantResults(t, send(t, r, envelope(t, "x@"+to+".test")), "x@"+to+".test sent 250 2.0.0 queued as 1")
		hellos := 0
		for _, line := range p.said() {
			if strings.HasPrefix(line, "EHLO") {
				hellos++
			}
		}
		// Once in plain text and once again, encrypted or on another connection.
		if want := map[bool]int{true: 1, false: 2}[to == "good" || to == "other"]; hellos != 2 || p.connections() != want {
			t.Errorf("%s: %d connections with %d greetings, want %d with 2", to, p.connections(), hellos, want)
		}
	}
}

// policyServer serves policies over HTTPS.
func (w *world) policyServer(texts map[string]string) (port string) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.9.1:0")
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for name := range texts {
		names = append(names, "mta-sts."+name)
	}
	s := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{w.cert(names...)}},
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.Host)
			text, ok := texts[strings.TrimPrefix(host, "mta-sts.")]
			switch {
			case r.URL.Path != stsPath || !ok || text == "":
				http.NotFound(rw, r)
			case strings.HasPrefix(text, "https:"):
				http.Redirect(rw, r, text, http.StatusFound)
			default:
				rw.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(rw, text)
			}
		}),
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.ServeTLS(l, "", "") }()
	w.Cleanup(func() { s.Close(); <-done })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	const sent = "sent 250 2.0.0 queued as 1"
	policy := func(mode, mx string) string {
		return "version: STSv1\r\nmode: " + mode + "\r\nmx: " + mx + "\r\nmax_age: 86400\r\n"
	}
	type site struct {
		policy, txt, mx string // mx is the host's name; its address is that of the certificate
		addr            string
		want            string
	}
	sites := map[string]site{
		"good.test":     {policy("enforce", "mx.good.test"), "v=STSv1; id=1;", "mx.good.test", "127.0.9.10", sent},
		"wild.test":     {policy("enforce", "*.wild.test"), "v=STSv1; id=1;", "mx.wild.test", "127.0.9.11", sent},
		"name.test":     {policy("enforce", "mx.name.test"), "v=STSv1; id=1;", "mx.name.test", "127.0.9.12", "later 451 4.7.5 "},
		"plain.test":    {policy("enforce", "mx.plain.test"), "v=STSv1; id=1;", "mx.plain.test", "127.0.9.13", "later 451 4.7.5 "},
		"listed.test":   {policy("enforce", "other.listed.test"), "v=STSv1; id=1;", "mx.listed.test", "127.0.9.10", "later 451 4.7.5 the mail servers of listed.test are none that it allows (MTA-STS)"},
		"testing.test":  {policy("testing", "other.testing.test"), "v=STSv1; id=1;", "mx.testing.test", "127.0.9.12", sent},
		"none.test":     {policy("none", "x.test"), "v=STSv1; id=1;", "mx.none.test", "127.0.9.13", sent},
		"no-txt.test":   {policy("enforce", "x.test"), "", "mx.no-txt.test", "127.0.9.13", sent},
		"two-txt.test":  {policy("enforce", "x.test"), "two", "mx.two-txt.test", "127.0.9.13", sent},
		"missing.test":  {"", "v=STSv1; id=1;", "mx.missing.test", "127.0.9.13", sent},
		"broken.test":   {"version: STSv1\nmode: enforce\nmax_age: 86400\n", "v=STSv1; id=1;", "mx.broken.test", "127.0.9.13", sent},
		"redirect.test": {"https://mta-sts.good.test/", "v=STSv1; id=1;", "mx.redirect.test", "127.0.9.13", sent},
	}
	zone := dnstest.Zone{}
	texts := map[string]string{}
	for name, s := range sites {
		zone[name], zone[s.mx], zone["mta-sts."+name] = []string{"MX 10 " + s.mx}, []string{"A " + s.addr}, []string{"A 127.0.9.1"}
		switch {
		case s.txt == "two":
			zone["_mta-sts."+name] = []string{"TXT v=STSv1; id=1", "TXT v=STSv1; id=2"}
		case s.txt != "":
			zone["_mta-sts."+name] = []string{"TXT " + s.txt}
		}
		texts[name] = s.policy
	}
	w := newWorld(t, zone)
	w.server("127.0.9.10", "SIZE", nil, "mx.good.test")
	w.server("127.0.9.11", "SIZE", nil, "mx.wild.test")
	w.server("127.0.9.12", "SIZE", nil, "somebody.test")
	w.server("127.0.9.13", "SIZE", nil)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	client := safehttp.New(safehttp.Options{Permit: loopback, Resolver: w.dns.Resolver(), RootCAs: w.pool})
	t.Cleanup(client.Close)
	clock := time.Now()
	r := start(t, Options{
		Resolver: w.dns.Resolver(), RootCAs: w.pool, Permit: loopback, Policies: client, port: w.port, sts: ":" + w.policyServer(texts),
		Now: func() time.Time { return clock },
	})
	for name, s := range sites {
		got := send(t, r, envelope(t, "x@"+name))
		if !strings.HasPrefix(brief(got[0]), "x@"+name+" "+s.want) {
			t.Errorf("got %s, want %s", brief(got[0]), s.want)
		}
	}
	// What is known is not asked for again, and counts although it is gone since.
	asked := w.dns.Asked("_mta-sts.name.test")
	send(t, r, envelope(t, "x@name.test"))
	if n := w.dns.Asked("_mta-sts.name.test"); n != asked {
		t.Errorf("the DNS was asked %d times more", n-asked)
	}
	delete(zone, "_mta-sts.name.test")
	delete(zone, "mta-sts.name.test")
	w.dns.Set(zone)
	clock = clock.Add(23 * time.Hour)
	if got := send(t, r, envelope(t, "x@name.test")); got[0].Outcome == Sent {
		t.Error("a policy that somebody hides counts no more")
	}
	clock = clock.Add(2 * time.Hour)
	if got := send(t, r, envelope(t, "x@name.test")); got[0].Outcome != Sent {
		t.Errorf("a policy that has expired counts still: %s", brief(got[0]))
	}
}

func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		"version: STSv1\r\nmode: enforce\r\nmx: a.test\r\nmx: *.b.test\r\nmax_age: 604800\r\n", "version: STSv1\nmode: none\nmax_age: 1\n",
		"mode:testing\nversion:STSv1\nmx:x\nmax_age:99999999999\n", ":\n::\nmx\n", "version: STSv1\nversion: STSv2\nmode: enforce\nmx: \nmax_age: 0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePolicy(s)
		if err != nil {
			return
		}
		if len(p.mx) > maxPolicyMX || p.maxAge < 0 || p.maxAge > maxPolicyAge*time.Second || p.enforced() && len(p.mx) == 0 {
			t.Errorf("%q is %+v", s, p)
		}
		p.allowed([]string{"a.test", "x.b.test"})
	})
}
