package clean

import (
	"html"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"passerelle/transports"
)

// Bounds of what is read and made, in bytes.
const (
	maxHTML  = 256 << 10
	maxText  = 64 << 10
	maxDepth = 64 // elements in elements; deeper ones count as text
)

// Piece is what somebody wrote, made safe.
type Piece struct {
	HTML  string // well-formed XHTML without the elements around; empty where the text says all
	Text  string
	Spans []transports.Span
}

// policy lets through how text looks and where it links to. It is made once: that takes milliseconds.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "b", "strong", "i", "em", "u", "s", "del", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "div", "span")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "xmpp")
	p.RequireParseableURLs(true)
	p.SkipElementsContent("script", "style", "title", "textarea", "noscript", "iframe", "object", "math", "svg")
	return p
})

// Inward makes safe what a stranger wrote in HTML.
func Inward(src string) Piece {
	w := writer{plain: true}
	for _, n := range parse(src) {
		w.node(n, 0, 0, list{})
	}
	text, spans := w.finish()
	p := Piece{Text: text, Spans: spans}
	if !w.plain {
		p.HTML = w.out.String()
	}
	return p
}

// parse reads HTML as browsers do, and leaves what can do no harm.
func parse(src string) []*nethtml.Node {
	if len(src) > maxHTML {
		src = strings.ToValidUTF8(src[:maxHTML], "")
	}
	nodes, err := nethtml.ParseFragment(strings.NewReader(policy().Sanitize(Legible(src))), &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil { // it is too deep for anybody
		return []*nethtml.Node{{Type: nethtml.TextNode, Data: html.UnescapeString(bluemonday.StrictPolicy().Sanitize(src))}}
	}
	return nodes
}

// list is where an item stands.
type list struct {
	ordered bool
	depth   int
	n       int
}

// writer makes XHTML and text of the same nodes.
type writer struct {
	out   strings.Builder
	text  strings.Builder
	spans []transports.Span
	plain bool // nothing but text, lines and paragraphs came
	quote int  // how deep

	lines int  // that the next text begins behind: 1 a new one, 2 an empty one too
	pre   bool // spaces count
	space bool // the last character was a space
}

var styles = map[atom.Atom]transports.Style{
	atom.B: transports.StyleBold, atom.Strong: transports.StyleBold, atom.I: transports.StyleItalic, atom.Em: transports.StyleItalic,
	atom.U: transports.StyleUnderline, atom.S: transports.StyleStrike, atom.Del: transports.StyleStrike, atom.Code: transports.StyleMono, atom.Pre: transports.StyleMono,
	atom.H1: transports.StyleBold, atom.H2: transports.StyleBold, atom.H3: transports.StyleBold, atom.H4: transports.StyleBold, atom.H5: transports.StyleBold, atom.H6: transports.StyleBold,
}

func (w *writer) node(n *nethtml.Node, depth int, style transports.Style, in list) {
	switch {
	case n.Type == nethtml.TextNode:
		w.out.WriteString(escape(n.Data))
		w.say(n.Data, style)
		return
	case n.Type != nethtml.ElementNode || w.text.Len() > maxText:
		return
	case depth >= maxDepth:
		text := textOf(n)
		w.out.WriteString(escape(text))
		w.say(text, style)
		return
	}
	children := func(style transports.Style, in list) {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.DataAtom == atom.Li {
				in.n++
			}
			w.node(c, depth+1, style, in)
		}
	}
	style |= styles[n.DataAtom]
	switch n.DataAtom {
	case atom.Br:
		w.out.WriteString("<br/>")
		w.lines = max(w.lines, 1)
		w.breakLine()
	case atom.A:
		w.link(n, func() { children(style, in) })
	case atom.Span:
		children(style, in)
	case atom.P, atom.Div, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Pre, atom.Blockquote, atom.Ul, atom.Ol, atom.Li:
		w.block(n, in, func(in list) { children(style, in) })
	default:
		w.plain = false
		w.element(n.Data, func() { children(style, in) })
	}
}

// element writes an element without attributes.
func (w *writer) element(name string, inside func()) {
	w.out.WriteString("<" + name + ">")
	inside()
	w.out.WriteString("</" + name + ">")
}

// block writes an element that begins and ends a line.
func (w *writer) block(n *nethtml.Node, in list, inside func(list)) {
	gap := 2
	name := n.Data
	switch n.DataAtom {
	case atom.Div:
		gap, name = 1, "p"
	case atom.Li:
		gap = 1
	case atom.Ul, atom.Ol:
		in = list{ordered: n.DataAtom == atom.Ol, depth: in.depth + 1}
		if in.depth > 1 {
			gap = 1
		}
	}
	w.lines = max(w.lines, gap)
	if n.DataAtom != atom.P && n.DataAtom != atom.Div {
		w.plain = false
	}
	pre := w.pre
	switch n.DataAtom {
	case atom.Pre:
		w.pre = true
	case atom.Blockquote:
		w.quote++
	case atom.Li:
		mark := "• "
		if in.ordered {
			mark = strconv.Itoa(in.n) + ". "
		}
		w.say(strings.Repeat("  ", max(0, min(in.depth-1, 8)))+mark, 0)
	}
	if n.DataAtom == atom.Div { // a div may hold blocks, which a paragraph may not
		inside(in)
	} else {
		w.element(name, func() { inside(in) })
	}
	if w.pre = pre; n.DataAtom == atom.Blockquote {
		w.quote--
	}
	w.lines = max(w.lines, gap)
}

// link writes a link; where its text does not say where it leads, the text of the piece does.
func (w *writer) link(n *nethtml.Node, inside func()) {
	href := ""
	for _, a := range n.Attr {
		if a.Key == "href" {
			href = a.Val
		}
	}
	u, err := url.Parse(href)
	if href == "" || err != nil || u.Scheme == "" {
		inside()
		return
	}
	w.plain = false
	w.out.WriteString(`<a href="` + escape(href) + `" rel="nofollow noopener">`)
	inside()
	w.out.WriteString("</a>")
	said := strings.TrimSpace(textOf(n))
	switch {
	case said == "", sameURL(said, href), strings.HasPrefix(said, "@"), strings.HasPrefix(said, "#"), strings.HasPrefix(said, "!"), w.afterSign():
	default:
		w.say(" <"+href+">", 0)
	}
}

// afterSign reports whether the text of a link stands behind the sign of a name or a hashtag, as GNU social has it: "@<a>bob</a>".
func (w *writer) afterSign() bool {
	s := w.text.String()
	i := strings.LastIndexAny(s, " \n")
	return i+1 < len(s) && strings.IndexByte("@#!", s[i+1]) >= 0
}

// sameURL reports whether the text of a link says where it leads.
func sameURL(said, href string) bool {
	bare := func(s string) string {
		s = strings.TrimSuffix(strings.ToLower(s), "/")
		for _, p := range []string{"https://", "http://", "mailto:", "xmpp:", "www."} {
			s = strings.TrimPrefix(s, p)
		}
		return s
	}
	return bare(said) == bare(href)
}

func textOf(n *nethtml.Node) string {
	var b strings.Builder
	var walk func(*nethtml.Node, int)
	walk = func(n *nethtml.Node, depth int) {
		if n.Type == nethtml.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil && depth < 1000; c = c.NextSibling {
			walk(c, depth+1)
		}
	}
	walk(n, 0)
	return b.String()
}

// breakLine begins the lines that are due.
func (w *writer) breakLine() {
	if w.lines > 0 && w.text.Len() > 0 {
		s := w.text.String()
		for have := len(s) - len(strings.TrimRight(s, "\n")); have < w.lines; have++ {
			w.text.WriteByte('\n')
		}
	}
	w.lines = 0
	w.space = true
}

// say appends text, with the spaces that a browser would show.
func (w *writer) say(s string, style transports.Style) {
	if !w.pre {
		if strings.Trim(s, " \t\r\n") == "" {
			if s != "" && w.lines == 0 && !w.space && w.text.Len() > 0 {
				w.text.WriteByte(' ')
				w.space = true
			}
			return
		}
	}
	if w.lines > 0 {
		w.breakLine()
	}
	if w.text.Len() == 0 {
		w.space = !w.pre
	}
	from := w.text.Len()
	for _, r := range s {
		if w.text.Len() > maxText {
			break
		}
		atLine := w.text.Len() == 0 || w.text.String()[w.text.Len()-1] == '\n'
		if atLine && w.quote > 0 {
			w.text.WriteString(strings.Repeat("> ", min(w.quote, 8)))
		}
		switch {
		case !w.pre && (r == ' ' || r == '\t' || r == '\r' || r == '\n'):
			if !w.space {
				w.text.WriteByte(' ')
			}
			w.space = true
		default:
			w.text.WriteRune(r)
			w.space = false
		}
	}
	w.spans = transports.AppendSpan(w.spans, from, w.text.Len(), transports.Look{Style: style})
}

// finish is the text, without what is empty around it.
func (w *writer) finish() (string, []transports.Span) {
	text := w.text.String()
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	lead := len(text) - len(strings.TrimLeft(text, " \n"))
	end := len(strings.TrimRight(text, " \n"))
	if end <= lead {
		return "", nil
	}
	return text[lead:end], transports.CutSpans(w.spans, lead, end, 0)
}

// Legible leaves out characters that XML cannot have, and those that turn the direction of text or hide something in it.
func Legible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return r
		case r < 0x20, 0x7f <= r && r < 0xa0, r == 0xfffe, r == 0xffff, r == 0xfffd:
			return -1
		case 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // they turn the direction of what follows
			return -1
		case 0xfff9 <= r && r <= 0xfffb, 0xe0000 <= r && r <= 0xe0fff, r == 0xfeff, r == 0x200b, r == 0x2060, r == 0xad:
			return -1
		}
		return r
	}, s)
}

// Line is a text of a stranger as one line, such as a name, cut to a number of bytes.
func Line(s string, limit int) string {
	return strings.TrimSpace(cut(strings.Join(strings.Fields(Legible(s)), " "), limit))
}

// cut is the beginning of a text, without half a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// escape writes text as XML has it.
func escape(s string) string { return html.EscapeString(Legible(s)) }
