package atom

import (
	"errors"
	"fmt"
	"time"

	"passerelle/socialbridge/activity"
)

// maxEntries is how many entries of a feed are read; peers have twenty or so in one.
const maxEntries = 512

// Feed is what somebody publishes, or a part of it: the newest, or what is new.
type Feed struct {
	ID      string
	Self    string // URL of the feed, which is its topic for a hub
	Hub     string // where one asks to be told of what comes into it (WebSub)
	Salmon  string // where its author is told of something
	Next    string // URL of what is older
	Title   string
	Updated time.Time
	// Author is whose it is, with his Routes as the feed says them. Entries may be of others, in feeds of groups.
	Author  activity.Actor
	Entries []activity.Activity
	// Faults are what is wrong with entries that are left out.
	Faults []error
}

// ParseFeed reads a feed. That an entry of it is wrong does not make others so.
func ParseFeed(body []byte) (*Feed, error) {
	root, err := parse(body, MaxFeed)
	if err != nil {
		return nil, err
	}
	if !root.is(nsAtom, "feed") {
		return nil, fmt.Errorf("the document is %.32q and no feed", root.name)
	}
	f := &Feed{
		ID:      root.id(),
		Self:    root.link("self", ""),
		Hub:     root.link("hub", ""),
		Salmon:  root.link("salmon", ""),
		Next:    root.link("next", ""),
		Title:   cut(root.child(nsAtom, "title").plain(), maxTitle),
		Updated: parseTime(root.value(nsAtom, "updated")),
	}
	for _, old := range []string{"http://salmon-protocol.org/ns/salmon-replies", "http://salmon-protocol.org/ns/salmon-mention"} {
		if f.Salmon == "" {
			f.Salmon = root.link(old, "")
		}
	}
	if f.Author, err = root.author("subject"); err != nil {
		return nil, err
	}
	if len(f.Author.Pictures) == 0 {
		if logo := webURL(root.value(nsAtom, "logo")); logo != "" {
			f.Author.Pictures = []activity.Picture{{URL: logo}}
		}
	}
	if f.Author.Page == "" {
		f.Author.Page = root.link("alternate", "text/html")
	}
	f.Author.Routes = activity.Routes{Feed: f.Self, Hub: f.Hub, Slap: f.Salmon}
	for _, n := range root.kids {
		var a *activity.Activity
		var err error
		switch {
		case n.is(nsAtom, "entry"):
			a, err = readEntry(n, &f.Author)
		case n.is(nsTombstone, "deleted-entry"):
			a, err = readTombstone(n, &f.Author)
		default:
			continue
		}
		if len(f.Entries)+len(f.Faults) == maxEntries {
			f.Faults = append(f.Faults, fmt.Errorf("there are more than %d entries", maxEntries))
			break
		}
		if err != nil {
			f.Faults = append(f.Faults, err)
			continue
		}
		f.Entries = append(f.Entries, *a)
	}
	return f, nil
}

// ParseEntry reads an entry that stands alone, and says itself whose it is.
func ParseEntry(body []byte) (*activity.Activity, error) {
	root, err := parse(body, MaxEntry)
	if err != nil {
		return nil, err
	}
	if !root.is(nsAtom, "entry") {
		return nil, fmt.Errorf("the document is %.32q and no entry", root.name)
	}
	return readEntry(root, nil)
}

// readTombstone reads that something is gone (RFC 6721 §3).
func readTombstone(n *node, owner *activity.Actor) (*activity.Activity, error) {
	id := anyID(n.attr("ref"))
	if id == "" || owner.URI == "" {
		return nil, errors.New("a deleted entry lacks what was deleted, or by whom")
	}
	return &activity.Activity{ID: id, Verb: activity.Delete, Actor: *owner, Published: parseTime(n.attr("when")), Object: id}, nil
}

// readEntry reads an entry. What it does not say of its author, the feed's owner does.
func readEntry(n *node, owner *activity.Actor) (*activity.Activity, error) {
	a := &activity.Activity{
		ID:        n.id(),
		Verb:      readVerb(n.value(nsActivity, "verb")),
		Published: parseTime(n.value(nsAtom, "published")),
		Self:      n.link("self", ""),
		Page:      n.link("alternate", "text/html"),
		Title:     cut(n.child(nsAtom, "title").plain(), maxTitle),
	}
	if a.ID == "" {
		return nil, errors.New("an entry has no id")
	}
	if a.Published.IsZero() {
		a.Published = parseTime(n.value(nsAtom, "updated"))
	}
	var err error
	if a.Actor, err = entryAuthor(n, owner); err != nil {
		return nil, fmt.Errorf("entry %.64q: %w", a.ID, err)
	}
	var mentions []activity.Mention
	mentions, a.Public = n.mentions()
	for _, m := range mentions {
		a.To = append(a.To, m.URI)
	}
	if a.Verb != activity.Post {
		if a.HTML = n.child(nsAtom, "content").html(); len(a.HTML) > maxHTML {
			a.HTML = ""
		}
	}
	if err := readObject(a, n, mentions); err != nil {
		return nil, fmt.Errorf("entry %.64q: %w", a.ID, err)
	}
	return a, nil
}
