package clean

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func itoa(n int) string { return strconv.Itoa(n) }

// kept reports whether text for people has r: no controls but tab and line feed, nothing that is no character in XML (XML 1.0 §2.2), and nothing that
// shows text in another order than it has.
func kept(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return true
	case r < 0x20 || r >= 0x7f && r < 0xa0, r == 0xfeff, r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // UAX #9 §2
		return false
	}
	return true
}

// valid drops what no text has. Line ends become line feeds.
func valid(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == 0x2028 || r == 0x2029:
			return '\n'
		case kept(r):
			return r
		}
		return -1
	}, s)
}

// cut makes s at most n bytes long, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Text makes text of many lines fit to be shown.
func Text(s string) string { return strings.TrimSpace(cut(valid(s), MaxText)) }

// Line makes one line of at most n bytes, such as a name, with single spaces.
func Line(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(valid(cut(s, 8*n)), unicode.IsSpace), " ")
	return strings.TrimSpace(cut(s, n))
}

// escape writes text into XML, in elements and attributes.
func escape(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
