package ircbridge

import (
	"strings"
	"testing"

	"passerelle/transports"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true, Networks: []Network{{ID: "irc.one.example", Name: "The One"}, {ID: "irc.two.example"}}})
	for input, want := range map[string]string{
		"#go":                                    "#go%irc.one.example",
		" #Go  two ":                             "#go%irc.two.example",
		"#go on one":                             "#go%irc.one.example",
		"#go sur one":                            "#go%irc.one.example",
		"Bob@irc.two.example":                    "bob%irc.two.example",
		"bob":                                    "bob%irc.one.example",
		"#c++%irc.elsewhere.example":             "#c++%irc.elsewhere.example",
		"#linux libera":                          "#linux%irc.libera.chat",
		"Libera #linux":                          "#linux%irc.libera.chat",
		"#linux OFTC":                            "#linux%irc.oftc.net",
		"irc.elsewhere.example":                  "irc.elsewhere.example",
		"libera":                                 "irc.libera.chat",
		"irc://irc.libera.chat/linux":            "#linux%irc.libera.chat",
		"ircs://irc.libera.chat/#go":             "#go%irc.libera.chat",
		"ircs://irc.libera.chat:6697/#go,#other": "#go%irc.libera.chat",
		"https://web.libera.chat/#go":            "#go%irc.libera.chat",
		"https://web.libera.chat/?channels=#go,#other":              "#go%irc.libera.chat",
		"https://web.libera.chat/?channels=%23go":                   "#go%irc.libera.chat",
		"https://kiwiirc.com/nextclient/irc.oftc.net/#go":           "#go%irc.oftc.net",
		"https://webchat.oftc.net/?channels=go&uio=MT11bmRlZmluZWQ": "#go%irc.oftc.net",
		"https://web.libera.chat/":                                  "irc.libera.chat",
		"irc://irc.libera.chat:6697/":                               "irc.libera.chat",
	} {
		got, err := tr.Find("", input, transports.TargetDomain)
		if err != nil || tr.Format(got) != want {
			t.Errorf("%q: got %q, %v; want %q", input, tr.Format(got), err, want)
		}
	}
	// Who looks for a room may leave out its sign, and who looks for a network may say what would be a nick.
	for input, want := range map[string]string{"go": "#go%irc.one.example", "linux libera": "#linux%irc.libera.chat", "#go two": "#go%irc.two.example"} {
		if got, err := tr.Find("", input, transports.TargetRoom); err != nil || tr.Format(got) != want {
			t.Errorf("the room %q: got %q, %v; want %q", input, tr.Format(got), err, want)
		}
	}
	if got, err := tr.Find("", "two", transports.TargetNetwork); err != nil || tr.Format(got) != "irc.two.example" {
		t.Errorf("a network: got %q, %v", tr.Format(got), err)
	}
	for _, input := range []string{"", "a b c d", "#go bad_host!", "two words here", "https://www.irc.example/#go"} {
		_, err := tr.Find("", input, transports.TargetDomain)
		wantKind(t, err, transports.BadRequest)
	}
}

// A network that nobody knows is not guessed at: what may be meant is said, and how to name another one.
func TestFindUnknown(t *testing.T) {
	t.Parallel()
	one := []Network{{ID: "irc.one.example", Name: "The One"}}
	for _, test := range []struct {
		open        bool
		input, says string
	}{
		{true, "#go liberra", "Did you mean “libera” (irc.libera.chat)?"},
		{true, "#go irc.one.exampel.", "no name of an IRC network"},
		{true, "#go nowhere", "Write the name of its server"},
		{false, "#go nowhere", "only: irc.one.example."},
		{false, "#go liberra", "only: irc.one.example."},
		{false, "#go libera", "does not connect to \"irc.libera.chat\""},
		{false, "#go hte-one", "only: irc.one.example."},
		{false, "#go teh_one", "only: irc.one.example."},
	} {
		tr := newTransport(t, Options{Open: test.open, Networks: one})
		if _, err := tr.Find("", test.input, transports.TargetDomain); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got %v, want %q", test.input, err, test.says)
		}
	}
	tr := newTransport(t, Options{Networks: []Network{{ID: "oftc", Name: "Open and free"}}})
	if _, err := tr.Find("fr", "#go oftcc", transports.TargetDomain); err == nil || !strings.Contains(err.Error(), "Vouliez-vous dire « oftc » ?") {
		t.Errorf("in French: got %v", err)
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"#go libera", "irc://a/b", "#a,b", "é@ü", "%", "a on b", strings.Repeat("x", 300)} {
		f.Add(seed, byte(0))
	}
	tr := newTransport(f, Options{Open: true, Networks: []Network{{ID: "irc.one.example", Name: "The One"}}})
	f.Fuzz(func(t *testing.T, input string, wanted byte) {
		got, err := tr.Find("", input, transports.TargetKind(wanted%4))
		if err != nil {
			return
		}
		if again, err := tr.Parse(tr.Format(got)); err != nil || again != got {
			t.Errorf("%q gives %+v, whose address gives %+v, %v", input, got, again, err)
		}
	})
}
