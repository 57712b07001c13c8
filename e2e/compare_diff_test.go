package e2e

import (
	"slices"
	"strings"
	"testing"

	"passerelle/internal/xmpptest"
)

// stanzas are what alice gets.
func stanzas(t *testing.T, all ...string) []*node {
	t.Helper()
	var out []*xmpptest.Element
	for _, s := range all {
		e, err := xmpptest.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return normalise(out, "alice/home")
}

func TestCompareStanzas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		theirs, ours []string
		want         []string
	}{
		{
			name:   "ids, attributes and order do not matter",
			theirs: []string{"<message from='a@irc.localhost' to='alice@localhost/home' id='4711-x'><body>hi</body><b xmlns='y'/><a xmlns='x'/></message>"},
			ours:   []string{"<message id='06abc123' from='a@irc.localhost' to='alice@localhost/home' xml:lang='en'><a xmlns='x'/><b xmlns='y'/><body>hi</body></message>"},
		},
		{
			name:   "the most alike are a pair",
			theirs: []string{"<message from='a@irc.localhost'><body>one</body></message>", "<message from='a@irc.localhost'><body>two</body></message>"},
			ours:   []string{"<message from='a@irc.localhost'><body>two</body><x xmlns='y'/></message>"},
			want:   []string{"- <message from='a@GW'><body>one</body></message>", "message a@GW: + <x xmlns='y'/>"},
		},
		{
			name:   "an answer belongs to its request",
			theirs: []string{"<iq type='result' id='q1' from='irc.localhost'/>", "<iq type='result' id='q2' from='irc.localhost'/>"},
			ours:   []string{"<iq type='error' id='q1' from='irc.localhost'/>", "<iq type='result' id='q2' from='irc.localhost'/>"},
			want:   []string{"- <iq from='GW' id='q1' type='result'/>", "+ <iq from='GW' id='q1' type='error'/>"},
		},
		{
			name:   "a value is another",
			theirs: []string{"<presence from='#go%irc.test.example@irc.localhost/bob'><x xmlns='u'><status code='307'/></x></presence>"},
			ours:   []string{"<presence from='#go%irc.test.example@irc.localhost/bob'><x xmlns='u'><status code='301'/></x></presence>"},
			want:   []string{"presence #go%NET/bob: code of status is '301', not '307'"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, got := compareStanzas(stanzas(t, test.theirs...), stanzas(t, test.ours...)); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	all, err := parseReasons("# comment\n[better] It is.\n  join: + <x *\n  ngircd| join: *\n[equal] So it is.\n  *: - *\n")
	if err != nil {
		t.Fatal(err)
	}
	d := difference{part: "join", what: "+ <x xmlns='y'/>"}
	if r := find(all, "ngircd", d); r == nil || r.text != "It is." {
		t.Errorf("got %v", r)
	}
	if r := find(all, "inspircd", difference{part: "join", what: "body is other"}); r != nil {
		t.Errorf("a pattern of another server: got %v", r)
	}
	if got, want := unused(all, "inspircd"), []string{"*: - *"}; !slices.Equal(got, want) {
		t.Errorf("unused: got %q, want %q", got, want)
	}
	for _, list := range []string{"  a pattern first", "[new] no verdict", "no pattern"} {
		if _, err := parseReasons(list); err == nil {
			t.Errorf("%q: no error", list)
		}
	}
}
