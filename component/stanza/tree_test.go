package stanza

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// dump writes a tree so that two trees give the same text exactly if they are equal.
func dump(e *Element) string {
	var b strings.Builder
	fmt.Fprintf(&b, "(%q %q", e.Space, e.Name)
	for _, a := range e.attrs {
		if local, ok := strings.CutPrefix(a.name, "xml:"); ok {
			fmt.Fprintf(&b, " [%q %q %q]", nsXML, local, a.value)
		} else {
			fmt.Fprintf(&b, " [%q %q %q]", a.space, a.name, a.value)
		}
	}
	for n := e.first; n != nil; n = n.next {
		if n.Name == "" {
			fmt.Fprintf(&b, " %q", n.text)
		} else {
			b.WriteString(" " + dump(n))
		}
	}
	return b.String() + ")"
}

// dumpReference is the dump of the tree that encoding/xml makes of a frame that stands in a stream.
func dumpReference(frame string) (string, error) {
	dec := xml.NewDecoder(strings.NewReader("<stream:stream xmlns='" + NSComponent + "' xmlns:stream='" + NSStreams + "'>" +
		frame + "</stream:stream>"))
	var b strings.Builder
	var text []byte
	depth, roots := 0, 0
	for done := false; !done; {
		tok, err := dec.Token()
		if err != nil {
			return "", err
		}
		if t, ok := tok.(xml.CharData); ok && depth > 1 {
			text = append(text, t...)
			continue
		}
		if len(text) > 0 {
			fmt.Fprintf(&b, " %q", text)
			text = nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				continue
			}
			if depth == 2 {
				roots++
			} else {
				b.WriteString(" ")
			}
			fmt.Fprintf(&b, "(%q %q", t.Name.Space, t.Name.Local)
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && (a.Name != xml.Name{Local: "xmlns"}) {
					fmt.Fprintf(&b, " [%q %q %q]", a.Name.Space, a.Name.Local, a.Value)
				}
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				done = true
			} else {
				b.WriteString(")")
			}
		default:
			return "", fmt.Errorf("unexpected %T", tok)
		}
	}
	if roots != 1 || int(dec.InputOffset()) != len("<stream:stream xmlns='' xmlns:stream=''></stream:stream>")+len(NSComponent)+len(NSStreams)+len(frame) {
		return "", errors.New("not one stanza")
	}
	return b.String(), nil
}

func mustParse(t *testing.T, frame string) *Stanza {
	t.Helper()
	s, err := Parse([]byte(frame), NSComponent, Limits{})
	if err != nil {
		t.Fatalf("Parse(%q): %v", frame, err)
	}
	return s
}

// accepted are stanzas and what AppendXML makes of them, empty where it is the same.
var accepted = []struct{ name, frame, want string }{
	{"plain", plain, ""},
	{"empty", `<presence/>`, ""},
	{"empty with space", `<presence  to = 'a' />`, `<presence to='a'/>`},
	{"double quotes", `<iq to="a'b" from='c"d'/>`, `<iq to='a&apos;b' from='c&quot;d'/>`},
	{"space in tags", "<iq\n\tto='a'\r\n></iq\n>", `<iq to='a'/>`},
	{"greater-than in a value", `<iq to='a>b'>x>y</iq>`, `<iq to='a&gt;b'>x&gt;y</iq>`},
	{"slash in a value", `<iq to='a/'>x</iq>`, ""},
	{"entities", `<b a='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</b>`, ""},
	{"adjacent entities", `<b>&amp;lt;&amp;amp;x</b>`, ""},
	{"character references", `<b>&#65;&#x42;&#x1F44B;&#00000000000067;&#xe9;</b>`, `<b>AB👋Cé</b>`},
	{"references to white space", `<b a='&#9;&#10;&#13;'>&#13;&#10;</b>`, "<b a='&#9;&#10;&#13;'>&#13;\n</b>"},
	{"newlines", "<b a='1\r\n2\r3\n4'>1\r\n2\r\r\n3\n</b>", "<b a='1&#10;2&#10;3&#10;4'>1\n2\n\n3\n</b>"},
	{"a reference behind a newline", "<b>\r&#10;&#13;\n</b>", "<b>\n\n&#13;\n</b>"},
	{"brackets", `<b a=']]>'>]]&gt; ]] > ]&gt;</b>`, `<b a=']]&gt;'>]]&gt; ]] &gt; ]&gt;</b>`},
	{"beyond ASCII", `<b to='#café%irc.example.org@irc.example'>♥ 👩‍🚀 ﬁ�</b>`, ""},
	{"delete and C1", "<b>\u007f\u0085</b>", ""},
	{"mixed content", `<p>one <em>two</em> three<br/> four</p>`, ""},
	{"white space is kept", "<a> <b/>\n</a>", ""},
	{"own default namespace", `<message xmlns='jabber:component:accept'/>`, `<message/>`},
	{"inherited namespace", `<iq><q xmlns='a'><r><s xmlns=''><t/></s></r></q></iq>`, ""},
	{"back to the outer namespace", `<iq><q xmlns='a'/><r/></iq>`, ""},
	{"namespace with a reference", `<q xmlns='a&amp;b'/>`, ""},
	{"xml attributes", `<b xml:lang='de' xml:space='preserve'/>`, ""},
	{"unknown names", `<zork quux='1'><foo-bar.baz_ xmlns='urn:example:zork'/></zork>`, ""},
	{"CDATA", `<b>a<![CDATA[<&amp;]]]]>&gt;<![CDATA[]]>z</b>`, `<b>a&lt;&amp;amp;]]&gt;z</b>`},
	{
		"CDATA with what would be refused outside", `<b><![CDATA[<!-- <?x?> &nope; &#xD800; ]]></b>`,
		`<b>&lt;!-- &lt;?x?&gt; &amp;nope; &amp;#xD800; </b>`,
	},
	{"newlines in CDATA", "<b>\r<![CDATA[\n\r\n]]></b>", "<b>\n\n\n</b>"},
	{
		"prefixed element", `<m:iq xmlns:m='a'><m:b/><c/></m:iq>`,
		`<iq xmlns='a'><b/><c xmlns='jabber:component:accept'/></iq>`,
	},
	{
		"prefix declared again", `<iq xmlns:m='a'><m:b xmlns:m='b'><m:c/></m:b><m:d/></iq>`,
		`<iq><b xmlns='b'><c/></b><d xmlns='a'/></iq>`,
	},
	{"prefixed attribute", `<iq xmlns:m='a' m:x='1' x='2'/>`, `<iq xmlns:ns0='a' ns0:x='1' x='2'/>`},
	{"prefix of the stream", `<iq><stream:x/></iq>`, `<iq><x xmlns='http://etherx.jabber.org/streams'/></iq>`},
	{"the prefix xml declared", `<iq xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='x'/>`, `<iq xml:lang='x'/>`},
	{"names beyond ASCII", `<é ö='1'>x</é>`, ""},
	{"default namespace undeclared", `<m:a xmlns:m='b' xmlns=''><c/></m:a>`, `<a xmlns='b'><c xmlns=''/></a>`},
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, c.frame)
			want := c.want
			if want == "" {
				want = c.frame
			}
			if got := string(s.Root.AppendXML(nil, NSComponent)); got != want {
				t.Errorf("%q\n got %q\nwant %q", c.frame, got, want)
			}
			ref, err := dumpReference(c.frame)
			if err != nil {
				t.Fatalf("encoding/xml refuses it: %v", err)
			}
			if got := dump(s.Root); got != ref {
				t.Errorf("%q\n got %s\nencoding/xml %s", c.frame, got, ref)
			}
		})
	}
}

const (
	malformed = "bad-request"
	overdone  = "policy-violation"
)

// refused are stanzas that end where the reader expects it, and the condition that they are refused with.
var refused = []struct{ name, frame, condition string }{
	{"comment", `<iq><!-- x --></iq>`, malformed},
	{"comment with tags", `<iq><!-- </iq> --></iq>`, malformed},
	{"processing instruction", `<iq><?php x ?></iq>`, malformed},
	{"XML declaration", `<iq><?xml version='1.0' encoding='latin1'?></iq>`, malformed},
	{"DTD", `<iq><!DOCTYPE x></iq>`, malformed},
	{"billion laughs", `<iq><!DOCTYPE l [<!ENTITY a "ha>"><!-- it's --><!ENTITY b '&a;&a;'><?x > ?>]>&b;</iq>`, malformed},
	{"comment beside a prefix", `<stream:x><!-- x --></stream:x>`, malformed},
	{"processing instruction beside a prefix", `<stream:x><?php x ?></stream:x>`, malformed},
	{"DTD beside a prefix", `<stream:x><!DOCTYPE x></stream:x>`, malformed},
	{"unknown entity", `<iq>&nbsp;</iq>`, malformed},
	{"unknown entity in a value", `<iq to='&nbsp;'/>`, malformed},
	{"unknown entity beside CDATA", `<iq><![CDATA[]]>&nbsp;</iq>`, malformed},
	{"ampersand in a tag", `<iq &amp; a='&lt;'/>`, malformed},
	{"bare ampersand", `<iq>a & b</iq>`, malformed},
	{"entity without a semicolon", `<iq>&amp</iq>`, malformed},
	{"empty entity", `<iq>&;</iq>`, malformed},
	{"empty character reference", `<iq>&#;</iq>`, malformed},
	{"empty hexadecimal reference", `<iq>&#x;</iq>`, malformed},
	{"reference with a big X", `<iq>&#X41;</iq>`, malformed},
	{"reference to NUL", `<iq>&#0;</iq>`, malformed},
	{"reference to a control character", `<iq>&#1;</iq>`, malformed},
	{"reference to a surrogate", `<iq>&#xD800;</iq>`, malformed},
	{"reference to a surrogate beside CDATA", `<iq>&#xD800;<![CDATA[]]></iq>`, malformed},
	{"reference to a surrogate in a prefixed tag", `<stream:x a='&#xD800;'/>`, malformed},
	{"reference to a noncharacter", `<iq>&#xFFFE;</iq>`, malformed},
	{"reference beyond Unicode", `<iq>&#x110000;</iq>`, malformed},
	{"reference that overflows", `<iq>&#x100000041;</iq>`, malformed},
	{"control character", "<iq>\x01</iq>", malformed},
	{"control character in a value", "<iq to='\x02'/>", malformed},
	{"control character in CDATA", "<iq><![CDATA[\x02]]></iq>", malformed},
	{"NUL", "<iq>\x00</iq>", malformed},
	{"NUL in a tag", "<iq\x00/>", malformed},
	{"invalid UTF-8", "<iq>\xff</iq>", malformed},
	{"surrogate in UTF-8", "<iq>\xed\xa0\x80</iq>", malformed},
	{"overlong UTF-8", "<iq>\xc0\xbc</iq>", malformed},
	{"noncharacter", "<iq>\uFFFF</iq>", malformed},
	{"end of CDATA in text", `<iq>]]></iq>`, malformed},
	{"end of CDATA beside CDATA", `<iq><![CDATA[]]>]]></iq>`, malformed},
	{"mismatched tags", `<iq><a></b></iq>`, malformed},
	{"crossed tags", `<iq><a><b></a></b></iq>`, malformed},
	{"longer end tag", `<iq><a></ab></iq>`, malformed},
	{"shorter end tag", `<iq><ab></a></iq>`, malformed},
	{"prefix in the end tag alone", `<iq><a></m:a></iq>`, malformed},
	{"other prefix in the end tag", `<iq xmlns:m='x' xmlns:n='x'><m:a></n:a></iq>`, malformed},
	{"attribute in the end tag", `<iq></iq a='b'>`, malformed},
	{"space before the name of an end tag", `<iq></ iq>`, malformed},
	{"duplicate attribute", `<iq to='a' to='b'/>`, malformed},
	{"duplicate declaration", `<iq xmlns='a' xmlns='b'/>`, malformed},
	{"duplicate prefix", `<iq xmlns:a='a' xmlns:a='b'/>`, malformed},
	{"duplicate by namespace", `<iq xmlns:a='a' xmlns:b='a' a:x='1' b:x='2'/>`, malformed},
	{"undeclared prefix", `<m:iq/>`, malformed},
	{"undeclared prefix of an attribute", `<iq m:x=''/>`, malformed},
	{"prefix declared by a sibling", `<iq><a xmlns:m='x'/><m:b/></iq>`, malformed},
	{"prefix undeclared", `<iq xmlns:m='x'><a xmlns:m=''/></iq>`, malformed},
	{"prefix xmlns", `<xmlns:iq/>`, malformed},
	{"prefix xml", `<xml:iq/>`, malformed},
	{"prefix xml bound elsewhere", `<iq xmlns:xml='a'/>`, malformed},
	{"prefix xmlns declared", `<iq xmlns:xmlns='a'/>`, malformed},
	{"namespace of XML as default", `<iq xmlns='http://www.w3.org/XML/1998/namespace'/>`, malformed},
	{"namespace of XML with a prefix", `<iq xmlns:m='http://www.w3.org/XML/1998/namespace'/>`, malformed},
	{"namespace of xmlns", `<iq xmlns='http://www.w3.org/2000/xmlns/'/>`, malformed},
	{"two colons", `<a:b:c/>`, malformed},
	{"two colons behind xml", `<iq xml:a:b=''/>`, malformed},
	{"colon first", `<:a/>`, malformed},
	{"colon last", `<a:/>`, malformed},
	{"digit behind a prefix", `<stream:1/>`, malformed},
	{"combining character behind a prefix", "<stream:\u0301/>", malformed},
	{"digit first", `<1/>`, malformed},
	{"digit first in an attribute", `<iq 1=''/>`, malformed},
	{"no name", `<>x</>`, malformed},
	{"space before the name", `< iq/>`, malformed},
	{"no value", `<iq a/>`, malformed},
	{"no quotes", `<iq a=b/>`, malformed},
	{"no space between attributes", `<iq a='1'b='2'/>`, malformed},
	{"slash in the tag", `<iq / a='b'/>`, malformed},
	{"less-than in a value", `<iq a='<'/>`, malformed},
	{"less-than in a tag", `<iq <a></iq>`, malformed},
	{"too deep", strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000), overdone},
	{"too deep with prefixes", `<iq><stream:a/>` + strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000) + `</iq>`, overdone},
	{"too many attributes", manyAttrs("iq", 1000), overdone},
	{"too many attributes with a prefix", manyAttrs("stream:iq", 1000), overdone},
	{"too many elements", `<iq>` + strings.Repeat("<a/>", 10000) + `</iq>`, overdone},
	{"too many elements with prefixes", `<iq>` + strings.Repeat("<stream:a/>", 10000) + `</iq>`, overdone},
	{"too large", `<iq>` + strings.Repeat("x", 1<<20) + `</iq>`, overdone},
	{"namespace too long", `<iq xmlns='` + strings.Repeat("x", 300) + `'/>`, overdone},
	{"namespace of a prefix too long", `<iq xmlns:m='` + strings.Repeat("x", 300) + `'/>`, overdone},
}

func manyAttrs(name string, n int) string {
	var b strings.Builder
	b.WriteString("<" + name)
	for i := range n {
		fmt.Fprintf(&b, " a%d='x'", i)
	}
	return b.String() + "/>"
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.frame), NSComponent, Limits{})
			ref, ok := errors.AsType[*Refused](err)
			if !ok || ref.Condition != c.condition || ref.Text == "" {
				t.Errorf("%.200q: got %v, want %s", c.frame, err, c.condition)
			}
		})
	}
}

// TestParseWhole has what only Parse can be given: a Reader ends stanzas where they end, and begins them at a start tag.
func TestParseWhole(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{
		``, ` `, `x`, `<`, `</`, `<!`, `<?`, `<iq`, `<iq `, `<iq a`, `<iq a=`, `<iq a='`, `<iq a='b`, `<iq a='b'`, `<iq/`, `<iq>`, `<iq>x`, `<iq>x<`,
		`<iq></`, `<iq></iq`, `<iq></iq `, `<iq/>x`, `<iq/> `, ` <iq/>`, `<iq/><iq/>`, `</iq>`, `</>`, `<iq></iq></iq>`, `<iq>&`, `<iq>&amp`,
		`<iq><![CDATA[`, `<iq><![CDATA[]]>`, `<![CDATA[]]>`, `<stream:a/>x`, `<stream:a/></stream:a>`, `<stream:a>`, "<iq xml:", "<é", "<é/><é/>",
	} {
		_, err := Parse([]byte(frame), NSComponent, Limits{})
		if ref, ok := errors.AsType[*Refused](err); !ok || ref.Condition != malformed {
			t.Errorf("%q: got %v, want bad-request", frame, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frame string
		lim   Limits
	}{
		{`<a>123</a>`, Limits{Bytes: 10}},
		{`<a><b><c/></b><b/></a>`, Limits{Depth: 3}},
		{`<a xmlns='x' b='' c=''/>`, Limits{Attrs: 3}},
		{`<a><b/><c/></a>`, Limits{Elements: 3}},
		{`<stream:a><b><c/></b><b/></stream:a>`, Limits{Depth: 3}},
		{`<stream:a xmlns='x' b='' c=''/>`, Limits{Attrs: 3}},
		{`<stream:a><b/><c/></stream:a>`, Limits{Elements: 3}},
	} {
		if _, err := Parse([]byte(c.frame), NSComponent, c.lim); err != nil {
			t.Errorf("%q at its limit %+v: %v", c.frame, c.lim, err)
		}
		for _, n := range []*int{&c.lim.Bytes, &c.lim.Depth, &c.lim.Attrs, &c.lim.Elements} {
			*n = max(0, *n-1)
		}
		_, err := Parse([]byte(c.frame), NSComponent, c.lim)
		if ref, ok := errors.AsType[*Refused](err); !ok || ref.Condition != overdone {
			t.Errorf("%q over its limit %+v: got %v", c.frame, c.lim, err)
		}
	}
}

func TestElement(t *testing.T) {
	t.Parallel()
	e := mustParse(t, `<message xmlns:m='urn:m' xml:lang='de' id='1' empty='' m:id='2'>a<body>x &amp; y</body>b<x xmlns='urn:x'>`+
		`<body/></x><body>second</body>c</message>`).Root
	var none *Element
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"Is", e.Is(NSComponent, "message"), true},
		{"Is, other name", e.Is(NSComponent, "iq"), false},
		{"Is, other namespace", e.Is("jabber:client", "message"), false},
		{"Attr", e.Attr("id"), "1"},
		{"Attr xml:lang", e.Attr("xml:lang"), "de"},
		{"Attr lang", e.Attr("lang"), ""},
		{"Attr with a namespace", e.Attr("{urn:m}id"), "2"},
		{"Attr with another namespace", e.Attr("{urn:n}id"), ""},
		{"Attr xmlns", e.HasAttr("xmlns"), false},
		{"Attr xmlns:m", e.HasAttr("xmlns:m"), false},
		{"RawAttr", string(e.RawAttr("id")), "1"},
		{"HasAttr", e.HasAttr("empty"), true},
		{"HasAttr, absent", e.HasAttr("to"), false},
		{"AttrIs", e.AttrIs("id", "1"), true},
		{"AttrIs, other", e.AttrIs("id", "2"), false},
		{"AttrIs, empty", e.AttrIs("empty", ""), true},
		{"AttrIs, absent", e.AttrIs("to", ""), false},
		{"Text joined", e.Text(), "abc"},
		{"Text", e.Child(NSComponent, "body").Text(), "x & y"},
		{"Text of none", e.Child("urn:x", "x").Text(), ""},
		{"Child of any name", e.Child("urn:x", "").Name, "x"},
		{"Child of any namespace", e.Child("", "x").Space, "urn:x"},
		{"Child of any kind", e.Child("", "").Name, "body"},
		{"no such Child", e.Child("urn:y", "x"), none},
		{"chain", e.Child("urn:x", "x").Child("urn:x", "body").Text(), ""},
		{"nil Is", none.Is("", ""), false},
		{"nil Attr", none.Attr("a"), ""},
		{"nil HasAttr", none.HasAttr("a"), false},
		{"nil AttrIs", none.AttrIs("a", ""), false},
		{"nil Text", none.Child("a", "b").Child("c", "d").Text(), ""},
		{"nil AppendXML", string(none.AppendXML([]byte("x"), "")), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %#v, want %#v", c.what, c.got, c.want)
		}
	}
	var names []string
	for c := range e.Children() {
		names = append(names, c.Name)
	}
	if want := []string{"body", "x", "body"}; !slices.Equal(names, want) {
		t.Errorf("Children: got %v, want %v", names, want)
	}
	for range none.Children() {
		t.Error("a nil Element has children")
	}
}

// TestReuse parses every accepted stanza with the memory of every other one, the last of which was refused half-way.
func TestReuse(t *testing.T) {
	t.Parallel()
	lim := Limits{}.orDefault()
	s := new(Stanza)
	for _, before := range accepted {
		for _, c := range accepted {
			if ref := s.parse([]byte(before.frame), NSComponent, &lim); ref != nil {
				t.Fatal(ref)
			}
			held := s.Root
			s.reset()
			if got := dump(held); got != `("" "")` {
				t.Fatalf("%s is still there after the reset: %s", before.name, got)
			}
			if ref := s.parse([]byte(before.frame+"<"), NSComponent, &lim); ref == nil {
				t.Fatal("not refused")
			}
			s.reset()
			if ref := s.parse([]byte(c.frame), NSComponent, &lim); ref != nil {
				t.Fatal(ref)
			}
			if got, want := dump(s.Root), dump(mustParse(t, c.frame).Root); got != want {
				t.Fatalf("%s after %s:\n got %s\nwant %s", c.name, before.name, got, want)
			}
			s.reset()
		}
	}
}

// TestManyNodes has trees that outgrow the first slices of nodes and attributes, in the middle of an element too.
func TestManyNodes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("<iq>")
	for i := range 600 {
		fmt.Fprintf(&b, "<item a='%d' b='%d' c='%d'>%d</item>", i, i, i, i)
	}
	b.WriteString("</iq>")
	lim := Limits{}.orDefault()
	s := new(Stanza)
	for range 2 {
		if ref := s.parse([]byte(b.String()), NSComponent, &lim); ref != nil {
			t.Fatal(ref)
		}
		if got := string(s.Root.AppendXML(nil, NSComponent)); got != b.String() {
			t.Fatalf("got %s", got)
		}
		s.reset()
	}
	if cap(s.nodes) > keepNodes || cap(s.attrs) > keepAttrs {
		t.Errorf("%d nodes and %d attributes are kept", cap(s.nodes), cap(s.attrs))
	}
}

// TestPlainAllocatesNothing is not parallel: it counts the process's allocations.
func TestPlainAllocatesNothing(t *testing.T) {
	frame := []byte(plain)
	lim := Limits{}.orDefault()
	s := new(Stanza)
	n := testing.AllocsPerRun(100, func() {
		if ref := s.parse(frame, NSComponent, &lim); ref != nil {
			t.Fatal(ref)
		}
		if !s.Root.AttrIs("type", "chat") || s.Root.Child("urn:xmpp:sid:0", "origin-id") == nil {
			t.Fatal("not the message")
		}
		for c := range s.Root.Children() {
			c.RawText()
		}
		s.reset()
	})
	if n != 0 {
		t.Errorf("a plain message costs %v allocations", n)
	}
}
