package content

import "strings"

// HTML returns the page that a mail has, in UTF-8 and marked as such: the first one that is shown, or that stands beside what is. It is as its sender made it,
// for whoever asks for that: it may load pictures and follow who looks at it. It is not ok where there is none, or where Read fails.
func HTML(raw []byte, limits Limits) (page []byte, ok bool) {
	limits = limits.orDefault()
	if len(raw) > limits.Size {
		return nil, false
	}
	h, body, err := readHeader(raw, limits.Header, limits.Fields, true)
	if err != nil {
		return nil, false
	}
	r := reader{limits: limits, m: &Message{}}
	p := r.parse(h, body, 0, "text/plain").page()
	if p == nil {
		return nil, false
	}
	data := r.data(p)
	charset := p.params["charset"]
	if charset == "" {
		charset = metaCharset(data)
	}
	text, _ := decode(charset, data)
	return []byte("\ufeff" + strings.ToValidUTF8(text, "\ufffd")), true // the mark counts more than what the page says itself (HTML §13.2.3.1)
}

// page finds the page of a part; nil where it has none.
func (p *part) page() *part {
	if (p.typ == "text/html" || p.typ == "application/xhtml+xml") && p.isText() {
		return p
	}
	for _, other := range p.parts {
		if found := other.page(); found != nil {
			return found
		}
	}
	return nil
}
