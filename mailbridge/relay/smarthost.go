package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// check says what of a smarthost cannot be.
func (s *Smarthost) check() error {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return fmt.Errorf("read %q: %w", s.Addr, err)
	}
	if s.TLS == TLSNone && s.User != "" && !private(host) {
		return errors.New("a password is not sent without TLS but to this machine itself")
	}
	return nil
}

// private reports whether nobody is on the way to a host who could read along.
func private(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".onion")
}

// toSmarthost hands a mail to the smarthost.
func (r *Relay) toSmarthost(ctx context.Context, m *message, to []int) {
	s := r.o.Smarthost
	key := "smarthost " + s.Addr
	err := r.through(ctx, key, m, to, func(ctx context.Context) (*conn, error) { return r.dialSmarthost(ctx) })
	if err != nil {
		r.o.Log.Warn("the smarthost cannot be used", "server", s.Addr, "error", err)
		r.away(m, to, s.Addr, err)
		return
	}
	for _, i := range to {
		// What it says of us and not of the mail the operator can change (RFC 4954 §6).
		switch res := &m.results[i]; res.Code {
		case 530, 534, 535, 538:
			r.o.Log.Error("the smarthost wants a login that it does not get", "server", s.Addr, "reply", res.Text)
			res.Outcome, res.Away = Temporary, true
		}
	}
}

// dialSmarthost connects to the smarthost, in the way that the operator wants and in no other.
func (r *Relay) dialSmarthost(ctx context.Context) (*conn, error) {
	s := r.o.Smarthost
	host, _, _ := net.SplitHostPort(s.Addr)
	dialer := net.Dialer{Timeout: r.times.connect, Resolver: r.o.Resolver}
	plain, err := dialer.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	c := newConn(plain, host, &r.times)
	undo := c.bind(ctx)
	defer undo()
	if err := r.openSmarthost(ctx, c, host); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (r *Relay) openSmarthost(ctx context.Context, c *conn, host string) error {
	s := r.o.Smarthost
	config := &tls.Config{ServerName: host, RootCAs: r.o.RootCAs, MinVersion: tls.VersionTLS12}
	if s.TLS == TLSImplicit {
		if err := c.handshake(ctx, config); err != nil {
			return err
		}
	}
	if err := c.greet(ctx, r.o.Hostname); err != nil {
		return err
	}
	if s.TLS == TLSStart {
		if !c.offers("STARTTLS") {
			return fmt.Errorf("%w: the server does not offer STARTTLS", errTLS)
		}
		if err := c.startTLS(ctx, config, r.o.Hostname); err != nil {
			return err
		}
	}
	if s.User == "" {
		return nil
	}
	return c.login(ctx, s.User, s.Password)
}

// through hands a mail over on a connection to a host: one that waits there, or a new one. The error says that there is none.
func (r *Relay) through(ctx context.Context, key string, m *message, to []int, dial func(context.Context) (*conn, error)) error {
	if err := r.pool.enter(ctx, key); err != nil {
		return err
	}
	var used *conn
	defer func() { r.pool.leave(key, used) }()
	for {
		if used = r.pool.take(key); used == nil {
			break
		}
		if used.deliver(ctx, m, to) == nil {
			return nil
		}
		_ = used.Close() // it was over
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	used = c
	return used.deliver(ctx, m, to) // a new one is never over
}

// away is the result where there was no connection.
func (r *Relay) away(m *message, to []int, host string, err error) {
	code, enhanced := 451, "4.4.1"
	text := because(err)
	var said *refusal
	switch {
	case errors.Is(err, errTLS):
		enhanced = "4.7.5"
	case errors.As(err, &said):
		_, text = said.status()
		text = said.what + ": " + text
		enhanced = "4.3.0"
	}
	for _, i := range to {
		m.results[i] = Result{
			To: m.To[i], Outcome: Temporary, Code: code, Enhanced: enhanced, Host: host, Away: true,
			Text: text,
		}
	}
}
