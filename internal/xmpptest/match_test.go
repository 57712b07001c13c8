package xmpptest

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	const presence = `<presence from='#go%net@irc.localhost/bob' to='alice@localhost/phone' id='7'>
		<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/>
		<status code='100'/><status code='110'/></x></presence>`
	const message = `<message type='groupchat' from='a@b/c'><body>one *two* three</body></message>`
	tests := []struct {
		name, pattern, got string
		fault              string // a part of what Match says, empty if it matches
	}{
		{"part of it", `<presence id='7'/>`, presence, ""},
		{"children in any order", `<presence><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><item role='participant'/></x></presence>`, presence, ""},
		{
			"every pattern takes another child",
			`<presence><x xmlns='http://jabber.org/protocol/muc#user'><status/><status code='100'/></x></presence>`, presence, "",
		},
		{
			"too few children",
			`<presence><x xmlns='http://jabber.org/protocol/muc#user'><status/><status/><status/></x></presence>`, presence, "status",
		},
		{"no such child", `<presence><show/></presence>`, presence, "has no <show"},
		{"other value", `<presence><x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x></presence>`, presence, `role of <item> is "participant"`},
		{"other namespace", `<presence><x xmlns='other'/></presence>`, presence, "has no <x xmlns='other'>"},
		{"other name", `<message/>`, presence, "it is <presence"},
		{"no such attribute", `<presence lang='de'/>`, presence, "has no attribute lang"},
		{"a type that was not expected", `<message/>`, message, `has the type "groupchat"`},
		{"any type", `<message type='*'/>`, message, ""},
		{"any type is none too", `<presence type='*'/>`, presence, ""},
		{"glob", `<presence from='#go%*/bob'/>`, presence, ""},
		{"glob that does not fit", `<presence from='#go%*/carol'/>`, presence, "from of <presence>"},
		{"text", `<message type='groupchat'><body>one \*two\* three</body></message>`, message, ""},
		{"an escaped asterisk is one", `<message type='groupchat'><body>one \*</body></message>`, message, "the text of <body>"},
		{"text glob", `<message type='groupchat'><body>*two*</body></message>`, message, ""},
		{"any text", `<message type='groupchat'><body/></message>`, message, ""},
		{"known capture", `<presence id='{known}'/>`, presence, ""},
		{"other capture", `<presence id='{other}'/>`, presence, "id of <presence>"},
		{"same capture twice", `<presence from='{a}' to='{a}'/>`, presence, "to of <presence>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pattern, err := Parse(test.pattern)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(test.got)
			if err != nil {
				t.Fatal(err)
			}
			err = Match(pattern, got, Vars{"known": "7", "other": "8"})
			switch {
			case test.fault == "" && err != nil:
				t.Errorf("Match: %v", err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("Match: got %v, want a fault with %q", err, test.fault)
			}
		})
	}
}

// TestMatchCapturesOnlyOnSuccess: a stanza that is skipped leaves no captures behind.
func TestMatchCapturesOnlyOnSuccess(t *testing.T) {
	t.Parallel()
	pattern, err := Parse(`<message id='{id}' from='a'/>`)
	if err != nil {
		t.Fatal(err)
	}
	vars := Vars{}
	for _, s := range []string{`<message id='1' from='b'/>`, `<message id='2' from='a'/>`} {
		got, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		_ = Match(pattern, got, vars)
	}
	if vars["id"] != "2" {
		t.Errorf("captured %q, want 2", vars["id"])
	}
}

// FuzzParse: what a component sends is read, written and read again as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<message to='a@b'><body>x &amp; &lt;y&gt;</body></message>`,
		`<iq type='get' xml:lang='de'><query xmlns='q'><a xmlns=''/></query></iq>`,
		`<x xmlns:p='urn:p' p:a='1'>mixed<b/>text</x>`,
		`<a><b></a></b>`, `<a/><b/>`, `<a b='&nope;'/>`, ``, `</a>`, "<a>\x01</a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(e.XML(NSClient))
		if err != nil {
			t.Fatalf("%s does not parse: %v", e.XML(NSClient), err)
		}
		if first, second := e.XML(NSClient), again.XML(NSClient); first != second {
			t.Errorf("written as %s, then as %s", first, second)
		}
	})
}
