package content

import (
	"bytes"
	"strings"
)

// octets is the media type of what nobody says more of.
const octets = "application/octet-stream"

// part is a piece of a mail (RFC 2045 §2.4).
type part struct {
	header      header
	typ         string // media type in lower case
	params      params
	disposition string // in lower case; empty where there is none
	name        string // of the file, as its sender has it
	encoding    string
	body        []byte  // as it came
	parts       []*part // of a multipart
	deep        bool    // a multipart that was too deep to be read
}

// parse reads a part and, of a multipart, its parts. It reads each byte once for each level, of which there are few.
func (r *reader) parse(h header, body []byte, depth int, defaultType string) *part {
	r.parts++
	p := &part{header: h, typ: defaultType, body: body, encoding: h.get("Content-Transfer-Encoding")}
	if v := h.get("Content-Type"); v != "" {
		typ, ps := readParams(v)
		p.params = ps
		switch main, sub, ok := strings.Cut(typ, "/"); {
		case ok && isToken(main) && isToken(sub):
			p.typ = typ
		case typ == "text" || typ == "plain": // RFC 1049, and what programs make of it
			p.typ = "text/plain"
		case typ == "html":
			p.typ = "text/html"
		case p.params["name"] != "" || p.params["filename"] != "":
			p.typ = octets
		}
	}
	disposition, dps := readParams(h.get("Content-Disposition"))
	p.disposition = disposition
	for _, name := range []string{dps["filename"], p.params["name"], dps["name"], p.params["filename"]} {
		if name != "" && p.name == "" {
			p.name = name
		}
	}
	if !strings.HasPrefix(p.typ, "multipart/") {
		return p
	}
	boundary := p.params["boundary"]
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary)) {
		boundary = guessBoundary(body)
	}
	if boundary == "" { // nothing splits it
		p.typ = "text/plain"
		p.body = bytes.TrimLeft(body, "\r\n")
		if looksHTML(p.body) {
			p.typ = "text/html"
		}
		r.m.odd(OddDamaged, "")
		return p
	}
	if depth >= r.limits.Depth {
		p.deep = true
		r.m.odd(OddParts, "")
		return p
	}
	inner := "text/plain"
	if p.typ == "multipart/digest" { // RFC 2046 §5.1.5
		inner = "message/rfc822"
	}
	pieces, closed := split(body, boundary, r.limits.Parts-r.parts+1)
	if !closed {
		r.m.odd(OddDamaged, "")
	}
	for _, piece := range pieces {
		if r.parts >= r.limits.Parts {
			r.m.odd(OddParts, "")
			break
		}
		ph, pbody, err := readHeader(piece, r.limits.Header, r.limits.Fields, false)
		if err != nil { // no person reads what has such a header
			r.m.odd(OddParts, "")
			continue
		}
		p.parts = append(p.parts, r.parse(ph, pbody, depth+1, inner))
	}
	return p
}

// split splits a multipart at its boundary (RFC 2046 §5.1.1) into at most limit pieces. What stands before the first is left out, as what stands
// behind the last is; closed is false where nothing says that it is the last.
func split(body []byte, boundary string, limit int) (pieces [][]byte, closed bool) {
	delimiter := []byte("--" + boundary)
	start := -1 // of the piece
	for at := 0; ; {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			break
		}
		i += at
		at = i + len(delimiter)
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		line, rest := cutLine(body[at:])
		line = bytes.TrimRight(line, " \t\r\n")
		last := bytes.Equal(line, []byte("--"))
		if !last && len(line) > 0 {
			continue
		}
		if start >= 0 {
			pieces = append(pieces, cutEnd(body[start:i]))
		}
		if last {
			return pieces, true
		}
		if len(pieces) >= limit {
			return pieces, true // the reader says so
		}
		start = len(body) - len(rest)
		at = start
	}
	if start >= 0 && start < len(body) {
		pieces = append(pieces, body[start:])
	}
	return pieces, false
}

// cutEnd takes the line end away that belongs to the boundary behind it.
func cutEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// guessBoundary finds the boundary of a multipart whose header has lost it: the first line that begins with two hyphens and comes again.
func guessBoundary(body []byte) string {
	head := cutBytes(body, 8<<10)
	for len(head) > 0 {
		line, rest := cutLine(head)
		head = rest
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) > 10 && len(line) < 80 && bytes.HasPrefix(line, []byte("--")) && bytes.IndexByte(line, ' ') < 0 {
			following, _ := cutLine(rest)
			if len(bytes.TrimSpace(following)) == 0 || isField(following) {
				return string(line[2:])
			}
		}
	}
	return ""
}

// data is the body without its transfer encoding.
func (r *reader) data(p *part) []byte {
	data, whole := decodeTransfer(p.encoding, p.body, strings.HasPrefix(p.typ, "text/"))
	if !whole {
		r.m.odd(OddDamaged, "")
	}
	return data
}

// isToken reports whether s is a token (RFC 2045 §5.1).
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) < 100
}

func looksHTML(b []byte) bool {
	b = bytes.ToLower(cutBytes(bytes.TrimSpace(b), 200))
	return bytes.HasPrefix(b, []byte("<!doctype html")) || bytes.HasPrefix(b, []byte("<html")) || bytes.HasPrefix(b, []byte("<div")) || bytes.HasPrefix(b, []byte("<p>"))
}
