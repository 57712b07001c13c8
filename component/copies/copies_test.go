package copies

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"passerelle/component/stanza"
	"passerelle/transports"
)

var (
	romeo  = transports.Address{Local: "romeo", Domain: "example.org"}
	juliet = transports.Address{Local: "juliet", Domain: "example.net"}
	came   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	sent   = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
)

func parse(t testing.TB, xml, ns string) *stanza.Element {
	t.Helper()
	s, err := stanza.Parse([]byte(xml), ns, stanza.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return s.Root
}

const delayed = `<delay xmlns='urn:xmpp:delay' stamp='2026-11-20T11:00:00Z'/>`

func TestForwarded(t *testing.T) {
	t.Parallel()
	in := func(c transports.Copy) transports.Copy {
		c.User, c.Peer, c.Time = romeo, juliet, came
		return c
	}
	room := transports.Address{Local: "balcony", Domain: "rooms.example.net", Resource: "Juliet"}
	for name, test := range map[string]struct {
		message string // without its namespace
		want    Found
	}{
		"plain": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' type='chat' id='m1'><body>Art thou there?</body>` +
				`<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.org' id='a1'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.net' id='b1'/>` +
				`<thread>t1</thread><nick xmlns='http://jabber.org/protocol/nick'>Juliet</nick></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m1", ArchiveID: "a1", Thread: "t1", Nick: "Juliet", Body: "Art thou there?"}))},
		},
		"late": {
			`<message from='juliet@example.net/phone' to='romeo@example.org/orchard' id='m1'><body>late</body>` + delayed + `</message>`,
			Found{Copy: &transports.Copy{User: romeo, Peer: juliet, ID: "m1", Body: "late", Time: sent}},
		},
		"his own, to nobody's server": {
			`<message from='romeo@example.org/orchard' to='juliet@example.net' type='chat' id='m2'><body>I am</body></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m2", Body: "I am", Sent: true}))},
		},
		"displayed": {
			`<message from='romeo@example.org/orchard' to='juliet@example.net/phone' type='chat' id='m3'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
			Found{Mark: &transports.ReadMark{User: romeo, Peer: juliet, ID: "m1", Time: came}},
		},
		"displayed by her":   {`<message from='juliet@example.net/phone' to='romeo@example.org' id='m3'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`, Found{}},
		"writing":            {`<message from='juliet@example.net/phone' to='romeo@example.org' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`, Found{}},
		"empty":              {`<message from='juliet@example.net/phone' to='romeo@example.org' type='chat'><body> </body></message>`, Found{}},
		"error":              {`<message from='juliet@example.net' to='romeo@example.org' type='error'><body>x</body></message>`, Found{}},
		"headline":           {`<message from='juliet@example.net' to='romeo@example.org' type='headline'><body>x</body></message>`, Found{}},
		"carbon":             {`<message from='romeo@example.org' to='romeo@example.org/x'><received xmlns='urn:xmpp:carbons:2'/><body>x</body></message>`, Found{}},
		"to himself":         {`<message from='romeo@example.org/x' to='romeo@example.org'><body>x</body></message>`, Found{}},
		"of somebody else":   {`<message from='juliet@example.net' to='tybalt@example.org'><body>x</body></message>`, Found{}},
		"without a sender":   {`<message to='juliet@example.net' id='m4'><body>x</body></message>`, Found{Copy: new(in(transports.Copy{ID: "m4", Body: "x", Sent: true}))}},
		"with no JID":        {`<message from='@' to='romeo@example.org'><body>x</body></message>`, Found{}},
		"without an id":      {`<message from='juliet@example.net' to='romeo@example.org'><body>x</body></message>`, Found{Copy: new(in(transports.Copy{Body: "x"}))}},
		"with an endless id": {`<message from='juliet@example.net' to='romeo@example.org' id='` + strings.Repeat("x", 300) + `'><body>x</body></message>`, Found{Copy: new(in(transports.Copy{Body: "x"}))}},
		"correction": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' id='m5'><body>there</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m5", Body: "there", Replaces: "m1"}))},
		},
		"taken back": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' id='m6'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/><body>I took it back</body></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m6", Replaces: "m1"}))},
		},
		"encrypted": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' id='m7'><encrypted xmlns='eu.siacs.conversations.axolotl'><payload>x</payload></encrypted>` +
				`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/><body>I sent you an OMEMO message</body></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m7", Encrypted: "OMEMO"}))},
		},
		"keys alone": {
			`<message from='juliet@example.net/phone' to='romeo@example.org'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted></message>`,
			Found{},
		},
		"file": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' id='m8'><body>https://files.example/a.png</body><x xmlns='jabber:x:oob'><url>https://files.example/a.png</url></x></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m8", Files: []transports.Attachment{{URL: "https://files.example/a.png", File: transports.File{Name: "a.png"}}}}))},
		},
		"bold, with the signs that he wrote": {
			`<message from='juliet@example.net/phone' to='romeo@example.org' id='m9'><body>a *b* c</body>` +
				`<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>a <b>*b*</b> c</body></html></message>`,
			Found{Copy: new(in(transports.Copy{ID: "m9", Body: "a *b* c", Spans: []transports.Span{{From: 2, To: 5, Look: transports.Look{Style: transports.StyleBold}}}}))},
		},
		"room": {
			`<message from='balcony@rooms.example.net/Juliet' to='romeo@example.org/x' type='groupchat' id='m10'><body>hi romeo</body></message>`,
			Found{Copy: &transports.Copy{User: romeo, Peer: room, Room: true, Nick: "Juliet", ID: "m10", Body: "hi romeo", Time: came}},
		},
		"subject of a room": {`<message from='balcony@rooms.example.net/Juliet' to='romeo@example.org/x' type='groupchat'><subject>roses</subject></message>`, Found{}},
		"in private": {
			`<message from='balcony@rooms.example.net/Juliet' to='romeo@example.org/x' type='chat' id='m11'><body>psst</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`,
			Found{Copy: &transports.Copy{User: romeo, Peer: room, ID: "m11", Body: "psst", Time: came}},
		},
	} {
		m := strings.Replace(test.message, "<message ", "<message xmlns='jabber:client' ", 1)
		got := Forwarded(parse(t, `<forwarded xmlns='urn:xmpp:forward:0'>`+m+`</forwarded>`, stanza.NSComponent), romeo, came)
		if !cmp.Equal(got, test.want) {
			t.Errorf("%s: got %+v, want %+v\n%s", name, got.Copy, test.want.Copy, cmp.Diff(test.want, got))
		}
		if got := Message(parse(t, test.message, stanza.NSComponent), romeo, came); !cmp.Equal(got, test.want) {
			t.Errorf("%s, not forwarded: %s", name, cmp.Diff(test.want, got))
		}
	}
	got := Forwarded(parse(t, `<forwarded xmlns='urn:xmpp:forward:0'>`+delayed+`<message xmlns='jabber:client' from='juliet@example.net' to='romeo@example.org'><body>x</body>`+
		`<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/></message></forwarded>`, stanza.NSComponent), romeo, came)
	if got.Copy == nil || !got.Copy.Time.Equal(sent) {
		t.Errorf("the time of who forwards it: got %+v", got.Copy)
	}
}

func TestLongBody(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("é", maxBody)
	got := Message(parse(t, `<message from='juliet@example.net' to='romeo@example.org'><body>`+body+`</body></message>`, stanza.NSComponent), romeo, came)
	if n := len(got.Copy.Body); n > maxBody || n < maxBody-8 || !utf8.ValidString(got.Copy.Body) || !strings.HasSuffix(got.Copy.Body, "é…") {
		t.Errorf("%d bytes", n)
	}
}

func TestPushed(t *testing.T) {
	t.Parallel()
	summary := func(sender, body string) string {
		return `<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field>` +
			`<field var='last-message-sender'><value>` + sender + `</value></field><field var='last-message-body'><value>` + body + `</value></field></x></notification>`
	}
	partial := func(peer transports.Address, body string) Found {
		return Found{Copy: &transports.Copy{User: romeo, Peer: peer, Body: body, Time: came, Partial: true}}
	}
	for name, test := range map[string]struct {
		push string
		want Found
	}{
		"sender and text": {summary("juliet@example.net/phone", "hi"), partial(juliet, "hi")},
		"no sender":       {summary("", "New Message!"), partial(transports.Address{}, "")},
		"nothing said":    {summary("juliet@example.net/phone", ""), Found{}},
		"empty":           {`<notification xmlns='urn:xmpp:push:0'/>`, Found{}},
		"himself":         {summary("romeo@example.org/x", "hi"), Found{}},
		"whole": {
			`<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'/><forwarded xmlns='urn:xmpp:forward:0'>` +
				`<message xmlns='jabber:client' from='juliet@example.net/x' to='romeo@example.org' id='m1'><body>hi</body></message></forwarded></notification>`,
			Found{Copy: &transports.Copy{User: romeo, Peer: juliet, ID: "m1", Body: "hi", Time: came}},
		},
	} {
		if got := Pushed(parse(t, test.push, stanza.NSComponent), romeo, came); !cmp.Equal(got, test.want) {
			t.Errorf("%s: %s", name, cmp.Diff(test.want, got))
		}
	}
}

func TestDisplayed(t *testing.T) {
	t.Parallel()
	item := func(id, stanzaID string) string {
		return `<item id='` + id + `'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.org' id='` + stanzaID + `'/></displayed></item>`
	}
	got := Displayed(parse(t, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:mds:displayed:0'>`+
		item("juliet@example.net", "a1")+item("@", "a2")+item("tybalt@example.org", "")+`<retract id='x'/></items></pubsub>`, stanza.NSComponent), romeo)
	if want := []transports.ReadMark{{User: romeo, Peer: juliet, ArchiveID: "a1"}}; !cmp.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzCopies: whatever strangers write, a copy is of the user and within its bounds.
func FuzzCopies(f *testing.F) {
	for _, seed := range []string{
		`<message from='juliet@example.net/phone' to='romeo@example.org' type='chat' id='m1'><body>hi</body></message>`,
		`<message from='romeo@example.org/a' to='juliet@example.net'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
		`<message from='juliet@example.net' to='romeo@example.org'><body>a *b* c</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>a <b>b</b> c</body></html></message>`,
		`<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T11:00:00Z'/><message xmlns='jabber:client' from='juliet@example.net' to='romeo@example.org'><body>x</body></message></forwarded>`,
		`<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='last-message-sender'><value>a@b</value></field><field var='last-message-body'><value>x</value></field></x></notification>`,
		`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:mds:displayed:0'><item id='a@b'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' id='1'/></displayed></item></items></pubsub>`,
		`<message to='romeo@example.org' from='a@b/c'><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/><fallback xmlns='urn:xmpp:fallback:0'/><body>x</body></message>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, xml string) {
		s, err := stanza.Parse([]byte(xml), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		for _, found := range []Found{Message(s.Root, romeo, came), Forwarded(s.Root, romeo, came), Pushed(s.Root, romeo, came)} {
			if c := found.Copy; c != nil {
				if c.User != romeo || c.Peer.Bare() == romeo || len(c.Body) > maxBody || len(c.Subject) > maxSubject || len(c.Nick) > maxName ||
					len(c.ID) > maxID || len(c.ArchiveID) > maxID || len(c.Thread) > maxID || len(c.Encrypted) > maxName || !utf8.ValidString(c.Body) {
					t.Errorf("got %+v", c)
				}
				for i, span := range c.Spans {
					if span.From < 0 || span.From >= span.To || span.To > len(c.Body) || i > 0 && span.From < c.Spans[i-1].To {
						t.Errorf("the spans %v of %q", c.Spans, c.Body)
					}
				}
			}
			if m := found.Mark; m != nil && (m.User != romeo || m.Peer.IsZero() || len(m.ID) > maxID) {
				t.Errorf("got %+v", m)
			}
		}
		if n := len(Displayed(s.Root, romeo)); n > MaxMarks {
			t.Errorf("%d marks", n)
		}
	})
}
