package content

import (
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/mailbridge/content/contenttest"
)

func FuzzRead(f *testing.F) {
	for _, mail := range contenttest.Corpus(f, corpus) {
		f.Add(mail.Raw)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, limits := range []Limits{{}, {Depth: 2, Parts: 3, Text: 100, Header: 500, Fields: 10}} {
			if page, ok := HTML(raw, limits); ok && !utf8.Valid(page) {
				t.Errorf("the page is %q", page)
			}
			if m, err := Read(raw, limits); err == nil {
				checkMessage(t, "the mail", m)
				if over := limits.orDefault().Text; len(m.Text) > over || len(m.Quote) > over+2 {
					t.Errorf("a text of %d and a quote of %d bytes, where %d are allowed", len(m.Text), len(m.Quote), over)
				}
			}
		}
	})
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<p>Hello <b>bold <i>both</b> italic</i>", "<table><tr><td>a<td>b<tr><th>c</table>", "<ol start=3><li>x<li><p>y</ol>", "<blockquote><blockquote>q</blockquote>x",
		"<a href='https://example.org/?a=1&amp;b=2'>example.org</a>", "<pre>a\n  b</pre>", "<style>.a,#b{display:none}</style><div class=a>x</div><p id=b>y", "<div class=gmail_quote>q</div>",
		"<img alt='x' width=1><img alt=y src=z>", "<svg><title>x</svg>y", "&nbsp;&zwnj;&#8203;&#0;&#x1f600;", strings.Repeat("<div>", 300) + "x", "<td>a<td>b", "</p></br><q>x</q>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := reader{limits: Limits{}.orDefault(), m: &Message{}}
		doc := r.renderHTML([]byte(s))
		r.takeApart(doc)
		checkMessage(t, "the page", r.m)
	})
}

func FuzzFlowed(f *testing.F) {
	f.Add("a \nb\n> c \n> d\n-- \nsig \nmore", false)
	f.Add(">> a \n> b \nc\n from\n", true)
	f.Fuzz(func(t *testing.T, s string, delsp bool) {
		s = clean(strings.ToValidUTF8(s, "?"))
		got := unflow(s, delsp)
		strip := func(s string) string { return strings.NewReplacer(">", "", " ", "", "\n", "").Replace(s) }
		if strip(got) != strip(s) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add([]byte("Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; bob@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no\n"))
	f.Add([]byte("Hi. This is the qmail-send program at mx.example.org.\n\n<bob@example.org>:\nNo. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nMessage-ID: <x@y>\n"))
	f.Add([]byte("Reporting-UA: x\nFinal-Recipient: utf-8; j\\x{FC}rgen@example.org\nOriginal-Message-ID: <x@y>\nDisposition: manual-action/MDN-sent-manually; displayed\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range []string{"message/delivery-status", "message/disposition-notification", "text/plain"} {
			r := reader{limits: Limits{}.orDefault(), m: &Message{}}
			p := &part{typ: typ, body: data}
			switch typ {
			case "message/delivery-status":
				r.m.Report = r.readDelivery(p)
			case "message/disposition-notification":
				r.m.Report = r.readDisposition(p)
			default:
				r.m.Report = r.readTextReport(p)
			}
			checkMessage(t, typ, r.m)
		}
	})
}

func FuzzFields(f *testing.F) {
	for _, s := range []string{
		`"Example, Bob" <bob@example.org>, group: a@b.example, c@d.example;, =?utf-8?Q?J=C3=BCrgen?= <j@example.org>`, "bob@example.org (Bob (B.) Example)", "<@a.example:bob@example.org>",
		`text/plain; charset="utf-8"; name*0*=utf-8''%e2%82%ac; name*1=x.txt`, "Mon, 2 Mar 2026 10:00:00 +0100 (CET)", "<a@b> <c@d>", "=?utf-8?B?w6k=?= =?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := &Message{From: readPeople(s), Subject: cut(decodeWords(s), maxSubject), References: readIDs(s, maxReferences), Date: readDate(s)}
		_, ps := readParams(s)
		if name := safeName(ps["name"]); name != "" {
			m.Files = []Part{{Name: name, Type: octets}}
		}
		checkMessage(t, "the field", m)
	})
}
