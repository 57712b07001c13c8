package atom

import (
	"errors"
	"fmt"
	"html"
	"mime"
	"slices"
	"strconv"
	"strings"

	"passerelle/socialbridge/activity"
)

// Limits of a single activity. What is over one of a list is left out.
const (
	maxHTML     = 256 << 10 // bytes
	maxTitle    = 1 << 10   // bytes
	maxMentions = 256
	maxTags     = 64
	maxTag      = 128 // bytes
	maxFiles    = 32
)

// lastSegment is the name of a verb or type without what stands in front of it. Peers leave that out, or have another one for the same.
func lastSegment(uri string) string { return uri[strings.LastIndexByte(uri, '/')+1:] }

// readVerb reads a verb. That of an entry without one is to post (Activity Streams §4.2).
func readVerb(uri string) activity.Verb {
	switch lastSegment(uri) {
	case "", "post":
		return activity.Post
	case "share":
		return activity.Share
	case "favorite", "like":
		return activity.Favorite
	case "unfavorite", "unlike":
		return activity.Unfavorite
	case "follow", "make-friend":
		return activity.Follow
	case "unfollow", "remove-friend", "stop-following":
		return activity.Unfollow
	case "join":
		return activity.Join
	case "leave":
		return activity.Leave
	case "delete":
		return activity.Delete
	case "update-profile", "update":
		return activity.Update
	}
	return activity.Unknown
}

func readKind(uri string) activity.Kind {
	switch lastSegment(uri) {
	case "comment":
		return activity.KindComment
	case "article", "blog-entry":
		return activity.KindArticle
	case "image", "photo", "picture":
		return activity.KindPicture
	case "video":
		return activity.KindVideo
	case "bookmark":
		return activity.KindBookmark
	}
	return activity.KindNote
}

// readObject reads what an activity is about.
func readObject(a *activity.Activity, n *node, mentions []activity.Mention) error {
	object := n.child(nsActivity, "object")
	a.Object = object.id()
	switch a.Verb {
	case activity.Post:
		a.Object = ""
		a.Note = readNote(n, object)
		a.Note.Author = a.Actor
		if a.Note.HTML == "" && len(a.Note.Files) == 0 {
			return errors.New("the post says nothing")
		}
	case activity.Share:
		return readShared(a, object)
	case activity.Favorite, activity.Unfavorite:
		if a.Object == "" { // GNU social says it here as well, and needs it here
			a.Object = anyID(n.child(nsThread, "in-reply-to").attr("ref"))
		}
		if author := object.child(nsAtom, "author"); author != nil {
			a.Owner = author.uri()
		} else if len(mentions) == 1 {
			a.Owner = mentions[0].URI
		}
		if a.Object == "" {
			return errors.New("it does not say what is liked")
		}
	case activity.Follow, activity.Unfollow, activity.Join, activity.Leave:
		if a.Object = object.uri(); a.Object == "" {
			return errors.New("it does not say who is followed")
		}
	case activity.Delete:
		if a.Object == "" {
			a.Object = n.child(nsActivity, "target").id()
		}
		if a.Object == "" {
			a.Object = a.ID
		}
	case activity.Update:
		// A note cannot be changed. Others than OStatus say by this verb that one was.
		if t := lastSegment(object.value(nsActivity, "object-type")); t != "" && t != "person" && t != "group" {
			a.Verb = activity.Unknown
		}
	}
	return nil
}

// readShared reads a note that is shown once more. Its id is that of the activity of posting it, which stands around the note itself.
func readShared(a *activity.Activity, object *node) (err error) {
	if object == nil || a.Object == "" {
		return errors.New("it does not say what is shared")
	}
	a.Note = readNote(object, object.child(nsActivity, "object"))
	a.Note.Self = object.link("self", "")
	a.Object = ""
	author := object
	if author.child(nsAtom, "author") == nil {
		author = object.child(nsActivity, "object")
	}
	if author.child(nsAtom, "author") == nil {
		return nil // who shows it decides whether that is enough
	}
	if a.Note.Author, err = author.author("actor"); err != nil {
		return fmt.Errorf("what is shared: %w", err)
	}
	return nil
}

// readNote reads the note that an entry, or an activity in one, is: what it does not say itself, its object does.
func readNote(n, object *node) *activity.Note {
	note := &activity.Note{
		ID:        n.id(),
		HTML:      n.content(),
		Page:      n.link("alternate", "text/html"),
		Published: parseTime(n.value(nsAtom, "published")),
		Updated:   parseTime(n.value(nsAtom, "updated")),
	}
	kind := n.value(nsActivity, "object-type")
	if object != nil && (kind == "" || lastSegment(kind) == "activity") {
		kind = object.value(nsActivity, "object-type")
	}
	note.Kind = readKind(kind)
	title := n.child(nsAtom, "title").plain()
	if object != nil {
		if title == "" {
			title = object.child(nsAtom, "title").plain()
		}
		if note.HTML == "" {
			note.HTML = object.content()
		}
		if note.Page == "" {
			note.Page = object.link("alternate", "text/html")
		}
	}
	if note.Published.IsZero() {
		note.Published = note.Updated
	}
	if note.HTML == "" {
		note.HTML = html.EscapeString(cut(title, maxTitle))
	} else if hasOwnTitle(kind, title, note.HTML) {
		note.Title = cut(title, maxTitle)
	}
	if reply := n.child(nsThread, "in-reply-to"); reply != nil {
		note.ReplyTo, note.ReplyPage = anyID(reply.attr("ref")), webURL(reply.attr("href"))
		if note.ReplyTo == "" {
			note.ReplyTo = note.ReplyPage
		}
		if note.ReplyPage == "" {
			note.ReplyPage = n.link("related", "")
		}
	}
	note.Conversation = n.conversation()
	note.Mentions, note.Public = n.mentions()
	note.Tags = n.tags()
	note.Files = n.files()
	return note
}

// hasOwnTitle reports whether a title is one, and not made because Atom wants one: GNU social writes "New note by alice" there, older servers what
// the note says.
func hasOwnTitle(kind, title, body string) bool {
	switch readKind(kind) {
	case activity.KindComment:
		return false
	case activity.KindNote:
		if kind != "" {
			return false
		}
	}
	begin := strings.TrimRight(title, ".…")
	return begin != "" && !strings.HasPrefix(oneLine(withoutTags(body)), begin)
}

// content is what an entry says, as HTML.
func (n *node) content() string {
	s := n.child(nsAtom, "content").html()
	if s == "" {
		s = n.child(nsAtom, "summary").html()
	}
	if len(s) > maxHTML {
		return ""
	}
	return s
}

// conversation names the conversation that an entry is of. Some say it in the text or an attribute of an element, some by a link alone.
func (n *node) conversation() string {
	if c := n.child(nsOStatus, "conversation"); c != nil {
		for _, s := range []string{c.attr("ref"), c.words(), c.attr("href")} {
			if id := anyID(s); id != "" {
				return id
			}
		}
	}
	return n.link("ostatus:conversation", "")
}

// mentions are those whom an entry is for, and whether it is for everybody.
func (n *node) mentions() (mentions []activity.Mention, public bool) {
	n.all(nsAtom, "link", func(link *node) {
		switch link.attr("rel") {
		case "mentioned", "ostatus:attention", "attention": // the latter are those of old StatusNets
		default:
			return
		}
		m := activity.Mention{URI: webURL(link.attr("href"))}
		kind := lastSegment(link.attrOf(nsOStatus, "object-type"))
		m.Group = kind == "group"
		switch {
		case m.URI == everybody:
			public = true
		case m.URI == "" || kind == "collection":
		case len(mentions) < maxMentions && !slices.ContainsFunc(mentions, func(other activity.Mention) bool { return other.URI == m.URI }):
			mentions = append(mentions, m)
		}
	})
	switch n.value(nsMastodon, "scope") {
	case "private", "direct":
		public = false
	}
	return mentions, public
}

func (n *node) tags() (tags []string) {
	n.all(nsAtom, "category", func(c *node) {
		tag := strings.ToLower(strings.TrimLeft(strings.TrimSpace(c.attr("term")), "#"))
		if tag != "" && len(tag) <= maxTag && len(tags) < maxTags && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	})
	return tags
}

func (n *node) files() (files []activity.File) {
	n.all(nsAtom, "link", func(link *node) {
		f := activity.File{URL: webURL(link.attr("href")), Title: cut(oneLine(link.attr("title")), maxTitle)}
		same := func(other activity.File) bool { return other.URL == f.URL }
		if link.attr("rel") != "enclosure" || f.URL == "" || len(files) == maxFiles || slices.ContainsFunc(files, same) {
			return
		}
		if t, _, err := mime.ParseMediaType(link.attr("type")); err == nil {
			f.Type = t
		}
		if size, err := strconv.ParseInt(link.attr("length"), 10, 64); err == nil && size > 0 {
			f.Size = size
		}
		files = append(files, f)
	})
	return files
}
