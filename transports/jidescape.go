package transports

import "strings"

// Escapes are those of XEP-0106 §3: characters that a local part may not have, as a backslash and two digits. The library's reader
// gives garbage for some that do not stand in front.
var (
	escaped = [...]string{`\20`, `\22`, `\26`, `\27`, `\2f`, `\3a`, `\3c`, `\3e`, `\40`, `\5c`}
	bare    = [...]byte{' ', '"', '&', '\'', '/', ':', '<', '>', '@', '\\'}
)

// escapeAt is the character that an escape at the beginning of s stands for.
func escapeAt(s string) (byte, bool) {
	for i, e := range escaped {
		if strings.HasPrefix(s, e) {
			return bare[i], true
		}
	}
	return 0, false
}

// Unescape reads a local part (XEP-0106 §4.3). Folding has made its digits lower case.
func Unescape(local string) string {
	if strings.IndexByte(local, '\\') < 0 {
		return local
	}
	var b strings.Builder
	for i := 0; i < len(local); i++ {
		c := local[i]
		if plain, ok := escapeAt(local[i:]); ok {
			c = plain
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Escape writes a local part (XEP-0106 §4.2). A backslash stays where nobody would take it for an escape.
func Escape(s string) string {
	if !strings.ContainsAny(s, " \"&'/:<>@\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if _, ok := escapeAt(s[i:]); c == '\\' && !ok {
			b.WriteByte(c)
			continue
		}
		at := -1
		for j := range bare {
			if bare[j] == c {
				at = j
			}
		}
		if at >= 0 {
			b.WriteString(escaped[at])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
