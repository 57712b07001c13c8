package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"passerelle/e2e/client"
	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

// The two gateways to the social web: one of them is alice's, the other guest's.
const (
	socialDomain      = "social.localhost"
	otherSocialDomain = "elsewhere.localhost"
)

// socialServers are what gateways to the social web find each other by.
type socialServers struct {
	dir       string
	authority *realservers.Authority
	names     *dnstest.Server
	hosts     [2]string // with the port
	web       [2]string // where the listeners are
	stop      func()
}

// startSocial makes names and certificates.
func startSocial(dir string) (s *socialServers, err error) {
	s = &socialServers{dir: dir}
	if s.authority, err = realservers.NewAuthority(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "social-ca.pem"), []byte(s.authority.PEM), 0o600); err != nil {
		return nil, err
	}
	zone := dnstest.Zone{}
	for i, host := range []string{"chat.example", "elsewhere.example"} {
		zone[host] = []string{"A 127.0.0.1"}
		port, err := freeport.Choose()
		if err != nil {
			return nil, err
		}
		s.web[i] = freeport.Address(port)
		s.hosts[i] = host + ":" + freeport.Port(s.web[i])
		cert, key, err := s.authority.Issue(host)
		if err := errors.Join(err, os.WriteFile(s.file(i, "cert"), []byte(cert), 0o600), os.WriteFile(s.file(i, "key"), []byte(key), 0o600)); err != nil {
			return nil, err
		}
	}
	s.names, s.stop, err = dnstest.Listen(zone)
	return s, err
}

func (s *socialServers) file(i int, name string) string {
	return filepath.Join(s.dir, fmt.Sprintf("social-%s%d.pem", name, i))
}

// config are the tables of one of the gateways.
func (s *socialServers) config(domain string, i int, secret, xmpp string) string {
	return fmt.Sprintf(`
[[social]]
domain = %q
secret = %q
server = %q
users = "localhost"
permit = ["127.0.0.0/8"] # only because the other one is on this machine
ca_file = %q
resolver = %q

[web]
listen = %q
public_url = "https://%s"
cert_file = %q
key_file = %q
`, domain, secret, xmpp, filepath.Join(s.dir, "social-ca.pem"), s.names.Addr, s.web[i], s.hosts[i], s.file(i, "cert"), s.file(i, "key"))
}

// page is a page of alice's gateway, as everybody sees it.
func (s *socialServers) page(ctx context.Context, path string) (string, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.authority.PEM))
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.web[0])
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.hosts[0]+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), errors.Join(err, resp.Body.Close())
}

// inPublic is a post that everybody sees on a page, and a follower on another gateway in his chat; his answer comes back as one.
func (p *play) inPublic(ctx context.Context, xmpp, password string, s *socialServers) error {
	title := "alice, with an XMPP client"
	fmt.Fprintf(p.out, "\n  %s%sguest, on another social gateway\n  %s%s%s\n", title, strings.Repeat(" ", width-len(title)),
		strings.Repeat("─", 44), strings.Repeat(" ", width-44), strings.Repeat("─", 44))
	var people [2]*xmppActor
	for i, name := range []string{"alice", "guest"} {
		c, err := client.Login(ctx, xmpp, name, password, "social")
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // everything was said by then
		people[i] = &xmppActor{c: c}
		if err := people[i].send(ctx, `<presence/>`); err != nil {
			return err
		}
	}
	alice, guest := people[0], people[1]
	say := func(side bool, who *xmppActor, name, to, words, from, answer string) error {
		p.does(side, name+" says to "+to+": "+words)
		if err := who.send(ctx, `<message type='chat' id='`+name+fmt.Sprint(p.arrived)+`' to='`+to+`'><body>`+words+`</body></message>`); err != nil {
			return err
		}
		_, err := who.expect(ctx, `<message type='chat' from='`+from+`'><body>*`+answer+`*</body></message>`)
		return err
	}
	if err := say(xmppSide, alice, "alice", socialDomain, "social on", socialDomain, "alice@"+s.hosts[0]); err != nil {
		return err
	}
	if err := say(otherSide, guest, "guest", otherSocialDomain, "social on", otherSocialDomain, "guest@"+s.hosts[1]); err != nil {
		return err
	}
	if err := say(otherSide, guest, "guest", otherSocialDomain, "follow alice@"+s.hosts[0], otherSocialDomain, "You follow alice"); err != nil {
		return err
	}
	if _, err := alice.expect(ctx, `<message type='chat'><body>*guest@`+s.hosts[1]+`*</body></message>`); err != nil {
		return err
	}
	p.sees(xmppSide, "alice sees that guest@"+s.hosts[1]+" follows her")
	return p.postAndAnswer(ctx, alice, guest, s)
}

// postAndAnswer is the rest of it.
func (p *play) postAndAnswer(ctx context.Context, alice, guest *xmppActor, s *socialServers) error {
	const said = "Hello, social web!"
	p.does(xmppSide, "alice says to "+socialDomain+": post "+said)
	if err := alice.send(ctx, `<message type='chat' id='post' to='`+socialDomain+`'><body>post `+said+`</body></message>`); err != nil {
		return err
	}
	shown, cancel := context.WithTimeoutCause(ctx, arrival, errors.New("the post is not on alice's page"))
	defer cancel()
	for {
		page, err := s.page(shown, "/u/alice")
		if err == nil && strings.Contains(page, said) {
			break
		}
		select {
		case <-shown.Done():
			return context.Cause(shown)
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.sees(xmppSide, "everybody sees it at https://"+s.hosts[0]+"/u/alice")
	post, err := guest.expect(ctx, `<message type='chat' from='*@`+otherSocialDomain+`'><body>*`+said+`*</body></message>`)
	if err != nil {
		return err
	}
	p.sees(otherSide, "guest sees "+post.Get("from")+" say it")
	p.does(otherSide, "guest answers: Welcome!")
	if err := guest.send(ctx, `<message type='chat' id='answer' to='`+post.Get("from")+`'><body>Welcome!</body>`+
		`<reply xmlns='urn:xmpp:reply:0' to='`+post.Get("from")+`' id='`+post.Get("id")+`'/></message>`); err != nil {
		return err
	}
	answer, err := alice.expect(ctx, `<message type='chat' from='*@`+socialDomain+`'><body>*Welcome!*</body></message>`)
	if err != nil {
		return err
	}
	p.sees(xmppSide, "alice sees "+answer.Get("from")+" answer her: Welcome!")
	return nil
}
