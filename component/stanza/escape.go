package stanza

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendEscaped appends s as character data: & < > ' " are escaped, and CR, which a parser would turn into LF. Characters that
// XML forbids are dropped, since a single one of them makes a server end the stream; invalid UTF-8 becomes U+FFFD.
func AppendEscaped(b []byte, s string) []byte { return appendClean(b, s, inText) }

// AppendEscapedAttr appends s as an attribute value between single quotes, cleaned as by AppendEscaped. Tabs and newlines are
// escaped too, since a parser would turn them into spaces (XML 1.0 §3.3.3).
func AppendEscapedAttr(b []byte, s string) []byte { return appendClean(b, s, inAttr) }

// The bytes that need a look, by where they stand.
const (
	inText = 1 << iota
	inAttr
)

// special tells which bytes cannot be copied as they are, in text and in attributes. It is never written.
var special = func() (t [256]byte) {
	for c := range t {
		switch {
		case c == '\t', c == '\n':
			t[c] = inAttr
		case c < 0x20, c >= utf8.RuneSelf, strings.IndexByte(`&<>'"`, byte(c)) >= 0:
			t[c] = inText | inAttr
		}
	}
	return t
}()

// appendClean appends s escaped and cleaned for its place, inText or inAttr.
func appendClean[T string | []byte](b []byte, s T, place byte) []byte {
	start := 0 // of what can be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if special[c]&place == 0 {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			var buf [utf8.UTFMax]byte
			r, size := utf8.DecodeRune(buf[:copy(buf[:], s[i:])])
			if r != utf8.RuneError && isChar(r) || r == utf8.RuneError && size > 1 {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			if r == utf8.RuneError {
				b = append(b, "\uFFFD"...)
			}
			i += size
			start = i
			continue
		}
		b = append(b, s[start:i]...)
		b = append(b, escaped(c)...)
		i++
		start = i
	}
	return append(b, s[start:]...)
}

// escaped is what stands for c, empty where XML forbids c.
func escaped(c byte) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '\'':
		return "&apos;"
	case '"':
		return "&quot;"
	case '\t':
		return "&#9;"
	case '\n':
		return "&#10;"
	case '\r':
		return "&#13;"
	}
	return ""
}

// appendXML appends the attribute with a space before it. i is its place in its element, which makes its prefix unique there.
func (a *attr) appendXML(b []byte, i int) []byte {
	if a.space != "" {
		// The parser kept the namespace and forgot the prefix.
		prefix := strconv.AppendInt([]byte("ns"), int64(i), 10)
		b = append(b, " xmlns:"...)
		b = append(b, prefix...)
		b = append(b, "='"...)
		b = AppendEscapedAttr(b, a.space)
		b = append(b, "' "...)
		b = append(b, prefix...)
		b = append(b, ':')
	} else {
		b = append(b, ' ')
	}
	b = append(b, a.name...)
	b = append(b, "='"...)
	b = appendClean(b, a.value, inAttr)
	return append(b, '\'')
}
