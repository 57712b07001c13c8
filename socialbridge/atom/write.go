package atom

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"passerelle/socialbridge/activity"
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// namespaces are those that we write, with the prefixes that peers write.
const namespaces = ` xmlns="` + nsAtom + `" xmlns:thr="` + nsThread + `" xmlns:activity="` + nsActivity + `" xmlns:media="` + nsMedia +
	`" xmlns:poco="` + nsPoco + `" xmlns:ostatus="` + nsOStatus + `"`

// AppendFeed appends a feed: its head, its author with all that is known of him, and its entries in their order, the newest first.
func AppendFeed(b []byte, f *Feed) []byte {
	w := writer{b}
	w.b = append(w.b, declaration+"<feed"+namespaces+">\n"...)
	w.text("generator", "passerelle")
	w.text("id", cmp.Or(f.ID, f.Self))
	w.text("title", cmp.Or(f.Title, who(&f.Author)))
	w.text("subtitle", f.Author.Note)
	if len(f.Author.Pictures) > 0 {
		w.text("logo", f.Author.Pictures[0].URL)
	}
	updated := f.Updated
	for i := range f.Entries {
		if t := entryUpdated(&f.Entries[i]); t.After(updated) {
			updated = t
		}
	}
	w.time("updated", orEpoch(updated))
	w.author(&f.Author)
	w.link("alternate", f.Author.Page, "type", "text/html")
	w.link("hub", f.Hub)
	w.link("salmon", f.Salmon)
	w.link("http://salmon-protocol.org/ns/salmon-replies", f.Salmon) // of old StatusNets, as the next
	w.link("http://salmon-protocol.org/ns/salmon-mention", f.Salmon)
	w.link("self", f.Self, "type", "application/atom+xml")
	w.link("next", f.Next, "type", "application/atom+xml")
	for i := range f.Entries {
		w.b = append(w.b, "<entry>\n"...)
		w.entry(&f.Entries[i])
		w.end("entry")
	}
	w.end("feed")
	return w.b
}

// AppendEntry appends an entry that stands alone: with what it is from, where its actor's feed is known.
func AppendEntry(b []byte, a *activity.Activity) []byte {
	w := writer{b}
	w.b = append(w.b, declaration+"<entry"+namespaces+">\n"...)
	w.entry(a)
	if feed := a.Actor.Routes.Feed; feed != "" {
		w.open("source")
		w.line()
		w.text("id", feed)
		w.text("title", who(&a.Actor))
		w.link("alternate", a.Actor.Page, "type", "text/html")
		w.link("self", feed, "type", "application/atom+xml")
		if len(a.Actor.Pictures) > 0 {
			w.text("icon", a.Actor.Pictures[0].URL)
		}
		w.time("updated", entryUpdated(a))
		w.end("source")
	}
	w.end("entry")
	return w.b
}

// entry writes what is in an entry.
func (w *writer) entry(a *activity.Activity) {
	id, page := a.ID, a.Page
	switch a.Verb {
	case activity.Post:
		w.text("activity:object-type", kindURI(a.Note.Kind))
		id, page = a.Note.ID, cmp.Or(a.Note.Page, page)
	case activity.Delete:
		id = a.Object // GNU social looks for it here
	}
	w.text("id", id)
	w.text("title", title(a))
	content := a.HTML
	if a.Verb == activity.Post {
		content = a.Note.HTML
	}
	w.text("content", cmp.Or(content, title(a)), "type", "html")
	w.link("alternate", page, "type", "text/html")
	w.text("activity:verb", verbURI(a.Verb))
	published := a.Published
	if published.IsZero() {
		published = entryUpdated(a)
	}
	w.time("published", published)
	w.time("updated", entryUpdated(a))
	w.author(&a.Actor)
	switch a.Verb {
	case activity.Post:
		w.context(a.Note)
	case activity.Share:
		w.shared(a.Note)
	case activity.Favorite, activity.Unfavorite:
		w.object("note", a.Object)
		w.empty("thr:in-reply-to", "ref", a.Object) // without it GNU social refuses this
	case activity.Follow, activity.Unfollow:
		w.object("person", a.Object)
	case activity.Join, activity.Leave:
		w.object("group", a.Object)
	case activity.Delete:
		w.object("note", a.Object)
		w.open("activity:target")
		w.line()
		w.text("activity:object-type", schema+"note")
		w.text("id", a.Object)
		w.end("activity:target")
	case activity.Update:
		w.object("person", a.Actor.URI)
	}
	w.mentioned(a)
	if a.Verb == activity.Post {
		w.attached(a.Note)
	}
	w.link("self", a.Self, "type", "application/atom+xml")
}

// shared writes a note that somebody shows once more, as the activity of its being posted.
func (w *writer) shared(n *activity.Note) {
	w.open("activity:object")
	w.line()
	w.text("activity:object-type", schema+"activity")
	w.text("id", n.ID)
	w.text("title", noteTitle(n))
	w.text("content", cmp.Or(n.HTML, noteTitle(n)), "type", "html")
	w.link("alternate", n.Page, "type", "text/html")
	w.text("activity:verb", verbURI(activity.Post))
	w.time("published", n.Published)
	w.time("updated", noteUpdated(n))
	w.author(&n.Author)
	w.open("activity:object")
	w.line()
	w.text("activity:object-type", kindURI(n.Kind))
	w.text("id", n.ID)
	w.text("title", noteTitle(n))
	w.text("content", cmp.Or(n.HTML, noteTitle(n)), "type", "html")
	w.link("alternate", n.Page, "type", "text/html")
	w.end("activity:object")
	w.context(n)
	for _, m := range n.Mentions {
		w.mention(m.URI, m.Group)
	}
	if n.Public {
		w.public()
	}
	w.attached(n)
	w.link("self", n.Self, "type", "application/atom+xml")
	w.end("activity:object")
}

// object writes what something is done to.
func (w *writer) object(kind, id string) {
	w.open("activity:object")
	w.line()
	w.text("activity:object-type", schema+kind)
	w.text("id", id)
	w.text("title", id)
	w.end("activity:object")
}

// context writes what a note answers, and the conversation that it is of.
func (w *writer) context(n *activity.Note) {
	if n.ReplyTo != "" {
		w.empty("thr:in-reply-to", "ref", n.ReplyTo, "href", n.ReplyPage)
		w.link("related", n.ReplyPage)
	}
	if n.Conversation != "" {
		// GNU social reads the text, older servers the link, others the attribute.
		w.link("ostatus:conversation", n.Conversation)
		w.text("ostatus:conversation", n.Conversation, "href", webURL(n.Conversation), "ref", n.Conversation)
	}
}

// attached writes what stands beside a note.
func (w *writer) attached(n *activity.Note) {
	for _, t := range n.Tags {
		w.empty("category", "term", t)
	}
	for _, f := range n.Files {
		size := ""
		if f.Size > 0 {
			size = strconv.FormatInt(f.Size, 10)
		}
		w.link("enclosure", f.URL, "type", f.Type, "length", size, "title", f.Title)
	}
}

// mentioned writes whom an activity is for. GNU social takes what is told to somebody only where it names him, or what is his.
func (w *writer) mentioned(a *activity.Activity) {
	group := func(uri string) bool {
		return a.Note != nil && a.Verb == activity.Post && slices.Contains(a.Note.Mentions, activity.Mention{URI: uri, Group: true})
	}
	to := slices.Clone(a.To)
	switch a.Verb {
	case activity.Post:
		for _, m := range a.Note.Mentions {
			to = append(to, m.URI)
		}
	case activity.Share:
		to = append(to, a.Note.Author.URI)
	case activity.Favorite, activity.Unfavorite:
		to = append(to, a.Owner)
	}
	for i, uri := range to {
		if uri != "" && !slices.Contains(to[:i], uri) {
			w.mention(uri, group(uri))
		}
	}
	if a.Public || a.Verb == activity.Post && a.Note.Public {
		w.public()
	}
}

func (w *writer) mention(uri string, group bool) {
	kind := schema + "person"
	if group {
		kind = schema + "group"
	}
	w.link("mentioned", uri, "ostatus:object-type", kind)
}

func (w *writer) public() { w.link("mentioned", everybody, "ostatus:object-type", schema+"collection") }

// link writes a link, and nothing for one that leads nowhere.
func (w *writer) link(rel, href string, attrs ...string) {
	if href != "" {
		w.empty("link", append([]string{"rel", rel, "href", href}, attrs...)...)
	}
}

// author writes who somebody is.
func (w *writer) author(a *activity.Actor) {
	if a.URI == "" {
		return
	}
	kind := "person"
	if a.Group {
		kind = "group"
	}
	w.open("author")
	w.line()
	w.text("activity:object-type", schema+kind)
	w.text("uri", a.URI)
	w.text("name", cmp.Or(a.Nick, a.Name, a.URI))
	w.link("alternate", a.Page, "type", "text/html")
	for _, p := range a.Pictures {
		w.link("avatar", p.URL, "type", p.Type, "media:width", number(p.Width), "media:height", number(p.Height))
	}
	w.text("poco:preferredUsername", a.Nick)
	w.text("poco:displayName", cmp.Or(a.Name, a.Nick))
	w.text("poco:note", a.Note)
	if a.Place != "" {
		w.open("poco:address")
		w.text("poco:formatted", a.Place)
		w.end("poco:address")
	}
	if a.Home != "" {
		w.open("poco:urls")
		w.text("poco:type", "homepage")
		w.text("poco:value", a.Home)
		w.text("poco:primary", "true")
		w.end("poco:urls")
	}
	w.end("author")
}

func number(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func who(a *activity.Actor) string { return cmp.Or(a.Name, a.Nick, a.URI) }

// title is what stands in the title of an entry, which is never empty (RFC 4287 §4.2.14). Programs show it where they have no better.
func title(a *activity.Activity) string {
	if a.Verb == activity.Post {
		return noteTitle(a.Note)
	}
	if a.Title != "" {
		return a.Title
	}
	nick := cmp.Or(a.Actor.Nick, who(&a.Actor))
	switch a.Verb {
	case activity.Share:
		return nick + " repeated a notice by " + cmp.Or(a.Note.Author.Nick, who(&a.Note.Author), "somebody")
	case activity.Favorite:
		return nick + " likes a notice"
	case activity.Unfavorite:
		return nick + " no longer likes a notice"
	case activity.Follow:
		return nick + " follows somebody"
	case activity.Unfollow:
		return nick + " stopped following somebody"
	case activity.Join:
		return nick + " joined a group"
	case activity.Leave:
		return nick + " left a group"
	case activity.Delete:
		return nick + " deleted a notice"
	}
	return nick + " changed their profile"
}

func noteTitle(n *activity.Note) string {
	if n.Title != "" {
		return n.Title
	}
	kind := "note"
	if n.Kind == activity.KindComment {
		kind = "comment"
	}
	return "New " + kind + " by " + cmp.Or(n.Author.Nick, who(&n.Author), "somebody")
}

func entryUpdated(a *activity.Activity) time.Time {
	if a.Verb == activity.Post {
		return noteUpdated(a.Note)
	}
	return orEpoch(a.Published)
}

// orEpoch is t, or a time for what has none: everything has one in Atom (RFC 4287 §4.2.15).
func orEpoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t
}

func noteUpdated(n *activity.Note) time.Time {
	if n.Updated.IsZero() {
		return orEpoch(n.Published)
	}
	return n.Updated
}

func kindURI(k activity.Kind) string {
	return schema + [...]string{
		activity.KindNote: "note", activity.KindComment: "comment", activity.KindArticle: "article",
		activity.KindPicture: "image", activity.KindVideo: "video", activity.KindBookmark: "bookmark",
	}[k]
}

func verbURI(v activity.Verb) string {
	return [...]string{
		activity.Unknown: schema + "unknown", activity.Post: schema + "post", activity.Share: schema + "share", activity.Favorite: schema + "favorite", activity.Unfavorite: schema + "unfavorite",
		activity.Follow: schema + "follow", activity.Unfollow: ostatus + "unfollow", activity.Join: schema + "join", activity.Leave: ostatus + "leave",
		activity.Delete: schema + "delete", activity.Update: ostatus + "update-profile",
	}[v]
}
