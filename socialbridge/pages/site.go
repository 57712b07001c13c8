package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/internal/webpage"
)

type markup = webpage.Markup

//go:embed style.css
var styleCSS string

// Bounds of what visitors have other servers be asked.
const (
	maxLookups = 8 // at a time, of all visitors; the next ones are told to come back
	lookupTime = 15 * time.Second
	maxAsked   = 2048 // bytes of an address or a URL
	maxForm    = 8 << 10
)

// Options are those of a Site.
type Options struct {
	Base    string // URL of the site, without a path: "https://social.example"
	Gateway string // the domain in XMPP that contacts are at
	Source  Source
	Log     *slog.Logger
}

// Site serves the pages. Safe to use from any goroutine.
type Site struct {
	Options
	policy  string
	lookups chan struct{} // a token for each that runs
}

// Page is a handler and where it is.
type Page struct {
	Pattern string // of http.ServeMux
	Handler http.Handler
	Body    int64 // bytes of a request's body
}

// New makes the pages of a site.
func New(o Options) *Site {
	o.Base = strings.TrimSuffix(o.Base, "/")
	// The form leads to us, and from there to the server of whoever fills it in.
	more := "img-src 'self'; media-src 'self'; form-action 'self' https:"
	if strings.HasPrefix(o.Base, "http:") {
		more += " http:"
	}
	return &Site{Options: o, policy: webpage.Policy(styleCSS, more), lookups: make(chan struct{}, maxLookups)}
}

// Pages are all of the site. Those of a user and a post have what ends in ".atom" too, which is not for people: whoever has that puts a handler
// in front of these.
func (s *Site) Pages() []Page {
	return []Page{
		{Pattern: "GET /u/{name}", Handler: http.HandlerFunc(s.serveProfile)},
		{Pattern: "POST /u/{name}/follow", Handler: http.HandlerFunc(s.serveFollow), Body: maxForm},
		{Pattern: "GET /n/{name}", Handler: http.HandlerFunc(s.servePost)},
		{Pattern: "GET /tag/{tag}", Handler: http.HandlerFunc(s.serveTag)},
		{Pattern: "GET /authorize", Handler: http.HandlerFunc(s.serveAuthorize)},
		{Pattern: "GET /avatar/{name}/{file}", Handler: http.HandlerFunc(s.serveAvatar)},
		{Pattern: "GET /media/{file}", Handler: http.HandlerFunc(s.serveMedia)},
	}
}

// page is a page that is being written, in a language.
type page struct {
	webpage.Document
	site    *Site
	lang    string
	title   string
	head    []markup // more of the head: whole elements
	changed time.Time
}

func (s *Site) page(r *http.Request) *page {
	return &page{site: s, lang: webpage.Language(r.Header.Get("Accept-Language"))}
}

// say is a text of the catalogue, as text.
func (p *page) say(words string, args ...any) string { return text.Say(p.lang, words, args...) }

// meta adds something to the head for those who show the page as a link.
func (p *page) meta(kind, name, content string) {
	if content != "" {
		var d webpage.Document
		d.Add(markup("<meta "+kind+`="`+name+`" content="`), content, markup(`">`))
		p.head = append(p.head, markup(d.String()))
	}
}

// link adds a link to the head.
func (p *page) link(rel, typ, href string) {
	var d webpage.Document
	d.Add(markup(`<link rel="`), rel)
	if typ != "" {
		d.Add(markup(`" type="`), typ)
	}
	d.Add(markup(`" href="`), href, markup(`">`))
	p.head = append(p.head, markup(d.String()))
}

// whole is the page with its head, and what stands below all of them.
func (p *page) whole() []byte {
	var d webpage.Document
	d.Add(markup(`<!doctype html>
<html lang="`), p.lang, markup(`">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>`), p.title, markup("</title>\n"))
	for _, m := range p.head {
		d.Add(m, markup("\n"))
	}
	d.Add(markup("<style>"), markup(styleCSS), markup("</style>\n</head>\n<body>\n<main>\n"))
	d.Write(p.Bytes())
	d.Add(markup("</main>\n<footer>\n<p>"), p.say("This server joins XMPP and the social web."), markup("</p>\n</footer>\n</body>\n</html>\n"))
	return d.Bytes()
}

// serve sends the page, unless the visitor has it already (RFC 9110 §13).
func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	body := p.whole()
	sum := sha256.Sum256(body)
	p.headers(w, "public, max-age=60")
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:15])+`"`)
	http.ServeContent(w, r, "", p.changed, bytes.NewReader(body))
}

// serveAs sends the page with a status other than that of a page that is there.
func (p *page) serveAs(w http.ResponseWriter, status int) {
	p.headers(w, "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(p.whole()) // the browser may be gone; there is nobody to tell
}

func (p *page) headers(w http.ResponseWriter, cache string) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.site.policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.lang)
	h.Set("Vary", "Accept-Language")
	h.Set("Cache-Control", cache)
}

// sorry sends a page that says only that something is not so.
func (p *page) sorry(w http.ResponseWriter, status int, title, said string) {
	p.title = title
	p.Reset()
	p.Add(markup(`<h1>`), title, markup("</h1>\n<p>"), said, markup("</p>\n"))
	p.serveAs(w, status)
}

// failed says what became of a question to the source.
func (p *page) failed(w http.ResponseWriter, r *http.Request, err error) {
	refusal, refused := errors.AsType[Refusal](err)
	switch {
	case errors.Is(err, ErrNotFound):
		p.sorry(w, http.StatusNotFound, p.say("Not found"), p.say("There is nothing here. The address may be mistyped, or what was here is private."))
	case errors.Is(err, ErrGone):
		p.sorry(w, http.StatusGone, p.say("Gone"), p.say("What was here was deleted by whoever had published it."))
	case refused:
		p.sorry(w, http.StatusUnprocessableEntity, p.say("That did not work"), p.say(string(refusal)))
	default:
		if r.Context().Err() == nil {
			p.site.Log.Error("a page of the social web failed", "error", err)
		}
		w.Header().Set("Retry-After", "60")
		p.sorry(w, http.StatusServiceUnavailable, p.say("Not now"), p.say("This does not work at the moment. Try again in a minute."))
	}
}

// lookup asks other servers for a visitor, where not too many do. Busy reports that they do.
func (s *Site) lookup(r *http.Request, ask func(ctx context.Context) error) (busy bool, err error) {
	select {
	case s.lookups <- struct{}{}:
		defer func() { <-s.lookups }()
	default:
		return true, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookupTime)
	defer cancel()
	return false, ask(ctx)
}
