package component

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passerelle/transports"
)

// What a client sends to a contact, and what the transport gets of it.
func TestMessagesBecomeLetters(t *testing.T) {
	t.Parallel()
	bob, carol := mailbox("bob@example.com"), mailbox("carol@example.com")
	post := func(change func(l *transports.Letter)) transports.Request {
		l := transports.Letter{ID: "m1", With: bob, Client: transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"}}
		change(&l)
		return transports.Post{Letter: l}
	}
	photo := transports.Attachment{File: transports.File{Name: "photo.jpg"}, URL: "https://files.example/a/photo.jpg"}
	const oob = `<x xmlns='jabber:x:oob'><url>https://files.example/a/photo.jpg</url></x>`
	const shared = `<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'>` +
		`<media-type>image/jpeg</media-type><name>Harbour.jpg</name><size>3032449</size><desc>The harbour</desc></file>` +
		`<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://files.example/a/photo.jpg'/></sources></file-sharing>`
	for name, c := range map[string]struct {
		attrs, in string // type='chat' where attrs is empty
		want      transports.Request
	}{
		"a line":          {"", `<body>hello</body>`, post(func(l *transports.Letter) { l.Body = "hello" })},
		"a letter":        {"type='normal'", `<subject>Boats</subject><body>hello</body>`, post(func(l *transports.Letter) { l.Subject, l.Body, l.Formal = "Boats", "hello", true })},
		"without a type":  {"xml:lang='en'", `<body>hello</body>`, post(func(l *transports.Letter) { l.Body, l.Formal = "hello", true })},
		"of an alarm":     {"type='headline'", `<body>fire</body>`, post(func(l *transports.Letter) { l.Body, l.Formal = "fire", true })},
		"a subject alone": {"", `<subject>Boats</subject>`, post(func(l *transports.Letter) { l.Subject = "Boats" })},
		"as a thread":     {"", `<body>hello</body><thread>t1</thread>`, post(func(l *transports.Letter) { l.Body, l.Thread = "hello", "t1" })},
		"with a nick":     {"", `<body>hello</body><nick xmlns='http://jabber.org/protocol/nick'>Alice L.</nick>`, post(func(l *transports.Letter) { l.Body, l.Nick = "hello", "Alice L." })},
		"wants a receipt": {"", `<body>hello</body><request xmlns='urn:xmpp:receipts'/><active xmlns='http://jabber.org/protocol/chatstates'/>`, post(func(l *transports.Letter) { l.Body, l.Receipt = "hello", true })},
		"acts":            {"", `<body>/me waves</body>`, post(func(l *transports.Letter) { l.Body = "/me waves" })},
		"not a command":   {"", `<body>/send</body>`, post(func(l *transports.Letter) { l.Body = "/send" })},
		"with signs":      {"", `<body>so *bold*</body>`, post(func(l *transports.Letter) { l.Body = "so *bold*" })},
		"formatted": {"", `<body>so bold</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>so <b>bold</b></body></html>`, post(func(l *transports.Letter) {
			l.Body = "so bold"
			l.Spans = []transports.Span{{From: 3, To: 7, Look: transports.Look{Style: transports.StyleBold}}}
		})},
		"a reply":           {"", `<body>&gt; Shall we&#10;Yes.</body><reply xmlns='urn:xmpp:reply:0' to='bob\40example.com@irc.localhost' id='l1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='11'/></fallback>`, post(func(l *transports.Letter) { l.Body, l.ReplyTo = "Yes.", "l1" })},
		"a correction":      {"", `<body>hello!</body><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>`, post(func(l *transports.Letter) { l.Body, l.Replaces = "hello!", "m0" })},
		"corrected to none": {"", `<body/><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>`, transports.Redact{To: bob, Messages: []string{"m0"}}},
		"a file":            {"", `<body>https://files.example/a/photo.jpg</body>` + oob, post(func(l *transports.Letter) { l.Files = []transports.Attachment{photo} })},
		"a file in two ways": {"", `<body>https://files.example/a/photo.jpg</body>` + oob + shared, post(func(l *transports.Letter) {
			l.Files = []transports.Attachment{{File: photo.File, URL: photo.URL, Description: "The harbour"}}
		})},
		"a shared file": {"", `<body>https://files.example/a/photo.jpg</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body/></fallback>` + shared, post(func(l *transports.Letter) {
			l.Files = []transports.Attachment{{File: transports.File{Name: "Harbour.jpg", Type: "image/jpeg", Size: 3032449}, URL: photo.URL, Description: "The harbour"}}
		})},
		"a file with words": {"", `<body>look</body>` + oob, post(func(l *transports.Letter) { l.Body = "look"; l.Files = []transports.Attachment{photo} })},
		"a link":            {"", `<body>https://example.org/article</body>`, post(func(l *transports.Letter) { l.Body = "https://example.org/article" })},
		"no web address":    {"", `<body>look</body><x xmlns='jabber:x:oob'><url>xmpp:dave@example.org</url></x>`, post(func(l *transports.Letter) { l.Body = "look\nxmpp:dave@example.org" })},
		"an invitation": {"", `<x xmlns='jabber:x:conference' jid='Room@muc.example' reason='fun'/>`, post(func(l *transports.Letter) {
			l.Body = "I invite you into a chat room: xmpp:room@muc.example?join\nfun"
		})},
		"to others": {
			"type='normal'", `<body>hello</body><addresses xmlns='http://jabber.org/protocol/address'>` +
				`<address type='to' jid='bob\40example.com@irc.localhost'/><address type='cc' jid='carol\40example.com@irc.localhost' desc='Carol'/>` +
				`<address type='cc' jid='Dave@example.org/x' delivered='true'/><address type='bcc' uri='mailto:erin@example.net?subject=x'/>` +
				`<address type='bcc' uri='mailto:gone@example.net' delivered='true'/><address type='to' jid='alice@localhost'/>` +
				`<address type='replyto' uri='xmpp:frank%40example.com@irc.localhost'/><address type='noreply'/></addresses>`,
			nil,
		},
		"to many": {
			"type='normal'", `<body>hello</body><addresses xmlns='http://jabber.org/protocol/address'>` +
				`<address type='to' uri='mailto:carol@example.com'/><address type='cc' uri='mailto:bob%40example.com' desc='Bob'/></addresses>`,
			post(func(l *transports.Letter) {
				l.Body, l.Formal, l.Others = "hello", true, []transports.Recipient{{Kind: transports.RecipientTo, Who: carol}}
			}),
		},
		"a reaction":        {"", `<reactions xmlns='urn:xmpp:reactions:0' id='l1'><reaction>👍</reaction><reaction>🐢</reaction></reactions><store xmlns='urn:xmpp:hints'/>`, transports.React{To: bob, On: "l1", Add: []string{"👍", "🐢"}}},
		"reactions end":     {"", `<reactions xmlns='urn:xmpp:reactions:0' id='l1'/>`, transports.React{To: bob, On: "l1"}},
		"taken back":        {"", `<body>I take that back.</body><retract xmlns='urn:xmpp:message-retract:1' id='m0'/>`, transports.Redact{To: bob, Messages: []string{"m0"}}},
		"arrived":           {"", `<received xmlns='urn:xmpp:receipts' id='l1'/>`, transports.Acknowledge{With: bob, ID: "l1"}},
		"arrived, a marker": {"", `<received xmlns='urn:xmpp:chat-markers:0' id='l1'/>`, transports.Acknowledge{With: bob, ID: "l1"}},
		"read":              {"", `<displayed xmlns='urn:xmpp:chat-markers:0' id='l1'/>`, transports.Acknowledge{With: bob, ID: "l1", Read: true}},
	} {
		if name == "to others" {
			c.want = post(func(l *transports.Letter) {
				l.Body, l.Formal = "hello", true
				l.Others = []transports.Recipient{
					{Kind: transports.RecipientCc, Who: carol, Name: "Carol"},
					{Kind: transports.RecipientCc, User: transports.Address{Local: "dave", Domain: "example.org"}, Delivered: true},
					{Kind: transports.RecipientBcc, Who: mailbox("erin@example.net")},
				}
			})
			c.in = strings.ReplaceAll(c.in, `<address type='replyto' uri='xmpp:frank%40example.com@irc.localhost'/>`, "")
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPostalWorld(t, nil).connected()
			alice := w.client("alice@localhost/phone")
			if c.attrs == "" {
				c.attrs = "type='chat'"
			}
			alice.send(`<message id='m1' ` + c.attrs + ` to='bob\40example.com@irc.localhost'>` + c.in + `</message>`)
			got := next[transports.Request](t, w.session())
			switch q := got.(type) {
			case transports.Post:
				q.Ref = 0
				got = q
			case transports.React:
				q.Ref = 0
				got = q
			case transports.Redact:
				q.Ref = 0
				got = q
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What no network that stores and forwards can carry is refused in words, and what is of the moment is nobody's business.
func TestMessagesThatBecomeNoLetter(t *testing.T) {
	t.Parallel()
	const noKey = "This conversation cannot carry encrypted messages. Switch encryption off here and send it again."
	const link = "This file is encrypted, and to send its link here would show the key to everybody. Switch encryption off here and send the file again."
	refused := func(typ, condition, text string) string {
		return `<message type='error' id='m1' from='bob\40example.com@irc.localhost'><error type='` + typ + `'><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
			`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>` + text + `</text></error></message>`
	}
	w := newPostalWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	for name, c := range map[string]struct{ in, want string }{
		"encrypted":          {`<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted><body>I sent you an OMEMO message.</body>`, refused("modify", "not-acceptable", noKey)},
		"said to be":         {`<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:x'/><body>x</body>`, refused("modify", "not-acceptable", noKey)},
		"OpenPGP":            {`<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>`, refused("modify", "not-acceptable", noKey)},
		"OTR":                {`<body>?OTR:AAMC</body>`, refused("modify", "not-acceptable", noKey)},
		"a key":              {`<body>aesgcm://files.example/a.jpg#00aa</body>`, refused("modify", "not-acceptable", link)},
		"a key elsewhere":    {`<body>look</body><x xmlns='jabber:x:oob'><url>AESGCM://files.example/a.jpg#00aa</url></x>`, refused("modify", "not-acceptable", link)},
		"a key in a subject": {`<subject>aesgcm://files.example/a.jpg#00aa</subject>`, refused("modify", "not-acceptable", link)},
		"a key in a source":  {`<file-sharing xmlns='urn:xmpp:sfs:0'><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='aesgcm://files.example/a.jpg#00aa'/></sources></file-sharing>`, refused("modify", "not-acceptable", link)},
		"only for peers":     {`<file-sharing xmlns='urn:xmpp:sfs:0'><sources><jinglepub xmlns='urn:xmpp:jinglepub:1' from='a@b'/></sources></file-sharing>`, refused("cancel", "feature-not-implemented", "People outside of XMPP cannot fetch this file. Upload it and send its link.")},
		"to a strange URI":   {`<body>x</body><addresses xmlns='http://jabber.org/protocol/address'><address type='cc' uri='tel:123'/></addresses>`, refused("modify", "bad-request", "Nothing can be sent to “tel:123”.")},
		"to nonsense":        {`<body>x</body><addresses xmlns='http://jabber.org/protocol/address'><address type='cc' jid='@'/></addresses>`, refused("modify", "bad-request", "Nothing can be sent to “@”.")},
		"to no mailbox":      {`<body>x</body><addresses xmlns='http://jabber.org/protocol/address'><address type='cc' uri='mailto:nobody'/></addresses>`, refused("cancel", "item-not-found", "This is no address of email.")},
		"to crowds":          {`<body>x</body><addresses xmlns='http://jabber.org/protocol/address'>` + crowd(transports.MaxRecipients+1) + `</addresses>`, refused("modify", "policy-violation", "A message may be for 50 people at a time.")},
		"a long thread":      {`<body>x</body><thread>` + strings.Repeat("t", maxLetterID+1) + `</thread>`, refused("modify", "policy-violation", "An id in this message is longer than can be kept.")},
		"reacts to nothing":  {`<reactions xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction></reactions>`, refused("modify", "bad-request", "This message does not say which one it is about.")},
		"writes":             {`<composing xmlns='http://jabber.org/protocol/chatstates'/>`, ""},
		"nothing":            {``, ""},
		"keys alone":         {`<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>`, ""},
		"markable":           {`<markable xmlns='urn:xmpp:chat-markers:0'/>`, ""},
		"arrived, nothing":   {`<received xmlns='urn:xmpp:receipts'/>`, ""},
		"replies to nothing": {`<body>&gt; x&#10;</body><reply xmlns='urn:xmpp:reply:0' id='l1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'/>`, ""},
	} {
		alice.send(`<message id='m1' type='chat' to='bob\40example.com@irc.localhost'>` + c.in + `</message>`)
		if c.want != "" {
			if _, err := alice.match(c.want); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		alice.alive()
	}
	alice.ask(`<message id='m1' type='groupchat' to='bob\40example.com@irc.localhost'><body>x</body></message>`, refused("modify", "bad-request", "This address is not a room."))
	alice.send(`<message id='m1' type='error' to='bob\40example.com@irc.localhost'><body>x</body></message>`)
	alice.alive()
	select {
	case s := <-w.transport.opened:
		t.Errorf("a session was opened for %v", s.user)
	default:
	}
}

func crowd(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`<address type='cc' uri='mailto:p` + strconv.Itoa(i) + `@example.com'/>`)
	}
	return b.String()
}

// A message to the domain is for everybody whom it names; without names it is for the bot.
func TestTheDomainSendsToSeveral(t *testing.T) {
	t.Parallel()
	w := newPostalWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(`<message id='m1' to='irc.localhost'><body>hello</body><addresses xmlns='http://jabber.org/protocol/address'>` +
		`<address type='to' uri='mailto:bob@example.com'/><address type='bcc' jid='carol\40example.com@irc.localhost'/></addresses></message>`)
	s := w.session()
	got := next[transports.Post](t, s)
	want := transports.Letter{
		ID: "m1", Body: "hello", Formal: true, Client: transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"},
		Others: []transports.Recipient{{Who: mailbox("bob@example.com")}, {Kind: transports.RecipientBcc, Who: mailbox("carol@example.com")}},
	}
	if diff := cmp.Diff(want, got.Letter); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	alice.send(`<message id='m2' to='irc.localhost'><body>not so</body><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>`)
	if got := next[transports.Redact](t, s); got.To != (transports.Target{}) || got.Messages[0] != "m1" {
		t.Errorf("got %+v", got)
	}
	alice.ask(`<message id='m3' to='irc.localhost'><body>hello</body><addresses xmlns='http://jabber.org/protocol/address'>`+
		`<address type='to' uri='mailto:bob@example.com' delivered='true'/><address type='replyto' jid='carol\40example.com@irc.localhost'/></addresses></message>`,
		`<message type='error' id='m3' from='irc.localhost'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.ask(`<message id='m4' type='chat' to='irc.localhost'><body>version</body></message>`, `<message from='irc.localhost' type='chat'><body>passerelle 1.0-test</body></message>`)
}

// What the transport has written down is not spoken of; what it refuses comes back with the reason.
func TestPostsAreAnsweredWhereTheyFail(t *testing.T) {
	t.Parallel()
	w := newPostalWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	send := func(id string) {
		alice.send(`<message id='` + id + `' type='chat' to='bob\40example.com@irc.localhost'><body>hello</body></message>`)
	}
	send("m1")
	s := w.session()
	first := next[transports.Post](t, s)
	send("m2")
	second := next[transports.Post](t, s)
	s.emit(t, transports.Done{Ref: first.Ref})
	s.emit(t, transports.Done{Ref: second.Ref, Err: transports.NewError(transports.NoServer, "example.com takes no email.", nil)})
	alice.expect(`<message id='m2' type='error' from='bob\40example.com@irc.localhost'><error type='cancel'>` +
		`<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>example.com takes no email.</text></error></message>`)
	alice.alive()
}

// When the gateway stops, what was written down in the last moment is not called lost, and the rest is.
func TestPostsAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newPostalWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	for _, id := range []string{"m1", "m2"} {
		alice.send(`<message id='` + id + `' type='chat' to='bob\40example.com@irc.localhost'><body>hello</body></message>`)
	}
	s := w.session()
	first := next[transports.Post](t, s)
	next[transports.Post](t, s)
	s.onClose = func() { s.emit(t, transports.Done{Ref: first.Ref}) }
	w.stop()
	for {
		e := alice.receive()
		if e.Name.Local != "message" {
			continue
		}
		if e.Get("id") != "m2" || e.Get("type") != "error" {
			t.Fatalf("got %s", e)
		}
		return
	}
}

// A session lives only as long as something is sent.
func TestSessionsOfPostalTransportsEnd(t *testing.T) {
	t.Parallel()
	w := newPostalWorld(t, func(o *Options) { o.Timing.PostLinger = time.Millisecond }).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(`<message id='m1' type='chat' to='bob\40example.com@irc.localhost'><body>hello</body></message>`)
	s := w.session()
	r := next[transports.Post](t, s)
	alice.alive()
	if s.ctx.Err() != nil {
		t.Error("the session was closed while something was on its way")
	}
	s.emit(t, transports.Done{Ref: r.Ref})
	<-s.ctx.Done()
}
