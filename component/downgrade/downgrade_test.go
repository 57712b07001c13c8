package downgrade

import (
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

func lookup(id string) (Quoted, bool) {
	switch id {
	case "bob1":
		return Quoted{Nick: "bob", Body: "Shall we meet at the usual place tomorrow evening, or is it too late?"}, true
	case "own1":
		return Quoted{Nick: "alice", Body: "I am hear now", Own: true}, true
	}
	return Quoted{}, false
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want Text
	}{
		"plain":      {`<body>hello</body>`, Text{Body: "hello"}},
		"action":     {`<body>/me waves</body>`, Text{Body: "waves", Action: true}},
		"empty":      {``, Text{}},
		"chat state": {`<composing xmlns='http://jabber.org/protocol/chatstates'/>`, Text{}},
		"reply": {`<body>&gt; Shall we
Yes.</body><reply xmlns='urn:xmpp:reply:0' to='r@d/bob' id='bob1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='11'/></fallback>`, Text{Body: "bob: Yes."}},
		"reply unknown": {`<body>Yes.</body><reply xmlns='urn:xmpp:reply:0' to='r@d/Carol' id='x'/>`, Text{Body: "Carol: Yes."}},
		"reply named":   {`<body>bob, yes.</body><reply xmlns='urn:xmpp:reply:0' id='bob1'/>`, Text{Body: "bob, yes."}},
		"reply to self": {`<body>I mean it.</body><reply xmlns='urn:xmpp:reply:0' id='own1'/>`, Text{Body: "I mean it."}},
		"bad span":      {`<body>Yes.</body><reply xmlns='urn:xmpp:reply:0' id='bob1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='3' end='99999999999999999999'/></fallback>`, Text{Body: "bob: Yes."}},
		"correction":    {`<body>I am here now</body><replace xmlns='urn:xmpp:message-correct:0' id='own1'/>`, Text{Body: "*here"}},
		"same again":    {`<body>I am hear now</body><replace xmlns='urn:xmpp:message-correct:0' id='own1'/>`, Text{}},
		"all new":       {`<body>Something else altogether it is</body><replace xmlns='urn:xmpp:message-correct:0' id='own1'/>`, Text{Body: "Something else altogether it is (corrected)"}},
		"unknown":       {`<body>here</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>`, Text{Body: "here (corrected)"}},
		"reaction":      {`<reactions xmlns='urn:xmpp:reactions:0' id='bob1'><reaction>👍</reaction><reaction>🎉</reaction></reactions>`, Text{Body: "reacts with 👍 🎉 to bob: “Shall we meet at the usual place…”", Action: true}},
		"reaction self": {`<reactions xmlns='urn:xmpp:reactions:0' id='own1'><reaction>👍</reaction></reactions>`, Text{Body: "reacts with 👍 to “I am hear now”", Action: true}},
		"no reaction":   {`<body>ignored fallback</body><reactions xmlns='urn:xmpp:reactions:0' id='bob1'/>`, Text{}},
		"retraction":    {`<body>This person attempted to retract…</body><retract xmlns='urn:xmpp:message-retract:1' id='own1'/>`, Text{Body: "takes back: “I am hear now”", Action: true}},
		"file":          {`<body>look</body><x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>`, Text{Body: "look\nhttps://files.example/x.jpg"}},
		"file as body":  {`<body>https://files.example/x.jpg</body><x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>`, Text{Body: "https://files.example/x.jpg"}},
	}
	for name, tt := range tests {
		st, err := stanza.Parse([]byte(`<message>`+tt.in+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := Read(st.Root, lookup); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		st.Release()
	}
}

func TestEncryptedIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>`,
		`<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, `<encrypted xmlns='urn:xmpp:omemo:2'/>`,
	} {
		st, err := stanza.Parse([]byte(`<message><body>I sent you an OMEMO encrypted message</body>`+in+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := Read(st.Root, lookup); got.Refused == nil || got.Body != "" || got.Refused.Kind != transports.Unsupported {
			t.Errorf("%s: got %+v", in, got)
		}
		st.Release()
	}
}

func FuzzRead(f *testing.F) {
	f.Add("hello", "0", "3", "bob1", "👍")
	f.Add("> quoted\nYes", "0", "9", "own1", strings.Repeat("x", 100))
	f.Add("\x00", "-1", "999999999999999999999", "", "")
	f.Fuzz(func(t *testing.T, body, start, end, id, sign string) {
		var b stanza.Builder
		b.Start("message").Start("body").Text(body).End()
		b.StartNS("reply", NSReply).Attr("id", id).Attr("to", body).End()
		b.StartNS("fallback", NSFallback).Attr("for", NSReply).Start("body").Attr("start", start).Attr("end", end).End().End()
		if sign != "" {
			b.StartNS("reactions", NSReactions).Attr("id", id).Start("reaction").Text(sign).End().End()
		}
		b.End()
		st, err := stanza.Parse(b.Bytes(), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		if got := Read(st.Root, lookup); !utf8.ValidString(got.Body) {
			t.Errorf("broken UTF-8: %q", got.Body)
		}
	})
}
