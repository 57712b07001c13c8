package stanza

import (
	"bytes"
	"iter"
)

// Element is an element of a stanza. Space and Name are interned and may be kept; the Element itself and the bytes that
// RawAttr and RawText give are valid until the stanza's Release. Until then any number of goroutines may read it.
//
// All methods work on a nil Element, as on one that has nothing, so that calls can be chained.
type Element struct {
	Space, Name string

	attrs       []attr
	text        []byte   // of a run of character data, which is an Element without a name
	first, next *Element // the first of its content, and what follows it in its parent's
}

// attr is an attribute. Those in the namespace of XML are named like "xml:lang" and have no space.
type attr struct {
	space, name string
	value       []byte
}

// is reports whether the attribute is meant by a name as Attr takes it.
func (a *attr) is(name string) bool {
	if a.space == "" {
		return a.name == name
	}
	n := 1 + len(a.space)
	return len(name) == n+1+len(a.name) && name[0] == '{' && name[1:n] == a.space && name[n] == '}' && name[n+1:] == a.name
}

// Is reports whether e is the element name of the namespace space.
func (e *Element) Is(space, name string) bool {
	return e != nil && e.Name == name && e.Space == space
}

// Attr is the value of an attribute, "" if there is none. Attributes in the namespace of XML are named like "xml:lang", those
// in another like "{namespace}local".
func (e *Element) Attr(name string) string { return string(e.RawAttr(name)) }

// Type is the type of a stanza.
func (e *Element) Type() string { return intern(e.RawAttr("type")) }

// RawAttr is Attr without the copy.
func (e *Element) RawAttr(name string) []byte {
	value, _ := e.attr(name)
	return value
}

// AttrIs reports whether e has the attribute with exactly that value.
func (e *Element) AttrIs(name, value string) bool {
	v, ok := e.attr(name)
	return ok && string(v) == value
}

// HasAttr reports whether e has the attribute.
func (e *Element) HasAttr(name string) bool {
	_, ok := e.attr(name)
	return ok
}

func (e *Element) attr(name string) (value []byte, ok bool) {
	if e == nil {
		return nil, false
	}
	for i := range e.attrs {
		if a := &e.attrs[i]; a.is(name) {
			return a.value, true
		}
	}
	return nil, false
}

// Text is the character data of e itself, without that of its children.
func (e *Element) Text() string { return string(e.RawText()) }

// RawText is Text without the copy. Where children stand between the character data it has to be joined, which allocates.
func (e *Element) RawText() []byte {
	if e == nil {
		return nil
	}
	var only []byte
	runs := 0
	for n := e.first; n != nil; n = n.next {
		if n.Name == "" {
			only = n.text
			runs++
		}
	}
	if runs < 2 {
		return only
	}
	var all bytes.Buffer
	for n := e.first; n != nil; n = n.next {
		if n.Name == "" {
			all.Write(n.text)
		}
	}
	return all.Bytes()
}

// Child is the first child of that name and namespace, nil if there is none. An empty name means any name, an empty space any
// namespace.
func (e *Element) Child(space, name string) *Element {
	if e == nil {
		return nil
	}
	for n := e.first; n != nil; n = n.next {
		if n.Name != "" && (name == "" || n.Name == name) && (space == "" || n.Space == space) {
			return n
		}
	}
	return nil
}

// Children are the child elements in their order.
func (e *Element) Children() iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for n := e.first; n != nil; n = n.next {
			if n.Name != "" && !yield(n) {
				return
			}
		}
	}
}

// Content is all that stands in e, in its order: child elements, and between them character data, without an element. The data is valid as
// that of RawText is.
func (e *Element) Content() iter.Seq2[*Element, []byte] {
	return func(yield func(*Element, []byte) bool) {
		if e == nil {
			return
		}
		for n := e.first; n != nil; n = n.next {
			if n.Name == "" {
				if !yield(nil, n.text) {
					return
				}
			} else if !yield(n, nil) {
				return
			}
		}
	}
}

// AppendXML appends e as XML that can stand where parentSpace is the default namespace. Parsing it gives the same tree.
func (e *Element) AppendXML(b []byte, parentSpace string) []byte {
	if e == nil {
		return b
	}
	b = append(b, '<')
	b = append(b, e.Name...)
	if e.Space != parentSpace {
		b = append(b, " xmlns='"...)
		b = AppendEscapedAttr(b, e.Space)
		b = append(b, '\'')
	}
	for i := range e.attrs {
		b = e.attrs[i].appendXML(b, i)
	}
	if e.first == nil {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	for n := e.first; n != nil; n = n.next {
		if n.Name == "" {
			b = appendClean(b, n.text, inText)
		} else {
			b = n.AppendXML(b, e.Space)
		}
	}
	b = append(b, "</"...)
	b = append(b, e.Name...)
	return append(b, '>')
}
