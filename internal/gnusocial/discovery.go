package gnusocial

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

func (s *Site) hostMeta(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/xrd+xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
 <Link rel="lrdd" type="application/jrd+json" template="%[1]s/.well-known/webfinger?resource={uri}"/>
 <Link rel="lrdd" type="application/json" template="%[1]s/.well-known/webfinger?resource={uri}"/>
 <Link rel="lrdd" type="application/xrd+xml" template="%[1]s/.well-known/webfinger?resource={uri}"/>
</XRD>`, s.base)
}

// webFinger echoes what was asked for as the subject, and has the other names as aliases.
func (s *Site) webFinger(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Query().Get("resource")
	var u *User
	s.mu.Lock()
	for _, x := range s.users {
		if resource == x.URI() || resource == x.Page() || strings.EqualFold(strings.TrimPrefix(resource, "acct:"), x.Acct()) && !x.Group {
			u = x
		}
	}
	s.mu.Unlock()
	if u == nil {
		noSuchUser(w)
		return
	}
	w.Header().Set("Content-Type", "application/jrd+json")
	names := []string{u.URI(), u.Page()}
	if !u.Group || strings.HasPrefix(resource, "http") {
		names = append(names, "acct:"+u.Acct())
	}
	aliases := []string{}
	for _, n := range names {
		if n != resource {
			aliases = append(aliases, n)
		}
	}
	if !strings.Contains(resource, ":") {
		resource = "acct:" + resource
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"subject": resource, "aliases": aliases, "links": []map[string]string{
		{"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": u.Page()},
		{"rel": "http://schemas.google.com/g/2010#updates-from", "type": "application/atom+xml", "href": u.Feed()},
		{"rel": "magic-public-key", "href": "data:application/magic-public-key," + formatKey(&u.key.PublicKey)},
		{"rel": "salmon", "href": u.salmon()},
		{"rel": "http://salmon-protocol.org/ns/salmon-replies", "href": u.salmon()},
		{"rel": "http://salmon-protocol.org/ns/salmon-mention", "href": u.salmon()},
		{"rel": "http://ostatus.org/schema/1.0/subscribe", "template": s.base + "/main/ostatussub?profile={uri}"},
	}})
}

// groupPage has its way to WebFinger in a header.
func (s *Site) groupPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Group && u.Nick == r.PathValue("nick") {
			w.Header().Set("Link", fmt.Sprintf(`<%s/.well-known/webfinger?resource=%s>; rel="lrdd"; type="application/jrd+json"`, s.base, url.QueryEscape(u.URI())))
			fmt.Fprint(w, "<html><head><title>group</title></head></html>")
			return
		}
	}
	noSuchUser(w)
}

func formatKey(k *rsa.PublicKey) string {
	return "RSA." + base64.URLEncoding.EncodeToString(k.N.Bytes()) + "." + base64.URLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes())
}

func parseKey(href string) (*rsa.PublicKey, error) {
	_, text, ok := strings.Cut(href, ",")
	parts := strings.Split(text, ".")
	if !ok || len(parts) != 3 || parts[0] != "RSA" {
		return nil, fmt.Errorf("%q is no key", href)
	}
	n, err := base64.URLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("the modulus is not padded base64url: %w", err)
	}
	e, err := base64.URLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("the exponent is not padded base64url: %w", err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

// remote is somebody of another server.
type remote struct {
	uri, nick, feed, hub, salmon string
	key                          *rsa.PublicKey
}

type xrdLink struct {
	Rel      string `json:"rel" xml:"rel,attr"`
	Type     string `json:"type" xml:"type,attr"`
	Href     string `json:"href" xml:"href,attr"`
	Template string `json:"template" xml:"template,attr"`
}

type xrd struct {
	Subject string    `json:"subject" xml:"Subject"`
	Aliases []string  `json:"aliases" xml:"Alias"`
	Links   []xrdLink `json:"links" xml:"Link"`
}

func (d *xrd) link(rel string) string {
	for _, l := range d.Links {
		if l.Rel == rel {
			return l.Href
		}
	}
	return ""
}

// resolve asks for an account by WebFinger, and for everything else by host-meta, which is the only way that it knows.
func (s *Site) resolve(ctx context.Context, what string) (*xrd, error) {
	var at string
	if user, host, ok := strings.Cut(strings.TrimPrefix(what, "acct:"), "@"); ok {
		at = s.scheme() + host + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+user+"@"+host)
	} else {
		u, err := url.Parse(what)
		if err != nil {
			return nil, err
		}
		a, err := s.get(ctx, s.scheme()+u.Host+"/.well-known/host-meta", "")
		if err != nil {
			return nil, fmt.Errorf("unable to find services for %s: %w", what, err)
		}
		var meta xrd
		if a.contentType != "application/xrd+xml" {
			return nil, fmt.Errorf("host-meta is %q", a.contentType)
		}
		if err := xml.Unmarshal(a.body, &meta); err != nil {
			return nil, err
		}
		for _, l := range meta.Links {
			if l.Rel == "lrdd" && l.Type == "application/jrd+json" {
				at = strings.ReplaceAll(l.Template, "{uri}", url.QueryEscape(what))
			}
		}
	}
	a, err := s.get(ctx, at, "application/jrd+json")
	if err != nil {
		return nil, fmt.Errorf("unable to find services for %s: %w", what, err)
	}
	if a.contentType != "application/jrd+json" {
		return nil, fmt.Errorf("WebFinger is %q", a.contentType)
	}
	d := new(xrd)
	return d, json.Unmarshal(a.body, d)
}

func (s *Site) scheme() string {
	if s.opt.Certificate != nil {
		return "https://"
	}
	return "http://"
}

var nickname = regexp.MustCompile(`^[0-9a-zA-Z_]{1,64}$`)

// discover finds somebody of another server.
func (s *Site) discover(ctx context.Context, what string) (*remote, error) {
	d, err := s.resolve(ctx, what)
	if err != nil {
		return nil, err
	}
	rm := &remote{feed: d.link("http://schemas.google.com/g/2010#updates-from"), salmon: d.link("salmon")}
	if href := d.link("magic-public-key"); href != "" {
		if rm.key, err = parseKey(href); err != nil {
			return nil, err
		}
	}
	a, err := s.get(ctx, rm.feed, "")
	if err != nil {
		return nil, err
	}
	f, err := parseFeed(a.body)
	if err != nil {
		return nil, err
	}
	rm.uri, rm.nick, rm.hub = f.Author.URI, f.Author.Nick(), f.link("hub")
	switch {
	case rm.hub == "":
		return nil, errors.New("the feed has no hub")
	case !nickname.MatchString(rm.nick):
		return nil, fmt.Errorf("the nickname %q is none", html.EscapeString(rm.nick))
	case f.link("self") != rm.feed:
		return nil, fmt.Errorf("the feed %s calls itself %s", rm.feed, f.link("self"))
	}
	return rm, nil
}

// key is that of an author. The first one is kept for ever, also where it does not fit.
func (s *Site) key(ctx context.Context, uri string) (*rsa.PublicKey, error) {
	s.mu.Lock()
	k := s.keys[uri]
	s.mu.Unlock()
	if k != nil {
		return k, nil
	}
	d, err := s.resolve(ctx, uri)
	if err != nil {
		return nil, err
	}
	if k, err = parseKey(d.link("magic-public-key")); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.keys[uri] = k
	s.mu.Unlock()
	return k, nil
}
