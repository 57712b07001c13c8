package atom

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
)

const author = `<author><uri>https://else.example/juliet</uri><name>juliet</name></author>`

// entryOf is an entry that stands alone, with a default namespace and the prefixes that are used most.
func entryOf(inside string) string {
	return `<entry xmlns="` + nsAtom + `" xmlns:thr="` + nsThread + `" xmlns:activity="` + nsActivity + `" xmlns:ostatus="` + nsOStatus + `" xmlns:poco="` + nsPoco +
		`" xmlns:mastodon="` + nsMastodon + `"><id>tag:else.example,2026:1</id>` + inside + `</entry>`
}

func verb(v string) string { return "<activity:verb>" + v + "</activity:verb>" }

func object(inside string) string { return "<activity:object>" + inside + "</activity:object>" }

func TestTraps(t *testing.T) {
	t.Parallel()
	const content = `<content type="html">hi</content>`
	tests := []struct {
		name, body string
		want       func(a *activity.Activity) any
		is         any
	}{
		{
			"other prefixes", `<a:entry xmlns:a="` + nsAtom + `" xmlns:b="` + nsActivity + `"><a:id>x:1</a:id><b:verb>` + schema + `follow</b:verb><a:author><a:uri>https://a.example/</a:uri></a:author>` +
				`<b:object><a:id>https://b.example/</a:id></b:object></a:entry>`,
			func(a *activity.Activity) any { return a.Verb == activity.Follow && a.Object == "https://b.example/" }, true,
		},
		{"no verb", entryOf(author + content), func(a *activity.Activity) any { return a.Verb }, activity.Post},
		{"relative verb", entryOf(author + verb("favorite") + object("<id>x:1</id>")), func(a *activity.Activity) any { return a.Verb }, activity.Favorite},
		{"old verb", entryOf(author + verb(schema+"like") + object("<id>x:1</id>")), func(a *activity.Activity) any { return a.Verb }, activity.Favorite},
		{"unlike", entryOf(author + verb(schema+"unlike") + object("<id>x:1</id>")), func(a *activity.Activity) any { return a.Verb }, activity.Unfavorite},
		{"make friends", entryOf(author + verb(schema+"make-friend") + object("<id>https://b.example/</id>")), func(a *activity.Activity) any { return a.Verb }, activity.Follow},
		{"unknown verb", entryOf(author + verb(schema+"purchase") + content), func(a *activity.Activity) any { return a.Verb }, activity.Unknown},
		{
			"a favourite without an object", entryOf(author + verb("favorite") + `<thr:in-reply-to ref="x:1"/>`),
			func(a *activity.Activity) any { return a.Object }, "x:1",
		},
		{
			"whose is liked is mentioned", entryOf(author + verb("favorite") + object("<id>x:1</id>") + `<link rel="mentioned" href="https://b.example/b"/>`),
			func(a *activity.Activity) any { return a.Owner }, "https://b.example/b",
		},
		{
			"whose is liked is said", entryOf(author + verb("favorite") + object("<id>x:1</id><author><uri>https://b.example/b</uri></author>") + `<link rel="mentioned" href="https://c.example/"/>`),
			func(a *activity.Activity) any { return a.Owner }, "https://b.example/b",
		},
		{"delete without an object", entryOf(author + verb("delete")), func(a *activity.Activity) any { return a.Object }, "tag:else.example,2026:1"},
		{"delete with a target", entryOf(author + verb("delete") + "<activity:target><id>x:2</id></activity:target>"), func(a *activity.Activity) any { return a.Object }, "x:2"},
		{"update of a profile", entryOf(author + verb(ostatus+"update-profile")), func(a *activity.Activity) any { return a.Verb }, activity.Update},
		{
			"update of a note", entryOf(author + verb("update") + object("<activity:object-type>note</activity:object-type><id>x:1</id>") + content),
			func(a *activity.Activity) any { return a.Verb }, activity.Unknown,
		},
		{
			"conversation by ref", entryOf(author + content + `<link rel="ostatus:conversation" href="https://b.example/c"/><ostatus:conversation ref="x:c"/>`),
			func(a *activity.Activity) any { return a.Note.Conversation }, "x:c",
		},
		{
			"conversation by text", entryOf(author + content + `<ostatus:conversation href="https://b.example/c"> x:c </ostatus:conversation>`),
			func(a *activity.Activity) any { return a.Note.Conversation }, "x:c",
		},
		{
			"conversation by link", entryOf(author + content + `<link rel="ostatus:conversation" href="https://b.example/c"/>`),
			func(a *activity.Activity) any { return a.Note.Conversation }, "https://b.example/c",
		},
		{
			"old relations", entryOf(author + content + `<link rel="ostatus:attention" href="https://b.example/b"/><link rel="attention" href="https://c.example/c"/>`),
			func(a *activity.Activity) any { return a.To },
			[]string{"https://b.example/b", "https://c.example/c"},
		},
		{"not public", entryOf(author + content + `<link rel="mentioned" href="https://b.example/b"/>`), func(a *activity.Activity) any { return a.Public || a.Note.Public }, false},
		{
			"another collection", entryOf(author + content + `<link rel="mentioned" ostatus:object-type="collection" href="https://b.example/followers"/>`),
			func(a *activity.Activity) any { return fmt.Sprint(a.Public, a.To) }, "false []",
		},
		{
			"public, and private after all", entryOf(author + content + `<link rel="mentioned" href="` + everybody + `"/><mastodon:scope>private</mastodon:scope>`),
			func(a *activity.Activity) any { return a.Public || a.Note.Public }, false,
		},
		{"XHTML", entryOf(author + `<content type="xhtml"><div xmlns="` + nsXHTML + `"><p title="&quot;">a &lt; <b>b</b><br/></p><x xmlns="urn:x">c</x></div></content>`), func(a *activity.Activity) any { return a.Note.HTML }, `<p title="&#34;">a &lt; <b>b</b><br></p>c`},
		{"text", entryOf(author + "<content>a &lt; b\nc</content>"), func(a *activity.Activity) any { return a.Note.HTML }, "a &lt; b<br>c"},
		{"summary", entryOf(author + `<content src="https://b.example/" type="image/png"/><summary>s</summary>`), func(a *activity.Activity) any { return a.Note.HTML }, "s"},
		{"only a title", entryOf(author + `<title type="html">&lt;b&gt;a &amp;amp; b</title>`), func(a *activity.Activity) any { return a.Note.HTML + "|" + a.Note.Title }, "a &amp; b|"},
		{"a title of its own", entryOf(author + content + "<title>On  love</title>"), func(a *activity.Activity) any { return a.Note.Title }, "On love"},
		{"the title is how it begins", entryOf(author + `<title>hi th…</title><content type="html">&lt;p>hi there</content>`), func(a *activity.Activity) any { return a.Note.Title }, ""},
		{"tags", entryOf(author + content + `<category term="#Été"/><category term="été"/><category/><category term="nsfw"/>`), func(a *activity.Activity) any { return fmt.Sprint(a.Note.Tags, a.Note.Sensitive()) }, "[été nsfw] true"},
		{
			"files", entryOf(author + content + `<link rel="enclosure" href="https://b.example/1" type="Image/PNG; x=y" length="-1"/><link rel="enclosure" href="https://b.example/1"/>` +
				`<link rel="enclosure" href="file:///etc/passwd"/><link rel="enclosure" href="https://b.example/2" type="?" length="9" title=" a  b "/>`),
			func(a *activity.Activity) any { return a.Note.Files },
			[]activity.File{{URL: "https://b.example/1", Type: "image/png"}, {URL: "https://b.example/2", Size: 9, Title: "a b"}},
		},
		{"reply by href alone", entryOf(author + content + `<thr:in-reply-to href="https://b.example/1"/>`), func(a *activity.Activity) any { return a.Note.ReplyTo }, "https://b.example/1"},
		{"reply with a related page", entryOf(author + content + `<thr:in-reply-to ref="x:1"/><link rel="related" href="https://b.example/1"/>`), func(a *activity.Activity) any { return a.Note.ReplyPage }, "https://b.example/1"},
		{"updated alone", entryOf(author + content + "<updated>2026-11-23T01:50:08.5+0100</updated>"), func(a *activity.Activity) any { return a.Published }, time.Date(2026, 11, 23, 0, 50, 8, 5e8, time.UTC)},
		{"broken time", entryOf(author + content + "<published>yesterday</published>"), func(a *activity.Activity) any { return a.Published }, time.Time{}},
		{"author by id", entryOf("<author><id>https://b.example/b</id></author>" + content), func(a *activity.Activity) any { return a.Actor.URI }, "https://b.example/b"},
		{"author of the source", entryOf("<source>" + author + "</source>" + content), func(a *activity.Activity) any { return a.Actor.URI }, "https://else.example/juliet"},
		{
			"twice the same author", entryOf(author + author + "<activity:actor><id>https://else.example/juliet</id><poco:displayName>Juliet C.</poco:displayName></activity:actor>" + content),
			func(a *activity.Activity) any { return a.Actor.Name }, "Juliet C.",
		},
		{
			"a photo with an object", entryOf(author + verb("post") + object("<activity:object-type>photo</activity:object-type><id>x:p</id>"+content)),
			func(a *activity.Activity) any { return fmt.Sprint(a.Note.ID, a.Note.HTML, kindURI(a.Note.Kind)) }, "tag:else.example,2026:1hi" + kindURI(activity.KindPicture),
		},
		{
			"a share whose author stands inside", entryOf(author + verb("share") + object("<id>x:1</id>"+object("<id>x:1</id>"+content+"<author><uri>https://b.example/b</uri></author>"))),
			func(a *activity.Activity) any { return a.Note.Author.URI + a.Note.HTML }, "https://b.example/bhi",
		},
	}
	for _, tt := range tests {
		a, err := ParseEntry([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := tt.want(a); !reflect.DeepEqual(got, tt.is) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.is)
		}
	}
}

func TestEntryRefused(t *testing.T) {
	t.Parallel()
	const content = `<content type="html">hi</content>`
	bomb := `<!DOCTYPE entry [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>`
	tests := []struct{ name, body string }{
		{"nothing", ""},
		{"no XML", "hello"},
		{"cut", entryOf(author + content)[:300]},
		{"two documents", entryOf(author+content) + entryOf(author+content)},
		{"document type", bomb + entryOf(author+`<content>&b;</content>`)},
		{"another document type", `<!DOCTYPE entry SYSTEM "file:///etc/passwd">` + entryOf(author+content)},
		{"entity", entryOf(author + "<content>&nbsp;</content>")},
		{"another encoding", `<?xml version="1.0" encoding="utf-7"?>` + entryOf(author+content)},
		{"a feed", `<feed xmlns="` + nsAtom + `"/>`},
		{"another namespace", `<entry xmlns="urn:x"><id>x:1</id>` + author + content + `</entry>`},
		{"no id", strings.Replace(entryOf(author+content), "tag:else.example,2026:1", "", 1)},
		{"spaces in the id", strings.Replace(entryOf(author+content), "tag:else.example,2026:1", "a b", 1)},
		{"long id", strings.Replace(entryOf(author+content), "tag:else.example,2026:1", strings.Repeat("a", maxURI+1), 1)},
		{"no author", entryOf(content)},
		{"author without a URI", entryOf("<author><name>juliet</name></author>" + content)},
		{"author of another scheme", entryOf("<author><uri>javascript:alert(1)</uri></author>" + content)},
		{"author with a password", entryOf("<author><uri>https://a:b@else.example/</uri></author>" + content)},
		{"two authors", entryOf(author + "<author><uri>https://b.example/b</uri></author>" + content)},
		{"two names of an author", entryOf("<author><uri>https://else.example/juliet</uri><uri>https://b.example/b</uri></author>" + content)},
		{"another actor", entryOf(author + "<activity:actor><id>https://b.example/b</id></activity:actor>" + content)},
		{"an actor alone", entryOf("<activity:actor><id>https://b.example/b</id></activity:actor>" + content)},
		{"a post that says nothing", entryOf(author + "<title/>")},
		{"a share of nothing", entryOf(author + verb("share"))},
		{"a share of something unnamed", entryOf(author + verb("share") + object(content))},
		{"a share of two authors", entryOf(author + verb("share") + object("<id>x:1</id>"+author+"<author><uri>https://b.example/</uri></author>"))},
		{"a favourite of nothing", entryOf(author + verb("favorite"))},
		{"following nobody", entryOf(author + verb("follow") + object("<id>x:1</id>"))},
		{"deep", entryOf(author + strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth))},
		{"many elements", entryOf(author + content + strings.Repeat("<a/>", maxNodes/2))},
		{"large", entryOf(author + content + strings.Repeat(" ", MaxEntry))},
	}
	for _, tt := range tests {
		if a, err := ParseEntry([]byte(tt.body)); err == nil || a != nil {
			t.Errorf("%s: %+v, %v", tt.name, a, err)
		}
	}
	if _, err := ParseEntry(make([]byte, MaxEntry+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
}

// What there is too much of is cut, and the rest is read.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(strings.Replace(author, "<name>juliet", "<summary>"+strings.Repeat("é", maxNote)+"</summary><name>"+strings.Repeat("é", maxName), 1))
	b.WriteString("<content>hi</content>")
	for i := range 400 {
		fmt.Fprintf(&b, `<category term="t%d"/><link rel="enclosure" href="https://b.example/%d"/><link rel="mentioned" href="https://b.example/u/%d"/>`, i, i, i)
	}
	a, err := ParseEntry([]byte(entryOf(b.String())))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Note.Tags) != maxTags || len(a.Note.Files) != maxFiles || len(a.To) != maxMentions || len(a.Actor.Nick) != maxName || len(a.Actor.Note) != maxNote {
		t.Errorf("%d tags, %d files, %d mentions, %d and %d bytes of the author", len(a.Note.Tags), len(a.Note.Files), len(a.To), len(a.Actor.Nick), len(a.Actor.Note))
	}
}

func TestFeedTraps(t *testing.T) {
	t.Parallel()
	head := `<feed xmlns="` + nsAtom + `" xmlns:activity="` + nsActivity + `" xmlns:at="` + nsTombstone + `" xmlns:poco="` + nsPoco + `">`
	feed := func(inside string) *Feed {
		t.Helper()
		f, err := ParseFeed([]byte(head + inside + "</feed>"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := feed(author + `<link rel="http://salmon-protocol.org/ns/salmon-mention" href="https://else.example/salmon"/><logo>https://else.example/logo.png</logo>` +
		`<link rel="http://www.iana.org/assignments/relation/self" href="https://else.example/feed"/><link href="https://else.example/@juliet"/>` +
		`<at:deleted-entry ref="x:1" when="2026-11-23T01:50:08Z"/><at:deleted-entry/>` +
		`<entry><id>x:2</id><content>whose author is that of the feed</content></entry><entry><title>no id</title></entry>`)
	if f.Salmon != "https://else.example/salmon" || f.Self != "https://else.example/feed" || f.Author.Page != "https://else.example/@juliet" || f.Author.Routes.Slap != f.Salmon {
		t.Errorf("head: %+v", f)
	}
	if len(f.Author.Pictures) != 1 || f.Author.Pictures[0].URL != "https://else.example/logo.png" {
		t.Errorf("pictures: %+v", f.Author.Pictures)
	}
	if len(f.Entries) != 2 || f.Entries[0].Verb != activity.Delete || f.Entries[0].Object != "x:1" || f.Entries[1].Note.Author.URI != "https://else.example/juliet" || len(f.Faults) != 2 {
		t.Errorf("entries: %+v, faults %v", f.Entries, f.Faults)
	}
	// Old StatusNets said more of the author in an element of their own. The owner of a feed of others' entries is not their author.
	f = feed(author + `<activity:subject><id>https://else.example/juliet</id><poco:displayName>Juliet C.</poco:displayName></activity:subject>`)
	if f.Author.Name != "Juliet C." {
		t.Errorf("author: %+v", f.Author)
	}
	f = feed(author + `<activity:subject><id>https://else.example/group</id></activity:subject>`)
	if f.Author.URI != "https://else.example/juliet" {
		t.Errorf("author: %+v", f.Author)
	}
	f = feed(`<entry><id>x:1</id><content>nobody's</content></entry>` + strings.Repeat("<entry/>", maxEntries+10))
	if len(f.Entries) != 0 || len(f.Faults) != maxEntries+1 {
		t.Errorf("%d entries, %d faults", len(f.Entries), len(f.Faults))
	}
	if _, err := ParseFeed([]byte(head + author + "<author><uri>https://b.example/</uri></author></feed>")); err == nil {
		t.Error("a feed of two authors is read")
	}
	if _, err := ParseFeed([]byte(entryOf(author))); err == nil {
		t.Error("an entry is a feed")
	}
	if _, err := ParseFeed(make([]byte, MaxFeed+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
}
