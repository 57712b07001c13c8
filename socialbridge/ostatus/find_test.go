package ostatus

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"passerelle/internal/gnusocial"
	"passerelle/socialbridge/salmon"
	"passerelle/socialbridge/webfinger"
	"passerelle/transports"
)

// peer is a server of which a test says all that it does.
type peer struct {
	mux  *http.ServeMux
	url  string
	host string
	asks atomic.Int64
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{mux: http.NewServeMux()}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.asks.Add(1); p.mux.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	p.url, p.host = s.URL, strings.TrimPrefix(s.URL, "http://")
	return p
}

func (p *peer) says(pattern, contentType, body string) {
	p.mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	})
}

// someone has a document and a feed of somebody at a peer.
func (p *peer) document(t testing.TB, uri string, names ...string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // as GNU social has it
	if err != nil {
		t.Fatal(err)
	}
	d := webfinger.Document{Subject: uri, Aliases: names, Links: []webfinger.Link{
		{Rel: webfinger.RelFeed, Type: "application/atom+xml", Href: p.url + "/feed"},
		{Rel: webfinger.RelSalmon, Href: p.url + "/salmon"},
		{Rel: webfinger.RelKey, Href: salmon.FormatKeyHref(&key.PublicKey)},
	}}
	return string(d.JRD())
}

func (p *peer) feed(uri string) string {
	return `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><id>` + p.url + `/feed</id><title>x</title><updated>2026-11-23T01:50:06Z</updated><author><uri>` +
		uri + `</uri><name>bob</name></author><link rel="hub" href="` + p.url + `/hub"/><link rel="self" href="` + p.url + `/feed"/></feed>`
}

// Somebody is found in each way that servers say who is where.
func TestFindWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idle: true})
	for name, set := range map[string]func(p *peer, jrd, xrd string){
		"WebFinger": func(p *peer, jrd, _ string) { p.says("/.well-known/webfinger", "application/jrd+json", jrd) },
		"as XML":    func(p *peer, _, xrd string) { p.says("/.well-known/webfinger", "application/xrd+xml", xrd) },
		"host-meta": func(p *peer, _, xrd string) {
			p.says("/.well-known/host-meta", "application/xrd+xml", string((&webfinger.Document{Links: []webfinger.Link{{Rel: "lrdd", Template: p.url + "/old?q={uri}"}}}).XRD()))
			p.says("/old", "text/xml", xrd)
		},
		"a header": func(p *peer, jrd, _ string) {
			p.mux.HandleFunc("GET /bob", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Link", `</wf>; rel="lrdd"`) })
			p.says("/wf", "application/json", jrd)
		},
		"a page": func(p *peer, jrd, _ string) {
			p.says("/bob", "text/html", `<html><head><link rel="lrdd" href="/wf"></head></html>`)
			p.says("/wf", "application/json", jrd)
		},
		"a feed on a page": func(p *peer, jrd, _ string) {
			p.says("/bob", "text/html", `<html><head><link rel="alternate" type="application/atom+xml" href="/feed"><link rel="lrdd" href="/wf"></head></html>`)
			p.says("/wf", "application/json", jrd)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			uri := p.url + "/bob"
			jrd := p.document(t, uri, "acct:bob@"+p.host)
			d, err := webfinger.Parse([]byte(jrd))
			if err != nil {
				t.Fatal(err)
			}
			set(p, jrd, string(d.XRD()))
			p.says("/feed", "application/atom+xml", p.feed(uri))
			a, err := r.wire.Find(t.Context(), uri)
			if err != nil {
				t.Fatal(err)
			}
			if a.URI != uri || a.Key == nil || a.Routes.Feed != p.url+"/feed" || a.Routes.Hub != p.url+"/hub" || a.Routes.Slap != p.url+"/salmon" {
				t.Errorf("found is %+v", a)
			}
		})
	}
	site, users := r.site("alice")
	group := site.AddGroup("testgroup")
	for ref, want := range map[string]*gnusocial.User{
		users[0].Acct(): users[0], "acct:" + users[0].Acct(): users[0], "@" + users[0].Acct(): users[0], users[0].URI(): users[0], users[0].Page(): users[0], users[0].Feed(): users[0],
		group.Page(): group, group.URI(): group, group.Acct(): group, "!" + group.Acct(): group,
	} {
		if a, err := r.wire.Find(t.Context(), ref); err != nil || a.URI != want.URI() || a.Group != want.Group || a.Acct != want.Acct() {
			t.Errorf("%s: %+v, %v", ref, a, err)
		}
	}
	a, err := r.wire.Find(t.Context(), users[0].Acct())
	if err != nil || a.Acct != users[0].Acct() || a.Key == nil || a.Nick != "alice" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Nobody becomes somebody else, and nobody has us ask where nobody may be asked.
func TestFindRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	victim := newPeer(t)
	l := r.listener("127.0.0.2")
	for name, set := range map[string]func(p *peer){
		"a document elsewhere": func(p *peer) {
			victim.says("/wf", "application/jrd+json", p.document(t, p.url+"/bob"))
			p.mux.HandleFunc("GET /.well-known/webfinger", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, victim.url+"/wf", http.StatusFound) })
			p.says("/feed", "application/atom+xml", p.feed(p.url+"/bob"))
		},
		"a document of somebody else": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", p.document(t, p.url+"/eve"))
			p.says("/feed", "application/atom+xml", p.feed(p.url+"/bob"))
		},
		"a feed of somebody else": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", p.document(t, p.url+"/bob"))
			p.says("/feed", "application/atom+xml", p.feed(victim.url+"/bob"))
		},
		"no feed": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", `{"subject":"`+p.url+`/bob"}`)
		},
		"a bad key": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", strings.Replace(p.document(t, p.url+"/bob"), "RSA.", "RSA.AAAA.", 1))
			p.says("/feed", "application/atom+xml", p.feed(p.url+"/bob"))
		},
		"a redirect to a neighbour": func(p *peer) {
			p.mux.HandleFunc("GET /", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, l.url+"/x", http.StatusFound) })
		},
		"a feed at a neighbour": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", strings.ReplaceAll(p.document(t, p.url+"/bob"), p.url+"/feed", l.url+"/feed"))
		},
		"entities": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", p.document(t, p.url+"/bob"))
			p.says("/feed", "application/atom+xml", strings.Replace(p.feed(p.url+"/bob"), "<feed", "<!DOCTYPE feed [<!ENTITY a 'a'>]><feed", 1))
		},
		"a very large feed": func(p *peer) {
			p.says("/.well-known/webfinger", "application/jrd+json", p.document(t, p.url+"/bob"))
			p.mux.HandleFunc("GET /feed", func(w http.ResponseWriter, _ *http.Request) {
				for range 100 {
					if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
						return
					}
				}
				t.Error("100 MB were read")
			})
		},
		"redirects without end": func(p *peer) {
			p.mux.HandleFunc("GET /", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, q.URL.Path+"x", http.StatusFound) })
		},
		"links without end": func(p *peer) {
			p.mux.HandleFunc("GET /", func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				for i := range 200 {
					fmt.Fprintf(w, `<link rel="lrdd" href="/%d%s"><link rel="alternate" type="application/atom+xml" href="/%d%s">`, i, q.URL.Path[1:], i, q.URL.Path[1:])
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			set(p)
			a, err := r.wire.Find(t.Context(), p.url+"/bob")
			if err == nil {
				t.Errorf("found is %+v", a)
			}
			if e, ok := errors.AsType[*transports.Error](err); !ok || e.Text == "" {
				t.Errorf("the error is %v", err)
			}
			if n := p.asks.Load(); n > maxAsked+8 {
				t.Errorf("the server was asked %d times", n)
			}
		})
	}
	t.Cleanup(func() {
		if len(l.queries) > 0 {
			t.Error("a neighbour was reached")
		}
	})
	r.core.denied["denied.example"] = true
	for ref, want := range map[string]transports.Kind{
		"": transports.BadRequest, "alice": transports.BadRequest, "al ice@b": transports.BadRequest, "alice@denied.example": transports.Policy,
		"https://denied.example/x": transports.Policy, "romeo@" + r.wire.host: transports.NotFound, r.base + "/u/romeo": transports.NotFound, "ftp://a.example/": transports.NotFound,
		"http://127.0.0.2:1/": transports.NoServer, "a@127.0.0.2:8080": transports.NoServer, "a@[::1]:8080": transports.NoServer,
	} {
		_, err := r.wire.Find(t.Context(), ref)
		if e, ok := errors.AsType[*transports.Error](err); !ok || e.Kind != want {
			t.Errorf("%q: %v (%v), want kind %d", ref, err, e, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.wire.Find(ctx, "alice@social.example"); err == nil {
		t.Error("found without asking")
	}
}

// A name counts only where its own host says whose it is. What looks like a name of a known host is another host's.
func TestNamesAreConfirmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idle: true})
	_, users := r.site("alice")
	p := newPeer(t)
	uri := p.url + "/bob"
	p.says("/.well-known/webfinger", "application/jrd+json", p.document(t, uri, "acct:"+users[0].Acct(), "acct:bob@аpple.example", "acct:romeo@"+r.wire.host, "acct:bob@"+p.host))
	p.says("/feed", "application/atom+xml", p.feed(uri))
	a, err := r.wire.Find(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if a.Acct != "bob@"+p.host {
		t.Errorf("bob calls himself %s", a.Acct)
	}
}
