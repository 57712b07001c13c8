package activity

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Owns reports whether an id may have been given out by an actor: the authority of the id is the host of his URI. Nobody else's posts can be taken over
// or taken back. Who has another name below or above it is somebody else: on many hosts everybody has a name of his own (alice.example.io). Only "www."
// in front changes nothing, unless it would be somebody's name itself.
func Owns(actorURI, id string) bool {
	host, port := hostOf(actorURI)
	authority, idPort, tag := authorityOf(id)
	return host != "" && withoutWWW(host) == withoutWWW(authority) && (tag || port == idPort) // no port stands in a tag:
}

// withoutWWW is a host without "www." in front, where what is left is one site.
func withoutWWW(host string) string {
	bare, ok := strings.CutPrefix(host, "www.")
	if !ok {
		return host
	}
	if suffix, _ := publicsuffix.PublicSuffix(bare); suffix == bare {
		return host
	}
	return bare
}

// authorityOf is who gives out an id: the host of a URL, or the authority of a tag: URI (RFC 4151 §2.1), without what stands before its "@".
func authorityOf(id string) (host, port string, tag bool) {
	rest, tag := strings.CutPrefix(id, "tag:")
	if !tag {
		host, port = hostOf(id)
		return host, port, false
	}
	authority, _, ok := strings.Cut(rest, ",")
	if !ok {
		return "", "", true
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	authority, _, _ = strings.Cut(authority, ":")
	return ascii(authority), "", true
}

// hostOf is the host of a URL, and its port where that is not the usual one; empty for what is none.
func hostOf(s string) (host, port string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return "", ""
	}
	if port = u.Port(); port == "443" || port == "80" && u.Scheme == "http" {
		port = ""
	}
	return ascii(u.Hostname()), port
}

// ascii is a host as it stands in the DNS; empty for what cannot.
func ascii(host string) string {
	host = strings.TrimSuffix(host, ".")
	if strings.Contains(host, ":") { // an address
		return strings.ToLower(host)
	}
	a, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return ""
	}
	return a
}

// Organisation is whom a host belongs to, for what is limited: who has a domain has as many names below it as he likes. It is an address with its port,
// or a public suffix, where the host is one.
func Organisation(host string) string {
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	if org, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil && net.ParseIP(name) == nil {
		return org
	}
	return host
}
