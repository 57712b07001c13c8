package atom

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"passerelle/socialbridge/activity"
)

// What is written is read as what it was, whatever the verb, alone and in a feed.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := everything()
	got, err := ParseFeed(AppendFeed([]byte{}, want))
	if err != nil {
		t.Fatal(err)
	}
	want.Updated = got.Updated // that of the newest entry
	noRoutes := cmpopts.IgnoreFields(activity.Actor{}, "Routes", "Key")
	if diff := cmp.Diff(want, got, noRoutes); diff != "" {
		t.Errorf("feed (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want.Author.Routes, got.Author.Routes); diff != "" {
		t.Errorf("routes (-want +got)\n%s", diff)
	}
	for i := range want.Entries {
		a := &want.Entries[i]
		got, err := ParseEntry(AppendEntry(nil, a))
		if err != nil {
			t.Errorf("%s: %v", verbURI(a.Verb), err)
			continue
		}
		if diff := cmp.Diff(a, got, noRoutes); diff != "" {
			t.Errorf("%s (-want +got)\n%s", verbURI(a.Verb), diff)
		}
	}
}

// Nothing is lost that must be there where the caller says little.
func TestSayingLittle(t *testing.T) {
	t.Parallel()
	who := activity.Actor{URI: "https://social.example/u/romeo"}
	for v := activity.Post; v <= activity.Update; v++ {
		a := activity.Activity{ID: "tag:social.example,2026:1", Verb: v, Actor: who, Object: "https://else.example/1", Note: &activity.Note{ID: "https://else.example/1", Author: who}}
		checkEntry(t, mustParse(t, AppendEntry(nil, &a)), true)
	}
	checkFeed(t, mustParse(t, AppendFeed(nil, &Feed{Self: "https://social.example/u/romeo.atom", Author: who})))
}

func mustParse(t *testing.T, body []byte) *node {
	t.Helper()
	n, err := parse(body, MaxFeed)
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return n
}

// Our feeds are what feed validators accept.
func TestValid(t *testing.T) {
	t.Parallel()
	f := everything()
	feed := mustParse(t, AppendFeed(nil, f))
	checkFeed(t, feed)
	for i := range f.Entries {
		checkEntry(t, mustParse(t, AppendEntry(nil, &f.Entries[i])), true)
	}
	// The rules can be broken.
	for _, r := range [][2]string{
		{"<title>Romeo</title>", ""},
		{"<title>Romeo</title>", "<title/>"},
		{"<id>" + f.ID + "</id>", "<id>7</id>"},
		{"<name>romeo</name>", ""},
		{`rel="self"`, `rel="none"`},
		{`rel="hub" href="https:`, `rel="hub" href="`},
		{`rel="hub"`, `rel="self"`},
		{"T13:12:00Z</updated>", " 13:12:00</updated>"},
		{`<category term="night"/>`, "<category/>"},
		{`type="html"`, `type="markdown"`},
		{"<id>" + f.Entries[0].ID, "<id>" + f.Entries[1].ID},
	} {
		good := string(AppendFeed(nil, f))
		bad := strings.Replace(good, r[0], r[1], 1)
		var found faults
		if checkFeed(&found, mustParse(t, []byte(bad))); bad == good || len(found) == 0 {
			t.Errorf("%q instead of %q is valid", r[1], r[0])
		}
	}
}

// reporter is what a check tells of faults.
type reporter interface {
	Errorf(format string, args ...any)
}

type faults []string

func (f *faults) Errorf(format string, _ ...any) { *f = append(*f, format) }

// checkFeed checks a feed by RFC 4287 §4.1.1, and what feed validators recommend.
func checkFeed(t reporter, n *node) {
	one(t, n, "id", "title", "updated", "author")
	atMostOne(t, n, "subtitle", "logo", "icon", "generator", "rights")
	if self := n.link("self", ""); self == "" || self != n.id() {
		t.Errorf("the feed's self is %q, its id %q", self, n.id())
	}
	checkCommon(t, n)
	seen := map[string]bool{}
	n.all(nsAtom, "entry", func(e *node) {
		checkEntry(t, e, false)
		if seen[e.id()] {
			t.Errorf("two entries have the id %q", e.id())
		}
		seen[e.id()] = true
	})
}

// checkEntry checks an entry by RFC 4287 §4.1.2; one that stands alone says who wrote it.
func checkEntry(t reporter, n *node, alone bool) {
	one(t, n, "id", "title", "updated")
	atMostOne(t, n, "content", "published", "summary", "source", "rights")
	if alone {
		one(t, n, "author")
	}
	if n.link("alternate", "") == "" && n.child(nsAtom, "content") == nil {
		t.Errorf("entry %q has neither content nor a page", n.id())
	}
	checkCommon(t, n)
}

// checkCommon checks what feeds and entries have alike.
func checkCommon(t reporter, n *node) {
	at := n.name + " " + n.id()
	if u, err := url.Parse(n.id()); err != nil || !u.IsAbs() {
		t.Errorf("%s: the id is no absolute IRI (§4.2.6)", at)
	}
	for _, name := range []string{"title", "subtitle", "content"} {
		n.all(nsAtom, name, func(k *node) {
			switch k.attr("type") {
			case "", "text", "html":
			default:
				t.Errorf("%s: %s has the type %q (§3.1.1)", at, name, k.attr("type"))
			}
			if k.words() == "" {
				t.Errorf("%s: %s is empty", at, name)
			}
		})
	}
	for _, name := range []string{"updated", "published"} {
		n.all(nsAtom, name, func(k *node) {
			if _, err := time.Parse(time.RFC3339, k.words()); err != nil {
				t.Errorf("%s: %s is %q (§3.3)", at, name, k.words())
			}
		})
	}
	n.all(nsAtom, "category", func(k *node) {
		if k.attr("term") == "" {
			t.Errorf("%s: a category has no term (§4.2.2)", at)
		}
	})
	for _, name := range []string{"logo", "icon"} {
		n.all(nsAtom, name, func(k *node) {
			if webURL(k.words()) == "" {
				t.Errorf("%s: %s is no URL (§4.2.5)", at, name)
			}
		})
	}
	checkLinks(t, n)
	n.all(nsAtom, "author", func(k *node) {
		one(t, k, "name")
		atMostOne(t, k, "uri", "email")
		if uri := k.value(nsAtom, "uri"); uri != "" && webURL(uri) == "" {
			t.Errorf("%s: the author's uri is %q (§3.2.2)", at, uri)
		}
		// RFC 4287 §3.2 has no links of people. OStatus has their pictures there, and readers of feeds leave out what they do not know (§6.3).
		checkLinks(t, k)
	})
}

func checkLinks(t reporter, n *node) {
	alternates := map[string]bool{}
	selfs := 0
	n.all(nsAtom, "link", func(k *node) {
		href, rel, typ := k.attr("href"), k.attr("rel"), k.attr("type")
		if u, err := url.Parse(href); err != nil || !u.IsAbs() {
			t.Errorf("a link %s leads to %q (§4.2.7.1)", rel, href)
		}
		if rel == "" || strings.ContainsAny(rel, " \t") {
			t.Errorf("a link has the relation %q (§4.2.7.2)", rel)
		}
		if typ != "" && !strings.Contains(typ, "/") {
			t.Errorf("a link has the type %q (§4.2.7.3)", typ)
		}
		if rel == "alternate" {
			if alternates[typ+" "+k.attr("hreflang")] {
				t.Errorf("two links lead to pages of the type %q (§4.1.1)", typ)
			}
			alternates[typ+" "+k.attr("hreflang")] = true
		}
		if rel == "self" {
			if selfs++; selfs > 1 {
				t.Errorf("there are two links to the document itself")
			}
		}
	})
}

func one(t reporter, n *node, names ...string) {
	for _, name := range names {
		count := 0
		n.all(nsAtom, name, func(k *node) {
			if count++; k.words() == "" && len(k.kids) < 2 {
				t.Errorf("%s %q has an empty %s", n.name, n.id(), name)
			}
		})
		if count != 1 {
			t.Errorf("%s %q has %d times %s", n.name, n.id(), count, name)
		}
	}
}

func atMostOne(t reporter, n *node, names ...string) {
	for _, name := range names {
		count := 0
		n.all(nsAtom, name, func(*node) { count++ })
		if count > 1 {
			t.Errorf("%s %q has %d times %s", n.name, n.id(), count, name)
		}
	}
}
