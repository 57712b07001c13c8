package ircbridge

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Formatting codes (https://modern.ircdocs.horse/formatting).
const (
	codeColour    = '\x03'
	codeHexColour = '\x04'
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

// plain removes the formatting codes and every other control character but the tab: text without a look.
func plain(s string) string {
	if printableASCII(s) {
		return s
	}
	i := strings.IndexFunc(s, isControl)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for i < len(s) {
		switch c := s[i]; {
		case c == codeColour:
			i = skipColour(s, i+1, 2, isDigit)
		case c == codeHexColour:
			i = skipColour(s, i+1, 6, isHex)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if !isControl(r) {
				b.WriteString(s[i : i+n])
			}
			i += n
		}
	}
	return b.String()
}

// skipColour gives the index behind "fg[,bg]", each of at most n digits.
func skipColour(s string, i, n int, digit func(byte) bool) int {
	first := skipDigits(s, i, n, digit)
	if first == i {
		return i // a code without a colour ends the colour
	}
	if first < len(s) && s[first] == ',' {
		if second := skipDigits(s, first+1, n, digit); second > first+1 {
			return second
		}
	}
	return first
}

func skipDigits(s string, i, n int, digit func(byte) bool) int {
	for end := min(i+n, len(s)); i < end && digit(s[i]); i++ {
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isControl reports whether r must not reach a reader: the C0 and C1 controls but the tab, and what XML cannot carry.
func isControl(r rune) bool {
	return r < 0x20 && r != '\t' || 0x7f <= r && r < 0xa0 || r == 0xfffe || r == 0xffff
}
