package microblog

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Read reads the entry in an item of a node, wherever the item stands: in an answer, in an event, in what is published. Who wrote it is who the
// entry says, which nobody has checked. Its error is ErrNoPayload or ErrNoEntry.
func Read(item *stanza.Element, n Names) (transports.Entry, error) {
	x := item.Child(NSAtom, "entry")
	switch {
	case x == nil && item.Child("", "") == nil:
		return transports.Entry{}, ErrNoPayload
	case x == nil:
		return transports.Entry{}, ErrNoEntry
	}
	e := transports.Entry{
		Item: item.Attr("id"), ID: link(x.Child(NSAtom, "id").Text()), Author: readAuthor(x.Child(NSAtom, "author"), n),
		Published: date(x.Child(NSAtom, "published").Text()), Updated: date(x.Child(NSAtom, "updated").Text()),
	}
	readContent(&e, x)
	if e.Published.IsZero() {
		e.Published = e.Updated
	}
	for c := range x.Children() {
		switch {
		case c.Is(NSAtom, "content"), c.Is(NSAtom, "title"):
			mentionAll(&e, c.Child(nsXHTML, "div"), n)
		case c.Is(NSAtom, "category"):
			addTag(&e, c.Attr("term"))
		case c.Is(NSAtom, "link"):
			readLink(&e, c, n)
		case c.Is(nsThread, "in-reply-to"): // RFC 4685 §3
			refer(&e.ReplyTo, c.Attr("ref"), c.Attr("href"), n)
		case c.Is(nsReference, "reference") && c.AttrIs("type", "mention"): // XEP-0372 §3.1
			mention(&e, c.Attr("uri"), n)
		}
	}
	return e, nil
}

// readContent reads what an entry says: its content and, of an entry that has none, its title (XEP-0277 §2.3).
func readContent(e *transports.Entry, x *stanza.Element) {
	title, said := readText(x, "title"), readText(x, "content")
	if said.isEmpty() {
		said = readText(x, "summary")
	}
	if said.isEmpty() {
		said, title = title, text{}
	}
	e.Body, e.HTML = clip(said.plain, MaxBody), said.html
	if !isBeginning(title.plain, e.Body) {
		e.Title = clip(strings.Join(strings.Fields(title.plain), " "), maxTitle)
	}
}

// isBeginning reports whether a title says only what the text begins with: it has to be there even where there is none (RFC 4287 §4.1.2).
func isBeginning(title, body string) bool {
	one := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	title = strings.TrimRight(strings.TrimSuffix(one(title), "..."), "… ")
	return strings.HasPrefix(one(body), title)
}

// readAuthor reads who wrote something (RFC 4287 §3.2).
func readAuthor(x *stanza.Element, n Names) transports.Author {
	a := transports.Author{Name: clip(strings.Join(strings.Fields(x.Child(NSAtom, "name").Text()), " "), maxName)}
	uri := strings.TrimSpace(x.Child(NSAtom, "uri").Text())
	if p, ok := ReadURI(uri); ok {
		a.Who, a.User = n.who(p.Address)
	} else {
		a.URI = web(uri)
	}
	return a
}

// readLink reads a link of an entry (RFC 4287 §4.2.7).
func readLink(e *transports.Entry, x *stanza.Element, n Names) {
	href := x.Attr("href")
	switch rel := x.Attr("rel"); rel {
	case "", "alternate":
		if page := web(href); page != "" && (e.Page == "" || x.AttrIs("type", "text/html")) {
			e.Page = page
		}
	case "enclosure":
		if href = web(href); href != "" && len(e.Files) < maxList {
			size := number(x.Attr("length"))
			e.Files = append(e.Files, transports.Attachment{
				File:        transports.File{Name: fileName(href), Type: clip(strings.TrimSpace(x.Attr("type")), maxName), Size: size},
				URL:         href,
				Description: clip(strings.Join(strings.Fields(x.Attr("title")), " "), maxTitle),
			})
		}
	case "via": // XEP-0277 §2.6
		refer(&e.Via, x.Attr("ref"), href, n)
	case "mentioned":
		mention(e, href, n)
	}
}

// refer adds to a reference what another element says of it: one has the URI of XMPP, the next one the page (XEP-0277 §2.5). What refers to something
// else than the first one is left out.
func refer(to **transports.EntryRef, id, href string, n Names) {
	id = link(id)
	p, isXMPP := ReadURI(href)
	page := web(href)
	if id == "" && !isXMPP && page == "" {
		return
	}
	r := *to
	if r == nil {
		r = new(transports.EntryRef)
		*to = r
	} else if id != "" && r.ID != "" && id != r.ID {
		return
	}
	if r.ID == "" {
		r.ID = id
	}
	switch {
	case isXMPP && r.Node == "" && p.Item != "":
		r.Of, r.User = n.who(p.Address)
		r.Node, r.Item = clip(p.Node, maxURL), clip(p.Item, maxURL)
	case page != "" && r.Page == "":
		r.Page = page
	}
}

// mention adds a contact whom an entry names.
func mention(e *transports.Entry, uri string, n Names) {
	p, ok := ReadURI(uri)
	if !ok {
		return
	}
	if t, ok := n.Contact(p.Address); ok && len(e.Mentions) < maxList && !slices.Contains(e.Mentions, t) {
		e.Mentions = append(e.Mentions, t)
	}
}

// mentionAll adds the contacts to whom links of a text lead.
func mentionAll(e *transports.Entry, x *stanza.Element, n Names) {
	for c := range x.Children() {
		if c.Is(nsXHTML, "a") {
			mention(e, c.Attr("href"), n)
		}
		mentionAll(e, c, n)
	}
}

// addTag adds what an entry is about. Clients write it with its sign or without.
func addTag(e *transports.Entry, tag string) {
	tag = strings.TrimLeft(strings.Join(strings.Fields(tag), " "), "#")
	if tag != "" && len(tag) <= maxName && len(e.Tags) < maxList && !slices.Contains(e.Tags, tag) {
		e.Tags = append(e.Tags, tag)
	}
}

// date reads a time (RFC 4287 §3.3); the zero Time where it is none.
func date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// link is an id or URL as it is kept: without white space, and not at all where it is too long.
func link(s string) string {
	s = strings.Join(strings.Fields(s), "")
	if len(s) > maxURL {
		return ""
	}
	return s
}

// web is a URL that a browser opens; empty for others.
func web(s string) string {
	s = link(s)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return ""
	}
	return s
}

// fileName is what a file is called by its URL.
func fileName(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	return clip(strings.ToValidUTF8(strings.Join(strings.Fields(name), " "), ""), maxName)
}

// number is how many bytes something has; 0 where that is not said.
func number(s string) int64 {
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n >= 1<<53 {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	return n
}
