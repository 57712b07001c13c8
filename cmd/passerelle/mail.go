package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/c2s"
	"passerelle/internal/jobs"
	"passerelle/internal/onetime"
	"passerelle/internal/safehttp"
	"passerelle/internal/web"
	"passerelle/mailbridge"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
	"passerelle/mailbridge/receive"
	"passerelle/mailbridge/relay"
	"passerelle/mailbridge/sign"
	"passerelle/transports"
)

// mailGateway is a gateway with what it is made of.
type mailGateway struct {
	*component.Gateway
	transport *mailbridge.Transport
	relay     *relay.Relay // nil where nobody can send
	receiver  *receive.Server
}

// addMail makes the mail gateway of a table of the configuration. Listen makes it take mail.
func (p *process) addMail(cfg *config.Config, c *config.Mail, w *wiring) error {
	log := p.log.With("domain", c.Domain)
	m := mailGateway{}
	opt := mailbridge.Options{
		Domain: c.Domain, Hostname: c.Hostname, Store: w.db, Tokens: address.NewTokens(derivedKey(w.key, forMail, c.Domain)), Log: log,
		Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"domain": c.Domain}, w.registry),
		Files:   safehttp.New(w.http), OwnFiles: safehttp.New(everywhere(w.http)),
		// What component admits is asked of it once it is there.
		Rules: mailRules(cfg, c, func(user transports.Address) bool { return m.Gateway.Admits(user) }),
	}
	if c.Smart != "" || c.Direct {
		var err error
		if m.relay, err = relay.New(relayOptions(c, w, log)); err != nil {
			return err
		}
		opt.Relay = m.relay
		keys, err := dkimKeys(cfg, c, w.key, log)
		if err != nil {
			return err
		}
		opt.Signer = sign.New(keys, c.Selector)
	}
	var err error
	if m.transport, err = mailbridge.New(opt); err != nil {
		return err
	}
	options := w.options(cfg, &c.Component, m.transport, postalRules(cfg, &c.Component))
	options.Logins = logins(&c.Redirect)
	if m.Gateway, err = component.New(options); err != nil {
		return err
	}
	m.transport.Serve(m.Gateway)
	ro := receive.Options{
		Hostname: c.Hostname, Backend: m.transport, Spool: filepath.Dir(cfg.Store.Path), Log: log, Rules: receiveRules(c),
	}
	names := judge.Resolver(net.DefaultResolver)
	if r := resolver(c.Resolver); r != nil {
		names = r
	}
	ro.Judge = judge.New(judge.Options{Resolver: names, Log: log})
	if c.CertFile != "" {
		get, err := web.Certificate(c.CertFile, c.KeyFile, log)
		if err != nil {
			return err
		}
		ro.TLS = &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12}
	}
	if m.receiver, err = receive.New(ro); err != nil {
		return err
	}
	p.mail = append(p.mail, m)
	return nil
}

// startMail has the mail gateways take mail.
func (p *process) startMail(ctx context.Context, cfg *config.Config, start func(func(context.Context) error)) error {
	var listen []func(context.Context) error
	for i := range p.mail {
		m := &p.mail[i]
		run, err := m.listen(ctx, &cfg.Mail[i], p.log.With("domain", m.Domain()))
		if err != nil {
			return err
		}
		listen = append(listen, run)
	}
	for i, run := range listen {
		start(run)
		start(p.mail[i].transport.Tidy)
		start(p.mail[i].transport.KeepToRules)
	}
	return nil
}

// mailKinds are the jobs of all mail gateways.
func (p *process) mailKinds() map[string]jobs.Kind {
	var all []*mailbridge.Transport
	for i := range p.mail {
		all = append(all, p.mail[i].transport)
	}
	return mailbridge.Kinds(all...)
}

// everywhere lets a client connect to any address, as to the operator's own servers, and to no other server from there.
func everywhere(o safehttp.Options) safehttp.Options {
	o.SameOrigin = true
	o.Permit = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	return o
}

// relayOptions are how mail is sent on.
func relayOptions(c *config.Mail, w *wiring, log *slog.Logger) relay.Options {
	o := relay.Options{Hostname: c.Hostname, Resolver: resolver(c.Resolver), Log: log}
	if c.Direct {
		o.Policies = safehttp.New(w.http)
		return o
	}
	o.Smarthost = &relay.Smarthost{Addr: c.Smart, TLS: relay.TLSStart, User: c.User, Password: c.Password.Reveal()}
	switch c.SmartTLS {
	case "tls":
		o.Smarthost.TLS = relay.TLSImplicit
	case "none":
		o.Smarthost.TLS = relay.TLSNone
	}
	o.RootCAs = c.SmartRoots
	return o
}

// resolver asks one DNS server; nil for that of the system.
func resolver(server string) *net.Resolver {
	if server == "" {
		return nil
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}

// receiveRules are the rules by which mail is taken.
func receiveRules(c *config.Mail) receive.Rules {
	return receive.Rules{
		Postmaster: address.Mailbox{Local: "postmaster", Domain: c.Domains[0].Name}, Trusted: c.TrustedPeers, Results: c.ResultsOf, Milter: milter(c),
		Limits: receive.Limits{Size: int64(c.MaxSize) << 20},
	}
}

// milter is the mail filter that is asked, nil for none.
func milter(c *config.Mail) *receive.Milter {
	if c.Milter == "" {
		return nil
	}
	m := &receive.Milter{Network: "tcp", Addr: c.Milter, Optional: c.MilterBy == "accept"}
	if path, ok := strings.CutPrefix(c.Milter, "unix:"); ok {
		m.Network, m.Addr = "unix", path
	}
	return m
}

// mailRules are the rules of a mail gateway's transport.
func mailRules(cfg *config.Config, c *config.Mail, admits func(transports.Address) bool) mailbridge.Rules {
	r := mailbridge.Rules{
		Name: c.Name, Aliases: make(map[string][]transports.Address), Separate: c.Separate, Strangers: c.Default, MaxSize: int64(c.MaxSize) << 20,
		PerMinute: c.Rate, PerDay: c.Daily, NewPerMinute: c.NewRate, FileHosts: origins(c.FileHosts), MayReceive: admits,
	}
	senders := component.Access{Allow: c.Senders}
	r.MaySend = func(user transports.Address) bool { return admits(user) && senders.Admits(user) }
	for _, d := range c.Domains {
		r.Domains = append(r.Domains, mailbridge.Domain{Name: d.Name, Users: d.Users})
	}
	for _, a := range c.Aliases {
		r.Aliases[a.Address] = addresses(a.To)
	}
	r.Admins = addresses(c.Admins)
	r.Redirect = redirectRules(cfg, c)
	return r
}

// logins log in as users whose messages go to their mailboxes, nil where nobody does.
func logins(r *config.MailRedirect) *c2s.Client {
	if !r.Enabled || len(r.Ways) > 0 && !slices.Contains(r.Ways, "login") {
		return nil
	}
	o := c2s.Options{Hosts: make(map[string]c2s.Host)}
	for _, l := range r.LoginServers {
		o.Hosts[l.Domain] = c2s.Host{Addr: l.Address, Direct: l.Direct, Plain: l.Plain}
	}
	return c2s.New(o)
}

// redirectRules are the bounds of redirects, nil where they are not on.
func redirectRules(cfg *config.Config, c *config.Mail) *mailbridge.RedirectRules {
	if !c.Redirect.Enabled {
		return nil
	}
	r := &mailbridge.RedirectRules{Sender: c.Redirect.Sender, PerHour: c.Redirect.PerHour, PerDay: c.Redirect.PerDay, Kept: c.Redirect.Kept}
	if cfg.Web.URL != nil {
		r.LeaveURL = cfg.Web.URL.JoinPath(onetime.LeavePath).String()
	}
	if guests := c.Redirect.Guests; len(guests) > 0 {
		r.Guest = component.Access{Allow: guests}.Admits
	}
	for _, m := range cfg.Mail {
		r.Gateways = append(r.Gateways, m.Domain)
	}
	for _, name := range c.Redirect.Ways {
		if w, ok := mailbridge.WayNamed(name); ok {
			r.Ways = append(r.Ways, w)
		}
	}
	return r
}

// origins are servers of the web that the configuration has checked.
func origins(urls []string) []string {
	var all []string
	for _, s := range urls {
		if u, err := url.Parse(s); err == nil {
			all = append(all, safehttp.Origin(u))
		}
	}
	return all
}

// addresses are JIDs that the configuration has checked.
func addresses(jids []string) []transports.Address {
	var all []transports.Address
	for _, s := range jids {
		if a, err := transports.ParseAddress(s); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// postalRules are the rules of the component of a gateway that stores and forwards.
func postalRules(cfg *config.Config, c *config.Component) component.Rules {
	return component.Rules{
		Admins: c.Admins, Access: component.Access{Allow: c.AllowUsers, Deny: c.DenyUsers}, ArchiveDays: cfg.Archive.Days, OwnDomains: cfg.OwnDomains(c.Domain),
	}
}

// listen takes mail where the configuration says so, until ctx ends and what is being received is through.
func (m *mailGateway) listen(ctx context.Context, c *config.Mail, log *slog.Logger) (run func(context.Context) error, err error) {
	var serving []func() error
	var open []net.Listener
	for _, l := range []struct {
		key, address string
		serve        func(net.Listener) error
	}{{"listen", c.Listen, m.receiver.ServeSMTP}, {"lmtp", c.LMTP, m.receiver.ServeLMTP}} {
		if l.address == "" {
			continue
		}
		listener, err := listenAt(ctx, l.address)
		if err != nil {
			for _, o := range open {
				err = errors.Join(err, o.Close())
			}
			return nil, fmt.Errorf("[[mail]] %s = %q: %w", l.key, l.address, err)
		}
		open = append(open, listener)
		log.Info("taking mail", "by", l.key, "address", listener.Addr())
		serving = append(serving, func() error { return l.serve(listener) })
	}
	return func(ctx context.Context) error {
		var running sync.WaitGroup
		failed := make(chan error, len(serving))
		for _, serve := range serving {
			running.Go(func() { failed <- serve() })
		}
		var err error
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, m.receiver.Close(last))
		running.Wait()
		return err
	}, nil
}

// listenAt listens at host and port, or at a socket of this machine ("unix:/run/x.sock").
func listenAt(ctx context.Context, address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		// What is left of a process that was killed would be in the way; what is in use belongs to nobody else, since the database is locked.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		// A mail server is another user, as it is at a port of this machine. Who may reach the socket is up to the folder that it is in.
		if err := os.Chmod(path, 0o666); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		return l, nil
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
