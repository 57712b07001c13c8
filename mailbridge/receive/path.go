package receive

import (
	"bytes"
	"errors"
	"strings"

	"passerelle/mailbridge/address"
)

// errPath is a path that names no mailbox.
var errPath = errors.New("the path names no mailbox")

// path reads the mailbox of a command as the peer wrote it (RFC 5321 §4.1.2): the library takes quotes away, so that what it hands over may be
// two addresses. An empty one is the zero Mailbox. A route to the mailbox is refused (RFC 5321 §3.6.1 allows that): nobody needs one but
// those who look for a relay.
func path(line []byte) (m address.Mailbox, ascii bool, err error) {
	_, arg, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return m, true, errPath
	}
	s := strings.TrimLeft(string(arg), " ")
	bracket := strings.HasPrefix(s, "<")
	s = strings.TrimPrefix(s, "<")
	end, quoted := -1, false
scan:
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '>' || c == ' ' && !bracket):
			end = i
			break scan
		}
	}
	switch {
	case end < 0 && (bracket || quoted):
		return m, true, errPath
	case end >= 0 && bracket != (s[end] == '>'):
		return m, true, errPath
	case bracket && end+1 < len(s) && s[end+1] != ' ':
		return m, true, errPath // a parameter has a space before it
	case end >= 0:
		s = s[:end]
	}
	if s == "" && bracket {
		return m, true, nil
	}
	m, err = address.Parse(s)
	return m, isASCII(s), err
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// withDomain completes RCPT TO:<postmaster>, which every server has to take and the library does not (RFC 5321 §4.5.1).
func withDomain(line []byte, postmaster address.Mailbox) []byte {
	verb, arg, ok := bytes.Cut(line, []byte(":"))
	if !ok || postmaster.IsZero() {
		return line
	}
	arg = bytes.TrimLeft(arg, " ")
	const local = "<postmaster>"
	if len(arg) < len(local) || !bytes.EqualFold(arg[:len(local)], []byte(local)) {
		return line
	}
	full, err := postmaster.SMTPString(false)
	if err != nil {
		return line
	}
	return []byte(string(verb) + ":<" + full + ">" + string(arg[len(local):]))
}
