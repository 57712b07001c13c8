package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"passerelle/e2e/benchrig"

	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

const domain = "mail.localhost"

// site is everything that runs.
type site struct {
	dir     string
	xmpp    *benchrig.XMPPServer
	sink    *counter
	gateway *realservers.Process
	targets []target
	stops   []func()
}

func (s *site) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

// newSite starts everything, or the gateway alone.
func newSite(ctx context.Context, binary string, alone bool) (_ *site, err error) {
	s := &site{sink: newCounter()}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "benchmail-"); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, func() { _ = os.RemoveAll(s.dir) }) // it is below /tmp
	if s.xmpp, err = benchrig.NewXMPPServer(); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, func() { _ = s.xmpp.Close() }) // and the process ends
	sink, err := realservers.StartSink(ctx, realservers.SinkOptions{Args: []string{"-c"}, Log: s.sink})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, sink.Kill)
	if err := s.startGateway(ctx, binary, sink.Addr); err != nil {
		return nil, err
	}
	if alone {
		return s, nil
	}
	return s, errors.Join(s.startPostfix(ctx), s.startDovecot(ctx))
}

// startGateway runs ours.
func (s *site) startGateway(ctx context.Context, binary, sink string) error {
	// It knows no name, so that senders are judged at once: what servers of the internet take is not the gateway's.
	resolver, stop, err := dnstest.Listen(nil)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, stop)
	smtpPort, err1 := freeport.Choose()
	lmtpPort, err2 := freeport.Choose()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	smtp, lmtp := freeport.Address(smtpPort), freeport.Address(lmtpPort)
	file := filepath.Join(s.dir, "passerelle.toml")
	config := fmt.Sprintf(`[[mail]]
domain = %q
secret = "s"
server = %q
listen = %q
lmtp = %q
trusted = ["127.0.0.0/8"]
smarthost = %q
smarthost_tls = "none"
resolver = %q
messages_per_minute = 0
messages_per_day = 0
new_recipients_per_minute = 0
strangers = "pass"

[[mail.addresses]]
domain = "bench.test"
users = "localhost"

[store]
path = %q

[admin]
listen = ""

[web]
listen = "unix:%s"
public_url = "https://bench.test"

[files]
max_size = 32
user_quota = 1024
`, domain, s.xmpp.Addr, smtp, lmtp, sink, resolver.Addr, filepath.Join(s.dir, "passerelle.db"), filepath.Join(s.dir, "web"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	p, err := realservers.Spawn(exec.Command(binary, "serve", "-config", file), os.Stderr)
	if err != nil {
		return err
	}
	s.gateway = p
	s.stops = append(s.stops, p.Stop)
	to := func(i int) string { return fmt.Sprintf("user%d@bench.test", i) }
	s.targets = append(s.targets,
		target{name: "passerelle, LMTP", addr: lmtp, lmtp: true, to: to, xmpp: s.xmpp, process: p},
		target{name: "passerelle, SMTP", addr: smtp, to: to, xmpp: s.xmpp, process: p})
	return s.xmpp.Await(ctx)
}

// startPostfix runs a Postfix that throws away what it has taken.
func (s *site) startPostfix(ctx context.Context) error {
	p, err := realservers.StartPostfix(ctx, realservers.PostfixOptions{Routes: map[string]string{"discard.test": "discard:"}})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = p.Stop() }) // what it leaves is below /tmp
	s.targets = append(s.targets, target{name: "Postfix, discard", addr: p.Addr, to: func(i int) string { return fmt.Sprintf("user%d@discard.test", i) }})
	return nil
}

// startDovecot runs a Dovecot that keeps what it has taken on the disk, in a mailbox for each session.
func (s *site) startDovecot(ctx context.Context) error {
	user := func(i int) string { return fmt.Sprintf("user%d@dovecot.test", i) }
	users := make(map[string]string)
	for i := range maxRecipient {
		users[user(i)] = "x"
	}
	d, err := realservers.StartDovecot(ctx, realservers.DovecotOptions{Users: users})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = d.Stop() }) // what it leaves is below /tmp
	s.targets = append(s.targets, target{name: "Dovecot LMTP, maildir", addr: d.LMTP, lmtp: true, to: user})
	return nil
}
