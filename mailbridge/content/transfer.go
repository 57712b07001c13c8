package content

import (
	"bytes"
	"strings"
)

// decodeTransfer undoes a Content-Transfer-Encoding (RFC 2045 §6) and does what it can with what is broken. What nobody knows is taken as it is.
// whole is false where something was damaged.
func decodeTransfer(encoding string, body []byte, text bool) (data []byte, whole bool) {
	encoding = strings.ToLower(strings.Trim(encoding, " \t\"';"))
	encoding, _, _ = strings.Cut(encoding, " ")
	switch encoding {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit":
		return body, true
	case "base64":
		return decodeBase64(body, text)
	case "quoted-printable":
		return decodeQuoted(body), true
	case "x-uuencode", "uuencode", "x-uue", "uue":
		if files, _ := cutUU(body); len(files) > 0 {
			return files[0].Data, true
		}
		return body, false
	}
	return body, encoding == "identity" || encoding == "none"
}

// decodeBase64 reads base64 line by line. Text in clear behind it, as lists append it, is none of it, and text that is not base64 at all is
// left as it is.
func decodeBase64(body []byte, text bool) (data []byte, whole bool) {
	if text && !looksBase64(body) {
		return body, false
	}
	end, whole := len(body), true
	padded := false
	for at := 0; at < len(body); {
		line, rest := cutLine(body[at:])
		trimmed := bytes.TrimSpace(line)
		if n := foreign(trimmed); n > 0 {
			if padded {
				end = at
				break
			}
			whole = false
			if n*4 > len(trimmed) {
				end = at
				break
			}
		}
		padded = padded || bytes.HasSuffix(trimmed, []byte("="))
		at = len(body) - len(rest)
	}
	return appendBase64(make([]byte, 0, end*3/4), body[:end]), whole
}

// looksBase64 reports whether the first line of a text can be base64, with a little dirt.
func looksBase64(body []byte) bool {
	line, _ := cutLine(bytes.TrimSpace(body))
	line = bytes.TrimSpace(line)
	return foreign(line)*8 <= len(line)
}

// foreign counts the bytes of a line that base64 does not have.
func foreign(line []byte) (n int) {
	for _, c := range line {
		if !isAlnum(c) && c != '+' && c != '/' && c != '=' {
			n++
		}
	}
	return n
}

// decodeQuoted reads quoted-printable (RFC 2045 §6.7). A sequence that is none stays as it is.
func decodeQuoted(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for len(body) > 0 {
		line, rest := cutLine(body)
		body = rest
		end := line[len(bytes.TrimRight(line, "\r\n")):]
		line = bytes.TrimRight(line, " \t\r\n") // rule 3: space that transport added
		for i := 0; i < len(line); i++ {
			c := line[i]
			switch {
			case c != '=':
				out = append(out, c)
			case i+2 < len(line) && isHex(line[i+1]) && isHex(line[i+2]):
				out = append(out, unhex(line[i+1])<<4|unhex(line[i+2]))
				i += 2
			case i == len(line)-1: // rule 5: the line goes on
				end = nil
			default:
				out = append(out, c)
			}
		}
		out = append(out, end...)
	}
	return out
}

// Limits of uuencoded files in a text.
const (
	maxUU     = 20
	maxUUName = 200
)

// cutUU takes uuencoded files out of a text, as programs before MIME put them in, and returns what is left.
func cutUU(body []byte) (files []Part, rest []byte) {
	at := 0 // where to look from
	kept := 0
	for len(files) < maxUU {
		i := bytes.Index(body[at:], []byte("begin "))
		if i < 0 {
			break
		}
		i += at
		at = i + 6
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		line, after := cutLine(body[i:])
		fields := strings.SplitN(strings.TrimSpace(string(cutBytes(line, maxUUName))), " ", 3)
		if len(fields) != 3 || len(fields[1]) < 3 || len(fields[1]) > 4 || strings.Trim(fields[1], "01234567") != "" {
			continue
		}
		data, behind, ok := readUU(after)
		if !ok {
			continue
		}
		files = append(files, Part{Name: fields[2], Type: octets, Data: data})
		rest = append(rest, body[kept:i]...)
		kept = len(body) - len(behind)
		at = kept
	}
	if files == nil {
		return nil, body
	}
	return files, append(rest, body[kept:]...)
}

// readUU reads the lines of a uuencoded file up to its end.
func readUU(b []byte) (data, rest []byte, ok bool) {
	for len(b) > 0 {
		line, after := cutLine(b)
		line = bytes.TrimRight(line, "\r\n")
		b = after
		if bytes.Equal(bytes.TrimSpace(line), []byte("end")) {
			return data, b, true
		}
		if len(line) == 0 || line[0] == '`' || line[0] == ' ' {
			continue
		}
		n := int(line[0]-' ') & 63
		if line[0] < ' ' || line[0] > '`' || len(line) > 1+(n+2)/3*4+1 {
			return nil, nil, false
		}
		line = line[1:]
		for i := 0; i < len(line) && n > 0; i += 4 {
			var q [4]byte
			for j := range q {
				if i+j < len(line) {
					q[j] = (line[i+j] - ' ') & 63
				}
			}
			three := [3]byte{q[0]<<2 | q[1]>>4, q[1]<<4 | q[2]>>2, q[2]<<6 | q[3]}
			data = append(data, three[:min(3, n)]...)
			n -= 3
		}
	}
	return nil, nil, false
}

func cutBytes(b []byte, limit int) []byte { return b[:min(len(b), limit)] }
