package atom

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/socialbridge/activity"
)

// Limits of what is said of somebody.
const (
	maxURI      = 2 << 10 // bytes of a URL or another id
	maxName     = 512     // bytes
	maxNote     = 8 << 10 // bytes
	maxPictures = 8
)

// Errors of who says something.
var (
	errNobody = errors.New("it does not say whose it is")
	errTwo    = errors.New("it says that it is of two people")
)

// entryAuthor is who does what an entry says: its author, else that of the feed that it is from, else the owner of this one (RFC 4287 §4.2.1).
func entryAuthor(n *node, owner *activity.Actor) (activity.Actor, error) {
	actor, err := n.author("actor")
	if err == nil && actor.URI == "" {
		if source := n.child(nsAtom, "source"); source != nil {
			actor, err = source.author("subject")
		}
	}
	if err == nil && actor.URI == "" && owner != nil {
		actor = *owner
	}
	if err == nil && actor.URI == "" {
		err = errNobody
	}
	return actor, err
}

// author is the author of a feed, an entry or an activity; the zero Actor where there is none. More is the element of ActivityStreams that
// older servers said more of him in.
func (n *node) author(more string) (actor activity.Actor, err error) {
	n.all(nsAtom, "author", func(person *node) {
		switch uri := person.uri(); {
		case actor.URI != "" && uri != actor.URI:
			err = errTwo
		case actor.URI == "":
			actor, err = person.actor()
		}
	})
	if err != nil {
		return activity.Actor{}, err
	}
	n.all(nsActivity, more, func(person *node) {
		// He who acts is who wrote the entry; of a feed, its subject may be a group.
		switch uri := person.uri(); {
		case uri != actor.URI && more == "actor":
			err = errTwo
		case uri == actor.URI && uri != "" && actor.Name == actor.Nick:
			actor, err = person.actor()
		}
	})
	if err != nil {
		return activity.Actor{}, err
	}
	return actor, nil
}

// uri names a person or a group: by the uri of an author, by the id of an object, or by his page.
func (n *node) uri() string {
	if n == nil {
		return ""
	}
	for _, s := range []string{n.value(nsAtom, "uri"), n.value(nsAtom, "id")} {
		if u := webURL(s); u != "" {
			return u
		}
	}
	return n.link("alternate", "text/html")
}

// actor reads a person construct (RFC 4287 §3.2) with what OStatus adds, or an object that is a person.
func (n *node) actor() (activity.Actor, error) {
	uris := 0
	n.all(nsAtom, "uri", func(*node) { uris++ })
	if uris > 1 {
		return activity.Actor{}, errTwo
	}
	name := oneLine(n.value(nsAtom, "name"))
	if name == "" {
		name = n.child(nsAtom, "title").plain()
	}
	a := activity.Actor{
		URI:   n.uri(),
		Group: lastSegment(n.value(nsActivity, "object-type")) == "group",
		Nick:  cut(cmp.Or(oneLine(n.value(nsPoco, "preferredUsername")), name), maxName),
		Name:  cut(cmp.Or(oneLine(n.value(nsPoco, "displayName")), name), maxName),
		Note:  cut(cmp.Or(n.value(nsPoco, "note"), n.child(nsAtom, "summary").plain()), maxNote),
		Place: cut(oneLine(n.child(nsPoco, "address").value(nsPoco, "formatted")), maxName),
		Page:  n.link("alternate", "text/html"),
	}
	n.all(nsPoco, "urls", func(u *node) {
		if at := webURL(u.value(nsPoco, "value")); at != "" && (a.Home == "" || u.value(nsPoco, "primary") == "true") {
			a.Home = at
		}
	})
	n.all(nsAtom, "link", func(link *node) {
		p := activity.Picture{
			URL: webURL(link.attr("href")), Type: link.attr("type"),
			Width: pixels(link.attrOf(nsMedia, "width")), Height: pixels(link.attrOf(nsMedia, "height")),
		}
		if link.attr("rel") == "avatar" && p.URL != "" && len(a.Pictures) < maxPictures && !slices.Contains(a.Pictures, p) {
			a.Pictures = append(a.Pictures, p)
		}
	})
	slices.SortStableFunc(a.Pictures, func(p, q activity.Picture) int { return cmp.Compare(q.Width, p.Width) })
	return a, nil
}

func pixels(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// id is the id of an entry or an object: a tag: URI, a URL or something like these.
func (n *node) id() string { return anyID(n.child(nsAtom, "id").words()) }

// anyID is s if it can be an id.
func anyID(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxURI || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	return s
}

// webURL is s if it is a URL of the web without somebody's password in it.
func webURL(s string) string {
	s = anyID(s)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return s
}

// link is where the first link of a relation, and of a type where one is asked for and said, leads on the web.
func (n *node) link(rel, typ string) (href string) {
	if n == nil {
		return ""
	}
	for _, k := range n.kids {
		if !k.is(nsAtom, "link") {
			continue
		}
		is := strings.TrimPrefix(k.attr("rel"), "http://www.iana.org/assignments/relation/") // RFC 4287 §4.2.7.2
		if is == "" {
			is = "alternate"
		}
		if t := k.attr("type"); is != rel || typ != "" && t != "" && !strings.HasPrefix(t, typ) {
			continue
		}
		if href = webURL(k.attr("href")); href != "" {
			return href
		}
	}
	return ""
}

// parseTime reads a date construct (RFC 4287 §3.3); the zero Time is for none.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// cut is at most n bytes of s, which end with a whole character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
