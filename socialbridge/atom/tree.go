package atom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
)

// Limits of what a stranger sends.
const (
	MaxFeed  = 1 << 20   // bytes
	MaxEntry = 256 << 10 // bytes of an entry that stands alone

	maxDepth = 32
	maxNodes = 64 << 10 // elements and pieces of text
)

// ErrTooLarge is what is said of a document that is over a limit.
var ErrTooLarge = errors.New("the document is too large")

// node is an element, or text between elements: then it has no name.
type node struct {
	space, name string
	attrs       []xml.Attr
	kids        []*node
	text        string
}

// parse reads a document without a DTD, and with the entities of XML alone.
func parse(body []byte, limit int) (*node, error) {
	if len(body) > limit {
		return nil, ErrTooLarge
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	var root *node
	open := make([]*node, 0, maxDepth)
	for range maxNodes {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read XML: %w", err)
		}
		switch token := token.(type) {
		case xml.Directive: // a DTD may name entities and other servers
			return nil, errors.New("read XML: it has a document type")
		case xml.StartElement:
			n := &node{space: token.Name.Space, name: token.Name.Local, attrs: token.Attr}
			switch {
			case len(open) == maxDepth:
				return nil, ErrTooLarge
			case len(open) > 0:
				in := open[len(open)-1]
				in.kids = append(in.kids, n)
			case root != nil:
				return nil, errors.New("read XML: there is something behind the document")
			default:
				root = n
			}
			open = append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				in := open[len(open)-1]
				in.kids = append(in.kids, &node{text: string(token)})
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	return nil, ErrTooLarge
}

// is reports whether n is an element of a name.
func (n *node) is(space, name string) bool { return n != nil && n.name == name && n.space == space }

// child is the first element of a name in n, nil for none.
func (n *node) child(space, name string) *node {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.is(space, name) {
			return k
		}
	}
	return nil
}

// all calls do with each element of a name in n.
func (n *node) all(space, name string, do func(*node)) {
	for _, k := range n.kids {
		if k.is(space, name) {
			do(k)
		}
	}
}

// attr is an attribute without a namespace.
func (n *node) attr(name string) string { return n.attrOf("", name) }

func (n *node) attrOf(space, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name && a.Name.Space == space {
			return a.Value
		}
	}
	return ""
}

// words is the text right in n.
func (n *node) words() string {
	switch {
	case n == nil || len(n.kids) == 0:
		return ""
	case len(n.kids) == 1:
		return strings.TrimSpace(n.kids[0].text)
	}
	var b strings.Builder
	for _, k := range n.kids {
		b.WriteString(k.text)
	}
	return strings.TrimSpace(b.String())
}

// value is the text of the first element of a name in n.
func (n *node) value(space, name string) string { return n.child(space, name).words() }

// allWords appends the text of n and of everything in it.
func (n *node) allWords(b *strings.Builder) {
	b.WriteString(n.text)
	for _, k := range n.kids {
		k.allWords(b)
	}
}

// markup appends what is in n as HTML: elements of XHTML as they are, of others their text.
func (n *node) markup(b *strings.Builder) {
	for _, k := range n.kids {
		switch {
		case k.name == "":
			b.WriteString(html.EscapeString(k.text))
		case k.space != nsXHTML:
			k.markup(b)
		default:
			b.WriteString("<" + k.name)
			for _, a := range k.attrs {
				if a.Name.Space == "" && a.Name.Local != "xmlns" {
					b.WriteString(" " + a.Name.Local + `="` + html.EscapeString(a.Value) + `"`)
				}
			}
			b.WriteString(">")
			k.markup(b)
			if !void(k.name) {
				b.WriteString("</" + k.name + ">")
			}
		}
	}
}

// void reports whether an element of HTML has no end (HTML §13.1.2).
func void(name string) bool {
	switch name {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr":
		return true
	}
	return false
}

// plain is the text of a text construct (RFC 4287 §3.1).
func (n *node) plain() string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	switch n.attr("type") {
	case "html", "text/html":
		return oneLine(withoutTags(n.words()))
	case "xhtml", "application/xhtml+xml":
		n.allWords(&b)
		return oneLine(b.String())
	}
	return oneLine(n.words())
}

// html is a text construct or content as HTML (RFC 4287 §4.1.3.3); empty for what is something else, or elsewhere.
func (n *node) html() string {
	if n == nil {
		return ""
	}
	switch n.attr("type") {
	case "", "text", "text/plain":
		return strings.ReplaceAll(html.EscapeString(n.words()), "\n", "<br>")
	case "html", "text/html":
		return n.words()
	case "xhtml", "application/xhtml+xml":
		if div := n.child(nsXHTML, "div"); div != nil {
			n = div
		}
		var b strings.Builder
		n.markup(&b)
		return strings.TrimSpace(b.String())
	}
	return ""
}

// withoutTags is the text of HTML, for a line that only people read.
func withoutTags(s string) string {
	var b strings.Builder
	for {
		text, rest, tag := strings.Cut(s, "<")
		b.WriteString(text)
		if !tag {
			return html.UnescapeString(b.String())
		}
		if _, s, tag = strings.Cut(rest, ">"); !tag {
			return html.UnescapeString(b.String())
		}
	}
}

// oneLine is s with one space for each run of white space.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
