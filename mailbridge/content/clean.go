package content

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kept reports whether text for people has r: neither controls but tab and line feed, nor what is no character.
func kept(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n'
	case r < 0x7f:
		return true
	case r < 0xa0, r == 0xfeff, r == 0xfffe, r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return false
	case r == 0x202d, r == 0x202e: // overrides, which show text in another order than it has
		return false
	}
	return true
}

// clean makes valid text of many lines of s: line ends become line feeds, and what no person reads goes.
func clean(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteRune(utf8.RuneError)
		case r == '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				break
			}
			b.WriteByte('\n')
		case r == '\v', r == '\f', r == 0x85, r == 0x2028, r == 0x2029:
			b.WriteByte('\n')
		case kept(r):
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// cleanLine makes valid text of one line of s, without signs that reorder it, and with single spaces.
func cleanLine(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case !kept(r) || reorders(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// reorders reports whether r is one of the signs by which text says its direction (UAX 9).
func reorders(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// cut shortens s to at most limit bytes, between characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
