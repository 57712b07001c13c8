package content

import (
	"encoding/base64"
	"strings"
)

// decodeWords makes text of the value of a field with encoded words (RFC 2047), for people: one line. Words are decoded wherever they stand, also
// within quotes, as many programs write them, and those that follow each other in one character set are decoded as one, since some programs
// cut characters in two.
func decodeWords(s string) string {
	if strings.Contains(s, "=?") {
		s = appendWords(s)
	} else {
		s, _ = decode("", []byte(s))
	}
	return cleanLine(s)
}

func appendWords(s string) string {
	var out strings.Builder
	var pending []byte // of words in one character set
	charset := ""
	flush := func() {
		if len(pending) > 0 {
			text, _ := decode(charset, pending)
			out.WriteString(text)
			pending = pending[:0]
		}
	}
	word := false // one stands before
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		cs, data, rest, ok := cutWord(s[i:])
		before := s[:i]
		if !ok {
			flush()
			text, _ := decode("", []byte(s[:i+2]))
			out.WriteString(text)
			s, word = s[i+2:], false
			continue
		}
		// RFC 2047 §6.2: space between two words is no text.
		if !word || strings.TrimLeft(before, " \t") != "" {
			flush()
			text, _ := decode("", []byte(before))
			out.WriteString(text)
		}
		if !strings.EqualFold(cs, charset) || strings.EqualFold(cs, "iso-2022-jp") { // each word of which begins in ASCII
			flush()
			charset = cs
		}
		pending = append(pending, data...)
		s, word = rest, true
	}
	flush()
	text, _ := decode("", []byte(s))
	out.WriteString(text)
	return out.String()
}

// cutWord splits an encoded word off s, which begins with "=?".
func cutWord(s string) (charset string, data []byte, rest string, ok bool) {
	charset, s, ok = strings.Cut(s[2:], "?")
	if !ok || charset == "" || len(charset) > 60 || strings.ContainsAny(charset, " \t=()<>@,;:\"/[].") && !strings.Contains(charset, ".") {
		return "", nil, "", false
	}
	if len(s) < 2 || s[1] != '?' {
		return "", nil, "", false
	}
	encoding := s[0] | 0x20
	s = s[2:]
	end := strings.Index(s, "?=")
	if end < 0 {
		// The last word of a field that was cut.
		if strings.ContainsAny(s, " \t?") {
			return "", nil, "", false
		}
		end = len(s)
	}
	text := s[:end]
	rest = strings.TrimPrefix(s[end:], "?=")
	switch encoding {
	case 'q':
		return charset, decodeQ(text), rest, true
	case 'b':
		return charset, decodeB(text), rest, true
	}
	return "", nil, "", false
}

// decodeQ reads the encoding "Q" (RFC 2047 §4.2). What is no such sequence stays.
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			out = append(out, ' ')
		case s[i] == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return out
}

// decodeB reads base64 of one line, whatever stands between its characters, and with padding missing.
func decodeB(s string) []byte {
	return appendBase64(make([]byte, 0, len(s)*3/4), []byte(s))
}

// appendBase64 decodes base64 and forgets what does not belong to it. Padding may end a piece, and another follow.
func appendBase64(out, in []byte) []byte {
	var quad [4]byte
	n := 0
	flush := func() {
		if n < 2 {
			n = 0
			return
		}
		var three [3]byte
		for i := n; i < 4; i++ {
			quad[i] = 'A'
		}
		_, _ = base64.StdEncoding.Decode(three[:], quad[:]) // of four characters of the alphabet
		out = append(out, three[:n-1]...)
		n = 0
	}
	for _, c := range in {
		switch {
		case isAlnum(c) || c == '+' || c == '/':
		case c == '=':
			flush()
			continue
		default:
			continue
		}
		quad[n] = c
		if n++; n == 4 {
			flush()
		}
	}
	flush()
	return out
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
