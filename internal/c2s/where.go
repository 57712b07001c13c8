package c2s

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"passerelle/internal/safehttp"
)

// Bounds of what a domain may have us try.
const (
	maxTargets   = 6 // hosts and ports of its SRV records
	maxAddresses = 3 // of a host
)

// defaultPort is where a server without SRV records is (RFC 6120 §3.2.2).
const defaultPort = 5222

// Host says where the server of a domain is, in place of what the DNS says.
type Host struct {
	Addr string // host and port
	// Direct says that TLS begins at once (XEP-0368), rather than when it is asked for.
	Direct bool
	// Plain says that there is no TLS. It is for a server on the same machine alone: elsewhere than at a loopback address it is not believed.
	Plain bool
}

// target is something to connect to.
type target struct {
	host   string
	port   uint16
	direct bool
}

// names has domains as the DNS and certificates have them (RFC 6120 §13.7.1.2.1). It lets through what is in use without being a proper
// name of a host.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.VerifyDNSLength(true))

// asciiName is a domain in the letters of the DNS.
func asciiName(domain string) (string, error) {
	name, err := names.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil {
		return "", fault(NoServer, "%.100q is no domain", domain)
	}
	return name, nil
}

// targets are where the server of a domain may be, in the order in which they are to be tried (RFC 6120 §3.2, XEP-0368 §3).
func (c *Client) targets(ctx context.Context, name string) ([]target, error) {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return []target{{host: ip.String(), port: defaultPort}}, nil
	}
	direct, errDirect := c.services(ctx, "xmpps-client", name)
	start, errStart := c.services(ctx, "xmpp-client", name)
	type ranked struct {
		target
		priority uint16
	}
	var all []ranked
	for i, list := range [][]*net.SRV{direct, start} {
		for _, one := range list {
			host := strings.TrimSuffix(one.Target, ".")
			if host == "" || !portAllowed(one.Port) {
				continue
			}
			all = append(all, ranked{target{host: host, port: one.Port, direct: i == 0}, one.Priority})
		}
	}
	// One list for both, and what encrypts at once first where the domain does not care.
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.priority, b.priority) })
	found := make([]target, 0, maxTargets)
	for _, one := range all[:min(len(all), maxTargets)] {
		found = append(found, one.target)
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(direct)+len(start) > 0:
		return nil, fault(NoServer, "%s says that it has no server for clients", name) // RFC 2782: the target "."
	case errDirect != nil || errStart != nil:
		return nil, &Error{Reason: Away, Err: errors.Join(errDirect, errStart)}
	default:
		return []target{{host: name, port: defaultPort}}, nil
	}
}

// services looks up SRV records; there being none is no error.
func (c *Client) services(ctx context.Context, service, name string) ([]*net.SRV, error) {
	_, found, err := c.resolver().LookupSRV(ctx, service, "tcp", name+".")
	if notFound(err) || len(found) > 0 { // some of them may be broken, which is an error too
		return found, nil
	}
	return nil, err
}

// portAllowed keeps us away from the ports of other protocols.
func portAllowed(port uint16) bool { return port == 80 || port == 443 || port >= 1024 }

// addresses are where a host is, without what is not of the public internet.
func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		found = []netip.Addr{ip}
	} else if found, err = c.resolver().LookupNetIP(ctx, "ip", host+"."); notFound(err) {
		return nil, fault(NoServer, "there is no host %s", host)
	} else if err != nil {
		return nil, &Error{Reason: Away, Err: err}
	}
	all := make([]netip.Addr, 0, maxAddresses)
	for _, a := range found {
		if a = a.Unmap(); len(all) < maxAddresses && (safehttp.Public(a) || c.permitted(a)) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, fault(Forbidden, "%s is not in the public internet", host)
	}
	return all, nil
}

func (c *Client) permitted(a netip.Addr) bool {
	return slices.ContainsFunc(c.o.Permit, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (c *Client) resolver() *net.Resolver {
	if c.o.Resolver != nil {
		return c.o.Resolver
	}
	return net.DefaultResolver
}

// notFound reports whether the DNS says that there is nothing.
func notFound(err error) bool {
	missing, ok := errors.AsType[*net.DNSError](err)
	return ok && missing.IsNotFound
}

// dial connects to the server of a domain, at the first of its places where somebody is.
func (c *Client) dial(ctx context.Context, name string, talk func(net.Conn, way) (*Session, error)) (*Session, error) {
	if h, ok := c.o.Hosts[name]; ok {
		return c.dialHost(ctx, h, talk)
	}
	targets, err := c.targets(ctx, name)
	if err != nil {
		return nil, err
	}
	var first error
	for _, t := range targets {
		addrs, err := c.addresses(ctx, t.host)
		for _, a := range addrs {
			var s *Session
			s, err = c.connect(ctx, netip.AddrPortFrom(a, t.port).String(), way{direct: t.direct}, talk)
			if err == nil || !elsewhere(err) || ctx.Err() != nil {
				return s, err
			}
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// way is how a server is spoken to.
type way struct{ direct, plain bool }

// dialHost connects to where the operator says that a domain's server is.
func (c *Client) dialHost(ctx context.Context, h Host, talk func(net.Conn, way) (*Session, error)) (*Session, error) {
	return c.connect(ctx, h.Addr, way{direct: h.Direct, plain: h.Plain}, func(conn net.Conn, w way) (*Session, error) {
		if ap, err := netip.ParseAddrPort(conn.RemoteAddr().String()); w.plain && (err != nil || !ap.Addr().Unmap().IsLoopback()) {
			return nil, fault(Insecure, "%s is not on this machine, and without TLS nobody is logged in to it", h.Addr)
		}
		return talk(conn, w)
	})
}

func (c *Client) connect(ctx context.Context, addr string, w way, talk func(net.Conn, way) (*Session, error)) (*Session, error) {
	d := net.Dialer{Timeout: connectTime, Resolver: c.resolver()}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, asError(ctx, err)
	}
	s, err := talk(conn, w)
	if err != nil {
		_ = conn.Close() // the error of the talk is the one that matters
		return nil, err
	}
	return s, nil
}

// elsewhere reports whether another place of the same domain may do better. Where a password was tried none is.
func elsewhere(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.begun {
		return false
	}
	switch e.Reason {
	case Away, Garbled, Untrusted, Insecure:
		return true
	default:
		return false
	}
}
