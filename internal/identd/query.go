package identd

import (
	"fmt"
	"strconv"
	"strings"
)

// maxLine is how long a question may be, in bytes: RFC 1413 §4 has two ports, and blanks as one likes.
const maxLine = 128

// query is a question: whose is the connection between these ports?
type query struct{ ours, theirs uint16 }

// parseQuery reads a question (RFC 1413 §3) without its line end. It reports false for what is none.
func parseQuery(line string) (query, bool) {
	ours, theirs, ok := strings.Cut(line, ",")
	if !ok {
		return query{}, false
	}
	a, okA := parsePort(ours)
	b, okB := parsePort(theirs)
	return query{a, b}, okA && okB
}

func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(strings.Trim(s, " \t"), 10, 16)
	return uint16(n), err == nil && n > 0
}

// userAnswer tells whose it is. "UNIX" is what servers take to be a name (RFC 1413 §6); some refuse all else.
func (q query) userAnswer(user string) string {
	return fmt.Sprintf("%d , %d : USERID : UNIX : %s\r\n", q.ours, q.theirs, user)
}

// errorAnswer tells that nobody is known (RFC 1413 §6).
func (q query) errorAnswer() string {
	return fmt.Sprintf("%d , %d : ERROR : NO-USER\r\n", q.ours, q.theirs)
}
