package stanza

import (
	"sync"
)

// Stanza is a stanza with its tree. It and everything that points into it are valid until Release.
type Stanza struct {
	Root *Element

	// The tree lives in these, which are kept for the next stanza. The slices of elements and attributes never move while the
	// tree points into them: where one is full, another takes its place.
	buf   []byte
	nodes []Element
	attrs []attr
	open  []openElement

	pool *sync.Pool // nil where nobody wants it back
}

// openElement is an element whose end tag has not come yet.
type openElement struct {
	el   *Element
	tail **Element // where the next of its content goes
}

// Len is about how many bytes the stanza had on the wire.
func (s *Stanza) Len() int { return len(s.buf) }

// What Release keeps for the next stanza; a stanza that needed more gives its memory back.
const (
	keepBytes = 64 << 10
	keepNodes = 512
	keepAttrs = 512
)

// Release gives the stanza's memory back for another one. It is called once, by whoever holds the stanza last, from any goroutine.
func (s *Stanza) Release() {
	if s == nil || s.Root == nil {
		return
	}
	s.reset()
	if s.pool != nil {
		s.pool.Put(s)
	}
}

// reset makes s empty. What somebody still holds of it becomes empty too, rather than another stanza's.
func (s *Stanza) reset() {
	clear(s.nodes)
	clear(s.attrs)
	clear(s.open[:cap(s.open)])
	s.Root, s.buf, s.nodes, s.attrs, s.open = nil, s.buf[:0], s.nodes[:0], s.attrs[:0], s.open[:0]
	if cap(s.buf) > keepBytes {
		s.buf = nil
	}
	if cap(s.nodes) > keepNodes {
		s.nodes = nil
	}
	if cap(s.attrs) > keepAttrs {
		s.attrs = nil
	}
}

// Parse parses one whole stanza, with nothing before or behind it, in the default namespace ns. The error is a *Refused. It is
// for tests and tools; a Reader does without its allocations.
func Parse(frame []byte, ns string, lim Limits) (*Stanza, error) {
	lim = lim.orDefault()
	s := new(Stanza)
	var ref *Refused
	if len(frame) > lim.Bytes {
		ref = refuseBytes(lim.Bytes)
	} else {
		ref = s.parse(frame, ns, &lim)
	}
	if ref != nil {
		ref.readHead(frame)
		return nil, ref
	}
	return s, nil
}

// parse makes the tree of frame, by the fast path or, where that does not know a construct, by the cold one. s is empty before,
// and has to be reset where the frame is refused. It keeps nothing of frame and lim.
func (s *Stanza) parse(frame []byte, ns string, lim *Limits) *Refused {
	ok, cr := checkChars(frame)
	if !ok {
		return refuseChar()
	}
	cold, ref := s.parseFast(frame, ns, lim, cr)
	if cold {
		s.reset()
		return s.parseCold(frame, ns, lim)
	}
	return ref
}

// element is a new element in the innermost open one, or the root where there is none.
func (s *Stanza) element(space, name string) *Element {
	e := s.node()
	e.Space, e.Name = space, name
	s.add(e)
	return e
}

// character is a new run of character data in the innermost open element.
func (s *Stanza) character(text []byte) {
	n := s.node()
	n.text = text
	s.add(n)
}

func (s *Stanza) add(n *Element) {
	if len(s.open) == 0 {
		s.Root = n
		return
	}
	top := &s.open[len(s.open)-1]
	*top.tail = n
	top.tail = &n.next
}

// push opens e: what is added from now on is its content, until it is popped.
func (s *Stanza) push(e *Element) { s.open = append(s.open, openElement{el: e, tail: &e.first}) }

func (s *Stanza) pop() { s.open = s.open[:len(s.open)-1] }

// node is an empty node of the tree.
func (s *Stanza) node() *Element {
	n := len(s.nodes)
	if n == cap(s.nodes) {
		s.nodes = make([]Element, 0, max(16, 2*n))
		n = 0
	}
	s.nodes = s.nodes[:n+1]
	e := &s.nodes[n]
	*e = Element{}
	return e
}

// addAttr adds an attribute to e, which was made last. It is false where e has it already (XML 1.0 §3.1).
func (s *Stanza) addAttr(e *Element, a attr) bool {
	for i := range e.attrs {
		if e.attrs[i].name == a.name && e.attrs[i].space == a.space {
			return false
		}
	}
	n := len(s.attrs)
	if n == cap(s.attrs) {
		// The attributes of an element stand together, so those it has move along.
		s.attrs = append(make([]attr, 0, max(16, 2*n)), e.attrs...)
		n = len(s.attrs)
	}
	s.attrs = append(s.attrs, a)
	e.attrs = s.attrs[n-len(e.attrs) : n+1 : n+1]
	return true
}
