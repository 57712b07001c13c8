package clean

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"passerelle/transports"
)

// Bounds of what is found in a text.
const (
	MaxNames = 50 // people and groups
	MaxTags  = 50
)

// Names are what a user's text names.
type Names struct {
	People []string // "alice@social.example", or "alice" where no host stands behind it, in lower case
	Groups []string // the same, behind "!"
	Tags   []string // in lower case, without "#"
}

// token is a piece of text that may become a link. Go's regular expressions take time in proportion to the text.
var token = regexp.MustCompile(`https?://[^\s<>"]+|[@!][A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?(?:@[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)?|#[\pL\pN_]+`)

// tokens calls do for each piece of a text: kind is 0 for text that is only that, 'u' for a URL, '@', '!' or '#'.
func tokens(text string, do func(kind byte, piece string)) {
	at := 0
	for _, m := range token.FindAllStringIndex(text, -1) {
		from, to := m[0], m[1]
		before, _ := utf8.DecodeLastRuneInString(text[:from])
		if from > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before) || strings.ContainsRune("_@/&", before)) {
			continue // in the middle of a word, or of an address
		}
		kind := text[from]
		if kind == 'h' {
			kind, to = 'u', from+len(trimURL(text[from:to]))
		}
		if from > at {
			do(0, text[at:from])
		}
		do(kind, text[from:to])
		at = to
	}
	if at < len(text) {
		do(0, text[at:])
	}
}

// trimURL leaves out what ends the sentence around a URL.
func trimURL(u string) string {
	for {
		last, size := utf8.DecodeLastRuneInString(u)
		switch {
		case strings.ContainsRune(".,;:!?'…»”’*", last), last == ')' && strings.Count(u, "(") < strings.Count(u, ")"), last == ']' && strings.Count(u, "[") < strings.Count(u, "]"):
			u = u[:len(u)-size]
		default:
			return u
		}
	}
}

// add notes what a piece of text names.
func (n *Names) add(kind byte, piece string) {
	list, most := &n.People, MaxNames
	switch kind {
	case '!':
		list = &n.Groups
	case '#':
		list, most = &n.Tags, MaxTags
	case '@':
	default:
		return
	}
	if name := strings.ToLower(piece[1:]); len(*list) < most && !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// Outward is what a user wrote: as text with how it looks, or as XHTML.
type Outward struct {
	Text  string
	Spans []transports.Span
	HTML  string // in place of both, where it is not empty
}

// Names finds whom and what it names.
func (o *Outward) Names() Names {
	var n Names
	if o.HTML == "" {
		tokens(Legible(o.Text), n.add)
		return n
	}
	for _, node := range parse(o.HTML) {
		walkText(node, 0, func(text string) { tokens(text, n.add) })
	}
	return n
}

// walkText calls do for the text that may have names in it: not that of links and code.
func walkText(n *nethtml.Node, depth int, do func(string)) {
	if n.Type == nethtml.TextNode {
		do(n.Data)
	}
	if depth >= maxDepth || n.DataAtom == atom.A || n.DataAtom == atom.Code || n.DataAtom == atom.Pre {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walkText(c, depth+1, do)
	}
}

// Links says where names lead: by their sign and what stands behind it, as in Names. What it has no link for stays text.
type Links map[string]string

// Render makes HTML of it.
func (o *Outward) Render(links Links) string {
	var b strings.Builder
	if o.HTML == "" {
		text := strings.TrimSpace(strings.ReplaceAll(o.Text, "\r\n", "\n"))
		at := strings.Index(o.Text, text)
		renderText(&b, text, transports.CutSpans(o.Spans, at, at+len(text), 0), links)
		return b.String()
	}
	for _, n := range parse(o.HTML) {
		renderNode(&b, n, 0, links)
	}
	return b.String()
}

// marks are the elements of styles, in the order in which they open.
var marks = []struct {
	style transports.Style
	name  string
}{
	{transports.StyleBold, "strong"}, {transports.StyleItalic, "em"}, {transports.StyleUnderline, "u"}, {transports.StyleStrike, "del"}, {transports.StyleMono, "code"},
}

func renderText(b *strings.Builder, text string, spans []transports.Span, links Links) {
	at := 0
	piece := func(to int, style transports.Style) {
		if to <= at {
			return
		}
		for _, m := range marks {
			if style.Has(m.style) {
				b.WriteString("<" + m.name + ">")
			}
		}
		if style.Has(transports.StyleMono) {
			b.WriteString(lines(text[at:to]))
		} else {
			linkify(b, text[at:to], links)
		}
		for _, m := range slices.Backward(marks) {
			if style.Has(m.style) {
				b.WriteString("</" + m.name + ">")
			}
		}
		at = to
	}
	for _, s := range spans {
		piece(s.From, 0)
		piece(s.To, s.Look.Style)
	}
	piece(len(text), 0)
}

func lines(s string) string { return strings.ReplaceAll(escape(s), "\n", "<br/>") }

// linkify writes text in which names and URLs are links.
func linkify(b *strings.Builder, text string, links Links) {
	tokens(Legible(text), func(kind byte, piece string) {
		switch kind {
		case 0:
			b.WriteString(lines(piece))
		case 'u':
			b.WriteString(`<a href="` + html.EscapeString(piece) + `" rel="nofollow noopener">` + html.EscapeString(piece) + `</a>`)
		default:
			href, ok := links[string(kind)+strings.ToLower(piece[1:])]
			if !ok {
				b.WriteString(lines(piece))
				return
			}
			// The forms that GNU social and Mastodon write, so that others recognise them.
			switch kind {
			case '#':
				b.WriteString(`<a href="` + html.EscapeString(href) + `" class="hashtag" rel="tag">` + html.EscapeString(piece) + `</a>`)
			case '!':
				b.WriteString(`!<a href="` + html.EscapeString(href) + `" class="h-card u-url group">` + html.EscapeString(piece[1:]) + `</a>`)
			default:
				b.WriteString(`@<a href="` + html.EscapeString(href) + `" class="h-card u-url mention">` + html.EscapeString(piece[1:]) + `</a>`)
			}
		}
	})
}

// renderNode writes what a user marked up, after it was made safe.
func renderNode(b *strings.Builder, n *nethtml.Node, depth int, links Links) {
	if n.Type == nethtml.TextNode {
		linkify(b, n.Data, links)
		return
	}
	if n.Type != nethtml.ElementNode {
		return
	}
	if depth >= maxDepth {
		b.WriteString(escape(textOf(n)))
		return
	}
	name := n.Data
	switch n.DataAtom {
	case atom.Br:
		b.WriteString("<br/>")
		return
	case atom.A:
		w := writer{}
		w.link(n, func() { w.out.WriteString(escape(textOf(n))) })
		b.WriteString(w.out.String())
		return
	case atom.Code, atom.Pre:
		b.WriteString("<" + name + ">" + escape(textOf(n)) + "</" + name + ">")
		return
	case atom.Span, atom.Div:
		name = ""
	}
	if name != "" {
		b.WriteString("<" + name + ">")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		renderNode(b, c, depth+1, links)
	}
	if name != "" {
		b.WriteString("</" + name + ">")
	}
}
