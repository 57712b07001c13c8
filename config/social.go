package config

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Social is a gateway to the social web.
type Social struct {
	Component
	Name       string   `toml:"name" doc:"What people see as the name of the gateway."`
	PublicURL  string   `toml:"public_url" restart:"yes" sample:"https://social.example.org" doc:"Where everybody reaches the pages and feeds of users, without a path: the listener of [web] serves them for this host. Its host is what stands behind the @ of users on the social web. Never change it: everybody who follows users, and everything that they have published, hangs on it. The default is the public_url of [web]."`
	Users      string   `toml:"users" restart:"yes" sample:"example.org" doc:"The domain of the XMPP accounts that have the same names on the social web; names of others get some signs behind them. Never change it. The default is the domain above that of the gateway."`
	AllowHosts []string `toml:"allow_hosts" sample:"*.example.net" doc:"Servers of the social web that take part, and no others: hosts, or *.example.net for whatever is below one. Without it all of them."`
	DenyHosts  []string `toml:"deny_hosts" sample:"spam.example" doc:"Servers that do not."`
	PerHour    int      `toml:"posts_per_hour" doc:"How much a user may publish in an hour, answers and repeats included. 0 means no limit."`
	Follows    int      `toml:"follows" doc:"How many people a user may follow. 0 means no limit."`
	Kept       int      `toml:"posts_kept" doc:"How many posts of each person of other servers are kept for readers."`
	Plain      bool     `toml:"allow_http" restart:"yes" doc:"Whether servers without TLS are spoken to. Everybody on the way can forge what they say."`
	Permit     []string `toml:"permit" restart:"yes" sample:"127.0.0.0/8" doc:"Networks in CIDR notation that may be connected to though their addresses are not public. Names that strangers choose lead there then: it is for servers of your own, and for trying things out."`
	CAFile     string   `toml:"ca_file" restart:"yes" sample:"social-ca.pem" doc:"Certificate authorities (PEM) to trust for other servers besides those of the system."`
	Resolver   string   `toml:"resolver" restart:"yes" sample:"127.0.0.1:53" doc:"The DNS server to ask for them. The default is that of the system."`

	// URL is PublicURL.
	URL *url.URL `toml:"-" of:"public_url"`
	// Permitted are Permit.
	Permitted []netip.Prefix `toml:"-" of:"permit"`
	// Roots are those of CAFile and of the system; nil without.
	Roots *x509.CertPool `toml:"-" of:"ca_file"`
}

func (s *Social) setDefaults() {
	s.Component.setDefaults()
	s.Name = "Social web gateway"
	s.PerHour, s.Follows, s.Kept = 60, 1000, 200
}

// Limits of what an operator may set.
const (
	maxPostsPerHour = 10_000
	maxFollows      = 100_000
	maxPostsKept    = 100_000
)

// social checks a table. Web was checked before.
func (v validator) social(at string, s *Social, c *Config) {
	v.socialURL(child(at, "public_url"), s, c)
	if key := child(at, "users"); v.ok(key) && (s.Users != "" || v.ok(child(at, "domain")) && s.Domain != "") {
		if s.Users == "" {
			_, s.Users, _ = strings.Cut(s.Domain, ".")
		}
		domain, err := foldDomain(s.Users)
		if err != nil || s.Users == "" {
			v.add(key, fmt.Sprintf("%q is no domain", s.Users), "write the domain of your XMPP accounts, such as example.org")
		}
		s.Users = domain
	}
	for name, limit := range map[string]struct{ n, least, most int }{
		"posts_per_hour": {s.PerHour, 0, maxPostsPerHour}, "follows": {s.Follows, 0, maxFollows}, "posts_kept": {s.Kept, 1, maxPostsKept},
	} {
		if key := child(at, name); v.ok(key) && (limit.n < limit.least || limit.n > limit.most) {
			v.add(key, fmt.Sprintf("it must be from %d to %d", limit.least, limit.most), "write a number in these bounds")
		}
	}
	const fix = "write a host such as social.example.net, or *.example.net for all below it"
	for name, hosts := range map[string][]string{"allow_hosts": s.AllowHosts, "deny_hosts": s.DenyHosts} {
		if key := child(at, name); v.ok(key) {
			v.fold(key, hosts, foldHostMask, "%q is no host", fix)
		}
	}
	s.Permitted = v.prefixes(child(at, "permit"), s.Permit)
	if key := child(at, "resolver"); v.ok(key) && s.Resolver != "" {
		v.server(key, s.Resolver, "127.0.0.1:53")
	}
}

// socialURL checks where the pages of users are, and that no two gateways share one: their users would have the same names.
func (v validator) socialURL(key string, s *Social, c *Config) {
	if !v.ok(key) || !v.ok("web.listen") || !v.ok("web.public_url") {
		return
	}
	if c.Web.Listen == "" {
		v.add(key, "nobody reaches it, because there is no listener", "add a table [web] with listen = \"127.0.0.1:5381\" and public_url")
		return
	}
	if s.PublicURL == "" {
		s.PublicURL = c.Web.PublicURL
	}
	u, err := parsePublicURL(s.PublicURL)
	switch {
	case err != nil:
		v.add(key, fmt.Sprintf("%q cannot be used: %s", s.PublicURL, err), "write where others reach it, such as https://social.example.org")
		return
	case u.Path != "": // RFC 8615 §3: WebFinger is at the root of a host
		v.add(key, fmt.Sprintf("%q has a path, and other servers look for users at the root of a host", s.PublicURL), "write it without a path, such as https://social.example.org")
		return
	case u.Scheme != "https" && !s.Plain:
		v.add(key, "it is without TLS, so that others could not know from whom they hear", "write https://…")
		return
	case strings.ToLower(u.Host) != u.Host:
		u.Host = strings.ToLower(u.Host)
	}
	s.URL, s.PublicURL = u, u.String()
	for i := range c.Social {
		if other := &c.Social[i]; other != s && other.URL != nil && other.URL.Host == u.Host {
			v.add(key, fmt.Sprintf("%s has it too, and users would have the same names on the social web", element("social", i)), "give each gateway a host of its own")
			return
		}
	}
}

// foldHostMask brings a host, or *. and what is above others, into the letters of the DNS.
func foldHostMask(s string) (string, bool) {
	star := ""
	if rest, ok := strings.CutPrefix(s, "*."); ok {
		star, s = "*.", rest
	}
	domain, err := foldDomain(s)
	return star + domain, err == nil && domain != ""
}

// social reads what a table names.
func (r resolver) social(at string, s *Social) {
	s.CAFile = r.input(s.CAFile)
	if key := child(at, "ca_file"); r.ok(key) && s.CAFile != "" {
		s.Roots = r.roots(key, s.CAFile)
	}
}

// notes are remarks on a valid table.
func (s *Social) notes() []string {
	var notes []string
	if s.Plain {
		notes = append(notes, s.Domain+": with allow_http, what servers without TLS say can be forged by everybody on the way")
	}
	if len(s.Permitted) > 0 {
		notes = append(notes, s.Domain+": strangers choose names that lead to the networks of permit, and this gateway connects there")
	}
	return notes
}
