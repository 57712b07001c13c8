package redirect

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passerelle/transports"
)

func said(lines ...Line) *Mail {
	return &Mail{Lang: "en", User: "romeo@xmpp.example", Peer: "juliet@jabber.example", Name: "Juliet", Lines: lines}
}

func line(body string, change ...func(*Line)) Line {
	l := Line{At: time.Date(2026, 11, 26, 10, 42, 0, 0, time.UTC), Copy: transports.Copy{Body: body}}
	for _, c := range change {
		c(&l)
	}
	return l
}

// body is a mail without its first and its last lines, which are the same always.
func body(m *Mail) string {
	s, _ := m.Text()
	s, _, _ = strings.Cut(s, "\n\n-- \n")
	_, s, _ = strings.Cut(s, "\n\n")
	return s
}

func TestMailReads(t *testing.T) {
	t.Parallel()
	const indent = "\u00a0\u00a0\u00a0\u00a0"
	encrypted := func(l *Line) { l.Encrypted = "OMEMO" }
	next := func(l *Line) { l.At = l.At.Add(24 * time.Hour) }
	for name, c := range map[string]struct {
		m    *Mail
		want string
	}{
		"lines":             {said(line("Hello"), line("there")), "2026-11-26\n10:42 Hello\n10:42 there"},
		"several lines":     {said(line("one\ntwo\n\nthree")), "2026-11-26\n10:42 one\n" + indent + "two\n" + indent + "\n" + indent + "three"},
		"days":              {said(line("one"), line("two", next)), "2026-11-26\n10:42 one\n\n2026-11-27\n10:42 two"},
		"a room":            {said(line("Hello", func(l *Line) { l.Author = "Bo\nb" })), "2026-11-26\n10:42 Bo b: Hello"},
		"encrypted":         {said(line("", encrypted), line("", encrypted), line("clear")), "2026-11-26\n10:42 2 encrypted messages (OMEMO). You find them in your XMPP client.\n10:42 clear"},
		"an encrypted one":  {said(line("", encrypted)), "2026-11-26\n10:42 An encrypted message (OMEMO). You find it in your XMPP client."},
		"a late correction": {said(line("Hello", func(l *Line) { l.Late = true })), "2026-11-26\n10:42 Correction: Hello"},
		"a subject":         {said(line("Hello", func(l *Line) { l.Subject = "Hi" })), "2026-11-26\n10:42 Hi\n" + indent + "Hello"},
		"a file": {
			said(line("https://x/a.jpg", func(l *Line) { l.Files = []transports.Attachment{{URL: "https://x/a.jpg"}, {URL: "https://x/b c"}} })),
			"2026-11-26\n10:42 https://x/a.jpg\n" + indent + "https://x/b c",
		},
		"nothing but a push": {said(line("", func(l *Line) { l.Partial = true })), "2026-11-26\n10:42 A message that this gateway could not read. You find it in your XMPP client."},
		"more":               {&Mail{Lang: "en", Lines: []Line{line("Hello")}, More: 7}, "2026-11-26\n10:42 Hello\n\n… and 7 more. You find them in your XMPP client."},
	} {
		if got := body(c.m); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestMailHasBounds(t *testing.T) {
	t.Parallel()
	var many []Line
	for range MaxLines + 5 {
		many = append(many, line("Hello"))
	}
	if got := body(said(many...)); strings.Count(got, "Hello") != MaxLines || !strings.Contains(got, "… and 5 more.") {
		t.Errorf("it has %d lines", strings.Count(got, "Hello"))
	}
	many = many[:0]
	for range MaxLines {
		many = append(many, line(strings.Repeat("x", MaxBody)))
	}
	if got := body(said(many...)); len(got) > maxText+2*MaxBody || !strings.Contains(got, "more. You find them") {
		t.Errorf("it has %d bytes", len(got))
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ nick, local, want string }{
		{"Juliet", "juliet", "Juliet"},
		{"", "juliet", "juliet"},
		{"", `d\27artagnan`, "d'artagnan"},
		{"ceo@bank.example", "eve", "eve"},
		{"https://evil.example", "eve", "eve"},
		{"Jul\r\nBcc: all", "eve", "Jul Bcc: all"},
		{"\u202eteiluJ", "eve", "teiluJ"},
		{" \u200b ", "eve", "eve"},
		{strings.Repeat("é", 200), "eve", strings.Repeat("é", 50) + "…"},
	} {
		if got := Name(c.nick, c.local); got != c.want {
			t.Errorf("%q, %q: got %q, want %q", c.nick, c.local, got, c.want)
		}
	}
}

// FuzzMail: whatever strangers write, each message stands on lines of its own and nothing looks like the end of the mail, its author or its foot.
func FuzzMail(f *testing.F) {
	f.Add("Hello\n-- \nfoot\r\n10:42 Bob: no", "Bob", "OMEMO", "Hi\nthere", "https://x/\r\nBcc: y")
	f.Add("\xff\x00\u202e> q\n>> r", "a@b", "", "", "")
	f.Fuzz(func(t *testing.T, text, author, encrypted, subject, url string) {
		l := line(text, func(l *Line) {
			l.Author, l.Encrypted, l.Subject, l.Files = author, encrypted, subject, []transports.Attachment{{URL: url}}
			l.Spans = []transports.Span{{From: 0, To: min(1, len(text)), Look: transports.Look{Style: transports.StyleBold}}}
		})
		m := said(l, l)
		m.Name, m.Room = Name(author, "juliet"), author != ""
		if s := m.Subject(); strings.ContainsAny(s, "\r\n") {
			t.Fatalf("the subject is %q", s)
		}
		s, spans := m.Text()
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\x00\u202e") {
			t.Fatalf("got %q", s)
		}
		for _, span := range spans {
			if span.From < 0 || span.To > len(s) || span.From >= span.To {
				t.Fatalf("the span %+v is not of %d bytes", span, len(s))
			}
		}
		if strings.Count("\n"+s, "\n-- \n") != 1 {
			t.Fatalf("it does not end once:\n%s", s)
		}
		lines := strings.Split(body(m), "\n")
		for _, l := range lines[1:] {
			if !strings.HasPrefix(l, "10:42") && !strings.HasPrefix(l, further) {
				t.Fatalf("nobody has said %q in:\n%s", l, s)
			}
		}
	})
}
