package xmpptest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces that the server itself deals with.
const (
	NSClient    = "jabber:client"
	nsComponent = "jabber:component:accept"
	nsStream    = "http://etherx.jabber.org/streams"
	nsStreams   = "urn:ietf:params:xml:ns:xmpp-streams"
	nsStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
)

// Element is an XML element with everything in it. It is not changed once somebody else has it, so any goroutine may read it.
type Element struct {
	Name  xml.Name
	Attr  []xml.Attr // without namespace declarations
	Nodes []Node
}

// Node is a part of an element's content: an element, or else text.
type Node struct {
	Element *Element
	Text    string
}

// errRestricted refuses comments, processing instructions and document types (RFC 6120 §11.1).
var errRestricted = errors.New("restricted XML in a stanza")

// Parse reads one stanza. An element without a namespace is in that of clients.
func Parse(s string) (*Element, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.DefaultSpace = NSClient
	e, err := next(d)
	if err != nil {
		return nil, fmt.Errorf("parse stanza: %w", err)
	}
	if _, err := next(d); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse stanza: something follows its end")
	}
	return e, nil
}

// next reads the next whole element at the present depth. It is io.EOF where the surrounding element or the input ends.
func next(d *xml.Decoder) (*Element, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return ReadElement(d, t)
		case xml.EndElement:
			return nil, io.EOF
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return nil, fmt.Errorf("text %q between stanzas", t)
			}
		default:
			return nil, errRestricted
		}
	}
}

// ReadElement reads the rest of the element that start began.
func ReadElement(d *xml.Decoder, start xml.StartElement) (*Element, error) {
	e := &Element{Name: start.Name}
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		e.Attr = append(e.Attr, a)
	}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := ReadElement(d, t)
			if err != nil {
				return nil, err
			}
			e.Nodes = append(e.Nodes, Node{Element: child})
		case xml.EndElement:
			return e, nil
		case xml.CharData:
			e.Nodes = append(e.Nodes, Node{Text: string(t)})
		default:
			return nil, errRestricted
		}
	}
}

// Get is the value of an attribute without a namespace, empty if there is none.
func (e *Element) Get(name string) string {
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// with is a copy of e in which the attribute has another value. An empty value removes it.
func (e *Element) with(name, value string) *Element {
	c := &Element{Name: e.Name, Nodes: e.Nodes}
	for _, a := range e.Attr {
		if a.Name.Space != "" || a.Name.Local != name {
			c.Attr = append(c.Attr, a)
		}
	}
	if value != "" {
		c.Attr = append(c.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: value})
	}
	return c
}

// Elements are the elements directly in e.
func (e *Element) Elements() []*Element {
	var children []*Element
	for _, n := range e.Nodes {
		if n.Element != nil {
			children = append(children, n.Element)
		}
	}
	return children
}

// Child is the first element directly in e with this name, nil if there is none. An empty space stands for any namespace.
func (e *Element) Child(space, local string) *Element {
	for _, c := range e.Elements() {
		if c.Name.Local == local && (space == "" || c.Name.Space == space) {
			return c
		}
	}
	return nil
}

// Text is the text directly in e.
func (e *Element) Text() string {
	var b strings.Builder
	for _, n := range e.Nodes {
		b.WriteString(n.Text)
	}
	return b.String()
}

// in is a copy of e in which the elements of one namespace are in another: a server changes the namespace of a stanza from that
// of one kind of stream to that of the other (RFC 6120 §4.8.3).
func (e *Element) in(from, to string) *Element {
	c := &Element{Name: e.Name, Attr: e.Attr, Nodes: make([]Node, len(e.Nodes))}
	if c.Name.Space == from {
		c.Name.Space = to
	}
	for i, n := range e.Nodes {
		if n.Element != nil {
			n.Element = n.Element.in(from, to)
		}
		c.Nodes[i] = n
	}
	return c
}

// XML is the element as it goes over a stream whose default namespace is space.
func (e *Element) XML(space string) string {
	var b strings.Builder
	e.write(&b, space)
	return b.String()
}

func (e *Element) write(b *strings.Builder, space string) {
	e.writeStart(b, space)
	if len(e.Nodes) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, n := range e.Nodes {
		if n.Element != nil {
			n.Element.write(b, e.Name.Space)
			continue
		}
		escape(b, n.Text)
	}
	b.WriteString("</" + e.Name.Local + ">")
}

// writeStart writes the start tag without its end.
func (e *Element) writeStart(b *strings.Builder, space string) {
	b.WriteString("<" + e.Name.Local)
	if e.Name.Space != space {
		writeAttr(b, "xmlns", e.Name.Space)
	}
	for i, a := range e.Attr {
		switch a.Name.Space {
		case "":
			writeAttr(b, a.Name.Local, a.Value)
		case nsXML, "xml":
			writeAttr(b, "xml:"+a.Name.Local, a.Value)
		default:
			prefix := fmt.Sprintf("a%d", i)
			writeAttr(b, "xmlns:"+prefix, a.Name.Space)
			writeAttr(b, prefix+":"+a.Name.Local, a.Value)
		}
	}
}

func writeAttr(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + "='")
	escape(b, value)
	b.WriteByte('\'')
}

func escape(b *strings.Builder, s string) {
	// A strings.Builder never fails.
	_ = xml.EscapeText(b, []byte(s))
}

// String is the element for people: one element a line, those in it further right.
func (e *Element) String() string {
	var b strings.Builder
	e.print(&b, NSClient, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *Element) print(b *strings.Builder, space, indent string) {
	b.WriteString(indent)
	e.writeStart(b, space)
	children := e.Elements()
	text := e.Text()
	switch {
	case len(children) == 0 && text == "":
		b.WriteString("/>\n")
		return
	case len(children) == 0:
		b.WriteByte('>')
		escape(b, text)
	default:
		b.WriteString(">\n")
		for _, n := range e.Nodes {
			if n.Element != nil {
				n.Element.print(b, e.Name.Space, indent+"  ")
			} else if strings.TrimSpace(n.Text) != "" {
				b.WriteString(indent + "  ")
				escape(b, n.Text)
				b.WriteByte('\n')
			}
		}
		b.WriteString(indent)
	}
	b.WriteString("</" + e.Name.Local + ">\n")
}
