package ircbridge

import "strings"

// casemap is how a network compares names (the CASEMAPPING token of RPL_ISUPPORT).
type casemap uint8

// The casemappings. The zero value is what a network has that says nothing (RFC 2812 §2.2).
const (
	casemapRFC1459 casemap = iota // "{}|~" are the lower case of "[]\^"
	casemapStrict                 // "{}|" are the lower case of "[]\"
	casemapASCII
	casemapUnicode // all letters
)

// parseCasemap reads the value of the token; what is none of the old ones (rfc7613, rfc8265, utf8 …) folds all letters.
func parseCasemap(value string) casemap {
	switch value {
	case "rfc1459":
		return casemapRFC1459
	case "rfc1459-strict", "strict-rfc1459":
		return casemapStrict
	case "ascii", "":
		return casemapASCII
	default:
		return casemapUnicode
	}
}

func (m casemap) lower(c byte) byte {
	last := byte('Z')
	switch m {
	case casemapRFC1459:
		last = '^'
	case casemapStrict:
		last = ']'
	}
	if 'A' <= c && c <= last {
		return c + 'a' - 'A'
	}
	return c
}

// equal reports whether a and b are the same name. It does not allocate.
func (m casemap) equal(a, b string) bool {
	if m == casemapUnicode {
		return a == b || m.fold(a) == m.fold(b)
	}
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && m.lower(a[i]) != m.lower(b[i]) {
			return false
		}
	}
	return true
}

// fold gives equal strings for equal names, for use as a map key.
func (m casemap) fold(s string) string {
	if m == casemapUnicode {
		return strings.ToLower(s)
	}
	for i := 0; i < len(s); i++ {
		if m.lower(s[i]) != s[i] {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = m.lower(b[i])
			}
			return string(b)
		}
	}
	return s
}
