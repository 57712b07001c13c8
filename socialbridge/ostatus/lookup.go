package ostatus

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/webfinger"
	"passerelle/transports"
)

// Limits of a look-up.
const (
	maxAsked  = 20               // requests for one actor
	askTime   = 10 * time.Second // for each
	findTime  = 40 * time.Second // for all of them
	maxPage   = 512 << 10        // bytes of a page for people that are read
	maxAccts  = 3                // names of an actor that are asked whether they are his
	maxLRDD   = 3                // templates of a host that are tried
	typesAtom = "application/atom+xml"
)

// search is what one look-up has asked already.
type search struct {
	*Wire
	asked int
	docs  map[string]*document // by what was asked for
	feeds map[string]*atom.Feed
}

// document says who somebody is, and where that was said.
type document struct {
	*webfinger.Document
	host string
}

func (w *Wire) search() *search {
	return &search{Wire: w, docs: map[string]*document{}, feeds: map[string]*atom.Feed{}}
}

var (
	errTooMany = errors.New("too much would have to be asked")
	errNobody  = errors.New("the server does not say who that is")
	errDenied  = errors.New("the server does not take part here")
	errOurs    = errors.New("that is one of ours")
)

// get asks for what is under a URL.
func (s *search) get(ctx context.Context, u, accept string, limit int64) (*safehttp.Answer, error) {
	if s.asked++; s.asked > maxAsked {
		return nil, errTooMany
	}
	return s.fetch(ctx, u, http.Header{"Accept": {accept}}, limit)
}

// fetch gets what is under a URL of another server that takes part.
func (w *Wire) fetch(ctx context.Context, u string, header http.Header, limit int64) (*safehttp.Answer, error) {
	switch host := hostOf(u); {
	case host == "":
		return nil, &safehttp.Error{Reason: safehttp.BadURL}
	case host == w.host:
		return nil, errOurs
	case !w.core.Allowed(host):
		return nil, errDenied
	}
	a, err := w.http.Ask(ctx, safehttp.Request{
		Method: http.MethodGet, URL: u, Header: header, Limit: safehttp.Limit{Bytes: limit, Time: askTime}, HTTPS: !w.plain,
	})
	if err == nil && !w.core.Allowed(hostOf(a.URL)) {
		return nil, errDenied // where a redirect has led
	}
	if err == nil && a.Status != http.StatusNotModified {
		err = a.Err()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// lookup asks a host who something is, in the ways that there are, the newest first: WebFinger, the templates of its host-meta, and the links
// of the thing itself, where it is a page.
func (s *search) lookup(ctx context.Context, resource, host string) (*document, error) {
	if d := s.docs[resource]; d != nil {
		return d, nil
	}
	var first error
	for _, scheme := range s.schemes() {
		d, err := s.document(ctx, scheme+host+"/.well-known/webfinger?resource="+url.QueryEscape(resource))
		if err == nil {
			s.docs[resource] = d
			return d, nil
		}
		if first == nil || isAway(first) {
			first = err
		}
		if !isAway(err) { // it is there, and has another way
			break
		}
	}
	for _, scheme := range s.schemes() {
		if d := s.hostMeta(ctx, scheme+host, resource); d != nil {
			s.docs[resource] = d
			return d, nil
		}
	}
	if hostOf(resource) == host {
		if d := s.page(ctx, resource); d != nil {
			s.docs[resource] = d
			return d, nil
		}
	}
	return nil, first
}

func (w *Wire) schemes() []string {
	if w.plain {
		return []string{"https://", "http://"}
	}
	return []string{"https://"}
}

func (s *search) document(ctx context.Context, u string) (*document, error) {
	a, err := s.get(ctx, u, webfinger.TypeJRD+", "+webfinger.TypeXRD+";q=0.9, application/json;q=0.5", webfinger.MaxBytes)
	if err != nil {
		return nil, err
	}
	d, err := webfinger.Parse(a.Body)
	if err != nil {
		return nil, err
	}
	return &document{Document: d, host: hostOf(a.URL)}, nil
}

// hostMeta asks in the way that a host's own document says (RFC 6415 §3.1.1).
func (s *search) hostMeta(ctx context.Context, base, resource string) *document {
	meta, err := s.document(ctx, base+"/.well-known/host-meta")
	if err != nil {
		return nil
	}
	var tried []string
	for _, l := range meta.Links {
		at := webfinger.Expand(l.Template, resource)
		if l.Rel != webfinger.RelLRDD || at == "" || slices.Contains(tried, at) || len(tried) == maxLRDD {
			continue
		}
		tried = append(tried, at)
		if d, err := s.document(ctx, at); err == nil {
			return d
		}
	}
	return nil
}

// page follows the links of a page, in its header or in its text.
func (s *search) page(ctx context.Context, u string) *document {
	a, err := s.get(ctx, u, "text/html, application/xhtml+xml", maxPage)
	if err != nil {
		return nil
	}
	links := webfinger.HeaderLinks(a.Header.Values("Link"))
	links = append(links, webfinger.HTMLLinks(a.Body)...)
	tried := 0
	for _, l := range links {
		at, err := webfinger.Resolve(a.URL, l.Href)
		if !strings.EqualFold(l.Rel, webfinger.RelLRDD) || err != nil || tried == maxLRDD {
			continue
		}
		tried++
		if d, err := s.document(ctx, at); err == nil {
			return d
		}
	}
	return nil
}

// feed reads a feed.
func (s *search) feed(ctx context.Context, u string) (*atom.Feed, error) {
	if f := s.feeds[u]; f != nil {
		return f, nil
	}
	a, err := s.get(ctx, u, typesAtom, atom.MaxFeed)
	if err != nil {
		return nil, err
	}
	f, err := atom.ParseFeed(a.Body)
	if err == nil {
		s.feeds[u] = f
	}
	return f, err
}

// isAway reports whether a server did not answer at all.
func isAway(err error) bool {
	e, ok := errors.AsType[*safehttp.Error](err)
	return ok && (e.Reason == safehttp.Unreachable || e.Reason == safehttp.Slow)
}

// asError is why nobody was found, in words.
func asError(err error, who string) error {
	if _, ok := errors.AsType[*transports.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, errDenied):
		return transports.NewError(transports.Policy, "The operator does not let that server take part.", err)
	case errors.Is(err, errOurs):
		return transports.NewError(transports.NotFound, "That is an address of this gateway itself.", err)
	case isAway(err):
		return transports.NewError(transports.Offline, "The server of "+who+" does not answer.", err)
	}
	if e, ok := errors.AsType[*safehttp.Error](err); ok {
		switch {
		case e.Status == http.StatusGone:
			return transports.NewError(transports.Gone, who+" is not there any more.", err)
		case e.Reason == safehttp.Forbidden || e.Reason == safehttp.BadURL:
			return transports.NewError(transports.NoServer, "There is no such server.", err)
		case e.Status == http.StatusTooManyRequests:
			return transports.NewError(transports.Offline, "The server of "+who+" has no time for us.", err)
		}
	}
	return transports.NewError(transports.NotFound, "There is nobody called "+who+".", err)
}
