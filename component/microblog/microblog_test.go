package microblog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const gateway = "social.localhost"

var (
	alice = transports.Target{Kind: transports.TargetContact, ID: "alice@social.example"}
	bob   = transports.Target{Kind: transports.TargetContact, ID: "bob@social.example"}
	romeo = transports.Address{Local: "romeo", Domain: "montague.lit"}
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

	names = Names{
		Address: func(t transports.Target) transports.Address {
			return transports.Address{Local: transports.Escape(t.ID), Domain: gateway}
		},
		Contact: func(a transports.Address) (transports.Target, bool) {
			return transports.Target{Kind: transports.TargetContact, ID: transports.Unescape(a.Local)}, a.Domain == gateway && a.Local != ""
		},
	}
	aliceFeed = Place{Address: names.Address(alice), Node: transports.NodeFeed}
)

func parse(t testing.TB, xml string) *stanza.Element {
	t.Helper()
	s, err := stanza.Parse([]byte(xml), "http://jabber.org/protocol/pubsub", stanza.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return s.Root
}

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, clock)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// Entries as documents and clients write them.
func TestRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		item string
		want transports.Entry
	}{
		"XEP-0277 example 1: all is in the title": {
			`<item id='1cb5'><entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>hanging out at the Café Napolitano</title>` +
				`<id>tag:montague.lit,2008-05-08:posts-1cb5</id><published>2008-05-08T18:30:02Z</published><updated>2008-05-08T18:30:02Z</updated></entry></item>`,
			transports.Entry{
				Item: "1cb5", ID: "tag:montague.lit,2008-05-08:posts-1cb5", Body: "hanging out at the Café Napolitano",
				Published: at("2008-05-08T18:30:02Z"), Updated: at("2008-05-08T18:30:02Z"),
			},
		},
		"XEP-0277 example 2: looks": {
			`<item id='1cb5'><entry xmlns='http://www.w3.org/2005/Atom'><title type='xhtml'>` + "\n" + `<div xmlns="http://www.w3.org/1999/xhtml">` + "\n" +
				`  <p>hanging out at the <strong>Café Napolitano</strong></p>` + "\n" + `</div></title><id>tag:x</id></entry></item>`,
			transports.Entry{
				Item: "1cb5", ID: "tag:x", Body: "hanging out at the Café Napolitano", HTML: "<p>hanging out at the <strong>Café Napolitano</strong></p>",
			},
		},
		"XEP-0277 example 4: an answer": {
			`<item id='c414'><entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'><author><name>Benvolio Montague</name>` +
				`<uri>xmpp:romeo@montague.lit</uri></author><title type='text'>@romeo cappuccino this late in the day?</title>` +
				`<link rel='alternate' type='text/html' href='http://montague.lit/benvolio/posts/c414'/><link rel='alternate' href='xmpp:benvolio@montague.lit?;` + "\n" +
				`   node=urn%3Axmpp%3Amicroblog%3A0;` + "\n" + `   item=c414'/><id>tag:montague.lit,2008-05-08:posts-c414</id>` +
				`<thr:in-reply-to ref='tag:montague.lit,2008-05-08:posts-1cb5' type='application/xhtml+xml' href='http://montague.lit/romeo/posts/1cb5'/>` +
				`<thr:in-reply-to ref='tag:montague.lit,2008-05-08:posts-1cb5' href='xmpp:alice%5c40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=1cb5'/>` +
				`<thr:in-reply-to ref='tag:other' href='xmpp:other@montague.lit?;node=a;item=b'/></entry></item>`,
			transports.Entry{
				Item: "c414", ID: "tag:montague.lit,2008-05-08:posts-c414", Body: "@romeo cappuccino this late in the day?",
				Author: transports.Author{Name: "Benvolio Montague", User: romeo}, Page: "http://montague.lit/benvolio/posts/c414",
				ReplyTo: &transports.EntryRef{
					ID: "tag:montague.lit,2008-05-08:posts-1cb5", Of: alice, Node: transports.NodeFeed, Item: "1cb5", Page: "http://montague.lit/romeo/posts/1cb5",
				},
			},
		},
		"XEP-0277 example 5: a repeat": {
			`<item id='1re5'><entry xmlns='http://www.w3.org/2005/Atom'><author><name>Romeo Montague</name><uri>xmpp:romeo@montague.lit</uri></author>` +
				`<title type='text'>hanging out</title><link rel='via' href='xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=1cb5' ref='tag:1cb5'/>` +
				`<id>tag:1re5</id></entry></item>`,
			transports.Entry{
				Item: "1re5", ID: "tag:1re5", Body: "hanging out", Author: transports.Author{Name: "Romeo Montague", User: romeo},
				Via: &transports.EntryRef{ID: "tag:1cb5", User: romeo, Node: transports.NodeFeed, Item: "1cb5"},
			},
		},
		"Movim: article with a picture, tags and its own namespaces": {
			`<item id="7b1c"><entry xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"><id>7b1c</id><title>My day</title>` +
				`<author><name>romeo</name><uri>xmpp:romeo@montague.lit</uri></author>` +
				`<link rel="alternate" href="xmpp:romeo@montague.lit?;node=urn:xmpp:microblog:0;item=7b1c"/>` +
				`<link rel="replies" title="comments" href="xmpp:pubsub.montague.lit?;node=urn:xmpp:microblog:0:comments/7b1c"/>` +
				`<link rel="alternate" type="text/html" title="My day" href="https://movim.example/blog/romeo%40montague.lit/7b1c"/>` +
				`<link rel="related" href="https://news.example/1" type="text/html" title="News" description="d" logo="https://news.example/l.png"/>` +
				`<link rel="enclosure" href="https://upload.example/a%20b.jpg" type="image/jpeg" title="a b.jpg" length="1234"/>` +
				`<thr:in-reply-to href="xmpp:alice\40social.example@social.localhost?;node=urn:xmpp:microblog:0;item=abc"/>` +
				`<content type="text">It was *good*.` + "\n" + `</content><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It was <em>good</em>.</p></div></content>` +
				`<published>2026-11-20T13:00:00+01:00</published><category term="Day"/><category term="#sun"/><category term="Day"/>` +
				`<updated>2026-11-20T12:00:05+00:00</updated></entry></item>`,
			transports.Entry{
				Item: "7b1c", ID: "7b1c", Title: "My day", Body: "It was *good*.", HTML: "<p>It was <em>good</em>.</p>",
				Author: transports.Author{Name: "romeo", User: romeo}, Page: "https://movim.example/blog/romeo%40montague.lit/7b1c",
				Tags: []string{"Day", "sun"}, Published: noon, Updated: at("2026-11-20T12:00:05Z"),
				Files: []transports.Attachment{{
					File: transports.File{Name: "a b.jpg", Type: "image/jpeg", Size: 1234}, URL: "https://upload.example/a%20b.jpg", Description: "a b.jpg",
				}},
				ReplyTo: &transports.EntryRef{Of: alice, Node: transports.NodeFeed, Item: "abc"},
			},
		},
		"Libervia: content in both forms, without a title of its own": {
			`<item id="li-1" publisher="romeo@montague.lit/x"><entry xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title type="text">Hello @alice</title>` +
				`<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Hello <a href="xmpp:alice%5c40social.example@social.localhost">@alice</a></div></title>` +
				`<author><name>romeo</name><uri>xmpp:romeo@montague.lit</uri></author><updated>2026-11-20T12:00:00Z</updated>` +
				`<id>xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=li-1</id>` +
				`<link rel="replies" title="comments" href="xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fli-1"/></entry></item>`,
			transports.Entry{
				Item: "li-1", ID: "xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=li-1", Body: "Hello @alice",
				HTML:   `Hello <a href='xmpp:alice%5c40social.example@social.localhost'>@alice</a>`,
				Author: transports.Author{Name: "romeo", User: romeo}, Published: noon, Updated: noon, Mentions: []transports.Target{alice},
			},
		},
		"a title that is the beginning of the text": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title>What a…</title><content>What a day, what
a night</content></entry></item>`,
			transports.Entry{Item: "a", Body: "What a day, what\na night"},
		},
		"looks alone": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title/><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><h1>Head</h1>` +
				`<p>one<br/>two &amp; <b>three</b></p><ul><li>x</li><li> y</li></ul><pre>a
 b</pre><script>alert(1)</script><img alt='a cat' src='x'/></div></content></entry></item>`,
			transports.Entry{
				Item: "a", Body: "Head\n\none\ntwo & three\n\nx\ny\n\na\n b\n\na cat",
				HTML: "<h1>Head</h1><p>one<br/>two &amp; <b>three</b></p><ul><li>x</li><li> y</li></ul><pre>a\n b</pre><script>alert(1)</script><img alt='a cat' src='x'/>",
			},
		},
		"HTML in characters": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><content type='html'>&lt;p&gt;a &amp;amp; b&lt;br&gt;c&lt;/p&gt;d</content></entry></item>`,
			transports.Entry{Item: "a", Body: "a & b\nc\n\nd", HTML: "<p>a &amp; b<br>c</p>d"},
		},
		"looks that say nothing more": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><content>it's</content><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>it's</div></content></entry></item>`,
			transports.Entry{Item: "a", Body: "it's"},
		},
		"a reference": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title>@bob</title><reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:bob\40social.example@social.localhost'/>` +
				`<link rel='mentioned' href='xmpp:bob\40social.example@social.localhost'/><link rel='mentioned' href='xmpp:romeo@montague.lit'/></entry></item>`,
			transports.Entry{Item: "a", Body: "@bob", Mentions: []transports.Target{bob}},
		},
		"nothing that a browser opens": {
			`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title><link href='javascript:alert(1)'/><link rel='enclosure' href='file:///etc/passwd'/>` +
				`<link rel='enclosure' href='https://u:p@x.example/'/><author><uri>javascript:x</uri></author><published>yesterday</published></entry></item>`,
			transports.Entry{Item: "a", Body: "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(parse(t, test.item), names)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, difference (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadWhatIsNoEntry(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]error{
		`<item id='a'/>`: ErrNoPayload,
		`<item id='0'><feed xmlns='http://www.w3.org/2005/Atom'><title>Romeo's Microblog</title></feed></item>`: ErrNoEntry,
		`<item id='a'><entry xmlns='jabber:client'/></item>`:                                                    ErrNoEntry,
	} {
		if e, err := Read(parse(t, item), names); err != want {
			t.Errorf("%s: got %+v, %v, want %v", item, e, err, want)
		}
	}
}

func write(e *transports.Entry, in Place) string {
	var b stanza.Builder
	Append(&b, e, in, names)
	return string(b.Bytes())
}

const atom = `<entry xmlns='http://www.w3.org/2005/Atom'>`

func TestAppend(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 50)
	for name, test := range map[string]struct {
		entry transports.Entry
		in    Place
		want  []string
		not   string
	}{
		"short": {
			transports.Entry{
				Item: "i1", ID: "tag:social.example,2026:1", Body: "Hi & all", Author: transports.Author{Name: "Alice", Who: alice}, Published: noon,
				Page: "https://social.example/notice/1", Tags: []string{"fun"},
			},
			aliceFeed,
			[]string{
				atom + `<title type='text'>Hi &amp; all</title><id>tag:social.example,2026:1</id><published>2026-11-20T12:00:00Z</published><updated>2026-11-20T12:00:00Z</updated>` +
					`<author><name>Alice</name><uri>xmpp:alice\40social.example@social.localhost</uri></author><category term='fun'/>` +
					`<link rel='alternate' type='text/html' href='https://social.example/notice/1'/>` +
					`<link rel='alternate' href='xmpp:alice%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=i1'/>` +
					`<link rel='replies' href='xmpp:alice%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fi1' title='comments'/></entry>`,
			},
			"content",
		},
		"short with looks": {
			transports.Entry{Item: "i1", Body: "a b", HTML: "<b>a</b> b<br/>"},
			aliceFeed,
			[]string{atom + `<title type='text'>a b</title><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><b>a</b> b<br/></div></title><id>xmpp:alice`},
			"content",
		},
		"looks that are broken": {
			transports.Entry{Item: "i1", Body: "a b", HTML: "<b>a</i> b<br>"}, aliceFeed, []string{atom + `<title type='text'>a b</title><id>`}, "xhtml",
		},
		"looks that want to get out": {
			transports.Entry{Item: "i1", Body: "a", HTML: "</div></title></entry><x/>"}, aliceFeed, []string{atom + `<title type='text'>a</title><id>`}, "xhtml",
		},
		"long": {
			transports.Entry{Item: "i1", Body: long},
			aliceFeed,
			[]string{`<title type='text'>` + strings.TrimSpace(strings.Repeat("word ", 39)) + "…</title><content type='text'>" + long + `</content><id>`},
			"",
		},
		"titled": {
			transports.Entry{Item: "i1", Title: "T", Body: "B", HTML: "<p>B</p>"},
			aliceFeed,
			[]string{`<title type='text'>T</title><content type='text'>B</content><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>B</p></div></content><id>`},
			"",
		},
		"a picture": {
			transports.Entry{Item: "i1", Files: []transports.Attachment{{File: transports.File{Name: "c.png", Type: "image/png", Size: 9}, URL: "https://x.example/c.png"}}},
			aliceFeed,
			[]string{`<title type='text'>…</title>`, `<link rel='enclosure' type='image/png' href='https://x.example/c.png' title='c.png' length='9'/>`},
			"",
		},
		"an answer among comments": {
			transports.Entry{
				Item: "i2", Body: "yes", Author: transports.Author{Name: "bob", Who: bob}, Mentions: []transports.Target{alice},
				ReplyTo: &transports.EntryRef{ID: "tag:1", Of: alice, Node: transports.NodeFeed, Item: "i1", Page: "https://social.example/notice/1"},
			},
			Place{Address: aliceFeed.Address, Node: transports.NodeComments + "i1"},
			[]string{
				`<link rel='alternate' href='xmpp:alice%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fi1;item=i2'/>`,
				`<link rel='replies' href='xmpp:bob%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fi2' title='comments'/>`,
				`<link rel='mentioned' href='xmpp:alice%5C40social.example@social.localhost'/>`,
				`<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='tag:1' href='xmpp:alice%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=i1'/>`,
				`<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='tag:1' type='text/html' href='https://social.example/notice/1'/>`,
			},
			"",
		},
		"a user's answer": {
			transports.Entry{Item: "i2", Body: "yes", Author: transports.Author{Name: "romeo", User: romeo}},
			Place{Address: aliceFeed.Address, Node: transports.NodeComments + "i1"},
			[]string{`<uri>xmpp:romeo@montague.lit</uri>`},
			"replies",
		},
		"a repeat": {
			transports.Entry{
				Item: "i3", Body: "x", Author: transports.Author{Name: "bob", Who: bob}, Via: &transports.EntryRef{ID: "tag:b", Of: bob, Node: transports.NodeFeed, Item: "ib"},
			},
			aliceFeed,
			[]string{
				`<link rel='replies' href='xmpp:bob%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fib' title='comments'/>`,
				`<link rel='via' href='xmpp:bob%5C40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=ib' ref='tag:b'/>`,
			},
			"",
		},
		"of somebody whom XMPP does not know": {
			transports.Entry{Item: "i3", Body: "x", Author: transports.Author{URI: "https://far.example/u/x"}, ReplyTo: &transports.EntryRef{ID: "tag:z"}},
			aliceFeed,
			[]string{`<author><name>https://far.example/u/x</name><uri>https://far.example/u/x</uri></author>`, `<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='tag:z'/>`},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := write(&test.entry, test.in)
			parse(t, got)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
			}
			if test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("got %s\nwant no %s", got, test.not)
			}
		})
	}
}

func TestAppendIsRead(t *testing.T) {
	t.Parallel()
	want := transports.Entry{
		Item: "i", ID: "tag:a", Title: "T", Body: "one\n\ntwo", HTML: "<p>one</p><p>two</p>", Author: transports.Author{Name: "Bob", Who: bob}, Page: "https://a.example/1",
		Tags: []string{"x"}, Published: noon, Updated: noon.Add(time.Minute), Mentions: []transports.Target{alice},
		Files:   []transports.Attachment{{File: transports.File{Name: "f.png", Type: "image/png", Size: 7}, URL: "https://a.example/f.png", Description: "a cat"}},
		ReplyTo: &transports.EntryRef{ID: "tag:r", User: romeo, Node: transports.NodeFeed, Item: "r 1;=&", Page: "https://r.example/"},
		Via:     &transports.EntryRef{ID: "tag:v", Of: bob, Node: transports.NodeFeed, Item: "v"},
	}
	got, err := Read(parse(t, `<item id='i'>`+write(&want, aliceFeed)+`</item>`), names)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, difference (-want +got):\n%s", err, diff)
	}
}

// What gets too large by its looks, or by what has to be escaped, is plain, or shorter.
func TestAppendIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		entry transports.Entry
		has   string
	}{
		"looks": {transports.Entry{Item: "i", Body: strings.Repeat("a", MaxBody), HTML: "<p>" + strings.Repeat("'", MaxBody-7) + "</p>"}, strings.Repeat("a", MaxBody)},
		"text":  {transports.Entry{Item: "i", Body: strings.Repeat("'", MaxBody)}, strings.Repeat("&apos;", MaxBody/8) + "…"},
		"files": {transports.Entry{Item: "i", Body: "b", Files: slices.Repeat([]transports.Attachment{{URL: "https://a.example/" + strings.Repeat("&", 2000)}}, maxList)}, "<title type='text'>…</title>"},
	} {
		got := write(&test.entry, aliceFeed)
		if parse(t, got); len(got) > maxPayload || !strings.Contains(got, test.has) {
			t.Errorf("%s: %d bytes, %.300s", name, len(got), got)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]Place{
		"xmpp:romeo@montague.lit":                                                         {Address: romeo},
		"xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0":                        {Address: romeo, Node: transports.NodeFeed},
		"xmpp:romeo@montague.lit?;node=urn:xmpp:microblog:0;item=a%3Bb":                   {Address: romeo, Node: transports.NodeFeed, Item: "a;b"},
		"XMPP:romeo@montague.lit?pubsub;action=retrieve;node=n;item=i":                    {Address: romeo, Node: "n", Item: "i"},
		"xmpp://romeo@montague.lit?;item=i":                                               {Address: romeo},
		"xmpp:pubsub.montague.lit?;node=n":                                                {Address: transports.Address{Domain: "montague.lit"}, Node: "n"},
		`xmpp:alice\40social.example@social.localhost`:                                    {Address: aliceFeed.Address},
		"xmpp:alice%5c40social.example@social.localhost?;node=urn%3Axmpp%3Amicroblog%3A0": aliceFeed,
		"xmpp:a%zz@b": {Address: transports.Address{Local: "a%zz", Domain: "b"}},
	} {
		if want.Address.Local == "" {
			want.Address.Domain = "pubsub.montague.lit"
		}
		got, ok := ReadURI(uri)
		if !ok || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", uri, got, ok, want)
		}
		if again, ok := ReadURI(got.URI()); !ok || again != got {
			t.Errorf("%s was written as %s and read as %+v", uri, got.URI(), again)
		}
	}
	for _, uri := range []string{"", "xmpp:", "xmpp", "https://a.example/", "xmpp:a@", "xmpp:?;node=n", "mailto:a@b"} {
		if got, ok := ReadURI(uri); ok {
			t.Errorf("%q: got %+v", uri, got)
		}
	}
}

func TestAttachmentsNode(t *testing.T) {
	t.Parallel()
	// XEP-0470 §4.1
	const node = "urn:xmpp:pubsub-attachments:1/xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=balcony-restoration-afd1"
	place := Place{Address: transports.Address{Local: "juliet", Domain: "capulet.lit"}, Node: transports.NodeFeed, Item: "balcony-restoration-afd1"}
	if got, ok := ReadAttachmentsNode(node); !ok || got != place || AttachmentsNode(place) != node {
		t.Errorf("got %+v, %v and %s", got, ok, AttachmentsNode(place))
	}
	for _, bad := range []string{"urn:xmpp:pubsub-attachments:1/", "urn:xmpp:pubsub-attachments:1/xmpp:a@b?;node=n", "urn:xmpp:pubsub-attachments:0/xmpp:a@b?;node=n;item=i"} {
		if got, ok := ReadAttachmentsNode(bad); ok {
			t.Errorf("%s: got %+v", bad, got)
		}
	}
	if of, ok := ReadSummaryNode(SummaryNode(transports.NodeFeed)); !ok || of != transports.NodeFeed {
		t.Errorf("got %s, %v", of, ok)
	}
}

func TestRegard(t *testing.T) {
	t.Parallel()
	// XEP-0470 §4.1
	const item = `<item id='romeo@montague.lit'><attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed timestamp="2022-07-11T12:07:24Z"/>` +
		`<reactions timestamp="2022-07-11T12:07:48Z"><reaction>👷</reaction><reaction>🔨</reaction><reaction>👷</reaction><reaction/></reactions></attachments></item>`
	want := transports.Regard{Noticed: true, Reactions: []string{"👷", "🔨"}, Time: at("2022-07-11T12:07:48Z")}
	got, ok := ReadRegard(parse(t, item))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%v, difference (-want +got):\n%s", ok, diff)
	}
	var b stanza.Builder
	b.Start("item")
	AppendRegard(&b, &got)
	b.End()
	if again, ok := ReadRegard(parse(t, string(b.Bytes()))); !ok || !cmp.Equal(again, got) {
		t.Errorf("%s was read as %+v", b.Bytes(), again)
	}
	if r, ok := ReadRegard(parse(t, `<item id='a'><attachments/></item>`)); ok {
		t.Errorf("attachments of another namespace: %+v", r)
	}
	b.Reset()
	AppendSummary(&b, []transports.Regard{got, {Noticed: true}, {Reactions: []string{"🔨", "🔨"}}})
	const summary = `<summary xmlns='urn:xmpp:pubsub-attachments:summary:1'><noticed count='2'/><reactions><reaction>👷</reaction><reaction count='2'>🔨</reaction></reactions></summary>`
	if string(b.Bytes()) != summary {
		t.Errorf("got %s\nwant %s", b.Bytes(), summary)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	// XEP-0330 §2.1.1, which leaves out the account
	if got := ListID(transports.Address{Domain: "pubsub.montague.lit"}, "party", romeo); len(got) != 40 || got != ListID(transports.Address{Domain: "pubsub.montague.lit"}, "party", romeo.WithResource("x")) {
		t.Errorf("id %s", got)
	}
	var b stanza.Builder
	AppendSubscribed(&b, aliceFeed, "Alice's & mine")
	const subscribed = `<subscription xmlns='urn:xmpp:pubsub:subscription:0' server='alice\40social.example@social.localhost' node='urn:xmpp:microblog:0'><title>Alice&apos;s &amp; mine</title></subscription>`
	if string(b.Bytes()) != subscribed {
		t.Errorf("got %s", b.Bytes())
	}
	for _, payload := range []string{
		subscribed, `<subscription xmlns='urn:xmpp:pps:0' node='urn:xmpp:microblog:0' jid='alice\40social.example@social.localhost'/>`,
	} {
		if got, ok := ReadSubscribed(parse(t, `<item>`+payload+`</item>`)); !ok || got != aliceFeed {
			t.Errorf("%s: got %+v, %v", payload, got, ok)
		}
	}
	b.Reset()
	AppendSubscription(&b, aliceFeed)
	AppendSubscriber(&b, romeo)
	if got := string(b.Bytes()); got != `<subscription xmlns='urn:xmpp:pps:0' node='urn:xmpp:microblog:0' jid='alice\40social.example@social.localhost'/><subscriber xmlns='urn:xmpp:pps:0' jid='romeo@montague.lit'/>` {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{`<item/>`, `<item><subscription xmlns='urn:xmpp:pps:0' jid='a@b'/></item>`, `<item><subscription xmlns='urn:xmpp:pps:0' node='n'/></item>`} {
		if got, ok := ReadSubscribed(parse(t, bad)); ok {
			t.Errorf("%s: got %+v", bad, got)
		}
	}
}

// What is too much is cut or left out.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 200 {
		n := string(rune('a'+i%26)) + strings.Repeat("x", i)
		b.WriteString(`<category term='` + n + `'/><link rel='enclosure' href='https://a.example/` + n + `'/><link rel='mentioned' href='xmpp:` + n + `@social.localhost'/>`)
	}
	x := `<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title>` + strings.Repeat("ü", 4000) + `</title><content>` + strings.Repeat("ä", MaxBody) + `</content>` +
		`<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>` + strings.Repeat("z", MaxBody) + `</p></div></content><id>` + strings.Repeat("i", 3000) + `</id>` +
		`<author><name>` + strings.Repeat("n", 1000) + `</name></author>` + b.String() + `</entry></item>`
	e, err := Read(parse(t, x), names)
	if err != nil || len(e.Title) != maxTitle || len(e.Body) != MaxBody || e.HTML != "" || e.ID != "" || len(e.Author.Name) != maxName ||
		len(e.Tags) != maxList || len(e.Files) != maxList || len(e.Mentions) != maxList {
		t.Errorf("%v: title %d, body %d, looks %d, id %d, name %d, tags %d, files %d, mentions %d", err,
			len(e.Title), len(e.Body), len(e.HTML), len(e.ID), len(e.Author.Name), len(e.Tags), len(e.Files), len(e.Mentions))
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`<item id='a'><entry xmlns='http://www.w3.org/2005/Atom'><title>t</title><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>a<br/>b</p></div></content></entry></item>`,
		`<item><entry xmlns='http://www.w3.org/2005/Atom'><content type='html'>&lt;b&gt;x</content><link rel='via' href='xmpp:a@b?;node=n;item=i'/></entry></item>`,
		`<item><attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/><reactions><reaction>x</reaction></reactions></attachments></item>`,
		`<item id='x'><entry xmlns='http://www.w3.org/2005/Atom' xmlns:t='http://purl.org/syndication/thread/1.0'><t:in-reply-to ref='r' href='https://a.example'/></entry></item>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := stanza.Parse(data, "http://jabber.org/protocol/pubsub", stanza.Limits{})
		if err != nil {
			return
		}
		ReadRegard(s.Root)
		ReadSubscribed(s.Root)
		e, err := Read(s.Root, names)
		if err != nil {
			return
		}
		if len(e.Body) > MaxBody || len(e.HTML) > MaxBody {
			t.Errorf("body of %d, looks of %d", len(e.Body), len(e.HTML))
		}
		again, err := Read(parse(t, `<item>`+write(&e, aliceFeed)+`</item>`), names)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(e.Body); want != "" && !strings.HasPrefix(again.Body, strings.TrimRight(want, "… ")) {
			t.Errorf("wrote %q, read %q", e.Body, again.Body)
		}
	})
}

func FuzzURI(f *testing.F) {
	f.Add("xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=a")
	f.Add(`xmpp:a\40b@c?pubsub;node=%zz`)
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := ReadURI(s)
		if !ok || p.Address.Resource != "" {
			return
		}
		if again, ok := ReadURI(p.URI()); len(p.URI()) <= 3*maxURL && (!ok || again != p) {
			t.Errorf("%q: %+v was written as %q and read as %+v", s, p, p.URI(), again)
		}
	})
}
