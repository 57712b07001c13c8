package ircbridge

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// fallbackNick is the nick of somebody whose own has no character that IRC takes.
const fallbackNick = "guest"

// sanitizeNick makes a nick that RFC 2812 §2.3.1 allows out of what the user wants, at most limit bytes long. Accents fall off
// their letters, spaces become underscores, what is left over is dropped.
func sanitizeNick(want string, limit int) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(want) {
		switch {
		case r == ' ' || r == '.':
			r = '_'
		case !nickRune(r):
			continue
		}
		if b.Len() == 0 && (r == '-' || '0' <= r && r <= '9') {
			b.WriteByte('_') // a nick begins with neither a digit nor a dash
		}
		b.WriteRune(r)
	}
	nick := b.String()
	if strings.Trim(nick, "_") == "" {
		nick = fallbackNick
	}
	return nick[:min(len(nick), limit)]
}

// nickRune reports whether r is a letter, a digit, a special or a dash in the words of RFC 2812 §2.3.1.
func nickRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		r < 0x80 && strings.ContainsRune("[]\\`_^{|}-", r)
}

// maxNickTries bounds how many alternatives are offered to a network that takes none.
const maxNickTries = 8

// alternateNick is the nick to try for the n-th time (1 ≤ n ≤ maxNickTries) after the network refused: the wanted one with
// underscores, then, since those may be cut off again by a short NICKLEN that nobody told us yet, a short one with digits.
func alternateNick(want string, n, limit int) string {
	if n <= 3 && len(want)+n <= limit {
		return want + strings.Repeat("_", n)
	}
	// RFC 2812 §1.2.1: nine characters fit everywhere.
	return want[:min(len(want), 5)] + fmt.Sprintf("%04d", rand.IntN(10000))
}

// isServices reports whether a nick is one of services, which people log in to: NickServ and its kin, by custom called …Serv, and the
// Q of QuakeNet and X of Undernet.
func isServices(nick string) bool {
	nick = lowerASCII(nick)
	return strings.HasSuffix(nick, "serv") || nick == "q" || nick == "x"
}
