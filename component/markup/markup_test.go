package markup

import (
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
	"passerelle/transports/transporttest"
)

// show writes a text with the looks of its pieces in braces.
func show(text string, spans []transports.Span) string {
	return strings.ReplaceAll(transporttest.Looks(text, spans), "\n", "|")
}

// look reads a text that has looks of styles alone, as show writes them.
func look(s string) (string, []transports.Span) {
	var p painter
	var look transports.Look
	for s != "" {
		before, rest, found := strings.Cut(s, "{")
		p.add(before, look)
		if !found {
			break
		}
		letters, rest, _ := strings.Cut(rest, "}")
		look.Style = 0
		for _, l := range letters {
			look.Style |= 1 << strings.IndexRune("biusmr", l)
		}
		s = rest
	}
	return p.text.String(), p.spans
}

func TestReadStyling(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		// The examples of XEP-0393 §5.2.
		"*strong*":                      "{b}strong{}",
		"plain *strong* plain":          "plain {b}strong{} plain",
		"*strong* plain *strong*":       "{b}strong{} plain {b}strong{}",
		"*strong*plain*":                "{b}strong{}plain*",
		"* plain *strong*":              "* plain {b}strong{}",
		"not strong*":                   "",
		"*not strong":                   "",
		"*not \n strong*":               "",
		"*not *strong":                  "",
		"**":                            "",
		"****":                          "",
		"_emphasized *strong*_":         "{i}emphasized {}{bi}strong{}",
		"Everyone ~dis~likes cake.":     "Everyone {s}dis{}likes cake.",
		"This is `*monospace*`":         "This is {m}*monospace*{}",
		"This is *`monospace and b`*":   "This is {bm}monospace and b{}",
		"```ignored\n(println)\n```\nx": "{m}(println){}|x",
		"> ```\n> (println)\n\nplain":   "> {m}(println){}||plain",
		">> That *that* is\n> Said":     ">> That {b}that{} is|> Said",

		// What people write without meaning it.
		"2 * 3 * 4":             "",
		"snake_case_name":       "",
		"a_b and c_d":           "",
		"rm *.c *.h":            "",
		"/usr/*/lib/*":          "",
		"~/src and ~/doc":       "",
		"5*3 and 4*2":           "",
		"it`s":                  "",
		"C:\\_x\\y_":            "",
		"***":                   "",
		"** bold **":            "",
		"*a *":                  "",
		"* item\n* item":        "",
		"*_~`":                  "",
		"*\u00a0x*":             "",
		"mailto:a_b@c.d _x_":    "mailto:a_b@c.d {i}x{}",
		"`a* *b`":               "{m}a* *b{}",
		"*a `b* c`":             "{b}a `b{} c`",
		"```\n```":              "",
		"```\n*x*":              "{m}*x*{}",
		"```two words\ny":       "```two words|{m}y{}",
		"> quoted *strong*\n*x": "> quoted {b}strong{}|*x",
		"> ```\nout *b*":        "out {b}b{}",
		"*a*\r\n_b_":            "{b}a{}|{i}b{}",
	} {
		got := ""
		if s := readStyling(in); s != nil {
			got = show(s.Text, s.Spans)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestWriteStyling(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"{b}bold{} and {i}italic{}": "*bold* and _italic_",
		"a {s}b{} {m}c d{} e":       "a ~b~ `c d` e",
		"{b}bold {bi}both{}":        "*bold _both_*",
		"{b}Topic: {}hello":         "*Topic:* hello",
		"{bi}all{}":                 "*_all_*",
		"{bm}all{}":                 "*`all`*",
		"{b}a {}{bm}b{}{b} c{}":     "*a `b` c*",
		"  {b} x {} ":               "   *x*  ",
		"{u}underlined{}":           "underlined", // there is no sign
		"{b}bold{}: more":           "*bold*: more",

		// Where there is no place for a sign, text is as it was.
		"foo{b}bar{}":               "foobar",
		"({b}bar{})":                "(bar)",
		"{b}a*b{}":                  "a*b",
		"{b}*bold*{}":               "*bold*", // somebody has said it already
		"{b} {}":                    " ",
		"{b}2 * 3{} * 4":            "*2 * 3* * 4",
		"{m}*x*{}":                  "`*x*`",
		"*x* {b}y{}":                "*x* *y*",
		"*x {b}y{}":                 "*x y", // it would begin with what nobody meant
		"{b}a{} b*":                 "*a* b*",
		"{b}a b{i}c{} d":            "*a b*c d",
		"{i}a {b}b{} c{}":           "_a_ *b* c",
		"```{b}x{}":                 "```x",
		"> {b}x{} {i}y{}":           "> *x* _y_",
		"{b}> x{}":                  "> *x*",
		"{b}snake_case{} {i}a_b{} ": "*snake_case* a_b ",

		// Signs are of a line; lines that are preformatted are a block.
		"{b}Title{}\n\nso {i}it{} is":     "*Title*\n\nso _it_ is",
		"{b}one\ntwo{} three\n":           "*one*\n*two* three\n",
		"> {i}a{}\n> b\n{s}c{}":           "> _a_\n> b\n~c~",
		"run:\n{m}go get\n  go run{}\nso": "run:\n```\ngo get\n  go run\n```\nso",
		"{m}a\nb\n{}c":                    "```\na\nb\n```\nc",
		"{m}a\nb\nc{} d":                  "```\na\nb\n```\n`c` d",
		"x {m}a\nb{}":                     "x `a`\n`b`",
		"{m}a{}\n{m}b{}":                  "`a`\n`b`",
		"{m}*a*\n> b{}":                   "```\n*a*\n> b\n```",
		"{m}a\nb{}\n```":                  "a\nb\n```",
	} {
		text, spans := look(in)
		if got := writeStyling(text, spans); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	red := transports.RGB(0xff0000)
	spans := []transports.Span{
		{From: 0, To: 4, Look: transports.Look{Style: transports.StyleBold | transports.StyleItalic | transports.StyleMono}},
		{From: 5, To: 9, Look: transports.Look{Fore: red, Back: transports.RGB(0xff)}},
		{From: 9, To: 10, Look: transports.Look{Style: transports.StyleUnderline | transports.StyleStrike}},
		{From: 10, To: 11, Look: transports.Look{Style: transports.StyleReverse, Fore: red}},
		{From: 11, To: 13, Look: transports.Look{Style: transports.StyleReverse}},
	}
	const text = "b<&> redduvw  x\ny"
	html := `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>/me ` +
		`<span style='font-weight: bold; font-style: italic; font-family: monospace'>b&lt;&amp;&gt;</span> <span style='color: #ff0000; background-color: #0000ff'>redd</span>` +
		`<span style='text-decoration: underline line-through'>u</span><span style='color: #ffffff; background-color: #ff0000'>v</span>` +
		`<span style='color: #ffffff; background-color: #000000'>w </span>` + "\u00a0x<br/>y</body></html>"
	for how, want := range map[Show]string{
		ShowXHTML: "<body>/me b&lt;&amp;&gt; redduvw  x\ny</body>" + html,
		ShowPlain: "<body>/me b&lt;&amp;&gt; redduvw  x\ny</body>",
	} {
		if got := Payload("/me ", text, spans, how); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := Payload("/me ", text[:13], spans, ShowStyling), "<body>/me *_`b&lt;&amp;&gt;`_* redduvw "; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func parse(t testing.TB, payload string) (*stanza.Stanza, bool) {
	t.Helper()
	st, err := stanza.Parse([]byte("<message>"+payload+"</message>"), stanza.NSComponent, stanza.Limits{})
	return st, err == nil
}

func TestRead(t *testing.T) {
	t.Parallel()
	html := func(s string) string {
		return `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>` + s + `</body></html>`
	}
	const unstyled = `<unstyled xmlns='urn:xmpp:styling:0'/>`
	for name, tt := range map[string]struct {
		text, payload string
		send          Send
		want          string
	}{
		"elements":            {"a b c d", html(`<p>a <strong>b</strong> <em>c</em> <code>d</code></p>`), SendXHTML, "a {b}b{} {i}c{} {m}d{}"},
		"styles":              {"a b", html(`<span style='font-weight:bold; COLOR : #F00'>a</span> <span style="background-color: rgb(0, 0,255);text-decoration: underline line-through; font-style:italic">b</span>`), SendXHTML, "{b#ff0000}a{} {ius/0000ff}b{}"},
		"nested":              {"abc", html(`<b>a<i>b</i><span style='font-weight: normal'>c</span></b>`), SendXHTML, "{b}a{}{bi}b{}c"},
		"lines":               {"a\nb c", html(`<p>a</p> <p><b>b   c</b></p>`), SendXHTML, "a|{b}b c{}"},
		"spaces":              {"a  b", html("<b>a \u00a0b</b>"), SendXHTML, "{b}a  b{}"},
		"another text":        {"hello", html(`<b>something else</b>`), SendXHTML, ""},
		"more text":           {"hello", html(`<b>hello</b> and more`), SendXHTML, ""},
		"less text":           {"hello there", html(`<b>hello</b>`), SendXHTML, ""},
		"script":              {"hi", html(`<script>alert(1)</script><b onclick='x()'>hi</b><style>b{}</style>`), SendXHTML, "{b}hi{}"},
		"something unheard":   {"hi", html(`<marquee><b>hi</b></marquee><x xmlns='urn:x'>hidden</x>`), SendXHTML, "{b}hi{}"},
		"bad styles":          {"hi", html(`<span style='color: url(x); color; :; font-weight: heavy; background: expression(1)'>hi</span>`), SendXHTML, ""},
		"nothing set":         {"hi", html(`<p>hi</p>`), SendStyling, ""},
		"not wanted":          {"hi", html(`<b>hi</b>`), SendPlain, ""},
		"signs as written":    {"*hi*", ``, SendXHTML, ""},
		"signs":               {"*hi* you", ``, SendStyling, "{b}hi{} you"},
		"signs not meant":     {"*hi* you", unstyled, SendStyling, ""},
		"signs beside XHTML":  {"*hi* you", html(`<strong>hi</strong> <u>you</u>`), SendXHTML, "{b}hi{} {u}you{}"},
		"Markdown":            {"it is **bold** and `x*y` of * me", html(`<p>it is <strong>bold</strong> and <code>x*y</code> of * me</p>`), SendXHTML, "it is {b}bold{} and {m}x*y{} of * me"},
		"signs of nothing":    {"***", html(`<b>x</b>`), SendXHTML, ""},
		"signs in the XHTML":  {"*hi* <you>", html(`<strong>*hi*</strong> &lt;you&gt;`), SendXHTML, "{b}*hi*{} <you>"},
		"XHTML of something":  {"*hi*", html(`<strong>bye</strong>`), SendStyling, "{b}hi{}"},
		"several bodies":      {"hi", html(`<b>hi</b></body><body xmlns='http://www.w3.org/1999/xhtml' xml:lang='fr'>salut`), SendXHTML, "{b}hi{}"},
		"colours of all ways": {"a b c d", html(`<span style='color:red'>a</span> <span style='color:#12g'>b</span> <span style='color:rgb(1,2,300)'>c</span> <span style='color:#ABCDEF'>d</span>`), SendXHTML, "{#ff0000}a{} b c {#abcdef}d{}"},
	} {
		st, ok := parse(t, tt.payload)
		if !ok {
			t.Fatalf("%s: no XML", name)
		}
		got := ""
		if s := Read(st.Root, tt.text, false, func() Settings { return Settings{Send: tt.send} }); s != nil {
			got = show(s.Text, s.Spans)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		st.Release()
	}
	st, _ := parse(t, html(`<p>/me <b>waves</b></p>`))
	defer st.Release()
	if s := Read(st.Root, "waves", true, func() Settings { return Settings{} }); s == nil || show(s.Text, s.Spans) != "{b}waves{}" {
		t.Errorf("action: got %+v", s)
	}
}

// What is kept is shown to each who may read it as he wants it; what a client wrote stays as it is.
func TestRestyle(t *testing.T) {
	t.Parallel()
	text, spans := look("{b}Topic: {}a  {m}*b*{} {r}c{}{u} d{}")
	kept := "<message id='x'>" + Payload("/me ", text, spans, ShowXHTML) + "<thread>t</thread></message>"
	for how, want := range map[Show]string{
		ShowXHTML:   kept,
		ShowPlain:   "<message id='x'><body>/me Topic: a  *b* c d</body><thread>t</thread></message>",
		ShowStyling: strings.Replace(kept, "<body>/me Topic: a  *b* c d<", "<body>/me *Topic:* a  `*b*` c d<", 1),
	} {
		if got := Restyle(kept, func() Settings { return Settings{Show: how} }); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	notice := "<message>" + Payload(NoticePrefix, text, spans, ShowStyling) + "</message>"
	if got := Restyle(notice, func() Settings { return Settings{} }); got != notice || !strings.Contains(notice, "<body>[notice] Topic: a") {
		t.Errorf("got %s", got)
	}
	const own = `<message><body>hi</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p><b>hi</b></p></body></html></message>`
	if got := Restyle(own, func() Settings { return Settings{} }); got != own {
		t.Errorf("got  %s\nwant %s", got, own)
	}
	if got := Restyle("<broken "+NSXHTMLIM, func() Settings { return Settings{} }); got != "<broken "+NSXHTMLIM {
		t.Errorf("got %s", got)
	}
}

// FuzzStyling checks that signs say what they are meant to, and nothing that they are not.
func FuzzStyling(f *testing.F) {
	for _, seed := range []string{"a *b* _c_", "a\nb\n\nc d\ne\n", "\n\n", "> ```\n> x\n*y*", "*_~`x`~_*", "** ** *a*b* `c*d` _", "漢 *字*\u00a0_x_", strings.Repeat(" *a", 400), strings.Repeat(">", 40) + "*x*"} {
		f.Add(seed, []byte{0, 1, 3, 4, 9, 16, 7})
	}
	f.Fuzz(func(t *testing.T, text string, looks []byte) {
		if !utf8.ValidString(text) {
			return
		}
		if s := readStyling(text); s != nil {
			check(t, s.Text, s.Spans)
		}
		spans := paint(text, looks)
		check(t, text, spans)
		said := writeStyling(text, spans)
		lines := strings.Count(text, "\n") + 1
		if len(said) > len(text)+(2*maxSigned+8)*lines || !utf8.ValidString(said) {
			t.Errorf("%q became %q", text, said)
		}
		if strings.ContainsAny(said, "\n`") { // what is preformatted hides others
			return
		}
		// Readers see a part of the looks, and what they would have seen anyhow.
		lo, _ := quoted(text, maxQuotes)
		anyhow := len(readMarks(nil, text, lo, len(text), 0))
		if got := len(readMarks(nil, said, lo, len(said), 0)); 2*(got-anyhow) != len(said)-len(text) {
			t.Errorf("%q became %q, with %d pieces, %d before", text, said, got, anyhow)
		}
	})
}

// FuzzXHTML checks that what is written is well-formed and read as what it was, and that nothing which others write breaks anything.
func FuzzXHTML(f *testing.F) {
	f.Add("a  b <c> &\n d", []byte{1, 2, 64, 130}, `<p style='color:red'>a</p>`)
	f.Add("\u00a0x\u2028", []byte{32, 33, 34}, `<b>x<i>y</b></i>`)
	f.Add("_\xaa_", []byte("0"), "0")
	f.Add("/me x", []byte{255, 0}, strings.Repeat("<b>", 60)+"x"+strings.Repeat("</b>", 60))
	f.Fuzz(func(t *testing.T, text string, looks []byte, html string) {
		st, ok := parse(t, `<body>x</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>`+html+`</body></html>`)
		if ok {
			if s := Read(st.Root, strings.ToValidUTF8(text, "?"), strings.HasPrefix(text, "/me "), func() Settings { return Settings{Send: SendStyling} }); s != nil {
				check(t, s.Text, s.Spans)
			}
			st.Release()
		}
		var b stanza.Builder
		b.Start("body").Text(text).End()
		plain, ok := parse(t, string(b.Bytes()))
		if !ok {
			t.Fatalf("%q: no XML", text)
		}
		text = plain.Root.Child(stanza.NSComponent, "body").Text() // what XML can carry of it
		plain.Release()
		if strings.ContainsAny(text, "\u00a0\r") {
			return
		}
		spans := paint(text, looks)
		again, ok := parse(t, Payload("", text, spans, ShowXHTML))
		if n := len(Payload("", text, spans, ShowStyling)); n > 500+12*len(text)+200*len(spans) {
			t.Errorf("%d bytes and %d spans make %d bytes", len(text), len(spans), n)
		}
		if !ok {
			t.Fatalf("%q: no XML: %s", text, Payload("", text, spans, ShowXHTML))
		}
		defer again.Release()
		if len(spans) == 0 || len(spans) >= transports.MaxSpans {
			return
		}
		got, ok := readXHTML(again.Root.Child(NSXHTMLIM, "html").Child(nsXHTML, "body")).align(text, false)
		if want := show(text, shown(spans)); !ok || show(got.Text, got.Spans) != want {
			t.Errorf("got %q, want %q", show(got.Text, got.Spans), want)
		}
	})
}

// paint gives the characters of a text looks, in turn.
func paint(text string, looks []byte) []transports.Span {
	var spans []transports.Span
	i := 0
	for at, r := range text {
		if len(looks) == 0 {
			break
		}
		l := looks[i%len(looks)]
		i++
		look := transports.Look{Style: transports.Style(l & 63)}
		if l&64 != 0 {
			look.Fore = transports.RGB(uint32(l) << 8)
		}
		if l&128 != 0 {
			look.Back = transports.RGB(uint32(l))
		}
		spans = transports.AppendSpan(spans, at, at+utf8.RuneLen(r), look)
	}
	return spans
}

func check(t *testing.T, text string, spans []transports.Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.From < at || s.To <= s.From || s.To > len(text) || s.Look == (transports.Look{}) {
			t.Fatalf("bad span %+v in %q", s, text)
		}
		at = s.To
	}
	if !utf8.ValidString(text) || len(spans) > transports.MaxSpans {
		t.Fatalf("%d spans in %q", len(spans), text)
	}
}

// BenchmarkAppend is what a line with a look costs more than others: one of the usual kind, and the worst that fits into a line.
func BenchmarkAppend(b *testing.B) {
	worst := strings.Repeat("*a ", 170)
	for name, line := range map[string]struct {
		text  string
		spans []transports.Span
	}{
		"usual": {"bob pushed 3 commits to main", []transports.Span{{From: 0, To: 3, Look: transports.Look{Style: transports.StyleBold}}, {From: 24, To: 28, Look: transports.Look{Fore: transports.RGB(0xff)}}}},
		"worst": {worst, paint(worst, []byte{1, 2, 4, 8, 64})},
	} {
		b.Run(name, func(b *testing.B) {
			var out stanza.Builder
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				Append(&out, "", line.text, line.spans, ShowStyling)
			}
			b.ReportMetric(float64(len(out.Bytes())), "B/line")
		})
	}
}
