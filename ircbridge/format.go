package ircbridge

import (
	"bytes"
	"unicode/utf8"
)

// decode makes a line valid UTF-8. One that is not is read by other. A character that the server cut in half at the end of a full line is
// dropped instead, since it would turn the whole line into nonsense.
func decode(line []byte, other func(line []byte) string) string {
	if bytes.IndexByte(line, 0) >= 0 {
		line = bytes.ReplaceAll(line, []byte{0}, nil) // RFC 2812 §2.3.1: a line has no NUL
	}
	if utf8.Valid(line) {
		return string(line)
	}
	if whole := cutHalfRune(line); len(whole) > 0 && !asciiOnly(whole) && utf8.Valid(whole) {
		return string(whole)
	}
	return other(line)
}

// cutHalfRune drops a beginning of a multi-byte character from the end of line, before the delimiter of a CTCP if there is one.
func cutHalfRune(line []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(line); i++ {
		if c := line[len(line)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(line[len(line)-i:]) {
				return line[:len(line)-i]
			}
			break
		}
	}
	return line
}

func asciiOnly[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// printableASCII reports whether s is nothing but printable ASCII, as most of what is said is: that is seen sooner than what else there may be in it.
func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isControl reports whether r must not reach a reader: the C0 and C1 controls but the tab, and what XML cannot carry.
func isControl(r rune) bool {
	return r < 0x20 && r != '\t' || 0x7f <= r && r < 0xa0 || r == 0xfffe || r == 0xffff
}
