package stanza

import (
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/transports"
)

func TestBuilder(t *testing.T) {
	t.Parallel()
	full := transports.Address{Local: "o'hara&", Domain: "example.org", Resource: `a<"b`}
	tree := mustParse(t, `<x xmlns='urn:x'><y/></x>`).Root
	for _, c := range []struct {
		name  string
		build func(b *Builder)
		want  string
	}{
		{"nothing", func(*Builder) {}, ``},
		{"empty element", func(b *Builder) { b.Start("a").End() }, `<a/>`},
		{"nested", func(b *Builder) { b.Start("a").Start("b").End().Start("c").Text("x").End().End() }, `<a><b/><c>x</c></a>`},
		{"several", func(b *Builder) { b.Start("a").End().Start("b").End() }, `<a/><b/>`},
		{"attributes", func(b *Builder) { b.Start("a").Attr("b", "1").Attr("c", "").Int("d", 0).Int("e", -5).End() }, `<a b='1' d='0' e='-5'/>`},
		{"namespace", func(b *Builder) { b.StartNS("a", "urn:'x'").Attr("b", "1").End() }, `<a xmlns='urn:&apos;x&apos;' b='1'/>`},
		{"no namespace", func(b *Builder) { b.StartNS("a", "").End() }, `<a xmlns=''/>`},
		{"addresses", func(b *Builder) {
			b.Start("a").JID("to", full).JID("from", full.Bare()).JID("by", transports.Address{Domain: "d"}).JID("no", transports.Address{}).End()
		}, `<a to='o&apos;hara&amp;@example.org/a&lt;&quot;b' from='o&apos;hara&amp;@example.org' by='d'/>`},
		{"empty content", func(b *Builder) { b.Start("a").Text("").Raw(nil).Element(nil, "").Attr("b", "c").End() }, `<a b='c'/>`},
		{"raw", func(b *Builder) { b.Start("a").Raw([]byte("<b/>")).End() }, `<a><b/></a>`},
		{"element", func(b *Builder) { b.Start("a").Element(tree, NSComponent).End() }, `<a><x xmlns='urn:x'><y/></x></a>`},
		{"element of the same namespace", func(b *Builder) { b.Start("a").Element(tree, "urn:x").End() }, `<a><x><y/></x></a>`},
		{"attribute too late", func(b *Builder) {
			b.Start("a").Text("x").Attr("b", "c").Int("b", 1).JID("b", full).End().Attr("b", "c")
		}, `<a>x</a>`},
		{"attribute behind a child", func(b *Builder) { b.Start("a").Start("b").End().Attr("c", "d").End() }, `<a><b/></a>`},
		{"end too much", func(b *Builder) { b.End().Start("a").End().End() }, `<a/>`},
		{"reset", func(b *Builder) {
			b.Start("a").Start("b").Text("x")
			b.Reset()
			b.Start("c").End().End()
		}, `<c/>`},
		{"truncate an element", func(b *Builder) {
			b.Start("a").Text("x")
			n := b.Len()
			b.Start("b").Start("c").Text("y")
			b.Truncate(n)
			b.Start("d").End().End()
		}, `<a>x<d/></a>`},
		{"truncate opens the start tag again", func(b *Builder) {
			b.Start("a").Attr("b", "1")
			n := b.Len()
			b.Start("c").Text("x").End()
			b.Truncate(n)
			b.Attr("d", "2").End()
		}, `<a b='1' d='2'/>`},
		{"truncate a stanza", func(b *Builder) {
			b.Start("a").End()
			n := b.Len()
			b.Start("b").Text("x").End()
			b.Truncate(n)
			b.Start("c").End()
		}, `<a/><c/>`},
		{"truncate nothing", func(b *Builder) {
			b.Start("a")
			b.Truncate(b.Len())
			b.Truncate(b.Len() + 5)
			b.Attr("b", "c").End()
		}, `<a b='c'/>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b Builder
			c.build(&b)
			if got := string(b.Bytes()); got != c.want || b.Len() != len(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAppendEscaped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, text, attr string }{
		{"", "", ""},
		{"plain", "plain", "plain"},
		{`&<>'"`, "&amp;&lt;&gt;&apos;&quot;", "&amp;&lt;&gt;&apos;&quot;"},
		{"]]>", "]]&gt;", "]]&gt;"},
		{"a\tb\nc\rd", "a\tb\nc&#13;d", "a&#9;b&#10;c&#13;d"},
		{"\x02bold\x02 \x0304red\x0f\x00", "bold 04red", "bold 04red"},
		{"\x01", "", ""},
		{"#café ♥ 👋", "#café ♥ 👋", "#café ♥ 👋"},
		{"\uFFFD \u007f\u0085", "\uFFFD \u007f\u0085", "\uFFFD \u007f\u0085"},
		{"a\uFFFEb\uFFFFc", "abc", "abc"},
		{"a\xffb\xc3", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		{"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"},
		{"é\xe2\x99", "é\uFFFD\uFFFD", "é\uFFFD\uFFFD"},
	} {
		if got := string(AppendEscaped([]byte("x"), c.in)); got != "x"+c.text {
			t.Errorf("AppendEscaped(%q): got %q, want %q", c.in, got, "x"+c.text)
		}
		if got := string(AppendEscapedAttr([]byte("x"), c.in)); got != "x"+c.attr {
			t.Errorf("AppendEscapedAttr(%q): got %q, want %q", c.in, got, "x"+c.attr)
		}
	}
}

// cleaned is s as it should come out on the other side.
func cleaned(s string) string {
	return strings.Map(func(r rune) rune {
		if r != utf8.RuneError && !isChar(r) {
			return -1
		}
		return r
	}, s)
}
