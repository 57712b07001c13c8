package c2s

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"time"

	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// Times.
const (
	connectTime = 10 * time.Second
	loginTime   = 30 * time.Second // from the look-up of the name until a resource is bound
	askTime     = 30 * time.Second // for an answer, or a page of an archive
	closeTime   = 3 * time.Second
)

// Limits of what a server may send.
const (
	maxHeader      = 4 << 10   // bytes of a stream header
	maxNegotiation = 64 << 10  // bytes of an element before the login
	maxStanza      = 512 << 10 // bytes
	maxSession     = 64 << 20  // bytes in all
	maxStrangers   = 1000      // stanzas between a request and its answer that are neither its results nor the answer
)

// keptTickets is of how many servers the session tickets of TLS are kept, which spare both sides the work of a full handshake.
const keptTickets = 256

// Options are what a Client is made of.
type Options struct {
	Hosts    map[string]Host // where servers are, by their domain
	Permit   []netip.Prefix  // addresses that servers may have although they are not public
	Resolver *net.Resolver   // nil for the system's
	RootCAs  *x509.CertPool  // nil for the system's
	Pages    int             // of an archive that one reading takes; 0 for 100
}

// Client logs in as users do. It is safe to use from any goroutine.
type Client struct {
	o       Options
	tickets tls.ClientSessionCache
}

// New makes a client.
func New(o Options) *Client {
	hosts := make(map[string]Host, len(o.Hosts))
	for domain, h := range o.Hosts {
		if name, err := asciiName(domain); err == nil {
			hosts[name] = h
		}
	}
	o.Hosts = hosts
	return &Client{o: o, tickets: tls.NewLRUClientSessionCache(keptTickets)}
}

// Account is whose client is to be played.
type Account struct {
	User     transports.Address // bare
	Password store.Secret
}

// Session is a stream on which somebody is logged in, without being seen. It is for one goroutine.
type Session struct {
	user transports.Address
	full transports.Address // with the resource that the server gave us
	w    *wire

	pages int // of an archive that one reading takes

	// Skipped is how many stanzas broke a limit so far and could not be read.
	Skipped int
}

// Dial logs in. All of it ends with ctx, and after half a minute. Its errors are *Error.
func (c *Client) Dial(ctx context.Context, a Account) (*Session, error) {
	if !a.User.IsBare() || a.User.Local == "" || a.User.Domain == "" {
		return nil, fault(NoServer, "%s is nobody's address", a.User)
	}
	name, err := asciiName(a.User.Domain)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	return c.dial(ctx, name, func(conn net.Conn, w way) (*Session, error) {
		wire := newWire(conn)
		stop := wire.bind(ctx)
		defer stop()
		s, err := c.login(ctx, wire, name, w, a)
		return s, asError(ctx, err)
	})
}

// login negotiates a stream up to a resource (RFC 6120 §4.3, §5, §6, §7).
func (c *Client) login(ctx context.Context, w *wire, name string, how way, a Account) (*Session, error) {
	if how.direct {
		if err := c.encrypt(ctx, w, name); err != nil {
			return nil, err
		}
	}
	features, err := w.open(a.User.Domain, maxNegotiation)
	if err != nil {
		return nil, err
	}
	if !how.plain && w.tls == nil {
		if features, err = c.startTLS(ctx, w, features, name, a.User.Domain); err != nil {
			return nil, err
		}
	}
	if err := authenticate(w, features, a); err != nil {
		e, ok := errors.AsType[*Error](asError(ctx, err))
		if ok {
			e.begun = true
		}
		return nil, e
	}
	if features, err = w.open(a.User.Domain, maxStanza); err != nil {
		return nil, err
	}
	s := &Session{user: a.User, w: w, pages: cmp.Or(c.o.Pages, maxPages)}
	return s, s.bind(ctx, features)
}

// startTLS has the server encrypt (RFC 6120 §5.4). A server that offers none is left, whether it has none or somebody took it out.
func (c *Client) startTLS(ctx context.Context, w *wire, features *features, name, domain string) (*features, error) {
	if !features.startTLS {
		return nil, fault(Insecure, "it offers no TLS")
	}
	w.b.StartNS("starttls", nsTLS).End()
	answer, err := w.exchange()
	if err != nil {
		return nil, err
	}
	proceed := answer.Root.Is(nsTLS, "proceed")
	answer.Release()
	switch {
	case !proceed:
		return nil, fault(Insecure, "it does not begin TLS")
	case w.buffered() > 0:
		// What was said in plain text must not pass for what is said inside of TLS.
		return nil, fault(Garbled, "there is something between the answer and TLS")
	}
	if err := c.encrypt(ctx, w, name); err != nil {
		return nil, err
	}
	return w.open(domain, maxNegotiation)
}

// encrypt begins TLS with a server that proves to be the one of the domain (RFC 6120 §13.7, RFC 7590 §3.4).
func (c *Client) encrypt(ctx context.Context, w *wire, name string) error {
	conn := tls.Client(w.conn, &tls.Config{
		ServerName: name, RootCAs: c.o.RootCAs, MinVersion: tls.VersionTLS12, ClientSessionCache: c.tickets,
		NextProtos: []string{"xmpp-client"}, // XEP-0368 §3
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
			return &Error{Reason: Untrusted, Err: err}
		}
		if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" { // as package crypto/tls calls what the peer says
			return &Error{Reason: Insecure, Err: err}
		}
		if ReasonOf(asError(ctx, err)) == Away {
			return asError(ctx, err)
		}
		return &Error{Reason: Insecure, Err: err}
	}
	w.secure(conn)
	return nil
}

// bind has the server give us a resource of its own making (RFC 6120 §7.6): one that says whose it is would tell everybody to whom the user
// says something.
func (s *Session) bind(ctx context.Context, f *features) error {
	if !f.bind {
		return fault(Garbled, "it binds no resource")
	}
	answer, err := s.ask(ctx, "set", "", func(b *stanza.Builder) { b.StartNS("bind", nsBind).End() }, nil)
	if err != nil {
		return err
	}
	full, err := transports.ParseAddress(answer.Root.Child(nsBind, "bind").Child(nsBind, "jid").Text())
	answer.Release()
	if err != nil || full.Bare() != s.user || full.IsBare() {
		return fault(Garbled, "it gives us an address that is none of the user's")
	}
	s.full = full
	if !f.session {
		return nil
	}
	// RFC 3921 §3, of servers that are older than RFC 6121.
	answer, err = s.ask(ctx, "set", "", func(b *stanza.Builder) { b.StartNS("session", nsSession).End() }, nil)
	if err == nil {
		answer.Release()
	}
	return err
}

// User is who is logged in.
func (s *Session) User() transports.Address { return s.user }

// Close leaves. Closing twice is safe. What was said before and is not acknowledged may be lost.
func (s *Session) Close() error { return s.w.close() }
