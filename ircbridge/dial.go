package ircbridge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// dialTimeout bounds the way to a connection that can be spoken on: name, TCP and TLS.
const dialTimeout = 30 * time.Second

// defaultPort is that of IRC over TLS (RFC 7194).
const defaultPort = "6697"

// cause is why a session has no connection.
type cause struct {
	err   *transports.Error
	final bool // trying again would not help
	// patient says that trying again soon would not help.
	patient bool
	// unreachable says that nothing was there to speak with, which is so for everybody.
	unreachable bool
	upgrade     bool // the network asks to be reached with TLS
}

// dial connects somebody to the first address of n that takes us. It shows a certificate where the network asks for one.
func (t *Transport) dial(ctx context.Context, user transports.Address, n *Network, shown []tls.Certificate) (conn net.Conn, why *cause) {
	for _, address := range n.Addresses {
		if conn, why = t.dialAddress(ctx, user, n, address, shown); why == nil {
			break
		}
	}
	return conn, why
}

// dialAddress connects to an address of n and verifies whom it talks to.
func (t *Transport) dialAddress(ctx context.Context, user transports.Address, n *Network, address string, shown []tls.Certificate) (net.Conn, *cause) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := t.rules().Identity.known(user, func() (net.Conn, error) { return t.dialer(user, n)(ctx, "tcp", address) })
	if err != nil {
		return nil, t.unreached(n, err)
	}
	if n.Plain {
		return conn, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	secured := tls.Client(conn, n.tlsConfig(host, shown))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, dialFault(n, errors.Join(fmt.Errorf("tls handshake: %w", err), conn.Close()))
	}
	return secured, nil
}

// linkOf says what a connection is like.
func linkOf(nc net.Conn, since time.Time, origin string) transports.Link {
	l := transports.Link{Address: intern(nc.RemoteAddr().String()), Since: since, Origin: origin}
	if secured, ok := nc.(*tls.Conn); ok {
		state := secured.ConnectionState()
		l.TLS = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
		l.Fingerprint = fingerprintOf(state)
	}
	return l
}

// fingerprintOf is that of the certificate that a server has shown, and proved to have.
func fingerprintOf(state tls.ConnectionState) string {
	sum := sha256.Sum256(state.PeerCertificates[0].Raw) // servers have one
	return hex.EncodeToString(sum[:])
}

// dialer is the operator's own where he gave one. The system's checks the address of a server that a user named once its
// name is resolved, so that no name leads to what stands behind our firewall.
func (t *Transport) dialer(user transports.Address, n *Network) func(ctx context.Context, network, address string) (net.Conn, error) {
	if t.opt.Dial != nil {
		return t.opt.Dial
	}
	d := &net.Dialer{KeepAlive: -1} // the session has its own
	if !n.configured {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			return t.rules().Reach.check(address)
		}
	}
	source := t.rules().Identity.Source
	if !source.IsValid() {
		return d.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		own := *d
		own.LocalAddr = &net.TCPAddr{IP: t.rules().Identity.address(user, source).AsSlice()}
		conn, err := own.DialContext(ctx, network, address)
		if _, ok := errors.AsType[*net.AddrError](err); ok { // the server has no address of that kind
			return d.DialContext(ctx, network, address)
		}
		return conn, err
	}
}

// unreached says in words why n cannot be reached.
func (t *Transport) unreached(n *Network, err error) *cause {
	why := dialFault(n, err)
	if like := t.like(n.ID); why.err.Kind == transports.NoServer && !n.configured && (n.host == "" || n.host == n.ID) && like != "" {
		why.err = refused(why.err.Kind, "%s Did you mean %s?", why.err, cmp.Or(t.known(like), like)).Because(err)
	}
	why.unreachable = !why.final
	return why
}

// dialFault says in words why there is no connection.
func dialFault(n *Network, err error) *cause {
	name := n.ID
	if n.host != "" && n.host != n.ID {
		name += " (" + n.host + ")"
	}
	fault := func(kind transports.Kind, final bool, format string) *cause {
		why := refused(kind, format, name)
		if u, ok := errors.AsType[*untrustedError](err); ok {
			why = refused(kind, "%s Its fingerprint (SHA-256) is %s: if you know that it is the server's, set that with the command configure.", why, u.fingerprint)
		}
		return &cause{err: why.Because(err), final: final}
	}
	if errors.Is(err, errDeniedAddress) {
		return fault(transports.Denied, true, "The operator of this gateway does not let it connect to the address of %s.")
	}
	if errors.Is(err, errNotPublic) {
		return fault(transports.Denied, true, "%s is not a server on the public internet, so you cannot connect to it from here.")
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsTimeout {
		return fault(transports.NoServer, false, "There is no server called %s.")
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fault(transports.Offline, false, "The certificate of %s is not trusted: nobody known has signed it.")
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fault(transports.Offline, false, "The certificate of %s is not trusted: it is for another name.")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return fault(transports.Offline, false, "The certificate of %s is not trusted: it has expired or is not valid yet.")
		}
		return fault(transports.Offline, false, "The certificate of %s is not trusted.")
	}
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(plain.RecordHeader[:]) == girc.ERROR { // RFC 2812 §3.7.4, where it was not to be said
			return n.hungUp(err)
		}
		return fault(transports.Offline, false, "%s does not speak TLS on this port.")
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fault(transports.Offline, false, "%s refused the connection.")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return n.hungUp(err)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return fault(transports.Offline, false, "%s does not answer.")
	}
	return fault(transports.Offline, false, "%s cannot be reached.")
}
