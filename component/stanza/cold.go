package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// coldParser makes a tree out of the raw tokens of encoding/xml, which knows CDATA and the names of all of Unicode. Prefixes are
// resolved here, because encoding/xml takes an undeclared one for a namespace.
//
// Where the fast path is stricter than encoding/xml, so is this; but one thing only the fast path refuses: attributes with no white
// space between them, which no token tells of.
type coldParser struct {
	s        *Stanza
	lim      *Limits
	elements int
	spaces   map[string]string // by prefix, the default namespace by the empty one
	undo     []binding         // what the open elements' declarations hide, inner ones last
	open     []rawName         // beside s.open
	text     []byte            // character data that may go on in another section
}

// binding is what a prefix was bound to before the element at depth declared it. space is empty where it was not bound.
type binding struct {
	prefix, space string
	depth         int
}

// rawName is a name as it is written.
type rawName struct{ prefix, local string }

// parseCold makes the tree of frame, whose characters were checked. The stream header's declarations are in force.
func (s *Stanza) parseCold(frame []byte, ns string, lim *Limits) *Refused {
	p := coldParser{s: s, lim: lim, spaces: map[string]string{"": ns, "stream": NSStreams}}
	dec := xml.NewDecoder(bytes.NewReader(frame))
	for {
		offset := dec.InputOffset()
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badRequest("The stanza is not well-formed.")
		}
		if s.Root != nil && len(p.open) == 0 {
			return badRequest("There is something behind the stanza.")
		}
		raw := frame[offset:dec.InputOffset()]
		if ref := p.token(tok, raw); ref != nil {
			return ref
		}
	}
	if s.Root == nil || len(p.open) > 0 {
		return badRequest("The stanza is not complete.")
	}
	return nil
}

// token takes the next token; raw is what it was read from.
func (p *coldParser) token(tok xml.Token, raw []byte) *Refused {
	switch tok := tok.(type) {
	case xml.CharData:
		if len(p.open) == 0 {
			return refuseTag()
		}
		// encoding/xml turns references to surrogates into U+FFFD.
		if !bytes.HasPrefix(raw, []byte("<![CDATA[")) && !referencesOK(raw) {
			return refuseReference()
		}
		p.text = append(p.text, tok...)
		return nil
	case xml.StartElement:
		if !referencesOK(raw) {
			return refuseReference()
		}
		p.flush()
		return p.start(tok)
	case xml.EndElement:
		p.flush()
		return p.end(tok)
	case xml.Comment:
		return refuseComment()
	case xml.ProcInst:
		return refusePI()
	default:
		return refuseDTD()
	}
}

// flush adds the character data so far as one run.
func (p *coldParser) flush() {
	if len(p.text) > 0 {
		p.s.character(bytes.Clone(p.text))
		p.text = p.text[:0]
	}
}

func (p *coldParser) start(tok xml.StartElement) *Refused {
	if p.elements++; p.elements > p.lim.Elements {
		return refuseElements()
	}
	if len(p.open) >= p.lim.Depth {
		return refuseDepth()
	}
	if len(tok.Attr) > p.lim.Attrs {
		return refuseAttrs()
	}
	p.open = append(p.open, rawName{tok.Name.Space, tok.Name.Local})
	for _, a := range tok.Attr {
		if ref := p.declare(a); ref != nil {
			return ref
		}
	}
	// The prefix "xml" is for attributes; nothing defines an element with it, and it cannot be written without one.
	space := p.spaces[tok.Name.Space]
	if space == "" && tok.Name.Space != "" {
		return refusePrefix()
	}
	if !isLocal(tok.Name.Local) {
		return refuseTag()
	}
	e := p.s.element(space, intern([]byte(tok.Name.Local)))
	for _, a := range tok.Attr {
		if ref := p.attribute(e, a); ref != nil {
			return ref
		}
	}
	p.s.push(e)
	return nil
}

// declare takes the attribute if it declares a namespace (Namespaces in XML 1.0 §3).
func (p *coldParser) declare(a xml.Attr) *Refused {
	prefix := ""
	switch {
	case a.Name.Space == "" && a.Name.Local == "xmlns":
	case a.Name.Space == "xmlns":
		prefix = a.Name.Local
		if prefix == "xml" && a.Value == nsXML {
			return nil
		}
		if prefix == "xml" || prefix == "xmlns" {
			return refuseReserved()
		}
		// Only the default namespace can be undeclared.
		if a.Value == "" {
			return refusePrefix()
		}
	default:
		return nil
	}
	space, ref := namespace([]byte(a.Value))
	if ref != nil {
		return ref
	}
	depth := len(p.open)
	for i := len(p.undo) - 1; i >= 0 && p.undo[i].depth == depth; i-- {
		if p.undo[i].prefix == prefix {
			return refuseDuplicate()
		}
	}
	p.undo = append(p.undo, binding{prefix, p.spaces[prefix], depth})
	p.spaces[prefix] = space
	return nil
}

// attribute adds the attribute to e unless it declares a namespace.
func (p *coldParser) attribute(e *Element, a xml.Attr) *Refused {
	name, space := a.Name.Local, ""
	switch a.Name.Space {
	case "":
		// A default namespace is not that of attributes (Namespaces in XML 1.0 §6.2).
		if name == "xmlns" {
			return nil
		}
	case "xmlns":
		return nil
	case "xml":
		name = "xml:" + name
	default:
		if space = p.spaces[a.Name.Space]; space == "" {
			return refusePrefix()
		}
	}
	if !isLocal(a.Name.Local) {
		return refuseTag()
	}
	if !p.s.addAttr(e, attr{space: space, name: intern([]byte(name)), value: []byte(a.Value)}) {
		return refuseDuplicate()
	}
	return nil
}

func (p *coldParser) end(tok xml.EndElement) *Refused {
	depth := len(p.open)
	if depth == 0 || p.open[depth-1] != (rawName{tok.Name.Space, tok.Name.Local}) {
		return refuseMismatch()
	}
	p.open = p.open[:depth-1]
	for i := len(p.undo) - 1; i >= 0 && p.undo[i].depth == depth; i-- {
		p.spaces[p.undo[i].prefix] = p.undo[i].space
		p.undo = p.undo[:i]
	}
	p.s.pop()
	return nil
}

// isLocal reports whether a name that encoding/xml gave is a local name: it leaves a colon at either end where it is, and does not
// look at the name behind a prefix by itself.
func isLocal(name string) bool {
	if strings.IndexByte(name, ':') >= 0 {
		return false
	}
	if nameClass[name[0]] == nameExotic {
		_, err := xml.NewDecoder(strings.NewReader("<" + name + "/>")).RawToken()
		return err == nil
	}
	return nameClass[name[0]] == nameStart
}
