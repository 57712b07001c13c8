package main

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"passerelle/socialbridge/salmon"
)

// peers are the servers of the others: subscribers that take every push, and people who have written something.
type peers struct {
	port    string
	n       int
	latency time.Duration     // until a subscriber answers
	keys    []*rsa.PrivateKey // of people, one on each of the first hosts

	mu       sync.Mutex
	got      int
	verified int
	want     *int // which of them is waited for
	target   int
	done     chan struct{}
}

const people = 20

func newPeers(port string, n int, latency time.Duration) (*peers, error) {
	p := &peers{port: port, n: n, latency: latency}
	for range min(people, n) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
	}
	return p, nil
}

// base is the URL of one of the others.
func (p *peers) base(i int) string { return "https://" + peerName(i%p.n) + ":" + p.port }

// callback is that of a subscriber.
func (p *peers) callback(i int) string { return fmt.Sprintf("%s/callback/%d", p.base(i), i) }

// expect waits for so many verifications or pushes.
func (p *peers) expect(what *int, n int) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got, p.verified, p.want, p.target, p.done = 0, 0, what, n, make(chan struct{})
	return p.done
}

func (p *peers) count(what *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *what++; what == p.want && *what == p.target {
		close(p.done)
	}
}

func (p *peers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/callback/") && r.Method == http.MethodGet:
		time.Sleep(p.latency)
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
		p.count(&p.verified)
	case strings.HasPrefix(r.URL.Path, "/callback/"):
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(p.latency)
		p.count(&p.got)
	default:
		p.discover(w, r)
	}
}

// discover shows the person of a host.
func (p *peers) discover(w http.ResponseWriter, r *http.Request) {
	i := -1
	if _, err := fmt.Sscanf(hostOf(r), "peer%d.example", &i); err != nil || i < 0 || i >= len(p.keys) {
		http.NotFound(w, r)
		return
	}
	base := p.base(i)
	switch r.URL.Path {
	case "/.well-known/host-meta":
		w.Header().Set("Content-Type", "application/xrd+xml")
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">`+
			`<Link rel="lrdd" type="application/jrd+json" template="%s/.well-known/webfinger?resource={uri}"/></XRD>`, base)
	case "/.well-known/webfinger":
		w.Header().Set("Content-Type", "application/jrd+json")
		_, _ = fmt.Fprintf(w, `{"subject":"acct:bob@%[1]s","aliases":["%[2]s/u/bob"],"links":[`+
			`{"rel":"http://webfinger.net/rel/profile-page","type":"text/html","href":"%[2]s/u/bob"},`+
			`{"rel":"http://schemas.google.com/g/2010#updates-from","type":"application/atom+xml","href":"%[2]s/u/bob.atom"},`+
			`{"rel":"salmon","href":"%[2]s/salmon"},{"rel":"magic-public-key","href":"%[3]s"}]}`,
			strings.TrimPrefix(base, "https://"), base, salmon.FormatKeyHref(&p.keys[i].PublicKey))
	case "/u/bob.atom":
		w.Header().Set("Content-Type", "application/atom+xml")
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>%[1]s/u/bob.atom</id><title>bob</title>`+
			`<updated>2026-01-01T00:00:00Z</updated><author>%[2]s</author><link rel="self" href="%[1]s/u/bob.atom"/><link rel="hub" href="%[1]s/hub"/><link rel="salmon" href="%[1]s/salmon"/></feed>`,
			base, person(base))
	default:
		http.NotFound(w, r)
	}
}

// person is the author element's content of the person of a host.
func person(base string) string {
	return fmt.Sprintf(`<activity:object-type xmlns:activity="http://activitystrea.ms/spec/1.0/">http://activitystrea.ms/schema/1.0/person</activity:object-type>`+
		`<uri>%[1]s/u/bob</uri><name>bob</name><link rel="alternate" type="text/html" href="%[1]s/u/bob"/>`, base)
}
