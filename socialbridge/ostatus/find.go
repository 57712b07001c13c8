package ostatus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/salmon"
	"passerelle/socialbridge/webfinger"
	"passerelle/transports"
)

// Find implements socialbridge.Wire.
func (w *Wire) Find(ctx context.Context, ref string) (*activity.Actor, error) {
	ref = strings.TrimPrefix(strings.TrimSpace(ref), "!")
	leave, err := w.finding.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	s := w.search()
	if a, err := webfinger.ParseAcct(ref); err == nil {
		actor, err := s.byAcct(ctx, a)
		if err != nil {
			return nil, asError(err, a.String())
		}
		return actor, nil
	}
	at := ref
	if !strings.Contains(at, "://") {
		host, err := webfinger.Host(at)
		if err != nil || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
			return nil, transports.NewError(transports.BadRequest, "That is neither a name such as alice@social.example nor the address of a page.", nil)
		}
		at = "https://" + host + "/"
	}
	actor, err := s.byURL(ctx, at)
	if err != nil {
		return nil, asError(err, ref)
	}
	return actor, nil
}

func (s *search) byAcct(ctx context.Context, a webfinger.Acct) (*activity.Actor, error) {
	d, err := s.lookup(ctx, a.URI(), a.Host)
	if err == nil {
		return s.byDocument(ctx, d)
	}
	if isAway(err) || errors.Is(err, errDenied) || errors.Is(err, errOurs) {
		return nil, err
	}
	// GNU social says nothing of its groups there. They have pages.
	for _, scheme := range s.schemes() {
		if d := s.page(ctx, scheme+a.Host+"/group/"+a.User); d != nil {
			if actor, err := s.byDocument(ctx, d); err == nil && actor.Group && actor.Acct == a.String() {
				return actor, nil
			}
		}
	}
	return nil, err
}

// byURL finds an actor by his URI, his page, his feed, or a page of his server on which there is a link to it.
func (s *search) byURL(ctx context.Context, u string) (*activity.Actor, error) {
	host := hostOf(u)
	if host == "" {
		return nil, errNobody
	}
	if d, err := s.lookup(ctx, u, host); err == nil {
		if _, ok := d.Find(webfinger.RelFeed); ok {
			return s.byDocument(ctx, d)
		}
	} else if isAway(err) || errors.Is(err, errDenied) || errors.Is(err, errOurs) {
		return nil, err
	}
	a, err := s.get(ctx, u, typesAtom+", text/html;q=0.9, application/xhtml+xml;q=0.9", atom.MaxFeed)
	if err != nil {
		return nil, err
	}
	if f, err := atom.ParseFeed(a.Body); err == nil {
		return s.prove(ctx, f.Author.URI)
	}
	for _, l := range webfinger.HTMLLinks(a.Body) {
		at, err := webfinger.Resolve(a.URL, l.Href)
		if l.Rel != "alternate" || !strings.HasPrefix(l.Type, typesAtom) || err != nil {
			continue
		}
		if f, err := s.feed(ctx, at); err == nil && f.Author.URI != "" {
			return s.prove(ctx, f.Author.URI)
		}
	}
	return nil, errNobody
}

// byDocument finds the actor of whom a document is: his feed says by which URI he is known.
func (s *search) byDocument(ctx context.Context, d *document) (*activity.Actor, error) {
	if l, ok := d.Find(webfinger.RelFeed); ok {
		if f, err := s.feed(ctx, l.Href); err == nil && f.Author.URI != "" {
			return s.prove(ctx, f.Author.URI)
		}
	}
	for _, name := range d.Names() {
		if hostOf(name) != "" {
			return s.prove(ctx, name)
		}
	}
	return nil, errNobody
}

// prove asks the host of a URI whose it is, and nobody else. What others say of him does not count.
func (s *search) prove(ctx context.Context, uri string) (*activity.Actor, error) {
	host := hostOf(uri)
	switch {
	case host == "":
		return nil, errNobody
	case host == s.host:
		return nil, errOurs
	case !s.core.Allowed(host):
		return nil, errDenied
	}
	d, err := s.lookup(ctx, uri, host)
	if err != nil {
		return nil, err
	}
	if d.host != host {
		return nil, fmt.Errorf("the document about an actor is at %.64q", d.host)
	}
	if !slices.Contains(d.Names(), uri) {
		return nil, errors.New("the document about an actor does not name him")
	}
	feedLink, _ := d.Find(webfinger.RelFeed)
	if hostOf(feedLink.Href) == "" {
		return nil, errors.New("the actor has no feed")
	}
	f, err := s.feed(ctx, feedLink.Href)
	if err != nil {
		return nil, err
	}
	if f.Author.URI != "" && f.Author.URI != uri {
		return nil, errors.New("the feed of an actor is somebody else's")
	}
	a := f.Author
	a.URI, a.Acct, a.Key = uri, "", nil
	a.Routes = activity.Routes{Feed: feedLink.Href, Hub: webURL(f.Hub), Slap: webURL(f.Salmon)}
	if hostOf(f.Self) == hostOf(feedLink.Href) {
		a.Routes.Feed = f.Self // which its hub calls it by
	}
	for _, rel := range []string{webfinger.RelMention, webfinger.RelReplies, webfinger.RelSalmon} {
		if l, ok := d.Find(rel); ok && hostOf(l.Href) != "" {
			a.Routes.Slap = l.Href
		}
	}
	if l, ok := d.Find(webfinger.RelSubscribe); ok && hostOf(l.Template) != "" {
		a.Routes.Subscribe = l.Template
	}
	if l, ok := d.Find(webfinger.RelProfile); ok && hostOf(l.Href) != "" {
		a.Page = cmp.Or(a.Page, l.Href)
	}
	if l, ok := d.Find(webfinger.RelKey); ok {
		if a.Key, err = salmon.ParseKey(l.Href); err != nil {
			return nil, fmt.Errorf("read the key of an actor: %w", err)
		}
	}
	a.Acct = s.confirm(ctx, d, uri, a.Group)
	return &a, nil
}

func webURL(s string) string {
	if hostOf(s) == "" {
		return ""
	}
	return s
}

// confirm finds the name of an actor: one that his own server says he has, and whose host says that it is his. For a group of its own a host need not
// say so twice, if it does not say it of anybody else.
func (s *search) confirm(ctx context.Context, d *document, uri string, group bool) string {
	var names []webfinger.Acct
	for _, name := range d.Names() {
		if a, err := webfinger.ParseAcct(name); err == nil && strings.HasPrefix(name, "acct:") && !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	own := hostOf(uri)
	slices.SortStableFunc(names, func(a, b webfinger.Acct) int { // those of the same host first
		return cmp.Compare(btoi(a.Host != own), btoi(b.Host != own))
	})
	for _, a := range names[:min(len(names), maxAccts)] {
		if a.Host == s.host {
			continue
		}
		back, err := s.lookup(ctx, a.URI(), a.Host)
		if err == nil && slices.Contains(back.Names(), uri) || err != nil && group && a.Host == own && !isAway(err) {
			return a.String()
		}
	}
	return ""
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// finding bounds look-ups: how many there are at a time, and how often one that strangers cause is made again.
type finding struct {
	turns     chan struct{}
	strangers chan struct{} // those of the turns that strangers cause

	mu    sync.Mutex
	tried map[string]time.Time // when an actor was looked up because of a stranger
	hosts map[string]int       // how many of an organisation were, since
	since time.Time
}

const (
	maxFinding   = 32
	maxStrangers = 24
	maxTried     = 10_000
	maxHostTried = 200 // of one host and those below it, in searchAgain: each of them is some requests
	searchAgain  = 10 * time.Minute
)

func newFinding() finding {
	return finding{
		turns: make(chan struct{}, maxFinding), strangers: make(chan struct{}, maxStrangers), tried: make(map[string]time.Time), hosts: make(map[string]int),
	}
}

// enterStranger is for look-ups that strangers cause, beside enter: whatever they do, users find somebody.
func (f *finding) enterStranger() (leave func(), err error) {
	select {
	case f.strangers <- struct{}{}:
		return func() { <-f.strangers }, nil
	default:
		return nil, transports.NewError(transports.Busy, "Too many people are being looked for. Try again.", nil)
	}
}

func (f *finding) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	select {
	case f.turns <- struct{}{}:
		return func() { <-f.turns }, nil
	case <-ctx.Done():
		return nil, transports.NewError(transports.Busy, "Too many people are being looked for. Try again.", ctx.Err())
	}
}

// may reports whether an actor may be looked up because of a stranger, and notes that he is.
func (f *finding) may(uri string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.tried[uri]; ok && now.Sub(at) < searchAgain {
		return false
	}
	if now.Sub(f.since) >= searchAgain || len(f.hosts) >= maxTried {
		f.since = now
		clear(f.hosts)
	}
	host := activity.Organisation(hostOf(uri))
	if f.hosts[host] >= maxHostTried {
		return false
	}
	f.hosts[host]++
	if len(f.tried) >= maxTried {
		for u, at := range f.tried {
			if now.Sub(at) >= searchAgain || len(f.tried) >= maxTried {
				delete(f.tried, u)
			}
		}
	}
	f.tried[uri] = now
	return true
}

// refresh asks an actor's server who he is by now.
func (w *Wire) refresh(ctx context.Context, uri string) (*activity.Actor, error) {
	leave, err := w.finding.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	a, err := w.search().prove(ctx, uri)
	if err != nil {
		return nil, asError(err, nameOf(uri))
	}
	return a, nil
}

// nameOf is a URI as somebody is told it.
func nameOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "that"
	}
	return u.Host + u.Path
}
