package compose

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passerelle/mailbridge/address"
	"passerelle/transports"
)

var day = time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)

func box(t testing.TB, s string) address.Mailbox {
	t.Helper()
	m, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func simple(t testing.TB) *Outgoing {
	return &Outgoing{
		From: Person{"Roméo", box(t, "romeo@example.org")}, To: []Person{{"", box(t, "juliet@example.com")}},
		Subject: "Hello", Date: day, MessageID: "abc@example.org", Text: "Hi there",
	}
}

// part is a leaf of a mail as somebody else's library reads it.
type part struct{ kind, name, disposition, text string }

func read(t testing.TB, raw []byte) (mail.Header, []part) {
	t.Helper()
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
			t.Errorf("the line %q is none of a mail", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	var parts []part
	var walk func(h func(string) string, body io.Reader)
	walk = func(h func(string) string, body io.Reader) {
		kind, params, err := mime.ParseMediaType(h("Content-Type"))
		if err != nil {
			t.Fatalf("%q: %v", h("Content-Type"), err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			r := multipart.NewReader(body, params["boundary"])
			for {
				p, err := r.NextRawPart()
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatalf("%v in\n%s", err, raw)
				}
				walk(p.Header.Get, p)
			}
		}
		switch h("Content-Transfer-Encoding") {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		disposition, dparams, _ := mime.ParseMediaType(h("Content-Disposition"))
		parts = append(parts, part{kind, dparams["filename"], disposition, string(text)})
	}
	walk(m.Header.Get, m.Body)
	return m.Header, parts
}

func compose(t testing.TB, out *Outgoing) (mail.Header, []part) {
	t.Helper()
	raw, err := Message(out)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Message(out)
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("it is not the same the second time: %v", err)
	}
	return read(t, raw)
}

func TestHeader(t *testing.T) {
	t.Parallel()
	out := simple(t)
	out.Cc = []Person{{`Boss, "the"`, box(t, `"odd one"@example.net`)}, {"", box(t, "λ@example.gr")}}
	out.Subject = strings.Repeat("Grüße ", 30)
	out.InReplyTo, out.References = "r@x", []string{"first@x", "broken id>", "r@x"}
	out.Extra = []Header{{"X-Originating-JID", "romeo@xmpp.example"}}
	h, parts := compose(t, out)
	for name, want := range map[string]string{
		"Date": "Thu, 26 Nov 2026 09:30:00 +0000", "From": "=?utf-8?b?Um9tw6lv?= <romeo@example.org>", "To": "juliet@example.com",
		"Cc":         `"Boss, \"the\"" <"odd one"@example.net>, λ@example.gr`,
		"Message-Id": "<abc@example.org>", "In-Reply-To": "<r@x>", "References": "<first@x> <r@x>", "X-Originating-Jid": "romeo@xmpp.example",
		"Mime-Version": "1.0", "Auto-Submitted": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if want := strings.TrimSpace(out.Subject); err != nil || subject != want {
		t.Errorf("the subject came back as %q, %v", subject, err)
	}
	if len(parts) != 1 || parts[0].text != "Hi there\r\n" {
		t.Errorf("the parts are %+v", parts)
	}
}

func TestLongThread(t *testing.T) {
	t.Parallel()
	out := simple(t)
	for i := range 100 {
		out.References = append(out.References, strings.Repeat("x", i+1)+"@x")
	}
	h, _ := compose(t, out)
	if got := strings.Fields(h.Get("References")); len(got) != maxReferences || got[0] != "<x@x>" || len(got[19]) != len("<@x>")+100 {
		t.Errorf("the references are %q", got)
	}
}

func TestFilesAndHTML(t *testing.T) {
	t.Parallel()
	out := simple(t)
	out.HTML, out.Text = true, "See <this> now\n> quoted\nhttps://example.org/a?b=c&d."
	out.Spans = []transports.Span{{From: 4, To: 10, Look: transports.Look{Style: transports.StyleBold | transports.StyleItalic}}}
	data := bytes.Repeat([]byte{0, 255, 13, 10}, 100)
	out.Files = []File{
		{"../../été.png", "image/png", data},
		{"", "text/plain; charset=utf-8", []byte("x")},
		{strings.Repeat("é", 300) + ".tar.gz", "message/rfc822\r\nX: y", nil},
	}
	_, parts := compose(t, out)
	if len(parts) != 5 {
		t.Fatalf("there are %d parts: %+v", len(parts), parts)
	}
	wantHTML := "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"></head><body>\r\n<div>See <b><i>&lt;this&gt;</i></b> now</div>\r\n" +
		"<blockquote>\r\n<div>quoted</div>\r\n</blockquote>\r\n<div><a href=\"https://example.org/a?b=c&amp;d\">https://example.org/a?b=c&amp;d</a>.</div>\r\n</body></html>"
	want := []part{
		{"text/plain", "", "", "See *_<this>_* now\r\n> quoted\r\nhttps://example.org/a?b=c&d."},
		{"text/html", "", "", wantHTML},
		{"image/png", "été.png", "attachment", string(data)},
		{"text/plain", "file", "attachment", "x"},
	}
	for i := range want {
		if parts[i] != want[i] {
			t.Errorf("part %d: got %q, want %q", i, parts[i], want[i])
		}
	}
	if p := parts[4]; p.kind != "application/octet-stream" || !strings.HasSuffix(p.name, "é.gz") || len(p.name) > maxFileName {
		t.Errorf("the last file is %+v", p)
	}
}

func TestReaction(t *testing.T) {
	t.Parallel()
	out := simple(t)
	out.Reaction, out.Text, out.InReplyTo = true, "👍", "x@y"
	if _, parts := compose(t, out); len(parts) != 1 || parts[0] != (part{"text/plain", "", "reaction", "👍\r\n"}) {
		t.Errorf("got %+v", parts)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	out := simple(t)
	out.Auto, out.Text = "auto-replied", "It did not arrive."
	out.Report = &Report{MTA: "mx.example.org", Arrived: day, Original: []byte("Subject: x\r\n"), Failed: []Failed{
		{box(t, "nobody@example.org"), "failed", "5.1.1", "There is nobody\r\nof that name."},
	}}
	h, parts := compose(t, out)
	if len(parts) != 3 || parts[1].kind != "message/delivery-status" || h.Get("Auto-Submitted") != "auto-replied" {
		t.Fatalf("got %+v", parts)
	}
	want := "Reporting-MTA: dns; mx.example.org\r\nArrival-Date: Thu, 26 Nov 2026 09:30:00 +0000\r\n\r\nFinal-Recipient: rfc822; nobody@example.org\r\n" +
		"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: X-XMPP; There is nobody of that name.\r\n"
	if parts[1].text+"\r\n" != want { // RFC 2046 §5.1.1: the end of the last line is the boundary's
		t.Errorf("got %q, want %q", parts[1].text, want)
	}
}

func TestFlowed(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "",
		"a\nb":                              "a\r\nb\r\n",
		"a  \n\n b":                         "a\r\n\r\n  b\r\n",
		"From here":                         " From here\r\n",
		">_<":                               " >_<\r\n",
		"> so\n>> deeper\n> > x":            "> so\r\n>> deeper\r\n>> x\r\n",
		"x\n-- \nme":                        "x\r\n-- \r\nme\r\n",
		strings.Repeat("word ", 20) + "end": strings.Repeat("word ", 14) + "\r\n" + strings.Repeat("word ", 6) + "end\r\n",
		"> " + strings.Repeat("word ", 20):  "> " + strings.Repeat("word ", 14) + "\r\n> " + strings.TrimSpace(strings.Repeat("word ", 6)) + "\r\n",
		strings.Repeat("x", 100) + " y":     strings.Repeat("x", 100) + " \r\ny\r\n",
		"a\x00\x1bb\u009bc\xff":             "abc\ufffd\r\n",
	} {
		if got := flow(in); got != want {
			t.Errorf("%q\ngot  %q\nwant %q", in, got, want)
		}
	}
}

// unflow reads flowed text, as RFC 3676 §4 says and a client does.
func unflow(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\r\n"), "\r\n") {
		line = strings.TrimPrefix(line, " ")
		b.WriteString(line)
		if !strings.HasSuffix(line, " ") || line == "-- " {
			b.WriteString("\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// FuzzMessage: whatever people and strangers write, it is a mail that others read, and nothing of it becomes a line of the header.
func FuzzMessage(f *testing.F) {
	f.Add("Hi", "Romeo", "text", "file.txt", "a@b")
	f.Add("a\r\nBcc: x@y", "\"\\<>\u202e", "From x\n>> y\n.\n", "a/\x00\"b;c", "x>\r\n y")
	f.Add("=?utf-8?q?x?=", strings.Repeat("é", 500), strings.Repeat("long ", 100), strings.Repeat("n", 400), "\xff")
	f.Add("0", "\"[bY\u014f{[", "x", "y", "z")
	f.Fuzz(func(t *testing.T, subject, name, text, file, ref string) {
		out := simple(t)
		out.Subject, out.From.Name, out.Text, out.HTML, out.InReplyTo, out.References = subject, name, text, true, ref, []string{ref}
		out.Files = []File{{file, subject, []byte(text)}}
		h, parts := compose(t, out)
		for name := range h {
			if !strings.Contains(" Date From To Subject Message-Id In-Reply-To References Mime-Version Content-Type ", " "+name+" ") {
				t.Errorf("somebody made the line %s", name)
			}
		}
		if who, err := h.AddressList("From"); err != nil || len(who) != 1 || who[0].Address != "romeo@example.org" {
			t.Errorf("From is read as %v, %v", who, err)
		}
		if len(parts) != 3 || parts[2].text != text || !utf8.ValidString(parts[0].text) {
			t.Errorf("the parts are %q", parts)
		}
		if line := plain(text); !strings.ContainsAny(text, "\n\r>") && line != "-- " {
			if got := unflow(parts[0].text); got != strings.TrimRight(line, " ") {
				t.Errorf("the text %q came back as %q", line, got)
			}
		}
	})
}
