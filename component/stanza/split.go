package stanza

import "bytes"

// splitter finds where a stanza ends. It looks at each byte once, however the bytes trickle in, and at no more of the syntax than
// it takes to tell a tag's end from a > that means nothing; whether the stanza is well-formed is the parser's business, so what it
// calls a stanza may well be refused.
//
// The zero splitter stands at the < of a root's start tag.
type splitter struct {
	state   splitState
	quote   byte // that ends the value, in splitValue and splitDeclValue
	slash   bool // the last byte of the start tag was a slash
	depth   int  // elements that are open
	decl    int  // <! and < that are open in a document type declaration
	size    int  // bytes so far
	headEnd int  // the size of the root's start tag, 0 until it ended
}

type splitState uint8

const (
	splitText      splitState = iota // in character data, or at the beginning
	splitMarkup                      // behind a <
	splitStartTag                    // in a start tag
	splitValue                       // in a quoted value of one
	splitEndTag                      // in an end tag
	splitCDATA                       // in a CDATA section
	splitComment                     // in a comment, also one in a declaration
	splitPI                          // in a processing instruction, also one in a declaration
	splitDecl                        // in a document type declaration
	splitDeclValue                   // in a quoted value of one
)

// scan goes on with what follows the bytes that it used in earlier calls, and tells how many of p it used. It stops behind the
// stanza's end, with done. Otherwise it may leave up to eight bytes over, which it wants to see again with more behind them.
func (s *splitter) scan(p []byte) (used int, done bool) {
	for used < len(p) {
		n, more := s.step(p[used:])
		used += n
		s.size += n
		if more {
			return used, false
		}
		if s.state == splitText && s.depth == 0 && s.size > 0 {
			return used, true
		}
	}
	return used, false
}

// step goes through p up to the next change of state. more means that it cannot go on without seeing what follows p.
func (s *splitter) step(p []byte) (used int, more bool) {
	switch s.state {
	case splitText:
		return s.until(p, '<', splitMarkup), false
	case splitMarkup:
		return s.markup(p)
	case splitStartTag:
		return s.startTag(p), false
	case splitValue:
		return s.until(p, s.quote, splitStartTag), false
	case splitEndTag:
		n := s.until(p, '>', splitText)
		if s.state == splitText {
			s.depth--
		}
		return n, false
	case splitCDATA:
		return s.untilAll(p, "]]>", splitText)
	case splitComment:
		return s.untilAll(p, "-->", s.around())
	case splitPI:
		return s.untilAll(p, "?>", s.around())
	case splitDecl:
		return s.declaration(p), false
	default: // splitDeclValue
		return s.until(p, s.quote, splitDecl), false
	}
}

// around is the state that a comment or a processing instruction interrupts.
func (s *splitter) around() splitState {
	if s.decl > 0 {
		return splitDecl
	}
	return splitText
}

// until goes on behind the next c in p, with the state next.
func (s *splitter) until(p []byte, c byte, next splitState) int {
	n := bytes.IndexByte(p, c)
	if n < 0 {
		return len(p)
	}
	s.state = next
	return n + 1
}

// untilAll is until for a mark of several bytes, the first of which may be at the end of p.
func (s *splitter) untilAll(p []byte, mark string, next splitState) (used int, more bool) {
	if n := bytes.Index(p, []byte(mark)); n >= 0 {
		s.state = next
		return n + len(mark), false
	}
	return max(0, len(p)-len(mark)+1), true
}

// markup tells from what follows a < what it begins.
func (s *splitter) markup(p []byte) (used int, more bool) {
	const (
		cdata   = "![CDATA["
		comment = "!--"
	)
	switch {
	case p[0] == '?':
		s.state = splitPI
		return 1, false
	case bytes.HasPrefix(p, []byte(comment)):
		s.state = splitComment
		return len(comment), false
	case len(p) < len(comment) && string(p) == comment[:len(p)]:
		return 0, true
	case s.decl > 0:
		s.state = splitDecl
		s.decl++
		return 0, false
	case p[0] == '/':
		s.state = splitEndTag
		return 1, false
	case bytes.HasPrefix(p, []byte(cdata)):
		s.state = splitCDATA
		return len(cdata), false
	case len(p) < len(cdata) && string(p) == cdata[:len(p)]:
		return 0, true
	case p[0] == '!':
		s.state = splitDecl
		s.decl = 1
		return 1, false
	}
	s.state = splitStartTag
	s.slash = false
	return 0, false
}

// startTag goes on in a start tag. A > in a quoted value does not end it.
func (s *splitter) startTag(p []byte) int {
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '\'', '"':
			s.slash = false
			n := bytes.IndexByte(p[i+1:], c)
			if n < 0 {
				s.state, s.quote = splitValue, c
				return len(p)
			}
			i += n + 1
		case '>':
			i++
			s.state = splitText
			if !s.slash {
				s.depth++
			}
			if s.headEnd == 0 {
				s.headEnd = s.size + i
			}
			return i
		default:
			s.slash = c == '/'
		}
	}
	return len(p)
}

// declaration goes on in a document type declaration. It is refused in any case, but its end has to be found: quoted values hide
// brackets, and markup declarations stand inside of it.
func (s *splitter) declaration(p []byte) int {
	for i, c := range p {
		switch c {
		case '\'', '"':
			s.state, s.quote = splitDeclValue, c
			return i + 1
		case '<':
			s.state = splitMarkup
			return i + 1
		case '>':
			if s.decl--; s.decl == 0 {
				s.state = splitText
				return i + 1
			}
		}
	}
	return len(p)
}
