package stanza

import (
	"iter"
	"strconv"
	"strings"

	"passerelle/transports"
)

// Builder appends XML. Names are trusted, values are escaped and cleaned, and what does not fit (an attribute behind the content,
// an end without a start) is left out, so that nothing it is given can unbalance the stream. The zero value is ready. Not safe for
// concurrent use.
type Builder struct {
	buf  []byte
	open []openTag
	cuts []int // where pieces end, see Pieces
}

// PieceBytes is the least size of the pieces that Pieces gives, but for the last.
const PieceBytes = 16 << 10

// openTag is an element that was started and not ended. Its start tag is at buf[at:body]; body is 0 while it has no >.
type openTag struct {
	name     string
	at, body int
}

// Start starts an element in its parent's namespace.
func (b *Builder) Start(name string) *Builder {
	b.closeTag()
	b.open = append(b.open, openTag{name: name, at: len(b.buf)})
	b.buf = append(b.buf, '<')
	b.buf = append(b.buf, name...)
	return b
}

// StartNS starts an element in the namespace xmlns, which becomes that of its children.
func (b *Builder) StartNS(name, xmlns string) *Builder {
	b.Start(name)
	b.startAttr("xmlns")
	b.buf = AppendEscapedAttr(b.buf, xmlns)
	return b.endAttr()
}

// Attr adds an attribute to the element that was just started, unless value is empty.
func (b *Builder) Attr(name, value string) *Builder {
	if value == "" || !b.startAttr(name) {
		return b
	}
	b.buf = AppendEscapedAttr(b.buf, value)
	return b.endAttr()
}

// JID adds an attribute that is an address, unless it is the zero Address.
func (b *Builder) JID(name string, a transports.Address) *Builder {
	if a.IsZero() || !b.startAttr(name) {
		return b
	}
	if a.Local != "" {
		b.buf = append(AppendEscapedAttr(b.buf, a.Local), '@')
	}
	b.buf = AppendEscapedAttr(b.buf, a.Domain)
	if a.Resource != "" {
		b.buf = AppendEscapedAttr(append(b.buf, '/'), a.Resource)
	}
	return b.endAttr()
}

// Int adds an attribute that is a number.
func (b *Builder) Int(name string, n int) *Builder {
	if !b.startAttr(name) {
		return b
	}
	b.buf = strconv.AppendInt(b.buf, int64(n), 10)
	return b.endAttr()
}

// Text adds character data.
func (b *Builder) Text(s string) *Builder {
	if s == "" {
		return b
	}
	b.closeTag()
	b.buf = AppendEscaped(b.buf, s)
	return b
}

// Raw adds XML that is ready: content that is well-formed by itself and fits the namespace it comes into.
func (b *Builder) Raw(p []byte) *Builder {
	if len(p) == 0 {
		return b
	}
	b.closeTag()
	b.buf = append(b.buf, p...)
	return b
}

// Graft ends the element that was just started with what a rendering of one of the same name has: attributes, content and end. What
// is no such rendering adds nothing.
func (b *Builder) Graft(xml string) *Builder {
	if len(b.open) == 0 || b.open[len(b.open)-1].body != 0 {
		return b
	}
	rest, ok := strings.CutPrefix(xml, "<"+b.open[len(b.open)-1].name)
	if !ok {
		return b.End()
	}
	b.open = b.open[:len(b.open)-1]
	b.buf = append(b.buf, rest...)
	return b
}

// Element adds e, which may be nil, where parentSpace is the default namespace.
func (b *Builder) Element(e *Element, parentSpace string) *Builder {
	if e == nil {
		return b
	}
	b.closeTag()
	b.buf = e.AppendXML(b.buf, parentSpace)
	return b
}

// End ends the element that was started last.
func (b *Builder) End() *Builder {
	if len(b.open) == 0 {
		return b
	}
	top := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	if top.body == 0 {
		b.buf = append(b.buf, "/>"...)
	} else {
		b.buf = append(b.buf, "</"...)
		b.buf = append(b.buf, top.name...)
		b.buf = append(b.buf, '>')
	}
	if len(b.open) == 0 && len(b.buf)-b.lastCut() >= PieceBytes {
		b.cuts = append(b.cuts, len(b.buf))
	}
	return b
}

func (b *Builder) lastCut() int {
	if len(b.cuts) == 0 {
		return 0
	}
	return b.cuts[len(b.cuts)-1]
}

// Pieces gives what there is in pieces that end between stanzas, for whoever lets others in between. They are valid as long as Bytes.
func (b *Builder) Pieces() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		from := 0
		for _, to := range b.cuts {
			if !yield(b.buf[from:to]) {
				return
			}
			from = to
		}
		if from < len(b.buf) {
			yield(b.buf[from:])
		}
	}
}

// Len is how many bytes there are.
func (b *Builder) Len() int { return len(b.buf) }

// Bytes is what there is; it is valid until the next call that changes it.
func (b *Builder) Bytes() []byte { return b.buf }

// Reset makes the Builder empty and keeps its memory.
func (b *Builder) Reset() { b.Truncate(0) }

// Truncate drops everything behind the first n bytes, with the elements that were started there. n is what Len was once; no
// element that was open then may have been ended since.
func (b *Builder) Truncate(n int) {
	if n >= len(b.buf) {
		return
	}
	b.buf = b.buf[:n]
	for b.lastCut() > n {
		b.cuts = b.cuts[:len(b.cuts)-1]
	}
	for len(b.open) > 0 && b.open[len(b.open)-1].at >= n {
		b.open = b.open[:len(b.open)-1]
	}
	// A start tag may have got its > by what was dropped.
	if i := len(b.open) - 1; i >= 0 && b.open[i].body > n {
		b.open[i].body = 0
	}
}

// closeTag ends the start tag that is still open, if any.
func (b *Builder) closeTag() {
	if i := len(b.open) - 1; i >= 0 && b.open[i].body == 0 {
		b.buf = append(b.buf, '>')
		b.open[i].body = len(b.buf)
	}
}

// startAttr begins an attribute; it is false where no start tag is open.
func (b *Builder) startAttr(name string) bool {
	if len(b.open) == 0 || b.open[len(b.open)-1].body != 0 {
		return false
	}
	b.buf = append(b.buf, ' ')
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, "='"...)
	return true
}

func (b *Builder) endAttr() *Builder {
	b.buf = append(b.buf, '\'')
	return b
}
