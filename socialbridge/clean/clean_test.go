package clean

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
	"passerelle/transports/transporttest"
)

func TestInward(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, html, text string }{
		{"text", "hello &amp; <p>world</p>", "", "hello & \n\nworld"},
		{"paragraphs", "<p>a</p><p>b<br>c</p>", "", "a\n\nb\nc"},
		{
			"mention of GNU social", `@<a href="https://gs2.test/user/1" class="h-card mention">bob</a> hi`,
			`@<a href="https://gs2.test/user/1" rel="nofollow noopener">bob</a> hi`, "@bob hi",
		},
		{
			"link", `see <a href="https://x.example/a">this</a> and <a href="https://x.example/b">https://x.example/b</a>`,
			`see <a href="https://x.example/a" rel="nofollow noopener">this</a> and <a href="https://x.example/b" rel="nofollow noopener">https://x.example/b</a>`,
			"see this <https://x.example/a> and https://x.example/b",
		},
		{"looks", "<b>a</b> <i>b</i> <script>alert(1)</script><code>c</code>", "<b>a</b> <i>b</i> <code>c</code>", "{b}a{} {i}b{} {m}c{}"},
		{"list and quote", "<ol><li>x</li><li>y</li></ol><blockquote>z</blockquote>", "<ol><li>x</li><li>y</li></ol><blockquote>z</blockquote>", "1. x\n2. y\n\n> z"},
		{"handlers and schemes", `<a href="javascript:alert(1)" onclick="x()">x</a><img src="x" onerror="y()"><p style="color:red">z</p>`, "", "x\n\nz"},
		{"direction", "abc\u202edef\u2066", "", "abcdef"},
		{"unclosed", "<b><i>a</b>b", "<b><i>a</i></b><i>b</i>", "{bi}a{}{i}b{}"},
		{"entities in attributes", `<a href="https://x.example/?a=1&amp;b=&quot;2">q</a>`, `<a href="https://x.example/?a=1&amp;b=&#34;2" rel="nofollow noopener">q</a>`, "q <https://x.example/?a=1&b=\"2>"},
	} {
		p := Inward(c.src)
		if got := transporttest.Looks(p.Text, p.Spans); p.HTML != c.html || got != c.text {
			t.Errorf("%s: got %q\n%q, want %q\n%q", c.name, p.HTML, got, c.html, c.text)
		}
	}
}

func TestOutward(t *testing.T) {
	t.Parallel()
	links := Links{"@bob@gs2.test": "https://gs2.test/user/1", "#go": "https://s.example/tag/go", "!club@gs2.test": "https://gs2.test/group/1"}
	for _, c := range []struct {
		o    Outward
		want string
	}{
		{Outward{Text: "hi @Bob@gs2.test, a<b & #Go!\nsee (https://x.example/a_(b)). mail bob@gs2.test"}, `hi @<a href="https://gs2.test/user/1" class="h-card u-url mention">Bob@gs2.test</a>, a&lt;b &amp; ` +
			`<a href="https://s.example/tag/go" class="hashtag" rel="tag">#Go</a>!<br/>see (<a href="https://x.example/a_(b)" rel="nofollow noopener">https://x.example/a_(b)</a>). mail bob@gs2.test`},
		{Outward{Text: "for !club@gs2.test #other @nobody"}, `for !<a href="https://gs2.test/group/1" class="h-card u-url group">club@gs2.test</a> #other @nobody`},
		{Outward{Text: "a bold #go", Spans: []transports.Span{{From: 2, To: 6, Look: transports.Look{Style: transports.StyleBold}}}}, `a <strong>bold</strong> <a href="https://s.example/tag/go" class="hashtag" rel="tag">#go</a>`},
		{Outward{HTML: `<p>x #go <em onclick="y">z</em></p><script>1</script><code>#go</code>`}, `<p>x <a href="https://s.example/tag/go" class="hashtag" rel="tag">#go</a> <em>z</em></p><code>#go</code>`},
	} {
		if got := c.o.Render(links); got != c.want {
			t.Errorf("%+v: got\n%s\nwant\n%s", c.o, got, c.want)
		}
	}
	o := Outward{Text: "@a@b.example @c !d #e #E x@f.example https://g.example/@h/#i"}
	if n := o.Names(); !slices.Equal(n.People, []string{"a@b.example", "c"}) || !slices.Equal(n.Groups, []string{"d"}) || !slices.Equal(n.Tags, []string{"e"}) {
		t.Errorf("names: %+v", n)
	}
}

// wellFormed reports what is wrong with a piece of XHTML, and whether something in it could do harm.
func wellFormed(t *testing.T, src string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<div>" + src + "</div>"))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%q is not well-formed: %v", src, err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "img", "iframe", "style", "object", "form", "input"}, strings.ToLower(e.Name.Local)) {
			t.Fatalf("%q has an element %s", src, e.Name.Local)
		}
		for _, a := range e.Attr {
			v := strings.ToLower(a.Value)
			switch a.Name.Local {
			case "href":
				if !strings.HasPrefix(v, "http://") && !strings.HasPrefix(v, "https://") && !strings.HasPrefix(v, "mailto:") && !strings.HasPrefix(v, "xmpp:") {
					t.Fatalf("%q has a link to %q", src, a.Value)
				}
			case "rel", "class":
			default:
				t.Fatalf("%q has the attribute %s", src, a.Name.Local)
			}
		}
	}
}

// Whatever a stranger writes becomes well-formed XHTML that can do nothing, and spans that fit the text.
func FuzzInward(f *testing.F) {
	for _, seed := range []string{
		"<b>a<i>b</b>c", "<a href='javascript:x'>y</a>", "<svg><script>x</script></svg>", "<p><p><div><ul><li><ol><li>", "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
		strings.Repeat("<div>", 600), strings.Repeat("<blockquote><ul><li>", 100) + "x", "\xff\xfe<b>\x00", "&#x202e;&#0;&#xd800;", "<a href=\"https://x\ny\">z</a>", "<pre>\n a\n  b</pre>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p := Inward(src)
		wellFormed(t, p.HTML)
		checkSpans(t, p.Text, p.Spans)
		o := Outward{HTML: src}
		o.Names()
		wellFormed(t, o.Render(Links{"#x": "https://x.example/"}))
		o = Outward{Text: p.Text, Spans: p.Spans}
		o.Names()
		wellFormed(t, o.Render(Links{"#x": "https://x.example/"}))
	})
}

func checkSpans(t *testing.T, text string, spans []transports.Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.From < at || s.To <= s.From || s.To > len(text) {
			t.Fatalf("the spans %v do not fit %q", spans, text)
		}
		at = s.To
	}
	if strings.ContainsAny(text, "\x00\x1b") {
		t.Fatalf("the text %q has control characters", text)
	}
}
