package safehttp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// refused4 and refused6 are the networks that nobody outside should name: the special-purpose addresses of the IANA's registries (RFC
// 6890 and what was added since) that are not reachable from everywhere, or lead back in.
var refused4 = prefixes(
	"0.0.0.0/8",       // RFC 791 §3.2: this network; Linux takes 0.0.0.0 for itself
	"10.0.0.0/8",      // RFC 1918 §3
	"100.64.0.0/10",   // RFC 6598 §7: behind a provider's NAT
	"127.0.0.0/8",     // RFC 1122 §3.2.1.3: loopback
	"169.254.0.0/16",  // RFC 3927 §2.1: link-local, where clouds keep their secrets
	"172.16.0.0/12",   // RFC 1918 §3
	"192.0.0.0/24",    // RFC 6890 §2.2.2
	"192.0.2.0/24",    // RFC 5737 §3: documentation
	"192.88.99.0/24",  // RFC 7526 §6: relays of 6to4
	"192.168.0.0/16",  // RFC 1918 §3
	"198.18.0.0/15",   // RFC 2544 §C.2.2: benchmarks
	"198.51.100.0/24", // RFC 5737 §3
	"203.0.113.0/24",  // RFC 5737 §3
	"224.0.0.0/4",     // RFC 5771 §3: multicast
	"240.0.0.0/4",     // RFC 1112 §4: reserved, broadcast
)

// Of IPv6 only global unicast addresses are public (RFC 4291 §2.4, allocated from 2000::/3), without these.
var (
	global6  = netip.MustParsePrefix("2000::/3")
	refused6 = prefixes(
		"2001::/23",     // RFC 2928: protocols, Teredo (RFC 4380) and ORCHID (RFC 7343) among them
		"2001:db8::/32", // RFC 3849: documentation
		"2002::/16",     // RFC 3056 §2: 6to4, which holds an IPv4 address and is of the past
		"3fff::/20",     // RFC 9637: documentation
	)
	// nat64 holds an IPv4 address in its last bytes (RFC 6052 §2.1). A network's own prefix for that (§2.2) cannot be told from others.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Public reports whether an address is one that anybody could reach from anywhere. Safe to call from any goroutine.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap() // RFC 4291 §2.5.5.2
	if a.Is4() {
		return !within(a, refused4)
	}
	if nat64.Contains(a) {
		b := a.As16()
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return global6.Contains(a) && !within(a, refused6)
}

// maxURL is how long a URL may be, in bytes.
const maxURL = 4096

// parseURL reads a URL that a stranger named. What it resolves to is checked when it is dialled.
func parseURL(s string) (*url.URL, error) {
	if len(s) > maxURL {
		return nil, errors.New("it is too long")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no URL") // the error of url.Parse repeats all of it
	}
	return u, checkURL(u)
}

// checkURL is parseURL for a URL that was read already, as that of a redirect.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("its scheme is %.20q, and only http and https are followed", u.Scheme)
	case u.User != nil:
		return errors.New("there is a user name in it")
	case u.Hostname() == "" || u.Opaque != "":
		return errors.New("there is no host in it")
	case strings.ContainsRune(u.Host, '%'): // RFC 6874: a zone is of this machine
		return errors.New("its host is no host of everybody's")
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || !portAllowed(uint16(n)) {
			return fmt.Errorf("its port %s is none of web servers", port)
		}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.Zone() != "" {
		return errors.New("its host is no host of everybody's")
	}
	return nil
}

// Origin is the server that a URL names, as scheme, host and port (RFC 6454 §4): the same for all spellings of them.
func Origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10)
	}
	switch {
	case port != "":
	case scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// portAllowed keeps requests away from the ports of other protocols, which could take a request for words of their own. Upload
// services are at ports such as 5281.
func portAllowed(port uint16) bool {
	switch {
	case port == 80 || port == 443:
		return true
	case port < 1024:
		return false
	}
	return port < 6660 || port > 6669 && port != 6697 // IRC
}
