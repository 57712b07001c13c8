package muc

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// Networks let people have nicks that servers change or refuse in the resource of a JID (stringprep in Prosody, RFC 7622 §3.4 elsewhere):
// invisible characters vanish, ligatures fall apart, mixed directions are refused. Such characters are written as \uXXXX, so that
// everybody in a room has an address of his own that can be answered.

// Resource is the resource of an occupant: the nick, wherever a JID can carry it.
func Resource(nick string) string {
	if plainNick(nick) {
		return nick
	}
	mixed := mixesDirections(nick)
	var b strings.Builder
	for i, r := range nick {
		switch {
		case r == '\\' && strings.HasPrefix(nick[i:], `\u`), r == utf8.RuneError || !carried(r) || mixed && rightToLeft(r) || r == ' ' && (i == 0 || i == len(nick)-1):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	// What is composed of several characters may change as a whole though none of them does by itself.
	if s := b.String(); norm.NFKC.IsNormalString(s) {
		return s
	}
	b.Reset()
	for _, r := range nick {
		if r < utf8.RuneSelf && r > ' ' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// plainNick reports whether a nick is of visible ASCII, as almost all are.
func plainNick(nick string) bool {
	for i := range len(nick) {
		if c := nick[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return nick != "" && !strings.Contains(nick, `\u`)
}

// carried reports whether a character reaches the other end as it is.
func carried(r rune) bool {
	switch {
	case r == ' ':
		return true
	case !unicode.IsGraphic(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zs, r), unicode.Is(unicode.Co, r):
		return false
	case unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return false
	}
	return norm.NFKC.IsNormalString(string(r))
}

func rightToLeft(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

// mixesDirections reports whether a nick breaks the rule of RFC 3454 §6: with right-to-left characters there are no others, and they
// stand at both ends.
func mixesDirections(nick string) bool {
	any, left := false, false
	for _, r := range nick {
		if rightToLeft(r) {
			any = true
		} else if p, _ := bidi.LookupRune(r); p.Class() == bidi.L {
			left = true
		}
	}
	if !any {
		return false
	}
	first, _ := utf8.DecodeRuneInString(nick)
	last, _ := utf8.DecodeLastRuneInString(nick)
	return left || !rightToLeft(first) || !rightToLeft(last)
}

// nickOf finds the occupant whom a client means by a resource.
func (r *Room) nickOf(res string) (string, bool) {
	if _, ok := r.occupants.find(res); ok && Resource(res) == res {
		return res, true
	}
	if !strings.Contains(res, `\u`) {
		return "", false
	}
	for nick := range r.occupants.all() {
		if !plainNick(nick) && Resource(nick) == res {
			return nick, true
		}
	}
	return "", false
}
