package stanza

import "bytes"

// parseFast makes the tree of frame, whose characters were checked. It is cold where it met something it leaves to parseCold:
// CDATA, a prefix other than "xml", or a name beyond ASCII.
//
// It works in s.buf, where references are replaced in place. A zero byte behind the frame, which is in no frame and no part of any
// construct, ends every scan.
func (s *Stanza) parseFast(frame []byte, ns string, lim *Limits, cr bool) (cold bool, ref *Refused) {
	s.buf = append(s.buf[:0], frame...)
	if cr {
		s.buf = normalizeNewlines(s.buf)
	}
	end := len(s.buf)
	s.buf = append(s.buf, 0)
	p := fastParser{
		s: s, b: s.buf, ns: ns, lim: lim,
		amp:   indexFrom(s.buf, 0, '&'),
		cdEnd: bytes.Contains(s.buf, []byte("]]>")),
	}
	i := 0
	for {
		if p.b[i] != '<' {
			return false, refuseTag()
		}
		switch p.b[i+1] {
		case '/':
			if len(s.open) == 0 {
				return false, refuseMismatch()
			}
			if i, ref = p.endTag(i + 2); ref != nil {
				return false, ref
			}
		case '!':
			if bytes.HasPrefix(p.b[i:], []byte("<![CDATA[")) {
				return true, nil
			}
			if bytes.HasPrefix(p.b[i:], []byte("<!--")) {
				return false, refuseComment()
			}
			return false, refuseDTD()
		case '?':
			return false, refusePI()
		default:
			if i, cold, ref = p.startTag(i + 1); cold || ref != nil {
				return cold, ref
			}
		}
		if len(s.open) == 0 {
			if i != end {
				return false, badRequest("There is something behind the stanza.")
			}
			return false, nil
		}
		lt := indexFrom(p.b, i, '<')
		if lt == len(p.b) {
			return false, badRequest("The stanza is not complete.")
		}
		if lt > i {
			if ref = p.text(i, lt); ref != nil {
				return false, ref
			}
			i = lt
		}
	}
}

// fastParser is what parseFast knows while it walks through a frame.
type fastParser struct {
	s        *Stanza
	b        []byte
	ns       string
	lim      *Limits
	elements int
	amp      int  // the first & in what was not read yet; most values need no search for one then
	cdEnd    bool // there is a ]]> somewhere
}

// indexFrom is where c stands first in b[i:], len(b) if nowhere.
func indexFrom(b []byte, i int, c byte) int {
	if n := bytes.IndexByte(b[i:], c); n >= 0 {
		return i + n
	}
	return len(b)
}

// skipSpace is where the white space that begins at b[i] ends.
func skipSpace(b []byte, i int) int {
	for isSpace(b[i]) {
		i++
	}
	return i
}

// isSpace reports whether XML takes c for white space (XML 1.0 §2.3).
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// valueAt finds the value of the attribute whose name ended before b[i]. to is negative where there is none.
func valueAt(b []byte, i int) (from, to int) {
	if b[i] != '=' {
		if i = skipSpace(b, i); b[i] != '=' {
			return 0, -1
		}
	}
	i++
	quote := b[i]
	if quote != '\'' && quote != '"' {
		i = skipSpace(b, i)
		if quote = b[i]; quote != '\'' && quote != '"' {
			return 0, -1
		}
	}
	i++
	n := bytes.IndexByte(b[i:], quote)
	if n < 0 {
		return 0, -1
	}
	return i, i + n
}

// plainEnd is where the name that begins at b[i] ends, cold where it has what the fast path does not know.
func plainEnd(b []byte, i int) (end int, cold bool) {
	for nameClass[b[i]] == nameStart || nameClass[b[i]] == nameInside {
		i++
	}
	return i, nameClass[b[i]] == nameExotic
}

// startTag reads the start tag whose name begins at b[i] and returns where its content begins.
func (p *fastParser) startTag(i int) (next int, cold bool, ref *Refused) {
	b, s := p.b, p.s
	// Values may not have a < (XML 1.0 §3.1), so the next one stands behind the tag.
	lt := indexFrom(b, i, '<')
	end, cold := plainEnd(b, i)
	if cold {
		return 0, true, nil
	}
	if nameClass[b[i]] != nameStart {
		return 0, false, refuseTag()
	}
	if p.elements++; p.elements > p.lim.Elements {
		return 0, false, refuseElements()
	}
	if len(s.open) >= p.lim.Depth {
		return 0, false, refuseDepth()
	}
	space := p.ns
	if len(s.open) > 0 {
		space = s.open[len(s.open)-1].el.Space
	}
	e := s.element(space, intern(b[i:end]))
	i = end
	declared := false
	for attrs := 0; ; attrs++ {
		gap := i
		i = skipSpace(b, i)
		if b[i] == '>' {
			i++
			s.push(e)
			break
		}
		if b[i] == '/' {
			if b[i+1] != '>' {
				return 0, false, refuseTag()
			}
			i += 2
			break
		}
		if i == gap {
			return 0, false, refuseTag()
		}
		if attrs == p.lim.Attrs {
			return 0, false, refuseAttrs()
		}
		end, cold := plainEnd(b, i)
		if cold && b[end] == ':' && nameClass[b[end+1]] == nameStart && string(b[i:end]) == "xml" {
			end, cold = plainEnd(b, end+1)
		}
		if cold {
			return 0, true, nil
		}
		if nameClass[b[i]] != nameStart {
			return 0, false, refuseTag()
		}
		name := b[i:end]
		from, to := valueAt(b, end)
		if to < 0 {
			return 0, false, refuseTag()
		}
		i = to + 1
		value, ok := p.value(from, to)
		if !ok {
			return 0, false, refuseReference()
		}
		if string(name) == "xmlns" {
			if declared {
				return 0, false, refuseDuplicate()
			}
			declared = true
			if e.Space, ref = namespace(value); ref != nil {
				return 0, false, ref
			}
			continue
		}
		if !s.addAttr(e, attr{name: intern(name), value: value}) {
			return 0, false, refuseDuplicate()
		}
	}
	if lt < i {
		return 0, false, refuseTag()
	}
	return i, false, nil
}

// endTag reads the end tag whose name begins at b[i] and returns where it ends.
func (p *fastParser) endTag(i int) (next int, ref *Refused) {
	name := p.s.open[len(p.s.open)-1].el.Name
	end := i + len(name)
	if end >= len(p.b) || string(p.b[i:end]) != name {
		return 0, refuseMismatch()
	}
	if p.b[end] != '>' {
		if nameClass[p.b[end]] != nameNone {
			return 0, refuseMismatch()
		}
		if end = skipSpace(p.b, end); p.b[end] != '>' {
			return 0, refuseTag()
		}
	}
	p.s.pop()
	return end + 1, nil
}

// text adds the character data b[from:to] to the innermost open element.
func (p *fastParser) text(from, to int) *Refused {
	// XML 1.0 §2.4: ]]> may not stand in character data.
	if p.cdEnd && bytes.Contains(p.b[from:to], []byte("]]>")) {
		return refuseCDEnd()
	}
	value, ok := p.value(from, to)
	if !ok {
		return refuseReference()
	}
	p.s.character(value)
	return nil
}

// value is b[from:to] with its references replaced.
func (p *fastParser) value(from, to int) ([]byte, bool) {
	value := p.b[from:to:to]
	if p.amp >= to {
		return value, true
	}
	p.amp = indexFrom(p.b, to, '&')
	return expand(value)
}
