package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"passerelle/e2e/benchrig"
	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

const (
	domain = "social.localhost"
	host   = "social.example"
	author = "alice@localhost"
	topic  = "https://" + host + "/u/alice.atom"
)

// connections are how many this program has to the gateway.
const connections = 32

// site is everything that runs.
type site struct {
	*benchrig.Site
	peers *peers
	web   string // where its pages are
	http  *http.Client
	said  int // posts
}

// newSite starts everything.
func newSite(ctx context.Context, binary string, hosts int, latency time.Duration) (_ *site, err error) {
	rig, err := benchrig.NewSite("benchsocial")
	if err != nil {
		return nil, err
	}
	s := &site{Site: rig, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	authority, err := realservers.NewAuthority()
	if err != nil {
		return nil, err
	}
	if err := s.startPeers(authority, hosts, latency); err != nil {
		return nil, err
	}
	if err := s.startGateway(ctx, binary, authority.PEM, hosts); err != nil {
		return nil, err
	}
	return s, s.optIn(ctx)
}

// startPeers runs the servers of the others, which are one with a name for each.
func (s *site) startPeers(authority *realservers.Authority, hosts int, latency time.Duration) error {
	cert, key, err := authority.Issue("*.example")
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return err
	}
	l, err := freeport.Listen()
	if err != nil {
		return err
	}
	if s.peers, err = newPeers(freeport.Port(l.Addr().String()), hosts, latency); err != nil {
		return err
	}
	server := &http.Server{Handler: s.peers, ReadHeaderTimeout: time.Minute}
	go func() {
		_ = server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}))
	}() // until Close
	s.OnStop(func() { _ = server.Close() })
	return nil
}

// startGateway runs ours.
func (s *site) startGateway(ctx context.Context, binary, ca string, hosts int) error {
	zone := dnstest.Zone{}
	for i := range hosts {
		zone[peerName(i)] = []string{"A 127.0.0.1"}
	}
	resolver, stop, err := dnstest.Listen(zone)
	if err != nil {
		return err
	}
	s.OnStop(stop)
	port, err := freeport.Choose()
	if err != nil {
		return err
	}
	s.web = freeport.Address(port)
	if err := os.WriteFile(s.File("ca.pem"), []byte(ca), 0o600); err != nil {
		return err
	}
	return s.StartGateway(ctx, binary, fmt.Sprintf(`[[social]]
domain = %q
secret = "s"
server = %q
public_url = "https://%s"
users = "localhost"
permit = ["127.0.0.0/8"]
ca_file = "ca.pem"
resolver = %q
posts_per_hour = 0

[web]
listen = %q
public_url = "https://%[3]s"

[store]
path = %q

[admin]
listen = ""
`, domain, s.XMPP.Addr, host, resolver.Addr, s.web, s.File("passerelle.db")))
}

// optIn has the author take part, and waits until his profile is there.
func (s *site) optIn(ctx context.Context) error {
	s.say("social on")
	for {
		resp, err := s.get(ctx, "/u/alice")
		if err == nil {
			_ = resp.Body.Close() // the status says it all
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// say writes something to the gateway as the author.
func (s *site) say(words string) {
	s.said++
	s.XMPP.Say(fmt.Sprintf(`<message type="chat" id="m%d" from="%s/bench" to="%s"><body>%s</body></message>`, s.said, author, domain, words))
}

// get asks the gateway for a page as a proxy does.
func (s *site) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.web+path, nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	return s.http.Do(req)
}

// peerName is the host of one of the others. Each has a domain of its own: what comes from one domain has a bound.
func peerName(i int) string { return fmt.Sprintf("peer%d.example", i) }

// hostOf is the host of a request without its port.
func hostOf(r *http.Request) string {
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		return name
	}
	return r.Host
}
