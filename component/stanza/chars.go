package stanza

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// checkChars reports whether b is valid UTF-8 with no character that XML forbids (XML 1.0 §2.2), and whether it has a carriage
// return. It looks at eight bytes at a time, since nearly all of them are harmless.
func checkChars(b []byte) (ok, cr bool) {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	var seen uint64
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		seen |= w
		// True where one of the bytes is below 0x20.
		if (w-0x20*ones)&^w&high != 0 {
			good, ret := checkControls(b[i : i+8])
			if !good {
				return false, false
			}
			cr = cr || ret
		}
	}
	good, ret := checkControls(b[i:])
	if !good {
		return false, false
	}
	cr = cr || ret
	for _, c := range b[i:] {
		seen |= uint64(c)
	}
	if seen&high == 0 {
		return true, cr
	}
	if !utf8.Valid(b) || bytes.Contains(b, []byte("\uFFFE")) || bytes.Contains(b, []byte("\uFFFF")) {
		return false, false
	}
	return true, cr
}

// checkControls is checkChars for the control characters alone.
func checkControls(b []byte) (ok, cr bool) {
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' {
			if c != '\r' {
				return false, false
			}
			cr = true
		}
	}
	return true, cr
}

// isChar reports whether XML allows the character (XML 1.0 §2.2).
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD ||
		0x10000 <= r && r <= utf8.MaxRune
}

// normalizeNewlines turns each CR LF and each single CR into LF, in place (XML 1.0 §2.11).
func normalizeNewlines(b []byte) []byte {
	w := 0
	var before byte
	for _, c := range b {
		switch {
		case c == '\r':
			b[w] = '\n'
			w++
		case c == '\n' && before == '\r':
			// The LF of a CR LF, which was written with the CR.
		default:
			b[w] = c
			w++
		}
		before = c
	}
	return b[:w]
}

// expand replaces the references in b, in place: no reference is shorter than what it stands for. It is false where one is not
// well-formed, names an entity that XML does not predefine, or stands for a character that XML forbids (XML 1.0 §4.1, §4.6).
func expand(b []byte) ([]byte, bool) {
	r := bytes.IndexByte(b, '&')
	if r < 0 {
		return b, true
	}
	w := r
	for {
		c, n := reference(b[r:])
		if n == 0 {
			return nil, false
		}
		r += n
		w += utf8.EncodeRune(b[w:r], c)
		next := bytes.IndexByte(b[r:], '&')
		if next < 0 {
			return b[:w+copy(b[w:], b[r:])], true
		}
		w += copy(b[w:], b[r:r+next])
		r += next
	}
}

// reference reads the reference at the beginning of b and returns its length, 0 where it is bad.
func reference(b []byte) (r rune, n int) {
	end := bytes.IndexByte(b, ';')
	if end < 2 {
		return 0, 0
	}
	name := b[1:end]
	if name[0] == '#' {
		r = charNumber(name[1:])
	} else {
		switch string(name) {
		case "amp":
			r = '&'
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "apos":
			r = '\''
		case "quot":
			r = '"'
		}
	}
	if !isChar(r) {
		return 0, 0
	}
	return r, end + 1
}

// charNumber reads the number of a character reference, in decimal or behind "x" in hexadecimal. It is 0, which is no character,
// where there is none.
func charNumber(b []byte) rune {
	base := rune(10)
	if len(b) > 0 && b[0] == 'x' {
		base, b = 16, b[1:]
	}
	var r rune
	for _, c := range b {
		var digit rune
		switch {
		case '0' <= c && c <= '9':
			digit = rune(c - '0')
		case base == 16 && 'a' <= c && c <= 'f':
			digit = rune(c-'a') + 10
		case base == 16 && 'A' <= c && c <= 'F':
			digit = rune(c-'A') + 10
		default:
			return 0
		}
		r = r*base + digit
		if r > utf8.MaxRune {
			return 0
		}
	}
	return r
}

// referencesOK reports whether expand would take b, without changing it.
func referencesOK(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return true
		}
		_, n := reference(b[i:])
		if n == 0 {
			return false
		}
		b = b[i+n:]
	}
}
