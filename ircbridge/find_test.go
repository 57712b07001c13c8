package ircbridge

import (
	"testing"

	"passerelle/transports"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true, Networks: []Network{{ID: "irc.one.example", Name: "The One"}, {ID: "irc.two.example"}}})
	for input, want := range map[string]string{
		"#go":                         "#go%irc.one.example",
		" #Go  two ":                  "#go%irc.two.example",
		"#go on one":                  "#go%irc.one.example",
		"Bob@irc.two.example":         "bob%irc.two.example",
		"#c++%irc.elsewhere.example":  "#c++%irc.elsewhere.example",
		"#linux libera":               "#linux%irc.libera.chat",
		"irc.elsewhere.example":       "irc.elsewhere.example",
		"irc://irc.libera.chat/linux": "#linux%irc.libera.chat",
		"ircs://irc.libera.chat/#go":  "#go%irc.libera.chat",
		"irc://irc.libera.chat:6697/": "irc.libera.chat",
	} {
		got, err := tr.Find(input)
		if err != nil || tr.Format(got) != want {
			t.Errorf("%q: got %q, %v; want %q", input, tr.Format(got), err, want)
		}
	}
	for _, input := range []string{"", "a b c d", "#go bad_host!", "two words here"} {
		_, err := tr.Find(input)
		wantKind(t, err, transports.BadRequest)
	}
}
