package main

import (
	"context"
	"errors"
	"fmt"

	"passerelle/e2e/benchrig"
	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
)

const domain = "mail.localhost"

// site is everything that runs.
type site struct {
	*benchrig.Site
	sink    *counter
	targets []target
}

// newSite starts everything, or the gateway alone.
func newSite(ctx context.Context, binary string, alone bool) (_ *site, err error) {
	rig, err := benchrig.NewSite("benchmail")
	if err != nil {
		return nil, err
	}
	s := &site{Site: rig, sink: newCounter()}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	sink, err := realservers.StartSink(ctx, realservers.SinkOptions{Args: []string{"-c"}, Log: s.sink})
	if err != nil {
		return nil, err
	}
	s.OnStop(sink.Kill)
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
	s.OnStop(stop)
	smtpPort, err1 := freeport.Choose()
	lmtpPort, err2 := freeport.Choose()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	smtp, lmtp := freeport.Address(smtpPort), freeport.Address(lmtpPort)
	if err := s.StartGateway(ctx, binary, fmt.Sprintf(`[[mail]]
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
`, domain, s.XMPP.Addr, smtp, lmtp, sink, resolver.Addr, s.File("passerelle.db"), s.File("web"))); err != nil {
		return err
	}
	to := func(i int) string { return fmt.Sprintf("user%d@bench.test", i) }
	s.targets = append(s.targets,
		target{name: "passerelle, LMTP", addr: lmtp, lmtp: true, to: to, xmpp: s.XMPP, process: s.Gateway},
		target{name: "passerelle, SMTP", addr: smtp, to: to, xmpp: s.XMPP, process: s.Gateway})
	return nil
}

// startPostfix runs a Postfix that throws away what it has taken.
func (s *site) startPostfix(ctx context.Context) error {
	p, err := realservers.StartPostfix(ctx, realservers.PostfixOptions{Routes: map[string]string{"discard.test": "discard:"}})
	if err != nil {
		return err
	}
	s.OnStop(func() { _ = p.Stop() }) // what it leaves is below /tmp
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
	s.OnStop(func() { _ = d.Stop() }) // what it leaves is below /tmp
	s.targets = append(s.targets, target{name: "Dovecot LMTP, maildir", addr: d.LMTP, lmtp: true, to: user})
	return nil
}
