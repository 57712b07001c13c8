package component

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const nsUpload = "urn:xmpp:http:upload:0" // XEP-0363

// discoTimeout is how long a service may take to say what it is.
const discoTimeout = 5 * time.Second

// uploadServices are the services of a domain that take uploads, as the domain lists them. The error is one of the moment.
func (g *Gateway) uploadServices(ctx context.Context, domain string) ([]uploadService, error) {
	if known, ok := g.uploads.find(domain); ok {
		return known, nil
	}
	var items []transports.Address
	host := transports.Address{Domain: domain}
	err := g.ask(ctx, "get", g.domain, host, discoTimeout, func(b *stanza.Builder) { b.StartNS("query", nsDiscoItems).End() },
		func(iq *stanza.Element) { items = readItems(iq) })
	if err != nil && !errors.Is(err, errAnsweredError) {
		g.uploads.remember(domain, nil, knowSilence)
		return nil, tryAgain{transports.NewError(transports.Offline, "Your XMPP server does not answer where uploads go.", err), 0}
	}
	// XEP-0363 §3: "the entity may be the server itself or one of its items".
	candidates := slices.DeleteFunc(append([]transports.Address{host}, items...), func(jid transports.Address) bool {
		return g.uploads.stolen(domain, jid)
	})
	found := make([]*uploadService, len(candidates))
	silent := false
	var asking sync.WaitGroup
	var mu sync.Mutex // guards silent
	for i, jid := range candidates {
		asking.Go(func() {
			err := g.ask(ctx, "get", g.domain, jid, discoTimeout, func(b *stanza.Builder) { b.StartNS("query", nsDiscoInfo).End() },
				func(iq *stanza.Element) { found[i] = readUploadService(jid, iq) })
			if err != nil && !errors.Is(err, errAnsweredError) {
				mu.Lock()
				defer mu.Unlock()
				silent = true
			}
		})
	}
	asking.Wait()
	var services []uploadService
	for _, s := range found {
		if s != nil {
			services = append(services, *s)
		}
	}
	keep := knowFor
	switch {
	case len(services) > 0:
	case silent:
		keep = knowSilence
	default:
		keep = knowNothing
	}
	g.uploads.remember(domain, services, keep)
	return services, nil
}

// find looks up what is known of a domain.
func (u *uploads) find(domain string) ([]uploadService, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	k, ok := u.known[domain]
	return k.services, ok && now().Before(k.until)
}

// remember keeps what was found, for some time. Where too many domains are known, those go whose time is over, and then any: it is a cache.
func (u *uploads) remember(domain string, services []uploadService, keep time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.known) >= maxKnown {
		t := now()
		for d, k := range u.known {
			if !t.Before(k.until) {
				delete(u.known, d)
			}
		}
		for d := range u.known {
			if len(u.known) < maxKnown {
				break
			}
			delete(u.known, d)
		}
	}
	u.known[domain] = knownServices{services, now().Add(keep)}
}

// readItems copies the JIDs out of an answer (XEP-0030 §4), without nodes.
func readItems(iq *stanza.Element) []transports.Address {
	var items []transports.Address
	for item := range iq.Child(nsDiscoItems, "query").Children() {
		jid, err := transports.ParseAddress(item.Attr("jid"))
		if !item.Is(nsDiscoItems, "item") || err != nil || item.HasAttr("node") || slices.Contains(items, jid) {
			continue
		}
		if items = append(items, jid); len(items) == maxServices {
			break
		}
	}
	return items
}

// readUploadService reads what an entity says of itself (XEP-0363 §3), nil where it takes no uploads.
func readUploadService(jid transports.Address, iq *stanza.Element) *uploadService {
	query := iq.Child(nsDiscoInfo, "query")
	var s *uploadService
	for c := range query.Children() {
		if c.Is(nsDiscoInfo, "feature") && c.AttrIs("var", nsUpload) {
			s = &uploadService{jid: jid}
		}
	}
	if s == nil {
		return nil
	}
	for form := range query.Children() {
		if !form.Is(nsForm, "x") {
			continue
		}
		formType, size := "", ""
		for f := range form.Children() {
			switch f.Attr("var") {
			case "FORM_TYPE":
				formType = f.Child(nsForm, "value").Text()
			case "max-file-size":
				size = f.Child(nsForm, "value").Text()
			}
		}
		if formType == nsUpload {
			s.maxSize = parseSize(size)
		}
	}
	return s
}

// parseSize reads a number of bytes, 0 where it is none.
func parseSize(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
