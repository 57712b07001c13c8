package receive

import (
	"bytes"
	"slices"
	"strings"
)

// isField reports whether a line begins the field of that name. RFC 5322 §4.5: of old there may be a space before the colon.
func isField(line []byte, name string) bool {
	if len(line) <= len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return false
	}
	rest := bytes.TrimLeft(line[len(name):], " \t")
	return len(rest) > 0 && rest[0] == ':'
}

// field is one field of a header, folded as it came, with the end of its last line.
type field []byte

// name and value are what stands before and after the colon; ok is false for a line that is none.
func (f field) split() (name, value string, ok bool) {
	i := bytes.IndexByte(f, ':')
	if i < 0 {
		return "", "", false
	}
	return string(bytes.TrimRight(f[:i], " \t")), strings.TrimRight(string(f[i+1:]), "\r\n"), true
}

// fields are those of a header, which ends at an empty line or its end.
func fields(head []byte) []field {
	var all []field
	for len(head) > 0 && !bytes.HasPrefix(head, []byte("\r\n")) {
		end := 0
		for {
			i := bytes.IndexByte(head[end:], '\n')
			if i < 0 {
				end = len(head)
				break
			}
			end += i + 1
			if end >= len(head) || head[end] != ' ' && head[end] != '\t' {
				break
			}
		}
		all = append(all, field(head[:end]))
		head = head[end:]
	}
	return all
}

const resultsField = "Authentication-Results"

// withoutResults is a header without the Authentication-Results that carry our name, which a stranger wrote (RFC 8601 §5).
func withoutResults(head []byte, ours string) []byte {
	if !bytes.Contains(bytes.ToLower(head), []byte("authentication-results")) {
		return head
	}
	kept := make([]byte, 0, len(head))
	size := 0
	for _, f := range fields(head) {
		size += len(f)
		if name, value, ok := f.split(); ok && strings.EqualFold(name, resultsField) && strings.EqualFold(serverOf(value), ours) {
			continue
		}
		kept = append(kept, f...)
	}
	return append(kept, head[size:]...)
}

// results are the fields Authentication-Results that servers of these names wrote.
func results(head []byte, servers []string) []string {
	if len(servers) == 0 {
		return nil
	}
	var all []string
	for _, f := range fields(head) {
		name, value, ok := f.split()
		if !ok || !strings.EqualFold(name, resultsField) {
			continue
		}
		server := serverOf(value)
		if slices.ContainsFunc(servers, func(s string) bool { return strings.EqualFold(s, server) }) {
			all = append(all, value)
		}
	}
	return all
}

// serverOf is whose results a field Authentication-Results has (RFC 8601 §2.2): its first word, after comments and space.
func serverOf(value string) string {
	value = skipComments(value)
	if strings.HasPrefix(value, `"`) {
		id, _, _ := strings.Cut(value[1:], `"`)
		return id
	}
	if i := strings.IndexAny(value, " \t\r\n;("); i >= 0 {
		value = value[:i]
	}
	return value
}

// skipComments leaves out space and comments at the beginning (RFC 5322 §3.2.2).
func skipComments(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, "(") {
			return s
		}
		depth, i := 0, 0
		for ; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				break
			}
		}
		s = s[min(i+1, len(s)):]
	}
}
