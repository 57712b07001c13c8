package mailbridge

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/store"
	"passerelle/transports"
)

// FuzzRedirectedMail: whatever strangers call themselves and write, the header has our fields and no other, from and to whom we say, and the HTML has
// no tags but ours.
func FuzzRedirectedMail(f *testing.F) {
	f.Add("Juliet", "juliet", "Hi", "Hello\nworld", "id", "thread", "https://x/a.jpg", false)
	f.Add("x\r\nBcc: all@example.net", "a\x00b", "s\r\n\r\n<script>", "<script>alert(1)</script> https://x/\"onclick=x\r\n.\r\n", "<>@", "\r\n", "https://x/\r\nBcc: y", false)
	f.Add("=?utf-8?q?=0d=0aBcc:_x?=", "romeo\\40x", "=?", strings.Repeat("y", 2000)+"\xff\xfe", "", "", "javascript:alert(1)", true)
	f.Fuzz(func(t *testing.T, nick, local, subject, body, id, thread, url string, room bool) {
		tr := &Transport{opt: Options{Domain: "mail.example", Tokens: address.NewTokens([]byte("key")), Now: func() time.Time { return time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC) }}}
		tr.Reload(Rules{Redirect: &RedirectRules{LeaveURL: "https://gw.example/leave/"}})
		peer := transports.Address{Local: local, Domain: "jabber.example"}
		talk := store.RedirectTalk{Peer: peerOf(peer), MessageID: id, Refs: thread}
		c := transports.Copy{
			Peer: transports.Address{Local: local, Domain: "jabber.example", Resource: nick}, Room: room, ID: id, Nick: nick, Subject: subject, Body: body,
			Thread: thread, Files: []transports.Attachment{{URL: url}}, Spans: []transports.Span{{To: len(body), Look: transports.Look{Style: transports.StyleBold}}},
		}
		m := redirected{
			r: store.Redirect{UserID: store.UserID{JID: "romeo@xmpp.example"}}, prefs: preferences{Lang: "fr"}, talk: talk, lines: []store.RedirectLine{lineOf(&talk, &c)},
			from: address.Mailbox{Local: "redirect", Domain: "example.org"}, to: address.Mailbox{Local: "me", Domain: "example.net"},
		}
		out, err := tr.redirectedMail(&m, 7)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := compose.Message(&out)
		if err != nil {
			t.Fatal(err)
		}
		checkRedirected(t, raw)
	})
}

func checkRedirected(t *testing.T, raw []byte) {
	t.Helper()
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
	for name, values := range read.Header {
		if len(values) != 1 || !slices.Contains([]string{
			"Date", "From", "Reply-To", "To", "Subject", "Message-Id", "In-Reply-To", "References", "Auto-Submitted", "X-Loop", "List-Unsubscribe", "List-Unsubscribe-Post", "Mime-Version", "Content-Type",
		}, name) {
			t.Fatalf("%s is %q in\n%s", name, values, raw)
		}
	}
	for name, want := range map[string]string{"From": "redirect@example.org", "To": "me@example.net", "Reply-To": ""} {
		list, err := read.Header.AddressList(name)
		if err != nil || len(list) != 1 || want != "" && list[0].Address != want || want == "" && !strings.HasPrefix(list[0].Address, "r+") {
			t.Fatalf("%s is %v, %v in\n%s", name, list, err, raw)
		}
	}
	_, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(read.Body, params["boundary"])
	for i := range 3 {
		p, err := parts.NextRawPart()
		if i == 2 {
			if err != io.EOF {
				t.Fatalf("there is a third part, %v:\n%s", err, raw)
			}
			break
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, raw)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			checkTags(t, quotedprintable.NewReader(p))
		}
	}
}

// checkTags looks for tags that are not ours, and links that lead elsewhere than to the web.
func checkTags(t *testing.T, r io.Reader) {
	t.Helper()
	ours := []string{"html", "head", "meta", "body", "div", "br", "b", "i", "u", "s", "code", "span", "a", "blockquote"}
	for z := html.NewTokenizer(r); ; {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if !slices.Contains(ours, token.Data) {
				t.Fatalf("there is a tag %q", token.Data)
			}
			for _, a := range token.Attr {
				if a.Key == "href" && strings.HasPrefix(a.Val, "https://") || a.Key == "charset" || a.Key == "style" && token.Data == "span" {
					continue
				}
				t.Fatalf("there is an attribute %s=%q", a.Key, a.Val)
			}
		}
	}
}
