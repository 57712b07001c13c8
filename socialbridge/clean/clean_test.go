package clean

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHTML(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, html, text string }{
		{"text", "hello  world\n", "", "hello world"},
		{"paragraphs", "<p>one</p><p>two<br>three</p>", "", "one\n\ntwo\nthree"},
		{"looks", "a <b>bold</b> <i>word</i>", "a <b>bold</b> <i>word</i>", "a bold word"},
		{
			"a mention as GNU social writes it", `@<span class="vcard"><a href="https://gs1.test/user/1" class="url" title="Alice">alice</a></span> hi`,
			`@<a href="https://gs1.test/user/1" rel="nofollow">alice</a> hi`, "@alice hi",
		},
		{
			"a tag", `#<span class="tag"><a href="https://gs1.test/tag/go" rel="tag">go</a></span>`, `#<a href="https://gs1.test/tag/go" rel="nofollow">go</a>`, "#go",
		},
		{"a link", `see <a href="https://a.b/c?d=1&amp;e">this</a>.`, `see <a href="https://a.b/c?d=1&amp;e" rel="nofollow">this</a>.`, "see this (https://a.b/c?d=1&e)."},
		{"a link that says where it leads", `<a href="https://a.b/c/">a.b/c</a>`, `<a href="https://a.b/c/" rel="nofollow">a.b/c</a>`, "a.b/c"},
		{"a link that lies", `<a href="https://evil.example/">bank.example</a>`, `<a href="https://evil.example/" rel="nofollow">bank.example</a>`, "bank.example (https://evil.example/)"},
		{"a script", `a<script>alert(1)</script><style>b{}</style><a href="javascript:x()">c</a>`, "", "ac"},
		{"handlers", `<p onclick="x()" style="position:fixed">a</p><img src="https://a.b/x.gif" onerror="x()">`, "", "a"},
		{"lists", "<ol><li>a</li><li>b</li></ol><ul><li>c</li></ul>", "<ol><li>a</li><li>b</li></ol><ul><li>c</li></ul>", "1. a\n2. b\n\n• c"},
		{"a quote", "<blockquote>a</blockquote>b", "<blockquote>a</blockquote>b", "> a\n\nb"},
		{"code", "<pre>a\n  b</pre>", "<pre>a\n  b</pre>", "a\n  b"},
		{"open tags", "<b>a<i>b", "<b>a<i>b</i></b>", "ab"},
		{"signs that reorder", "a\u202eb\u2066c", "", "abc"},
		{"what XML forbids", "a\x00b\x0bc\ufffe\xff", "", "abc\ufffd"},
		{"entities", "&lt;b&gt; &amp;amp; &nbsp;x", "", "<b> &amp; x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := HTML(test.src)
			if got.HTML != test.html || got.Text != test.text {
				t.Errorf("HTML = %q\n want %q\ntext = %q\n want %q", got.HTML, test.html, got.Text, test.text)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	text := "hi @Bob@social.example, see https://a.b/c?d&e. And !club@two.example:8443\nbob@not.a.mention #Go #42 #élan\n\n<b>"
	var anchors []Anchor
	for _, m := range Mentions(text) {
		anchors = append(anchors, Anchor{m, "https://" + m.Acct[strings.IndexByte(m.Acct, '@')+1:] + "/u"})
	}
	want := `<p>hi @<a href="https://social.example/u" class="h-card u-url mention">Bob@social.example</a>, see <a href="https://a.b/c?d&amp;e">https://a.b/c?d&amp;e</a>. ` +
		`And !<a href="https://two.example:8443/u" class="h-card u-url group">club@two.example:8443</a><br/>bob@not.a.mention #Go #42 #élan</p><p>&lt;b&gt;</p>`
	if got := Write(text, anchors); got != want {
		t.Errorf("Write =\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(Tags(text), " "); got != "go élan" {
		t.Errorf("Tags = %q", got)
	}
	if m := Mentions(text); len(m) != 2 || m[0].Acct != "bob@social.example" || m[0].Group || m[1].Acct != "club@two.example:8443" || !m[1].Group {
		t.Errorf("Mentions = %+v", m)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{" a \n b ": "a b", "\u202eevil": "evil", strings.Repeat("é", 10): "éé", "": ""} {
		if got := Line(in, 5); got != want && len(in) > 0 {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Title(strings.Repeat("word ", 20), 12); got != "word word w…" {
		t.Errorf("Title = %q", got)
	}
}

// wellFormed reads a piece of XHTML and fails where it is none, or has more than it may.
func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<body>" + s + "</body>"))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%q is not well-formed: %v", s, err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "script", "style", "img", "iframe", "object", "form", "input", "svg":
			t.Fatalf("%q has a %s", s, e.Name.Local)
		}
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "rel":
			case a.Name.Local == "class" && strings.HasPrefix(a.Value, "h-card u-url "):
			case a.Name.Local == "href" && (strings.HasPrefix(strings.ToLower(a.Value), "http") || strings.HasPrefix(strings.ToLower(a.Value), "xmpp:") || strings.HasPrefix(strings.ToLower(a.Value), "mailto:")):
			default:
				t.Fatalf("%q has %s=%q", s, a.Name.Local, a.Value)
			}
		}
	}
}

// What a stranger writes is well-formed and harmless afterwards, stays so when it is cleaned again, and has text that is one.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<p>a</p>", `<a href="javascript:x">y</a>`, "<b><i><ul><li>", "<svg><script>x</script>", "\x00<\xff>", strings.Repeat("<blockquote>", 300), "<pre>\n a", `<a href="https://a.b/&quot;>">c</a>`,
		"<math><mi//xlink:href=\"data:x\">", "<ol><li><ol><li>a", "&#0;&#x1F;&#xFFFE;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		said := HTML(s)
		wellFormed(t, said.HTML)
		if !utf8.ValidString(said.Text) || Text(said.Text) != said.Text && strings.TrimSpace(said.Text) == said.Text {
			t.Fatalf("the text is %q", said.Text)
		}
		last := 0
		for _, span := range said.Spans {
			if span.From < last || span.To < span.From || span.To > len(said.Text) {
				t.Fatalf("the spans of %q are %v", said.Text, said.Spans)
			}
			last = span.To
		}
		if again := HTML(said.HTML); said.HTML != "" {
			wellFormed(t, again.HTML)
		}
	})
}

// What a user writes is well-formed, whatever it is.
func FuzzWrite(f *testing.F) {
	for _, s := range []string{"hi @bob@a.b", "!c@d.e:1 https://x.y/<>\"'", "a\n\nb\nc", "@@a@b.c@d.e", "#a#b", "xmpp:a@b?join"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = Text(s)
		var anchors []Anchor
		for _, m := range Mentions(s) {
			anchors = append(anchors, Anchor{m, "https://a.b/"})
		}
		wellFormed(t, Write(s, anchors))
		Tags(s)
	})
}
