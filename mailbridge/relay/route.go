package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"passerelle/internal/safehttp"
)

// Limits of what a domain names.
const (
	maxMX    = 10 // hosts that are tried
	maxAddrs = 4  // addresses of one
)

// toDomain hands a mail to the servers of the domain that its recipients have in common.
func (r *Relay) toDomain(ctx context.Context, m *message, to []int) {
	domain := m.To[to[0]].ASCIIDomain()
	hosts, err := r.mx(ctx, domain)
	var ours failure
	switch {
	case errors.As(err, &ours):
		m.say(to, ours)
		return
	case err != nil:
		m.say(to, failure{Temporary, 451, "4.4.3", "the DNS does not say where mail for " + domain + " goes"})
		return
	}
	policy := r.sts.policy(ctx, domain) // of nil there is none
	if policy.enforced() {
		if hosts = policy.allowed(hosts); len(hosts) == 0 {
			r.o.Log.Warn("the mail servers of a domain are none that its policy allows", "domain", domain)
			m.say(to, failure{Temporary, 451, "4.7.5", "the mail servers of " + domain + " are none that it allows (MTA-STS)"})
			return
		}
	} else if policy != nil && len(policy.allowed(hosts)) < len(hosts) {
		r.o.Log.Warn("a domain has mail servers that its policy, which it tests, would not allow", "domain", domain)
	}
	r.toHosts(ctx, m, to, hosts, policy)
}

// toHosts tries hosts one after the other until one is there (RFC 5321 §5.1).
func (r *Relay) toHosts(ctx context.Context, m *message, to []int, hosts []string, policy *policy) {
	var last error
	lastHost := ""
	for _, host := range hosts {
		secure := policy.enforced()
		key := "mx " + host
		if secure {
			key += " verified"
		}
		err := r.through(ctx, key, m, to, func(ctx context.Context) (*conn, error) { return r.dialMX(ctx, host, policy) })
		if err == nil {
			if !r.goesOn(m, to) {
				return
			}
			continue
		}
		r.o.Log.Info("a mail server cannot be used", "server", host, "error", err)
		last, lastHost = err, host
		if ctx.Err() != nil {
			break
		}
	}
	var open []int
	for _, i := range to {
		if m.results[i].Code == 0 {
			open = append(open, i)
		}
	}
	var ours failure
	switch {
	case len(open) == 0:
	case errors.As(last, &ours):
		m.say(open, ours)
	default:
		r.away(m, open, lastHost, last)
	}
}

// goesOn reports whether another host may do better: where this one has said to nobody more than that it is away.
func (r *Relay) goesOn(m *message, to []int) bool {
	for _, i := range to {
		if !m.results[i].Away {
			return false
		}
	}
	return true
}

// mx are the mail servers of a domain, the preferred ones first (RFC 5321 §5.1). What it says for good is a failure.
func (r *Relay) mx(ctx context.Context, domain string) ([]string, error) {
	found, err := r.resolver().LookupMX(ctx, domain+".")
	switch {
	case len(found) > 0: // some of them may be broken, which is an error too
	case notFound(err):
		// Without any the domain itself is one.
		if _, err := r.resolver().LookupNetIP(ctx, "ip", domain+"."); notFound(err) {
			return nil, failure{Permanent, 550, "5.1.2", "there is no mail domain " + domain}
		} else if err != nil {
			return nil, err
		}
		found = []*net.MX{{Host: domain}}
	case err != nil:
		return nil, err
	default:
		return nil, failure{Permanent, 550, "5.4.4", "the mail servers of " + domain + " have no names"}
	}
	if len(found) == 1 && (found[0].Host == "." || found[0].Host == "") {
		return nil, failure{Permanent, 556, "5.1.10", domain + " takes no mail"} // RFC 7505 §3
	}
	var hosts []string
	for _, one := range found {
		host := strings.ToLower(strings.TrimSuffix(one.Host, "."))
		if r.ours(host) {
			// Those that are preferred to us may be away; what is behind us would hand the mail back to us (RFC 5321 §5.1).
			break
		}
		if host != "" && len(hosts) < maxMX {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return nil, errLoop(domain)
	}
	return hosts, nil
}

// notFound reports whether the DNS says that there is nothing.
func notFound(err error) bool {
	var missing *net.DNSError
	return errors.As(err, &missing) && missing.IsNotFound
}

func (r *Relay) resolver() *net.Resolver {
	if r.o.Resolver != nil {
		return r.o.Resolver
	}
	return net.DefaultResolver
}

func errLoop(domain string) failure {
	return failure{Permanent, 554, "5.4.6", "mail for " + domain + " would come back to this server"}
}

// ours reports whether a host is ourselves by its name.
func (r *Relay) ours(host string) bool { return strings.EqualFold(host, r.o.Hostname) }

// addresses are where a host is, without what is not of the public internet.
func (r *Relay) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := r.resolver().LookupNetIP(ctx, "ip", host+".")
	if notFound(err) {
		return nil, failure{Permanent, 550, "5.4.4", "there is no host " + host}
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	var all []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); len(all) < maxAddrs && (safehttp.Public(a) || r.permitted(a)) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, failure{Permanent, 554, "5.4.4", host + " is not in the public internet"}
	}
	return all, nil
}

func (r *Relay) permitted(a netip.Addr) bool {
	for _, p := range r.o.Permit {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// dialMX connects to a mail server of strangers: encrypted where that works, and only so where they say that it must be.
func (r *Relay) dialMX(ctx context.Context, host string, policy *policy) (*conn, error) {
	addrs, err := r.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		var c *conn
		addr := net.JoinHostPort(a.String(), r.o.port)
		if c, err = r.openMX(ctx, addr, host, policy, true); errors.Is(err, errTLS) && !policy.enforced() && ctx.Err() == nil {
			// What was tried is over, and somebody on the way could have read a mail that is sent without TLS anyway (RFC 7435 §3).
			r.o.Log.Info("a mail server does not manage TLS; going on without", "server", host, "error", err)
			c, err = r.openMX(ctx, addr, host, policy, false)
		}
		var ours failure
		if err == nil || errors.As(err, &ours) || ctx.Err() != nil {
			return c, err
		}
	}
	return nil, err
}

func (r *Relay) openMX(ctx context.Context, addr, host string, policy *policy, encrypt bool) (*conn, error) {
	dialer := net.Dialer{Timeout: r.times.connect}
	plain, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := newConn(plain, host, &r.times)
	undo := c.bind(ctx)
	defer undo()
	err = c.greet(ctx, r.o.Hostname)
	if err == nil && encrypt {
		err = r.encryptMX(ctx, c, policy)
	}
	if err == nil && r.ours(c.name) { // it is us by another name, or behind somebody's back
		err = errLoop(host)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// encryptMX encrypts the connection to a mail server of strangers.
func (r *Relay) encryptMX(ctx context.Context, c *conn, policy *policy) error {
	if !c.offers("STARTTLS") {
		if policy.enforced() {
			return fmt.Errorf("%w: it has a policy that wants TLS and does not offer it", errTLS)
		}
		return nil
	}
	config := &tls.Config{ServerName: c.host, RootCAs: r.o.RootCAs, MinVersion: tls.VersionTLS12}
	if !policy.enforced() {
		// Most certificates of mail servers are not for their names. Whoever is on the way could as well hide that there is TLS.
		config.InsecureSkipVerify = true
		if policy != nil {
			config.VerifyConnection = func(s tls.ConnectionState) error {
				if err := r.verify(s, c.host); err != nil {
					r.o.Log.Warn("a mail server would not be allowed by the policy that its domain tests", "server", c.host, "error", err)
				}
				return nil
			}
		}
	}
	return c.startTLS(ctx, config, r.o.Hostname)
}
