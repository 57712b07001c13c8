package atom

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
)

// What we write of an activity differs from what GNU social wrote of it in nothing that GNU social checks: each fact of the captured document is one of
// ours. Facts say what is looked at, and why the rest is not.
func TestWrittenLikeGNUSocial(t *testing.T) {
	t.Parallel()
	for _, name := range captures(t) {
		if name == "group-feed" || name == "push-group-post" {
			continue // what groups publish is written by others; we have none
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ours []byte
			if standsAlone(name) {
				a, err := ParseEntry(captured(t, name))
				if err != nil {
					t.Fatal(err)
				}
				a.Actor.Routes.Feed = sourceOf(t, captured(t, name))
				ours = AppendEntry(nil, a)
			} else {
				f, err := ParseFeed(captured(t, name))
				if err != nil {
					t.Fatal(err)
				}
				ours = AppendFeed(nil, f)
			}
			have := documentFacts(t, ours)
			for _, fact := range documentFacts(t, captured(t, name)) {
				if !slices.Contains(have, fact) {
					t.Errorf("ours does not say %s", fact)
				}
			}
			if t.Failed() {
				t.Logf("%s", ours)
			}
		})
	}
}

func sourceOf(t *testing.T, body []byte) string {
	t.Helper()
	root, err := parse(body, MaxEntry)
	if err != nil {
		t.Fatal(err)
	}
	return root.child(nsAtom, "source").id()
}

// documentFacts are those of a feed or an entry.
func documentFacts(t *testing.T, body []byte) []string {
	t.Helper()
	root, err := parse(body, MaxFeed)
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	var all []string
	facts(root, "", &all)
	if len(all) < 10 {
		t.Fatalf("only %d facts in\n%s", len(all), body)
	}
	return all
}

// facts appends what an element says, each as "path: what".
func facts(n *node, path string, all *[]string) {
	entries := 0
	posts := lastSegment(n.value(nsActivity, "verb")) == "post" // nothing else begins a conversation, or goes on with one
	for _, k := range n.kids {
		at := path + "/" + k.name
		say := func(what ...string) { *all = append(*all, at+": "+strings.Join(what, " | ")) }
		switch k.space + " " + k.name {
		case nsAtom + " id", nsAtom + " uri", nsAtom + " name", nsActivity + " object-type", nsActivity + " verb",
			nsPoco + " preferredUsername", nsPoco + " displayName", nsPoco + " note", nsPoco + " formatted", nsPoco + " type", nsPoco + " value", nsPoco + " primary":
			say(k.words())
		case nsAtom + " published", nsAtom + " updated":
			say(parseTime(k.words()).String())
		case nsAtom + " title":
			// What it says is for people, but it has to say something. (That of what is shared does not, with GNU social.)
			if k.words() != "" {
				say("something")
			}
		case nsAtom + " content":
			say(k.attr("type"), k.words())
		case nsAtom + " category":
			say(k.attr("term"))
		case nsThread + " in-reply-to":
			if posts {
				say(k.attr("ref"), k.attr("href"))
			} else {
				say(k.attr("ref")) // what is liked
			}
		case nsOStatus + " conversation":
			if posts {
				say(k.attr("ref"), k.words()) // href and local_id are the page and the row of the server that wrote it
			}
		case nsAtom + " link":
			switch rel := k.attr("rel"); rel {
			case "ostatus:conversation":
				if posts {
					say(rel) // that there is one; the element says which
				}
			case "self", "related":
				// Of what is shared its own server knows where it is as Atom; a favourite is no answer.
				if posts && !within(path, "object") || n.name == "feed" {
					say(rel, k.attr("href"))
				}
			case "alternate", "avatar", "mentioned", "enclosure", "hub", "salmon",
				"http://salmon-protocol.org/ns/salmon-replies", "http://salmon-protocol.org/ns/salmon-mention":
				say(rel, k.attr("href"), k.attr("type"), k.attr("length"), k.attrOf(nsMedia, "width"), k.attrOf(nsMedia, "height"), k.attrOf(nsOStatus, "object-type"))
			}
			// "edit", "license" and "sup" are of the API of GNU social.
		case nsAtom + " entry":
			facts(k, fmt.Sprintf("%s[%d]", at, entries), all)
			entries++
		case nsAtom + " author", nsPoco + " address", nsPoco + " urls":
			facts(k, at, all)
		case nsAtom + " source":
			if within(path, "object") {
				continue // what is shared says whose it is
			}
			say(k.value(nsAtom, "id"), k.link("self", ""), k.link("alternate", ""))
		case nsActivity + " object", nsActivity + " target":
			switch verb := lastSegment(n.value(nsActivity, "verb")); {
			case verb == "share" || verb == "post":
				facts(k, at, all)
			case k.name == "object" || verb == "delete":
				// What something is done to is known by its id: the rest repeats what its own server says better.
				say(k.value(nsActivity, "object-type"), k.value(nsAtom, "id"))
			}
		}
		// What is of statusnet's namespace are numbers of rows; "followers" is a page of GNU social; "summary" is said in poco:note, and
		// "icon" and "logo" by avatars.
	}
}

func within(path, name string) bool { return strings.Contains(path, "/"+name) }

// TestFactsAreSeen shows the comparison what it has to find.
func TestFactsAreSeen(t *testing.T) {
	t.Parallel()
	body := string(captured(t, "salmon-post-reply"))
	whole := documentFacts(t, []byte(body))
	for _, what := range []string{
		"<activity:verb>http://activitystrea.ms/schema/1.0/post</activity:verb>", "<uri>https://gs1.test/user/1</uri>", `media:width="96" `,
		`<thr:in-reply-to ref="tag:gs2.test,2026-11-23:noticeId=3:objectType=note" href="https://gs2.test/notice/3"></thr:in-reply-to>`,
		`<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/person" href="https://gs2.test/user/1"/>`,
		`<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/collection" href="http://activityschema.org/collection/public"/>`,
		"<published>2026-11-23T01:50:08+00:00</published>", "<title>New comment by alice</title>", "nice to meet you",
	} {
		without := strings.Replace(body, what, "", 1)
		if without == body {
			t.Fatalf("there is no %s", what)
		}
		if slices.Equal(documentFacts(t, []byte(without)), whole) {
			t.Errorf("nothing is missing without %s", what)
		}
	}
}

var (
	romeo = activity.Actor{
		URI: "https://social.example/u/romeo", Nick: "romeo", Name: "Romeo <Montague> & Co.", Note: "In \"love\".\nStill.", Home: "https://romeo.example/?a=1&b=2", Place: "Verona",
		Page:     "https://social.example/u/romeo",
		Pictures: []activity.Picture{{URL: "https://social.example/avatar/romeo/x.png", Type: "image/png", Width: 96, Height: 96}},
		Routes: activity.Routes{
			Feed: "https://social.example/u/romeo.atom", Hub: "https://social.example/hub", Slap: "https://social.example/salmon/romeo",
		},
	}
	juliet = activity.Actor{URI: "https://else.example/juliet", Nick: "juliet", Name: "juliet", Page: "https://else.example/@juliet"}
)

func note(n int) *activity.Note {
	id := fmt.Sprintf("https://social.example/n/%016d", n)
	at := time.Date(2026, 11, 26, 12, n, 0, 0, time.UTC)
	return &activity.Note{ID: id, Author: romeo, HTML: fmt.Sprintf("<p>This is &amp; was number %d.</p>", n), Page: id, Published: at, Updated: at, Public: true}
}

func posted(n *activity.Note) activity.Activity {
	a := activity.Activity{
		ID: n.ID, Verb: activity.Post, Actor: n.Author, Published: n.Published, Note: n, Public: n.Public, Page: n.Page, Self: n.ID + ".atom", Title: noteTitle(n),
	}
	for _, m := range n.Mentions {
		a.To = append(a.To, m.URI)
	}
	return a
}

// everything is one activity of each verb, and notes of each kind.
func everything() *Feed {
	f := &Feed{
		ID: romeo.Routes.Feed, Self: romeo.Routes.Feed, Hub: romeo.Routes.Hub, Salmon: romeo.Routes.Slap, Next: romeo.Routes.Feed + "?before=7", Title: "Romeo", Author: romeo,
	}
	f.Updated = time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	reply := note(1)
	reply.Kind, reply.ReplyTo, reply.ReplyPage = activity.KindComment, "tag:else.example,2026:1", "https://else.example/1"
	reply.Conversation = "tag:else.example,2026:thread=1"
	reply.Mentions = []activity.Mention{{URI: juliet.URI}, {URI: "https://else.example/group/1", Group: true}}
	article := note(2)
	article.Kind, article.Title, article.Tags = activity.KindArticle, "On <night> & day", []string{"night", "été"}
	article.Files = []activity.File{{URL: "https://social.example/media/1.png?a=1&b=2", Type: "image/png", Size: 123, Title: "A \"moon\""}, {URL: "https://social.example/media/2"}}
	private := note(3)
	private.Public = false
	odd := note(4)
	odd.HTML = "tab\there, bell\a, null\x00, \xff broken, \uFFFE none, line\r\nend, ]]> & <b>"
	for i, n := range []*activity.Note{reply, article, private, odd} {
		a := posted(n)
		if i == 3 {
			a.Note.HTML = "tab\there, bell, null, \uFFFD broken,  none, line\r\nend, ]]> & <b>"
		}
		f.Entries = append(f.Entries, a)
	}
	do := func(n int, v activity.Verb) *activity.Activity {
		at := time.Date(2026, 11, 26, 13, n, 0, 0, time.UTC)
		f.Entries = append(f.Entries, activity.Activity{
			ID: fmt.Sprintf("tag:social.example,2026:%d", n), Verb: v, Actor: romeo, Published: at, HTML: "<b>does</b> something", Title: "Something", Public: true,
		})
		return &f.Entries[len(f.Entries)-1]
	}
	for _, v := range []activity.Verb{activity.Favorite, activity.Unfavorite} {
		a := do(int(v), v)
		a.Object, a.Owner, a.To = "tag:else.example,2026:1", juliet.URI, []string{juliet.URI}
	}
	for _, v := range []activity.Verb{activity.Follow, activity.Unfollow, activity.Join, activity.Leave} {
		do(int(v), v).Object = juliet.URI
	}
	a := do(10, activity.Delete)
	a.Object = "https://social.example/n/0000000000000009"
	a.ID = a.Object
	do(11, activity.Update).Object = romeo.URI
	a = do(12, activity.Share)
	a.To = []string{juliet.URI}
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	a.Note = &activity.Note{
		ID: "tag:else.example,2026:1", Author: juliet, HTML: "Hello", Page: "https://else.example/1", Published: at, Updated: at, Public: true, Tags: []string{"hi"},
		Files: []activity.File{{URL: "https://else.example/1.jpeg", Type: "image/jpeg", Size: 7}}, Mentions: []activity.Mention{{URI: romeo.URI}},
	}
	return f
}
