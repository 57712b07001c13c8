package downgrade

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"passerelle/component/stanza"
	"passerelle/transports"
)

func lookup(id string) (Quoted, bool) {
	switch id {
	case "bob1":
		return Quoted{Nick: "bob", Body: "Shall we meet at the usual place tomorrow evening, or is it too late?", Reacted: "👍 🎉"}, true
	case "own1":
		return Quoted{Nick: "alice", Body: "I am hear now", Own: true}, true
	case "own2": // three lines on IRC
		return Quoted{Nick: "alice", Body: "first\nsecond\nthird", Own: true}, true
	case "own3":
		return Quoted{Nick: "alice", Body: "/me waves to all", Own: true}, true
	case "peer":
		return Quoted{Body: "are you there?"}, true // in a private conversation
	}
	return Quoted{}, false
}

// render writes what the network gets as people there see it, and behind it what else there is.
func render(t Text) string {
	var s string
	switch {
	case t.Refused != nil:
		s = fmt.Sprintf("refused (%v): %s", t.Refused.Kind, t.Refused.Text)
	case t.Action:
		s = "* alice " + t.Body
	default:
		s = strings.ReplaceAll(t.Body, "\n", "|")
	}
	if t.Shown {
		s += "[shown]"
	}
	if t.Passing {
		s += "[passing]"
	}
	return s
}

const (
	replyTo  = `<reply xmlns='urn:xmpp:reply:0' to='r@d/bob' id='bob1'/>`
	fallback = `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>`
	correct  = `<replace xmlns='urn:xmpp:message-correct:0' id='own1'/>`
	noKey    = "This conversation cannot carry encrypted messages. Switch encryption off here and send it again."
)

func TestRead(t *testing.T) {
	t.Parallel()
	unsupported := fmt.Sprintf("refused (%v): %s", transports.Unsupported, noKey)
	tests := map[string]struct{ in, want string }{
		"plain":                  {`<body>hello</body>`, "hello"},
		"action":                 {`<body>/me waves</body>`, "* alice waves"},
		"no action":              {`<body>/mean it</body>`, "/mean it"},
		"empty":                  {``, ""},
		"empty body":             {`<body/>`, ""},
		"something unheard-of":   {`<poll xmlns='urn:example:poll'/>`, ""},
		"never kept":             {`<body>psst</body><no-store xmlns='urn:xmpp:hints'/>`, "psst[passing]"},
		"kept out of archives":   {`<body>psst</body><no-permanent-store xmlns='urn:xmpp:hints'/>`, "psst"},
		"receipt":                {`<received xmlns='urn:xmpp:receipts' id='x'/>`, ""},
		"wants a marker":         {`<body>hi</body><markable xmlns='urn:xmpp:chat-markers:0'/>`, "hi"},
		"state":                  {`<composing xmlns='http://jabber.org/protocol/chatstates'/>`, "[shown][passing]"},
		"state beside a body":    {`<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>`, "hi"},
		"marker":                 {`<displayed xmlns='urn:xmpp:chat-markers:0' id='bob1'/>`, "[shown][passing]"},
		"only markable":          {`<markable xmlns='urn:xmpp:chat-markers:0'/>`, ""},
		"file":                   {`<body>look</body><x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>`, "look|https://files.example/x.jpg"},
		"file as body":           {`<body>https://files.example/x.jpg</body><x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>`, "https://files.example/x.jpg"},
		"file alone":             {`<x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>`, "https://files.example/x.jpg"},
		"invitation":             {`<x xmlns='jabber:x:conference' jid='room@muc.example' reason='fun'/>`, "* alice invites you to room@muc.example"},
		"invitation in words":    {`<body>come to room@muc.example</body><x xmlns='jabber:x:conference' jid='room@muc.example'/>`, "come to room@muc.example"},
		"reply":                  {`<body>&gt; Shall we&#10;Yes.</body>` + replyTo + fallback + `<body start='0' end='11'/></fallback>`, "bob: Yes."},
		"reply without a quote":  {`<body>Yes.</body>` + replyTo, "bob: Yes."},
		"reply in several parts": {`<body>&gt; 1&#10;one&#10;&gt; 2&#10;two</body>` + replyTo + fallback + `<body start='0' end='4'/><body start='8' end='12'/></fallback>`, "bob: one|two"},
		"reply, two fallbacks":   {`<body>&gt; 1&#10;one&#10;&gt; 2&#10;two</body>` + replyTo + fallback + `<body start='8' end='12'/></fallback>` + fallback + `<body start='0' end='4'/></fallback>`, "bob: one|two"},
		"reply, parts overlap":   {`<body>abcdefgh</body>` + replyTo + fallback + `<body start='0' end='5'/><body start='3' end='6'/></fallback>`, "bob: gh"},
		"reply in code points":   {`<body>&gt; 👨‍👩‍👧‍👦&#10;Yes.</body>` + replyTo + fallback + `<body start='0' end='10'/></fallback>`, "bob: Yes."},
		"reply open to the end":  {`<body>Yes. — he asked</body>` + replyTo + fallback + `<body start='4'/></fallback>`, "bob: Yes."},
		"reply of quote alone":   {`<body>&gt; Shall we</body>` + replyTo + fallback + `<body/></fallback>`, ""},
		"reply, all fallback":    {`<body>&gt; Shall we</body>` + replyTo + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'/>`, ""},
		"reply, only a subject":  {`<body>Yes.</body>` + replyTo + fallback + `<subject/></fallback>`, "bob: Yes."},
		"fallback of another":    {`<body>Yes.</body>` + replyTo + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:example:x'><body/></fallback>`, "bob: Yes."},
		"fallback of no reply":   {`<body>Yes.</body>` + fallback + `<body/></fallback>`, "Yes."},
		"bad span":               {`<body>Yes.</body>` + replyTo + fallback + `<body start='3' end='99999999999999999999'/></fallback>`, "bob: Yes."},
		"span behind the end":    {`<body>Yes.</body>` + replyTo + fallback + `<body start='2' end='9'/></fallback>`, "bob: Yes."},
		"span backwards":         {`<body>Yes.</body>` + replyTo + fallback + `<body start='3' end='1'/></fallback>`, "bob: Yes."},
		"span of nonsense":       {`<body>Yes.</body>` + replyTo + fallback + `<body start='-1' end='x'/></fallback>`, "bob: Yes."},
		"reply unknown":          {`<body>Yes.</body><reply xmlns='urn:xmpp:reply:0' to='r@d/Carol' id='x'/>`, "Carol: Yes."},
		"reply to nobody":        {`<body>Yes.</body><reply xmlns='urn:xmpp:reply:0' id='x'/>`, "Yes."},
		"reply named":            {`<body>Bob, yes.</body>` + replyTo, "Bob, yes."},
		"reply mentions":         {`<body>@bob yes.</body>` + replyTo, "@bob yes."},
		"reply not named":        {`<body>bobsleigh!</body>` + replyTo, "bob: bobsleigh!"},
		"reply acts":             {`<body>/me nods</body>` + replyTo, "* alice nods"},
		"reply to self":          {`<body>I mean it.</body><reply xmlns='urn:xmpp:reply:0' id='own1'/>`, "I mean it."},
		"reply to own lines":     {`<body>&gt; first&#10;&gt; second&#10;&gt; third&#10;and fourth</body><reply xmlns='urn:xmpp:reply:0' id='own2'/>` + fallback + `<body start='0' end='25'/></fallback>`, "and fourth"},
		"reply in private":       {`<body>Yes.</body><reply xmlns='urn:xmpp:reply:0' to='bob%net@gw' id='peer'/>`, "Yes."},
		"reply with a file":      {`<body>&gt; Shall we&#10;</body><x xmlns='jabber:x:oob'><url>https://files.example/x.jpg</url></x>` + replyTo + fallback + `<body start='0' end='11'/></fallback>`, "bob: https://files.example/x.jpg"},

		"correction":             {`<body>I am here now</body>` + correct, "*here"},
		"correction, same again": {`<body>I am hear now</body>` + correct, "[shown]"},
		"correction, all new":    {`<body>Something else altogether it is</body>` + correct, "Something else altogether it is (corrected)"},
		"correction, more":       {`<body>I am hear now, my friend</body>` + correct, "*now, my friend"},
		"correction, less":       {`<body>I am now</body>` + correct, "I am now (corrected)"},
		"correction, one word":   {`<body>Here</body>` + correct, "Here (corrected)"},
		"correction, nothing":    {`<body/>` + correct, "* alice takes back: “I am hear now”"},
		"correction unknown":     {`<body>here</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>`, "here (corrected)"},
		"correction of others":   {`<body>Shall we not meet at the usual place tomorrow evening, or is it too late?</body><replace xmlns='urn:xmpp:message-correct:0' id='bob1'/>`, "Shall we not meet at the usual place tomorrow evening, or is it too late? (corrected)"},
		"correction acts":        {`<body>/me bows to all</body><replace xmlns='urn:xmpp:message-correct:0' id='own3'/>`, "*bows"},
		"correction acts anew":   {`<body>/me runs away quickly now, far away</body><replace xmlns='urn:xmpp:message-correct:0' id='own3'/>`, "* alice runs away quickly now, far away (corrected)"},
		"correction of a line":   {`<body>first&#10;2nd&#10;third</body><replace xmlns='urn:xmpp:message-correct:0' id='own2'/>`, "*2nd"},
		"corrected reply":        {`<body>&gt; Shall we&#10;I am here now</body>` + correct + replyTo + fallback + `<body start='0' end='11'/></fallback>`, "*here"},
		"corrected reply, anew":  {`<body>&gt; Shall we&#10;Not today, I fear it</body>` + correct + replyTo + fallback + `<body start='0' end='11'/></fallback>`, "bob: Not today, I fear it (corrected)"},

		"reaction":           {`<reactions xmlns='urn:xmpp:reactions:0' id='bob1'><reaction>🐢</reaction><reaction>🐇</reaction></reactions>`, "* alice reacts with 🐢 🐇 to bob: “Shall we meet at the usual place…”"},
		"reaction, one more": {`<reactions xmlns='urn:xmpp:reactions:0' id='bob1'><reaction>👍</reaction><reaction>🐢</reaction></reactions>`, "* alice reacts with 🐢 to bob: “Shall we meet at the usual place…”"},
		"reaction, one less": {`<reactions xmlns='urn:xmpp:reactions:0' id='bob1'><reaction>👍</reaction></reactions>`, "[shown]"},
		"reaction, none":     {`<body>ignored fallback</body><reactions xmlns='urn:xmpp:reactions:0' id='bob1'/>`, "[shown]"},
		"reaction to self":   {`<reactions xmlns='urn:xmpp:reactions:0' id='own1'><reaction>👍</reaction></reactions>`, "* alice reacts with 👍 to “I am hear now”"},
		"reaction to peer":   {`<reactions xmlns='urn:xmpp:reactions:0' id='peer'><reaction>👍</reaction></reactions>`, "* alice reacts with 👍 to “are you there?”"},
		"reaction to x":      {`<body>👍</body><reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👍</reaction></reactions>`, "* alice reacts with 👍"},
		"reaction, families": {`<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👨🏽‍👩🏽‍👧🏽‍👦🏽</reaction></reactions>`, "* alice reacts with 👨🏽‍👩🏽‍👧🏽‍👦🏽"},
		"reaction in words": {`<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction> not
 an emoji </reaction><reaction/></reactions>`, "* alice reacts with notanemoji"},

		"retraction":           {`<body>This person attempted to retract…</body><retract xmlns='urn:xmpp:message-retract:1' id='own1'/>`, "* alice takes back: “I am hear now”"},
		"retraction of lines":  {`<retract xmlns='urn:xmpp:message-retract:1' id='own2'/>`, "* alice takes back: “first second third”"},
		"retraction unknown":   {`<retract xmlns='urn:xmpp:message-retract:1' id='x'/>`, "* alice takes back an earlier message"},
		"retraction of others": {`<retract xmlns='urn:xmpp:message-retract:1' id='bob1'/>`, fmt.Sprintf("refused (%v): Only your own messages can be taken back.", transports.Denied)},
		"retraction of old":    {`<body>/me retracted a previous message…</body><apply-to xmlns='urn:xmpp:fasten:0' id='own1'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>`, "* alice takes back: “I am hear now”"},

		"encrypted somehow":  {`<body>[encrypted]</body><encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:cipher'/>`, unsupported},
		"OMEMO":              {`<body>I sent you an OMEMO encrypted message</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>AAAA</payload></encrypted>`, unsupported},
		"OMEMO 2":            {`<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>AAAA</payload></encrypted><store xmlns='urn:xmpp:hints'/>`, unsupported},
		"OMEMO, readable":    {`<body>readable, they say</body><encrypted xmlns='urn:xmpp:omemo:2'><header/></encrypted>`, unsupported},
		"OMEMO, keys alone":  {`<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted><encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>`, ""},
		"OpenPGP":            {`<body>This message is encrypted</body><openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp>`, unsupported},
		"PGP":                {`<body>This message is encrypted.</body><x xmlns='jabber:x:encrypted'>AAAA</x>`, unsupported},
		"OTR":                {`<body>?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA.</body>`, unsupported},
		"OTR, asked for":     {`<body>?OTRv23? alice has requested an encrypted conversation</body>`, unsupported},
		"OTR, version 1":     {`<body>?OTR?</body>`, unsupported},
		"OTR, part":          {`<body>?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMD,</body>`, unsupported},
		"OTR, error":         {`<body>?OTR Error: You sent gibberish</body>`, unsupported},
		"OTR, talked about":  {`<body>?OTR is what, please</body>`, "?OTR is what, please"},
		"encrypted reaction": {`<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👍</reaction></reactions><encrypted xmlns='urn:xmpp:omemo:2'><payload>AA</payload></encrypted>`, unsupported},
	}
	checkRead(t, tests)
}

// checkRead compares what is made of the content of messages with how it is rendered.
func checkRead(t *testing.T, tests map[string]struct{ in, want string }) {
	t.Helper()
	for name, tt := range tests {
		st, err := stanza.Parse([]byte(`<message>`+tt.in+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := render(Read(st.Root, lookup)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
		st.Release()
	}
}

// What later messages refer to is what was said, without what it quotes.
func TestWhatIsRememberedOfAMessage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want Text
	}{
		"plain":      {`<body>hello</body>`, Text{Body: "hello", Said: "hello"}},
		"reply":      {`<body>&gt; Shall we&#10;Yes.</body>` + replyTo + fallback + `<body start='0' end='11'/></fallback>`, Text{Body: "bob: Yes.", Said: "Yes.", Answers: "bob1"}},
		"correction": {`<body>I am here now</body>` + correct, Text{Body: "*here", Said: "I am here now", Corrects: "own1"}},
		"reaction":   {`<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👍</reaction></reactions>`, Text{Body: "reacts with 👍", Action: true, ReactsTo: "x", Reacted: "👍", Added: []string{"👍"}}},
		"no more":    {`<reactions xmlns='urn:xmpp:reactions:0' id='bob1'/>`, Text{Shown: true, ReactsTo: "bob1", Removed: []string{"👍", "🎉"}}},
	}
	for name, tt := range tests {
		st, err := stanza.Parse([]byte(`<message>`+tt.in+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.want, Read(st.Root, lookup)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		st.Release()
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in          string
		worth, want bool
	}{
		{``, true, true},
		{``, false, false},
		{`<store xmlns='urn:xmpp:hints'/>`, false, true},
		{`<no-copy xmlns='urn:xmpp:hints'/>`, true, true},
		{`<no-store xmlns='urn:xmpp:hints'/>`, true, false},
		{`<no-permanent-store xmlns='urn:xmpp:hints'/>`, true, false},
		{`<store xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/>`, true, false},
		{`<no-store/>`, true, true},
	} {
		st, err := stanza.Parse([]byte(`<message>`+tt.in+`</message>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := ReadHints(st.Root).Archived(tt.worth); got != tt.want {
			t.Errorf("%s: archived = %t, want %t", tt.in, got, tt.want)
		}
		st.Release()
	}
}

func FuzzRead(f *testing.F) {
	f.Add("hello", "0", "3", "bob1", "👍", "own1")
	f.Add("> quoted\nYes", "0", "9", "own1", strings.Repeat("x", 100), "")
	f.Add("\x00", "-1", "999999999999999999999", "", "", "bob1")
	f.Add("?OTR:AAAA", "2", "", "peer", "", "own2")
	f.Fuzz(func(t *testing.T, body, start, end, id, sign, corrects string) {
		var b stanza.Builder
		b.Start("message").Start("body").Text(body).End()
		b.StartNS("reply", NSReply).Attr("id", id).Attr("to", body).End()
		b.StartNS("fallback", NSFallback).Attr("for", NSReply)
		b.Start("body").Attr("start", start).Attr("end", end).End()
		b.Start("body").Attr("start", end).Attr("end", start).End()
		b.Start("body").Attr("start", "1").Attr("end", "3").End()
		b.End()
		if sign != "" {
			b.StartNS("reactions", NSReactions).Attr("id", id).Start("reaction").Text(sign).End().End()
		}
		if corrects != "" {
			b.StartNS("replace", NSCorrect).Attr("id", corrects).End()
		}
		b.End()
		st, err := stanza.Parse(b.Bytes(), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		got := Read(st.Root, lookup)
		if !utf8.ValidString(got.Body) || !utf8.ValidString(got.Said) {
			t.Errorf("broken UTF-8: %q, %q", got.Body, got.Said)
		}
		if got.Refused != nil && got.Body != "" {
			t.Errorf("refused and sent: %+v", got)
		}
	})
}

// As many spans as a stanza can have cost no more than reading them.
func BenchmarkManySpans(b *testing.B) {
	var m strings.Builder
	m.WriteString(`<message><body>` + strings.Repeat("x", 60_000) + `</body>` + replyTo + fallback)
	for i := range 3000 {
		fmt.Fprintf(&m, `<body start='%d' end='%d'/>`, i, i+1)
	}
	m.WriteString(`</fallback></message>`)
	st, err := stanza.Parse([]byte(m.String()), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Release()
	b.ReportAllocs()
	for b.Loop() {
		Read(st.Root, lookup)
	}
}
