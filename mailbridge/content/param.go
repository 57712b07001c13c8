package content

import (
	"bytes"
	"strconv"
	"strings"
)

// maxParams bounds the parameters of a field, and the pieces of one (RFC 2231 §3).
const maxParams = 64

// params are the parameters of a Content-Type or a Content-Disposition, by their names in lower case, decoded.
type params map[string]string

// readParams reads a value with parameters (RFC 2045 §5.1, RFC 2231) as it is written in practice: unquoted spaces, encoded words, missing
// semicolons and quotes.
func readParams(s string) (value string, ps params) {
	value, rest, _ := strings.Cut(s, ";")
	if i := strings.IndexByte(value, '('); i >= 0 { // a comment
		value = value[:i]
	}
	value = strings.ToLower(strings.TrimSpace(value))
	var pieces map[string][]byte // of parameters in pieces, by "name*" and number
	charsets := map[string]string{}
	for n := 0; rest != "" && n < maxParams; n++ {
		var name, v string
		name, v, rest = cutParam(rest)
		if name == "" {
			continue
		}
		if ps == nil {
			ps = params{}
		}
		base, number, ok := strings.Cut(name, "*")
		if !ok {
			if _, twice := ps[name]; !twice {
				ps[name] = v
			}
			continue
		}
		extended := strings.HasSuffix(number, "*") || number == ""
		number = strings.TrimSuffix(number, "*")
		if number == "" {
			number = "0"
		}
		data := []byte(v)
		if extended {
			if number == "0" {
				if cs, after, ok := strings.Cut(v, "'"); ok {
					_, after, ok = strings.Cut(after, "'")
					if ok {
						charsets[base], v = cs, after
					}
				}
			}
			data = unpercent(v)
		}
		if pieces == nil {
			pieces = map[string][]byte{}
		}
		pieces[base+"*"+number] = data
		if _, known := charsets[base]; !known {
			charsets[base] = ""
		}
	}
	for base, cs := range charsets {
		var all []byte
		for i := range maxParams {
			piece, ok := pieces[base+"*"+strconv.Itoa(i)]
			if !ok {
				break
			}
			all = append(all, piece...)
		}
		if len(all) > 0 {
			ps[base], _ = decode(cs, all) // RFC 5987 §4.2 and RFC 2231: it says more than the plain one
		}
	}
	return value, ps
}

// cutParam splits one parameter off.
func cutParam(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t;")
	eq := strings.IndexAny(s, "=;")
	if eq < 0 {
		return "", "", ""
	}
	if s[eq] == ';' {
		return "", "", s[eq+1:]
	}
	name = strings.ToLower(strings.TrimSpace(s[:eq]))
	if strings.ContainsAny(name, " \t") { // what stands before it ends without a semicolon
		name = name[strings.LastIndexAny(name, " \t")+1:]
	}
	s = strings.TrimLeft(s[eq+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		if text, n := cutQuoted(s); n > 0 {
			return name, text, s[n:]
		}
		s = s[1:] // nothing ends it
	}
	value, rest, _ = strings.Cut(s, ";")
	return name, strings.TrimSpace(value), rest
}

func unpercent(s string) []byte {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.Bytes()
}
