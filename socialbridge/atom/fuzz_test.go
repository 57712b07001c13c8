package atom

import (
	"testing"
	"unicode/utf8"

	"passerelle/socialbridge/activity"
)

// sane fails where something that was read breaks what its readers rely on.
func sane(t *testing.T, a *activity.Activity) {
	t.Helper()
	if a.ID == "" || webURL(a.Actor.URI) == "" {
		t.Fatalf("an activity without an id or an actor: %+v", a)
	}
	switch a.Verb {
	case activity.Post, activity.Share:
		if a.Note == nil || a.Note.ID == "" {
			t.Fatalf("a note without an id: %+v", a)
		}
	case activity.Unknown, activity.Update:
		return
	default:
		if a.Object == "" {
			t.Fatalf("nothing is done to anything: %+v", a)
		}
	}
	for _, s := range []string{a.ID, a.Object, a.Title, a.HTML, a.Actor.Name} {
		if !utf8.ValidString(s) {
			t.Fatalf("%q is not UTF-8", s)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, name := range captures(f) {
		if standsAlone(name) {
			f.Add(captured(f, name))
		}
	}
	f.Add([]byte(entryOf(author + verb("share") + object("<id>x:1</id>"+object("")))))
	f.Add([]byte(entryOf(author + `<content type="xhtml"><div xmlns="` + nsXHTML + `"><p>a</p></div></content>`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseEntry(body)
		if (a == nil) == (err == nil) {
			t.Fatal(a, err)
		}
		if err != nil {
			return
		}
		sane(t, a)
		if a.Verb == activity.Unknown {
			return
		}
		// What is written of it says the same.
		written := AppendEntry(nil, a)
		if len(written) > MaxEntry {
			return
		}
		again, err := ParseEntry(written)
		if err != nil {
			t.Fatalf("%v in what was written of it:\n%s", err, written)
		}
		if again.Verb != a.Verb || again.Actor.URI != a.Actor.URI || again.Object != a.Object {
			t.Fatalf("read %+v\nthen %+v", a, again)
		}
	})
}

func FuzzParseFeed(f *testing.F) {
	for _, name := range captures(f) {
		if !standsAlone(name) {
			f.Add(captured(f, name))
		}
	}
	f.Add(AppendFeed(nil, everything()))
	f.Fuzz(func(t *testing.T, body []byte) {
		feed, err := ParseFeed(body)
		if err != nil {
			return
		}
		for i := range feed.Entries {
			sane(t, &feed.Entries[i])
		}
		if _, err := parse(AppendFeed(nil, feed), 8*MaxFeed); err != nil {
			t.Fatal(err)
		}
	})
}
