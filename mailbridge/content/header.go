package content

import (
	"bytes"
	"fmt"
	"strings"
)

// header is the fields above a message or a part, in their order.
type header []field

// field is a line of a header: its value is as it came, with the line ends of folding.
type field struct {
	name  string
	value []byte
}

// readHeader splits the header off, which an empty line ends. It does as mail servers do with what is no header: a line that cannot be a field
// ends it, unless a field follows, since then a folded line has lost its space. Above a whole mail (top) there may be what does not belong there.
func readHeader(raw []byte, maxSize, maxFields int, top bool) (h header, body []byte, err error) {
	rest := raw
	first := top
	for len(rest) > 0 {
		line, after := cutLine(rest)
		if len(raw)-len(after) > maxSize {
			return nil, nil, fmt.Errorf("%w: more than %d bytes", ErrHeader, maxSize)
		}
		trimmed := bytes.TrimRight(line, "\r\n")
		switch {
		case len(trimmed) == 0:
			if len(h) == 0 && first && isField(after) {
				rest, first = after, false
				continue
			}
			return h, after, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(h) == 0 {
				break
			}
			h.extend(line)
			rest = after
			continue
		case len(h) == 0 && first && !isField(line) && (bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))):
			// An mbox that lost its way: the line above each of its messages.
			rest, first = after, false
			continue
		}
		if name, value, ok := cutField(line); ok {
			if len(h) >= maxFields {
				return nil, nil, fmt.Errorf("%w: more than %d", ErrFields, maxFields)
			}
			h = append(h, field{name, value})
		} else if len(h) > 0 && isField(after) {
			h.extend(line)
		} else {
			return h, rest, nil
		}
		rest, first = after, false
	}
	return h, nil, nil
}

// extend makes a line part of the field before it. They stand side by side in the mail, so nothing is copied.
func (h header) extend(line []byte) {
	last := &h[len(h)-1].value
	*last = (*last)[:len(*last)+len(line)]
}

// cutLine splits off a line with its end. A lone carriage return ends none.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1], b[i+1:]
	}
	return b, nil
}

// cutField splits a line into name and value (RFC 5322 §3.6.8, and spaces before the colon: §4.5).
func cutField(line []byte) (name string, value []byte, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || colon > 200 {
		return "", nil, false
	}
	n := bytes.TrimRight(line[:colon], " \t")
	for _, c := range n {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	return string(n), line[colon+1:], len(n) > 0
}

func isField(b []byte) bool {
	line, _ := cutLine(b)
	_, _, ok := cutField(line)
	return ok
}

// get is the first field of a name, unfolded and without space around it; empty where there is none.
func (h header) get(name string) string {
	for _, f := range h {
		if len(f.name) == len(name) && strings.EqualFold(f.name, name) {
			return unfold(f.value)
		}
	}
	return ""
}

// all are the fields of a name, at most limit.
func (h header) all(name string, limit int) []string {
	var values []string
	for _, f := range h {
		if len(f.name) == len(name) && strings.EqualFold(f.name, name) && len(values) < limit {
			values = append(values, unfold(f.value))
		}
	}
	return values
}

func (h header) has(name string) bool {
	for _, f := range h {
		if len(f.name) == len(name) && strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// unfold takes the line ends out (RFC 5322 §2.2.3). What it returns may have any bytes but those.
func unfold(value []byte) string {
	value = bytes.TrimSpace(value)
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return string(value)
	}
	var b strings.Builder
	b.Grow(len(value))
	gap := false // a line end was here
	for _, c := range value {
		switch c {
		case '\r', '\n':
			gap = true
		case ' ', '\t':
			if !gap {
				b.WriteByte(c)
			} else if s := b.String(); s != "" && s[len(s)-1] != ' ' {
				b.WriteByte(' ')
			}
		default:
			if s := b.String(); gap && s != "" && s[len(s)-1] != ' ' {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteByte(c)
		}
	}
	return b.String()
}
