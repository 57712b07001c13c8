package content

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decode makes UTF-8 of bytes in a character set. It believes bytes more than labels: UTF-8 is hardly ever anything else. known is false
// where nobody knows the character set. What it returns may have controls.
func decode(charset string, b []byte) (text string, known bool) {
	charset = strings.ToLower(strings.Trim(charset, " \t\"'"))
	charset, _, _ = strings.Cut(charset, "*") // RFC 2231 §5: the language
	switch charset {
	case "", "unknown-8bit", "x-unknown", "unknown", "default", "default_charset", "8bit", "none", "_autodetect", "ansi":
		return guess(b), true
	case "us-ascii", "ascii", "utf-8", "utf8", "unicode-1-1-utf-8", "x-utf-8", "ansi_x3.4-1968", "cp65001", "utf-8mb4":
		return guess(b), true
	case "utf-7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7":
		return decodeUTF7(b), true
	}
	enc, single := lookup(charset)
	if enc == nil {
		return guess(b), false
	}
	if single && hasHigh(b) && utf8.Valid(b) {
		return string(b), true
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return guess(b), true
	}
	return string(out), true
}

// lookup finds a character set by the names that mail has for it. single says that each of its characters is one byte.
func lookup(name string) (enc encoding.Encoding, single bool) {
	switch name {
	case "iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-ms", "cp50220", "cp50221", "csiso2022jp":
		return japanese.ISO2022JP, false
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312, false
	case "cp932", "windows-932", "ms932", "ms_kanji":
		return japanese.ShiftJIS, false
	case "gb2312", "gbk", "gb18030", "cp936", "x-gbk", "euc-cn", "gb_2312-80", "gb2312_charset", "chinesegb":
		return simplifiedchinese.GB18030, false
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), false
	case "iso-8859-8-i", "iso-8859-8-e":
		return charmap.ISO8859_8, true
	case "cp-850", "ibm850", "cp850":
		return charmap.CodePage850, true
	case "cp-437", "ibm437", "cp437":
		return charmap.CodePage437, true
	}
	for _, prefix := range []string{"", "x-", "cp-", "cp", "ms-"} { // cp1252, cp-1251, x-cp1250
		number, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if prefix != "" && strings.HasPrefix(number, "125") {
			number = "windows-" + number
		}
		e, err := htmlindex.Get(number)
		if err != nil {
			continue
		}
		if e == encoding.Replacement { // the Web refuses it
			return nil, false
		}
		_, single = e.(*charmap.Charmap)
		return e, single
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
		_, single = e.(*charmap.Charmap)
		return e, single
	}
	if underscored := strings.ReplaceAll(name, "_", "-"); underscored != name { // iso_8859-1, windows_1252
		return lookup(underscored)
	}
	if s, ok := strings.CutPrefix(name, "iso8859"); ok { // iso8859-15, iso88591
		return lookup("iso-8859-" + strings.TrimPrefix(s, "-"))
	}
	return nil, false
}

// guess decodes bytes of which nobody says what they are.
func guess(b []byte) string {
	if !hasHigh(b) {
		if hasEscape(b) {
			if out, err := japanese.ISO2022JP.NewDecoder().Bytes(b); err == nil {
				return string(out)
			}
		}
		return string(b)
	}
	if utf8.Valid(b) {
		return string(b)
	}
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		if out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b); err == nil {
			return string(out)
		}
	}
	// UTF-8 that was cut or damaged in places has more of its sequences than of what breaks them.
	good, bad := 0, 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else if n > 1 {
			good++
		}
		i += n
	}
	if good > bad {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(out)
}

func hasHigh(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// hasEscape reports whether b switches to Japanese as ISO-2022-JP does (RFC 1468).
func hasEscape(b []byte) bool {
	i := bytes.IndexByte(b, 0x1b)
	return i >= 0 && (bytes.Contains(b[i:], []byte("\x1b$B")) || bytes.Contains(b[i:], []byte("\x1b$@")) || bytes.Contains(b[i:], []byte("\x1b(J")))
}

// decodeUTF7 reads UTF-7 (RFC 2152), which old mail is written in.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		plus := bytes.IndexByte(b, '+')
		if plus < 0 {
			out.WriteString(guess(b))
			break
		}
		out.WriteString(guess(b[:plus]))
		b = b[plus+1:]
		n := 0
		for n < len(b) && (b[n] == '+' || b[n] == '/' || isAlnum(b[n])) {
			n++
		}
		whole := n
		if n%4 == 1 {
			whole--
		}
		if n == 0 {
			out.WriteByte('+')
		} else if raw, err := base64.RawStdEncoding.DecodeString(string(b[:whole])); err == nil {
			units := make([]uint16, 0, len(raw)/2)
			for i := 0; i+1 < len(raw); i += 2 {
				units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		b = b[n:]
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	return out.String()
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
