package downgrade

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// addressed is what stands in front of a reply: the nick of who is answered, as people of IRC write it.
func addressed(reply *stanza.Element, body string, lookup func(string) (Quoted, bool)) string {
	nick := ""
	if q, ok := lookup(reply.Attr("id")); ok {
		if !q.Own {
			nick = q.Nick
		}
	} else if to, err := transports.ParseAddress(reply.Attr("to")); err == nil {
		nick = to.Resource
	}
	if nick == "" || names(body, nick) || strings.HasPrefix(body, "/me ") {
		return ""
	}
	return nick + ": "
}

// names reports whether a text begins with a nick.
func names(text, nick string) bool {
	text = strings.TrimPrefix(text, "@")
	if len(text) < len(nick) || !strings.EqualFold(text[:len(nick)], nick) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(text[len(nick):])
	return len(text) == len(nick) || !unicode.IsLetter(next) && !unicode.IsNumber(next)
}

// Unquoted is the body of a message, without a quotation that is there for clients that know no replies.
func Unquoted(m *stanza.Element) string {
	body := m.Child(stanza.NSComponent, "body").Text()
	if m.Child(NSReply, "reply") == nil {
		return body
	}
	return withoutFallback(m, body, isReply)
}

func isReply(ns string) bool { return ns == NSReply }

// span is a part of a body, in code points (XEP-0426 §2).
type span struct{ from, to int }

// withoutFallback is a body without what clients put there for others that do not know some namespaces (XEP-0428 §2.2), such as the quotation
// of a reply (XEP-0461 §3.1).
func withoutFallback(m *stanza.Element, body string, of func(ns string) bool) string {
	var spans []span
	runes := []rune(body)
	for c := range m.Children() {
		if !c.Is(NSFallback, "fallback") || !of(c.Attr("for")) {
			continue
		}
		parts := 0
		for part := range c.Children() {
			parts++
			if !part.Is(NSFallback, "body") {
				continue
			}
			if s, ok := readSpan(part, len(runes)); ok {
				spans = append(spans, s)
			}
		}
		if parts == 0 { // all of it
			spans = append(spans, span{0, len(runes)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	left, at := make([]rune, 0, len(runes)), 0
	for _, s := range spans {
		if s.from > at {
			left = append(left, runes[at:s.from]...)
		}
		at = max(at, s.to)
	}
	return strings.TrimSpace(string(append(left, runes[at:]...)))
}

// readSpan reads a span of a text of n characters. What is none is left alone.
func readSpan(e *stanza.Element, n int) (span, bool) {
	if !e.HasAttr("start") && !e.HasAttr("end") { // XEP-0428 §2.2: all of it
		return span{0, n}, true
	}
	s := span{0, n}
	if e.HasAttr("start") {
		s.from = number(e.Attr("start"))
	}
	if e.HasAttr("end") {
		s.to = number(e.Attr("end"))
	}
	return s, s.from >= 0 && s.from <= s.to && s.to <= n
}

// number reads a place in a text, and is -1 for what is none.
func number(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if s == "" {
		return -1
	}
	return n
}
