package microblog

import (
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// maxPayload is how large the payload of an item may become, in bytes: servers take stanzas of 256 KiB at least.
const maxPayload = 160 << 10

// Append writes an entry as the payload of an item of the place, which is its node. What is not well-formed of its looks is left out; where it is too
// large they all are, and then much of the text.
func Append(b *stanza.Builder, e *transports.Entry, in Place, n Names) {
	mark := b.Len()
	if appendEntry(b, e, in, n); b.Len()-mark <= maxPayload {
		return
	}
	plain := *e
	for _, most := range []int{MaxBody, MaxBody / 8, 0} {
		plain.HTML = ""
		if len(plain.Body) > most {
			plain.Body = clip(plain.Body, most) + "…"
		}
		if most == 0 { // names and addresses are full of what has to be escaped
			plain.Tags, plain.Files, plain.Mentions, plain.Title = nil, nil, nil, ""
		}
		b.Truncate(mark)
		if appendEntry(b, &plain, in, n); b.Len()-mark <= maxPayload {
			return
		}
	}
}

func appendEntry(b *stanza.Builder, e *transports.Entry, in Place, n Names) {
	b.StartNS("entry", NSAtom)
	in.Item = e.Item
	shown := contentOf(e)
	field := func(name, typ, value string) {
		if value != "" {
			b.Start(name).Attr("type", typ).Text(value).End()
		}
	}
	field("title", "text", shown.title)
	if shown.looks != nil && !shown.apart {
		appendLooks(b, "title", shown.looks)
	}
	if shown.apart {
		field("content", "text", e.Body)
		if shown.looks != nil {
			appendLooks(b, "content", shown.looks)
		}
	}
	id := e.ID
	if id == "" { // RFC 4287 §4.1.2 asks for one
		id = in.URI()
	}
	b.Start("id").Text(id).End()
	stamp(b, "published", e.Published)
	updated := e.Updated
	if updated.IsZero() {
		updated = e.Published
	}
	stamp(b, "updated", updated)
	appendAuthor(b, "author", e.Author, n)
	for _, tag := range e.Tags[:min(len(e.Tags), maxList)] {
		b.Start("category").Attr("term", tag).End()
	}
	appendLinks(b, e, in, n)
	b.End()
	shown.release()
}

// content is what an entry shows where.
type content struct {
	title string // as text
	// looks is the parsed form of how it looks: of the title or, apart, of the content.
	looks   *stanza.Element
	apart   bool // the text stands in the content, with a title above it
	release func()
}

// contentOf says what stands where. An entry without a title of its own is all title where it is short: clients show it as a short message then, and
// nothing twice (XEP-0277 §2.3).
func contentOf(e *transports.Entry) content {
	c := content{title: e.Title, apart: e.Title != "", release: func() {}}
	if c.title == "" {
		c.title = strings.TrimSpace(e.Body)
		if utf8.RuneCountInString(c.title) > brief || strings.Contains(c.title, "\n") {
			c.title, c.apart = excerpt(c.title), true
		}
	}
	if c.title == "" {
		c.title = "…" // a picture alone; there must be one (RFC 4287 §4.1.2)
	}
	if e.HTML != "" && len(e.HTML) <= MaxBody && !saysNoMore(e.HTML, e.Body) {
		if s, err := stanza.Parse([]byte("<div xmlns='"+nsXHTML+"'>"+e.HTML+"</div>"), nsXHTML, stanza.Limits{}); err == nil {
			c.looks, c.release = s.Root, s.Release
		}
	}
	return c
}

// excerpt is the beginning of a text, at the end of a word.
func excerpt(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if utf8.RuneCountInString(s) < brief {
		return s + "…"
	}
	n := 0
	for range brief - 1 {
		_, size := utf8.DecodeRuneInString(s[n:])
		n += size
	}
	if i := strings.LastIndexByte(s[:n], ' '); i > n/2 {
		n = i
	}
	return strings.TrimRight(s[:n], " ") + "…"
}

func appendLooks(b *stanza.Builder, name string, div *stanza.Element) {
	b.Start(name).Attr("type", "xhtml").Element(div, NSAtom).End()
}

// appendAuthor writes who wrote something. Clients read the JID as it is, without what RFC 5122 would escape of it.
func appendAuthor(b *stanza.Builder, name string, a transports.Author, n Names) {
	jid := n.address(a.Who, a.User)
	uri := a.URI
	if !jid.IsZero() {
		uri = "xmpp:" + jid.String()
	}
	if a.Name == "" && uri == "" {
		return
	}
	b.Start(name)
	shown := a.Name
	if shown == "" { // RFC 4287 §3.2.1 asks for one
		if shown = a.URI; !jid.IsZero() {
			shown = transports.Unescape(jid.Local)
		}
	}
	b.Start("name").Text(shown).End()
	if uri != "" {
		b.Start("uri").Text(uri).End()
	}
	b.End()
}

func appendLinks(b *stanza.Builder, e *transports.Entry, in Place, n Names) {
	to := func(rel, typ, href string) *stanza.Builder {
		return b.Start("link").Attr("rel", rel).Attr("type", typ).Attr("href", href)
	}
	if e.Page != "" {
		to("alternate", "text/html", e.Page).End()
	}
	to("alternate", "", in.URI()).End()
	if c := comments(e, in, n); !c.Address.IsZero() && c.Item != "" { // XEP-0277 §3.1
		to("replies", "", Place{Address: c.Address, Node: transports.NodeComments + c.Item}.URI()).Attr("title", "comments").End()
	}
	for i := range e.Files[:min(len(e.Files), maxList)] {
		f := &e.Files[i]
		title := f.Description
		if title == "" {
			title = f.Name
		}
		to("enclosure", f.Type, f.URL).Attr("title", title)
		if f.Size > 0 {
			b.Int("length", int(f.Size))
		}
		b.End()
	}
	for _, t := range e.Mentions[:min(len(e.Mentions), maxList)] {
		to("mentioned", "", Place{Address: n.Address(t)}.URI()).End()
	}
	if e.Via != nil {
		if href := hrefOf(e.Via, n); href != "" {
			to("via", "", href).Attr("ref", e.Via.ID).End()
		}
	}
	if r := e.ReplyTo; r != nil {
		appendReplyTo(b, r, n)
	}
}

// comments is the entry under which an entry is answered. Users have no such nodes here.
func comments(e *transports.Entry, in Place, n Names) Place {
	switch {
	case e.Via != nil: // XEP-0277 §2.6: a repeat where the original is
		return Place{Address: n.address(e.Via.Of, transports.Address{}), Item: e.Via.Item}
	case strings.HasPrefix(in.Node, transports.NodeComments): // an answer where its author publishes
		return Place{Address: n.address(e.Author.Who, transports.Address{}), Item: e.Item}
	}
	return in
}

// appendReplyTo writes what an entry answers: where it is for clients and, in a second element, for browsers (XEP-0472 §4.4).
func appendReplyTo(b *stanza.Builder, r *transports.EntryRef, n Names) {
	at := Place{Address: n.address(r.Of, r.User), Node: r.Node, Item: r.Item}
	if !at.Address.IsZero() && at.Item != "" {
		b.StartNS("in-reply-to", nsThread).Attr("ref", r.ID).Attr("href", at.URI()).End()
	} else if r.ID != "" && r.Page == "" {
		b.StartNS("in-reply-to", nsThread).Attr("ref", r.ID).End()
	}
	if r.Page != "" {
		b.StartNS("in-reply-to", nsThread).Attr("ref", r.ID).Attr("type", "text/html").Attr("href", r.Page).End()
	}
}

// hrefOf is where something is that an entry refers to.
func hrefOf(r *transports.EntryRef, n Names) string {
	if a := n.address(r.Of, r.User); !a.IsZero() && r.Item != "" {
		return Place{Address: a, Node: r.Node, Item: r.Item}.URI()
	}
	return r.Page
}

// stamp writes a time (RFC 4287 §3.3), as XEP-0277 does it.
func stamp(b *stanza.Builder, name string, t time.Time) {
	if !t.IsZero() {
		b.Start(name).Text(t.UTC().Format("2006-01-02T15:04:05Z")).End()
	}
}
