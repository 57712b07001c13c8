package component

import (
	"strings"
	"testing"
	"time"

	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// A letter, and the messages that a user gets of it.
func TestLettersBecomeMessages(t *testing.T) {
	t.Parallel()
	g := newPostalWorld(t, nil).gateway
	user := transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"}
	bold := []transports.Span{{From: 3, To: 7, Look: transports.Look{Style: transports.StyleBold}}}
	const url = "https://files.example/a/photo.jpg"
	message := func(typ, id, content string) string {
		return `<message from='bob\40example.com@irc.localhost' to='alice@localhost' type='` + typ + `' id='` + id + `'>` + content +
			`<origin-id xmlns='urn:xmpp:sid:0' id='` + id + `'/><store xmlns='urn:xmpp:hints'/></message>`
	}
	file := func(metadata, disposition string) string {
		return `<body>` + url + `</body><x xmlns='jabber:x:oob'><url>` + url + `</url>` + `</x>` +
			`<file-sharing xmlns='urn:xmpp:sfs:0' disposition='` + disposition + `'><file xmlns='urn:xmpp:file:metadata:0'>` + metadata + `</file>` +
			`<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='` + url + `'/></sources></file-sharing>` +
			`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body/></fallback>`
	}
	const jpeg = `<media-type>image/jpeg</media-type><name>photo.jpg</name><size>12345</size>`
	photo := transports.Attachment{File: transports.File{Name: "photo.jpg", Type: "image/jpeg", Size: 12345}, URL: url}
	for name, c := range map[string]struct {
		letter transports.Letter
		want   []string
	}{
		"a letter": {
			transports.Letter{Subject: "<Hi>", Thread: "t1", Body: "a & b", Formal: true, Nick: "Bob"},
			[]string{message("normal", "l1", `<subject>&lt;Hi&gt;</subject><body>a &amp; b</body><thread>t1</thread><nick xmlns='http://jabber.org/protocol/nick'>Bob</nick>`)},
		},
		"a line": {transports.Letter{Body: "yes"}, []string{message("chat", "l1", `<body>yes</body>`)}},
		"a receipt": {
			transports.Letter{Body: "yes", Receipt: true},
			[]string{message("chat", "l1", `<body>yes</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>`)},
		},
		"formatted": {
			transports.Letter{Body: "so bold", Spans: bold},
			[]string{message("chat", "l1", `<body>so *bold*</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>so <span style='font-weight: bold'>bold</span></body></html>`)},
		},
		"a reply": {
			transports.Letter{Body: "yes", ReplyTo: "m1"},
			[]string{message("chat", "l1", `<body>yes</body><reply xmlns='urn:xmpp:reply:0' to='alice@localhost' id='m1'/>`)},
		},
		"a reply to himself, with a quotation": {
			transports.Letter{Body: "> été?\nyes", Quoted: 9, ReplyTo: "l0", Continues: true, Spans: []transports.Span{{From: 2, To: 12, Look: transports.Look{Style: transports.StyleItalic}}}},
			[]string{message("chat", "l1", "<body>&gt; été?\n_yes_</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>&gt; été?<br/>"+
				"<span style='font-style: italic'>yes</span></body></html>"+
				`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='7'/></fallback>`+
				`<reply xmlns='urn:xmpp:reply:0' to='bob\40example.com@irc.localhost' id='l0'/>`)},
		},
		"a reaction": {
			transports.Letter{Body: "👍", ReplyTo: "m1", Reactions: []string{"👍"}},
			[]string{message("chat", "l1", `<body>👍</body><reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions>`+
				`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback>`)},
		},
		"a quotation of nothing": {transports.Letter{Body: "> x\nyes", Quoted: 900}, []string{message("chat", "l1", "<body>&gt; x\nyes</body>")}},
		"to others": {
			transports.Letter{Body: "yes", Others: []transports.Recipient{
				{Kind: transports.RecipientTo, Who: mailbox("carol@example.com"), Name: "Carol & co."},
				{Kind: transports.RecipientCc, User: transports.Address{Local: "dave", Domain: "localhost"}},
				{Kind: transports.RecipientBcc, Who: mailbox("erin@example.com")},
				{Kind: transports.RecipientReplyTo, Who: mailbox("list@example.com")},
				{Kind: transports.RecipientTo},
			}},
			[]string{message("chat", "l1", `<body>yes</body><addresses xmlns='http://jabber.org/protocol/address'>`+
				`<address type='to' jid='carol\40example.com@irc.localhost' desc='Carol &amp; co.' delivered='true'/><address type='cc' jid='dave@localhost' delivered='true'/>`+
				`<address type='replyto' jid='list\40example.com@irc.localhost'/></addresses>`)},
		},
		"to hidden ones": {
			transports.Letter{Body: "yes", Others: []transports.Recipient{{Kind: transports.RecipientBcc, Who: mailbox("erin@example.com")}}},
			[]string{message("chat", "l1", `<body>yes</body>`)},
		},
		"with headers": {
			transports.Letter{Body: "yes", Headers: []transports.Header{{Name: "Message-ID", Value: "<x@example.com>"}, {Name: "X-Long", Value: strings.Repeat("x", maxHeaderLine+1)}}},
			[]string{message("chat", "l1", `<body>yes</body><headers xmlns='http://jabber.org/protocol/shim'><header name='Message-ID'>&lt;x@example.com&gt;</header></headers>`)},
		},
		"with files": {
			transports.Letter{Body: "look", Thread: "t1", ReplyTo: "m1", Receipt: true, Files: []transports.Attachment{photo, {File: transports.File{Name: "a"}, URL: url}}},
			[]string{
				message("chat", "l1", `<body>look</body><thread>t1</thread><reply xmlns='urn:xmpp:reply:0' to='alice@localhost' id='m1'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>`),
				message("chat", "l1-file-1", file(jpeg, "inline")+`<thread>t1</thread>`),
				message("chat", "l1-file-2", file("<name>a</name>", "attachment")+`<thread>t1</thread>`),
			},
		},
		"of files alone": {
			transports.Letter{ReplyTo: "m1", Files: []transports.Attachment{photo, {File: transports.File{Name: "a"}, URL: url}}},
			[]string{message("chat", "l1", file(jpeg, "inline")+`<reply xmlns='urn:xmpp:reply:0' to='alice@localhost' id='m1'/>`), message("chat", "l1-file-1", file("<name>a</name>", "attachment"))},
		},
		"of nothing": {transports.Letter{}, []string{message("chat", "l1", "")}},
	} {
		c.letter.ID, c.letter.With, c.letter.Time = "l1", mailbox("bob@example.com"), time.Now()
		parts := g.renderLetter(user, &c.letter, markup.ShowStyling)
		if len(parts) != len(c.want) {
			t.Errorf("%s: got %d messages, want %d: %+v", name, len(parts), len(c.want), parts)
			continue
		}
		for i, p := range parts {
			if p.xml != c.want[i] {
				t.Errorf("%s:\n got %s\nwant %s", name, p.xml, c.want[i])
			}
			if st, err := stanza.Parse([]byte(p.xml), stanza.NSComponent, stanza.Limits{}); err != nil || st.Root.Attr("id") != p.id {
				t.Errorf("%s: %v, id %q: %s", name, err, p.id, p.xml)
			}
			if letterID(p.id) != "l1" {
				t.Errorf("%s: %q is of the letter %q", name, p.id, letterID(p.id))
			}
		}
	}
}

// However much there is in a letter, servers take the message.
func TestLargeLettersFit(t *testing.T) {
	t.Parallel()
	g := newPostalWorld(t, nil).gateway
	l := transports.Letter{ID: "l1", With: mailbox("bob@example.com"), Body: strings.Repeat("&\n", 8<<10)}
	for i := range transports.MaxSpans {
		l.Spans = transports.AppendSpan(l.Spans, i*128, i*128+127, transports.Look{Style: transports.StyleBold | transports.StyleItalic | transports.StyleMono | transports.StyleStrike, Fore: 1})
	}
	for i := range 10 * transports.MaxRecipients {
		l.Others = append(l.Others, transports.Recipient{Who: mailbox(strings.Repeat("&", 250) + "@example.com"), Name: strings.Repeat("<", 1000)})
		l.Headers = append(l.Headers, transports.Header{Name: "X", Value: strings.Repeat("x", i)})
	}
	for _, p := range g.renderLetter(transports.Address{Local: "alice", Domain: "localhost"}, &l, markup.ShowStyling) {
		if len(p.xml) > 200<<10 {
			t.Errorf("a message of %d bytes", len(p.xml))
		}
	}
}

func TestIDsOfFiles(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"l1": "l1", "l1-file-2": "l1", "l1-file-12": "l1", "l1-file-0": "l1-file-0", "l1-file-x": "l1-file-x", "-file-1": "-file-1", "": "",
		"a-file-1-file-2": "a-file-1",
	} {
		if got := letterID(id); got != want {
			t.Errorf("%q is of the letter %q, want %q", id, got, want)
		}
	}
}
