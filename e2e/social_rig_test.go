package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

// socialGateway is a gateway to the social web, which speaks with others over TLS.
type socialGateway struct {
	ownGateway
	name string // host and port of its pages, which its users have behind the @
	web  string // where the listener is
	ca   string // the file of the authority that vouches for all of them
}

// socialWorld is where gateways find each other: names, and an authority that all of them trust.
type socialWorld struct {
	t         testing.TB
	program   string
	authority *realservers.Authority
	names     *dnstest.Server
}

func newSocialWorld(t testing.TB) *socialWorld {
	t.Helper()
	authority, err := realservers.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return &socialWorld{t: t, program: build(t), authority: authority, names: dnstest.Start(t, dnstest.Zone{
		"one.example": {"A 127.0.0.1"}, "two.example": {"A 127.0.0.1"}, "three.example": {"A 127.0.0.1"},
	})}
}

// gateway writes the configuration of a gateway to the social web, with the pages of its users at a host. Lines are for its table.
func (w *socialWorld) gateway(host string, s *servers, lines string) *socialGateway {
	t := w.t
	t.Helper()
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	web := freeport.Address(port)
	g := &socialGateway{ownGateway: ownGateway{bareGateway(t, w.program, "of "+host), t, s}, name: host + ":" + freeport.Port(web), web: web}
	g.ca = filepath.Join(g.dir, "ca.pem")
	cert, key, err := w.authority.Issue(host)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.WriteFile(g.ca, []byte(w.authority.PEM), 0o600),
		os.WriteFile(filepath.Join(g.dir, "cert.pem"), []byte(cert), 0o600),
		os.WriteFile(filepath.Join(g.dir, "key.pem"), []byte(key), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	g.write(t, fmt.Sprintf(`
[[social]]
domain = %q
secret = %q
server = %q
admins = ["carol@localhost"]
users = "localhost"
permit = ["127.0.0.0/8"]
ca_file = "ca.pem"
resolver = %q
%s

[web]
listen = %q
public_url = "https://%s"
cert_file = "cert.pem"
key_file = "key.pem"

[store]
path = %q

[admin]
listen = %q

[log]
level = "debug"
identities = true
`, gatewayDomain, gatewaySecret, s.componentAddr, w.names.Addr, lines, web, g.name, g.database(), "unix:"+g.socket()))
	return g
}

// contact is the JID of somebody of another gateway as users of this one have it.
func (g *socialGateway) contact(name string, of *socialGateway) string {
	return name + `\40` + strings.ReplaceAll(of.name, ":", `\3a`) + "@" + gatewayDomain
}
