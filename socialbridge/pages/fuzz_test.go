package pages

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzWords has strangers choose what is shown in one line, what a post begins with, and where their server has people follow others.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", evil, "\u202eabc\u2069\x00\xff", "<p>a</p><p>b &amp; c<br/>d", "https://a.example/?u={uri}&x=1", "javascript:{uri}", "https://{uri}", "https://a:b@c.example/{uri}", "alice\\40b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, words := range []string{line(s, 20), excerpt(s, 20)} {
			if !utf8.ValidString(words) || utf8.RuneCountInString(words) > 20 || strings.ContainsAny(words, "\n\r\x00\u202e") {
				t.Errorf("%q became %q", s, words)
			}
		}
		if strings.Count(lines(s, 3), "\n") > 2 {
			t.Errorf("%q has many lines", s)
		}
		if to := fill(s, "https://b.example/?a=1&b=2"); to != "" && (href(to) == "" || strings.ContainsAny(to, "\r\n \"<>")) {
			t.Errorf("%q leads to %q", s, to)
		}
		if link := xmppLink(s, "subscribe"); !strings.HasPrefix(link, "xmpp:") || strings.ContainsAny(link, "\r\n \"<>&#") || strings.Count(link, "?") != 1 {
			t.Errorf("%q is at %q", s, link)
		}
	})
}
