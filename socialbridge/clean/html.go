package clean

import (
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"passerelle/transports"
)

// Limits of what somebody says, in bytes; what is behind them is cut off.
const (
	MaxHTML = 128 << 10 // of markup that is read
	MaxText = 64 << 10
)

// maxDepth is how many elements may be in each other; what is deeper is text.
const maxDepth = 24

// Said is what somebody said.
type Said struct {
	HTML  string // a piece of well-formed XHTML without elements around it; empty where the text says all
	Text  string
	Spans []transports.Span // how pieces of Text look
}

// policy is which markup of strangers is kept.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "b", "strong", "i", "em", "u", "s", "del", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "div", "span")
	p.AllowURLSchemes("http", "https", "xmpp", "mailto")
	p.AllowAttrs("href").OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	return p
})

// HTML makes of a stranger's markup what can be shown.
func HTML(src string) Said {
	src = policy().Sanitize(cut(valid(src), MaxHTML))
	nodes, err := html.ParseFragment(strings.NewReader(src), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil { // what the policy writes is read
		text := Text(src)
		return Said{Text: text}
	}
	var w writer
	for _, n := range nodes {
		w.node(n, 0)
	}
	return w.said()
}

// writer makes markup and text of a tree.
type writer struct {
	xml   strings.Builder
	text  strings.Builder
	spans []transports.Span
	look  transports.Look
	pre   int
	lists []int // the number of the last item of each list around; -1 where they have none
	marks bool  // there is markup beside paragraphs
	gap   int   // line feeds that belong before what follows
	space bool  // a space does
}

func (w *writer) said() Said {
	s := Said{Text: strings.TrimRight(w.text.String(), " \n"), Spans: w.spans}
	for i := range s.Spans {
		s.Spans[i].To = min(s.Spans[i].To, len(s.Text))
	}
	if w.marks {
		s.HTML = w.xml.String()
	}
	return s
}

// styles are the elements that are a look in text.
var styles = map[atom.Atom]transports.Style{
	atom.B: transports.StyleBold, atom.Strong: transports.StyleBold, atom.I: transports.StyleItalic, atom.Em: transports.StyleItalic,
	atom.U: transports.StyleUnderline, atom.S: transports.StyleStrike, atom.Del: transports.StyleStrike,
	atom.Code: transports.StyleMono, atom.Pre: transports.StyleMono,
	atom.H1: transports.StyleBold, atom.H2: transports.StyleBold, atom.H3: transports.StyleBold, atom.H4: transports.StyleBold,
	atom.H5: transports.StyleBold, atom.H6: transports.StyleBold,
}

func (w *writer) node(n *html.Node, depth int) {
	switch {
	case n.Type == html.TextNode:
		w.write(n.Data)
		return
	case n.Type != html.ElementNode || depth > maxDepth:
		w.children(n, depth)
		return
	}
	switch n.DataAtom {
	case atom.Br:
		w.xml.WriteString("<br/>")
		w.gap++
	case atom.A:
		w.link(n, depth)
	case atom.Div, atom.Span:
		if n.DataAtom == atom.Div {
			w.breaks(1)
		}
		w.children(n, depth)
		if n.DataAtom == atom.Div {
			w.breaks(1)
		}
	case atom.P, atom.Blockquote, atom.Ul, atom.Ol, atom.Li, atom.Pre, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.block(n, depth)
	default:
		w.styled(n, depth)
	}
}

func (w *writer) children(n *html.Node, depth int) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c, depth+1)
	}
}

// block writes an element that has lines of its own.
func (w *writer) block(n *html.Node, depth int) {
	lines := 2
	if n.DataAtom == atom.Li {
		lines = 1
	}
	w.breaks(lines)
	if n.DataAtom != atom.P {
		w.marks = true
	}
	switch n.DataAtom {
	case atom.Ul, atom.Ol:
		first := -1
		if n.DataAtom == atom.Ol {
			first = 0
		}
		w.lists = append(w.lists, first)
		defer func() { w.lists = w.lists[:len(w.lists)-1] }()
	case atom.Li:
		w.item()
	case atom.Pre:
		w.pre++
		defer func() { w.pre-- }()
	case atom.Blockquote:
		w.flush("> ")
	}
	w.styled(n, depth)
	w.breaks(lines)
}

// item writes what stands before an item of a list.
func (w *writer) item() {
	mark := "• "
	if k := len(w.lists) - 1; k >= 0 && w.lists[k] >= 0 {
		w.lists[k]++
		mark = itoa(w.lists[k]) + ". "
	}
	w.flush(mark)
}

// styled writes an element with the same in the markup, and its look in the text.
func (w *writer) styled(n *html.Node, depth int) {
	last := w.look
	if style, ok := styles[n.DataAtom]; ok {
		w.look.Style |= style
		w.marks = true
	}
	w.xml.WriteString("<" + n.Data + ">")
	w.children(n, depth)
	w.xml.WriteString("</" + n.Data + ">")
	w.look = last
}

// link writes a link, and where it leads where its text does not say that: names of people and tags are links everywhere, and nobody wants to read where
// they lead.
func (w *writer) link(n *html.Node, depth int) {
	href := ""
	for _, a := range n.Attr {
		if a.Key == "href" {
			href = valid(a.Val)
		}
	}
	if href == "" {
		w.children(n, depth)
		return
	}
	w.marks = true
	w.xml.WriteString(`<a href="` + escape(href) + `" rel="nofollow">`)
	from := w.text.Len()
	w.children(n, depth)
	w.xml.WriteString("</a>")
	shown := strings.TrimSpace(w.text.String()[from:])
	before := w.text.String()[:from]
	if strings.HasPrefix(shown, "#") || strings.HasPrefix(shown, "@") || strings.HasPrefix(shown, "!") || strings.HasSuffix(before, "@") || strings.HasSuffix(before, "#") || strings.HasSuffix(before, "!") {
		return
	}
	switch {
	case shown == href || sameLink(shown, href):
	case shown == "":
		w.flush(href)
	default:
		w.flush(" (" + href + ")")
	}
}

// sameLink reports whether a text says where a link leads, written shorter, and not somewhere else.
func sameLink(shown, href string) bool {
	short := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(href, "https://"), "http://"), "/")
	return strings.TrimSuffix(shown, "/") == short
}

// breaks says that what follows begins so many lines later at least.
func (w *writer) breaks(lines int) {
	if w.text.Len() > 0 {
		w.gap = max(w.gap, lines)
	}
}

// write adds text as a tree has it.
func (w *writer) write(s string) {
	s = valid(s) // references to characters are characters by now
	w.xml.WriteString(escape(s))
	if w.pre > 0 {
		w.flush(s)
		return
	}
	words := strings.Fields(s)
	if len(words) == 0 {
		w.space = w.space || s != "" && w.text.Len() > 0 && w.gap == 0
		return
	}
	if first := s[0]; first == ' ' || first == '\n' || first == '\t' || first == '\r' {
		w.space = true
	}
	w.flush(strings.Join(words, " "))
	if last := s[len(s)-1]; last == ' ' || last == '\n' || last == '\t' || last == '\r' {
		w.space = true
	}
}

// flush adds text as it is, behind what belongs before it.
func (w *writer) flush(s string) {
	switch {
	case w.text.Len() > MaxText:
		return
	case w.text.Len() == 0:
	case w.gap > 0:
		w.text.WriteString(strings.Repeat("\n", min(w.gap, 2)))
	case w.space:
		w.text.WriteByte(' ')
	}
	w.gap, w.space = 0, false
	from := w.text.Len()
	w.text.WriteString(cut(s, MaxText))
	w.spans = transports.AppendSpan(w.spans, from, w.text.Len(), w.look)
}
