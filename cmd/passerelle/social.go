package main

import (
	"context"
	"log/slog"
	"maps"
	"net/http"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/internal/web"
	"passerelle/socialbridge"
	"passerelle/socialbridge/ostatus"
	"passerelle/socialbridge/pages"
	"passerelle/transports"
)

// socialGateway is a gateway with what it is made of.
type socialGateway struct {
	*component.Gateway
	transport *socialbridge.Transport
	wire      *ostatus.Wire
	http      *safehttp.Client
}

// addSocial makes the social gateway of a table of the configuration, and returns its pages.
func (p *process) addSocial(cfg *config.Config, c *config.Social, w *wiring) ([]web.Page, error) {
	log := p.log.With("domain", c.Domain)
	g := socialGateway{http: safehttp.New(socialHTTP(c, w))}
	var err error
	if g.transport, err = socialbridge.New(socialbridge.Options{
		Domain: c.Domain, URL: c.URL, Store: w.db, Pictures: g.http, Log: log,
		// What component admits is asked of it once it is there.
		Rules: socialRules(c, func(user transports.Address) bool { return g.Gateway.Admits(user) }),
	}); err != nil {
		return nil, err
	}
	if g.wire, err = ostatus.New(ostatus.Options{
		Domain: c.Domain, Base: c.URL, Store: w.db, Core: g.transport, HTTP: g.http, Plain: c.Plain, Version: versionString(), Log: log,
		Count: func(ctx context.Context) (users, posts int64, err error) { return w.db.CountSocial(ctx, c.Domain) },
	}); err != nil {
		return nil, err
	}
	g.transport.Speak(g.wire)
	if g.Gateway, err = component.New(w.options(cfg, &c.Component, g.transport, postalRules(cfg, &c.Component))); err != nil {
		return nil, err
	}
	g.transport.Serve(g.Gateway)
	p.social = append(p.social, g)
	return g.pages(c, log), nil
}

// socialHTTP is how other servers are spoken to.
func socialHTTP(c *config.Social, w *wiring) safehttp.Options {
	o := w.http
	o.UserAgent += " (+" + c.PublicURL + ")" // whom to ask what it does
	o.Permit, o.RootCAs, o.Resolver, o.HTTPS = c.Permitted, c.Roots, resolver(c.Resolver), !c.Plain
	o.Redirects, o.PerHost, o.Keep, o.Break = 3, 4, 512, true
	return o
}

// pages are all that a gateway shows, for people and for other servers, at the root of its host.
func (g *socialGateway) pages(c *config.Social, log *slog.Logger) []web.Page {
	var all []web.Page
	add := func(pattern string, h http.Handler, body int64) {
		all = append(all, web.Page{Pattern: pattern, Host: c.URL.Hostname(), Handler: h, Body: body})
	}
	for _, e := range g.wire.Endpoints() {
		add(e.Pattern, e.Handler, e.Body)
	}
	site := pages.New(pages.Options{Base: c.PublicURL, Gateway: c.Domain, Source: g.transport.Site(), Log: log})
	for _, page := range site.Pages() {
		h := page.Handler
		if page.Pattern == "GET /u/{name}" || page.Pattern == "GET /n/{name}" {
			h = g.wire.Atom(h)
		}
		add(page.Pattern, h, page.Body)
	}
	return all
}

// socialRules are what the operator may change of the gateway while it runs.
func socialRules(c *config.Social, admits func(transports.Address) bool) socialbridge.Rules {
	r := socialbridge.Rules{
		Name: c.Name, Users: c.Users, AllowHosts: c.AllowHosts, DenyHosts: c.DenyHosts, May: admits, PerHour: c.PerHour, Follows: c.Follows, Kept: c.Kept,
	}
	r.Admins = addresses(c.Admins)
	return r
}

// socialKinds are the jobs of all social gateways.
func (p *process) socialKinds() map[string]jobs.Kind {
	var cores []*socialbridge.Transport
	var wires []*ostatus.Wire
	for _, g := range p.social {
		cores, wires = append(cores, g.transport), append(wires, g.wire)
	}
	kinds := socialbridge.Kinds(cores...)
	maps.Copy(kinds, ostatus.Kinds(wires...))
	return kinds
}
