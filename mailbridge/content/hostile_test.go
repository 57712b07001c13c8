package content

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHostile reads mails of the largest size that are made to take time or memory. What takes more than its share makes the test run for
// minutes, which nobody overlooks.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads mails of 25 MiB")
	}
	t.Parallel()
	const size = 25<<20 - 2000
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	html := func(body string) string { return "From: a@example.org\nContent-Type: text/html\n\n" + body }
	plain := func(body string) string { return "From: a@example.org\nIn-Reply-To: <x@y>\n\n" + body }
	mixed := func(body string) string {
		return "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n" + body
	}
	for name, mail := range map[string]string{
		"less-than signs":       html(fill("<")),
		"tags without end":      html(fill("<a ")),
		"levels":                html(strings.Repeat("<div>", 200_000) + "x" + strings.Repeat("</div>", 200_000)),
		"levels of all":         html(fill("<div><b><table><tr><td><blockquote><ul><li>")),
		"ends":                  html("<b>" + strings.Repeat("<i>", 200) + fill("</b></p></td>")),
		"misnested":             html(fill("<b><i></b></i>")),
		"links":                 html(fill("<a href=https://a.example>a.example")),
		"links in links":        html(strings.Repeat("<a href=https://a.example>", 30) + fill("x</a><a href=https://b.example>")),
		"rows":                  html(fill("<tr><td>a<td>b")),
		"tables":                html(fill("<table><tr><td>a<td>")),
		"items":                 html(fill("<li>")),
		"breaks":                html(strings.Repeat("<blockquote>", 30) + fill("x<br>")),
		"style sheets":          html(fill("<style>@media{.a{display:none}</style>")),
		"comments":              html(fill("<!--")),
		"scripts":               html(fill("<script><!--<script>")),
		"attributes":            html("<p " + fill("style=display:none ") + ">"),
		"entities":              html(fill("&amp")),
		"pictures":              html(fill("<img alt=x>")),
		"pieces of signatures":  html(fill("<div class=moz-signature>x</div>y")),
		"pieces of quotes":      html(fill("<div class=gmail_quote>x</div>y")),
		"line ends":             plain(fill("\n")),
		"colons":                plain(fill("On 1 wrote:\n")),
		"quotes":                plain(fill("> x\ny\n")),
		"fields in the text":    plain(fill("From:\n")),
		"signatures":            plain(fill("-- \n")),
		"one line":              plain(fill("x")),
		"quote signs":           plain(fill(">")),
		"flowed":                "Content-Type: text/plain; format=flowed\n\n" + fill("> x \n"),
		"uuencode":              plain(fill("begin 644 a\n")),
		"armour":                plain(fill("-----BEGIN PGP MESSAGE-----\n")),
		"escapes":               plain(fill("\x1b$B!")),
		"UTF-7":                 "Content-Type: text/plain; charset=utf-7\n\n" + fill("+A"),
		"enriched":              "Content-Type: text/enriched\n\n" + fill("<param><"),
		"parts":                 mixed(fill("--b\n\n")),
		"parts with headers":    mixed(fill("--b\nA: b\n\n\n")),
		"almost boundaries":     mixed(fill("--b-")),
		"fields of a part":      mixed("--b\n" + fill("a:b\n") + "\n\n"),
		"status":                "Content-Type: multipart/report; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/delivery-status\n\n" + fill("Action: failed\n\n") + "\n--b--\n",
		"qmail":                 "Subject: x\n\nHi. This is the qmail-send program at x.\n\n" + fill("<a@b.example>:\nno\n\n"),
		"base64":                "Content-Transfer-Encoding: base64\n\n" + fill("="),
		"quoted-printable":      "Content-Transfer-Encoding: quoted-printable\n\n" + fill("=\n"),
		"quoted-printable ends": "Content-Transfer-Encoding: quoted-printable\n\n" + fill("= "),
	} {
		m, err := Read([]byte(mail), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkMessage(t, name, m)
		if limit := DefaultLimits.Text; len(m.Text) > limit || len(m.Quote) > limit || len(m.Signature) > limit {
			t.Errorf("%s: texts of %d, %d and %d bytes", name, len(m.Text), len(m.Quote), len(m.Signature))
		}
		if len(m.Files) > DefaultLimits.Parts+maxUU+2 || len(m.Odd) > maxOdd {
			t.Errorf("%s: %d files, %d oddities", name, len(m.Files), len(m.Odd))
		}
	}
}

func TestHostileFields(t *testing.T) {
	t.Parallel()
	const size = 250 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, value := range map[string]string{
		"words": fill("=?utf-8?Q?=C3?= "), "words without end": fill("=?"), "question marks": fill("=?utf-8?Q?"), "commas": fill(","), "brackets": fill("<"),
		"addresses": fill("a@b.example,"), "quotes": fill(`"`), "backslashes": `"` + fill(`\`), "comments": fill("("), "semicolons": fill(";"), "groups": fill("a:"), "ids": fill("<a@b> "),
		"commas and names": fill("a, "), "parameters": fill(";a*1*=b"), "spaces": "a" + fill(" ") + "b",
	} {
		for _, field := range []string{"From", "Subject", "References", "Content-Type", "Content-Disposition", "Date", "List-Id", "List-Unsubscribe"} {
			m, err := Read([]byte(field+": "+value+"\n\nx\n"), Limits{})
			if err != nil {
				t.Errorf("%s of %s: %v", field, name, err)
				continue
			}
			checkMessage(t, field+" of "+name, m)
			if len(m.From) > maxPeople || len(m.References) > maxReferences || len(m.Subject) > maxSubject {
				t.Errorf("%s of %s: %d people, %d ids, a subject of %d bytes", field, name, len(m.From), len(m.References), len(m.Subject))
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		mail string
		want error
	}{
		{"size", "Subject: x\n\n" + strings.Repeat("x", 1000), ErrSize},
		{"header", "Subject: " + strings.Repeat("x", 500) + "\n\nx", ErrHeader},
		{"header without end", strings.Repeat("x: y\n ", 100), ErrHeader},
		{"fields", strings.Repeat("x: y\n", 11) + "\nx", ErrFields},
		{"none", strings.Repeat("x: y\n", 10) + "\nx", nil},
	} {
		if _, err := Read([]byte(tt.mail), Limits{Size: 900, Header: 400, Fields: 10}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestLongText wants all of a long text: its beginning to be read, and the rest as a file.
func TestLongText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("From: bob@example.org\nContent-Type: text/plain; charset=iso-8859-1\n\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "line %d with an \xe9\n", i)
	}
	m, err := Read(b.Bytes(), Limits{Text: 1000})
	if err != nil {
		t.Fatal(err)
	}
	checkMessage(t, "the mail", m)
	if !m.Truncated || len(m.Text) > 1000 || len(m.Text) < 900 || !strings.HasPrefix(m.Text, "line 0 with an é\n") {
		t.Errorf("truncated: %v, %d bytes: %q", m.Truncated, len(m.Text), m.Text)
	}
	if len(m.Files) != 1 || m.Files[0].Name != "message.txt" || m.Files[0].Charset != "iso-8859-1" || !bytes.Contains(m.Files[0].Data, []byte("line 999")) {
		t.Errorf("got the files %+v, want all of it as message.txt", m.Files)
	}
}

func TestDepthAndParts(t *testing.T) {
	t.Parallel()
	nest := func(levels int) string {
		var b strings.Builder
		for i := range levels {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		}
		b.WriteString("Content-Type: text/plain\n\nfound\n")
		for i := levels - 1; i >= 0; i-- {
			fmt.Fprintf(&b, "--b%d--\n", i)
		}
		return b.String()
	}
	m, err := Read([]byte(nest(16)), Limits{})
	if err != nil || m.Text != "found" || len(m.Odd) != 1 { // OddFrom
		t.Errorf("16 levels: %v, %+v", err, m)
	}
	m, err = Read([]byte(nest(17)), Limits{})
	if err != nil || m.Text != "" || len(m.Files) != 1 || !bytes.Contains(m.Files[0].Data, []byte("found")) {
		t.Errorf("17 levels: %v, %+v, want what is deeper as a file", err, m)
	}
	many := "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Disposition: attachment\n\nx\n", 300) + "--b--\n"
	if m, err = Read([]byte(many), Limits{}); err != nil || len(m.Odd) != 1 || m.Odd[0].Kind != OddParts {
		t.Errorf("300 parts: %v, %+v", err, m.Odd)
	}
}

// TestPictures wants small pictures of a text to be left out, as decoration, and large ones to come along.
func TestPictures(t *testing.T) {
	t.Parallel()
	picture := func(n int, disposition string) string {
		return "--b\nContent-Type: image/png; name=p.png\nContent-ID: <p>\nContent-Disposition: " + disposition + "\n\n\x89PNG\r\n\x1a\n" + strings.Repeat("x", n) + "\n"
	}
	for _, tt := range []struct {
		size        int
		disposition string
		want        int
		inline      bool
	}{{100, "inline", 0, false}, {5000, "inline", 1, true}, {100, "attachment", 1, false}, {5000, "attachment", 1, false}} {
		mail := "From: a@example.org\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>x</p><img src=cid:p>\n" + picture(tt.size, tt.disposition) + "--b--\n"
		m, err := Read([]byte(mail), Limits{})
		if err != nil || len(m.Files) != tt.want || tt.want == 1 && (m.Files[0].Inline != tt.inline || m.Files[0].ID != "p") {
			t.Errorf("%d bytes, %s: %v, files %+v, want %d", tt.size, tt.disposition, err, m.Files, tt.want)
		}
	}
}

func TestDecodeIsValid(t *testing.T) {
	t.Parallel()
	all := make([]byte, 0, 512)
	for i := range 256 {
		all = append(all, byte(i), byte(255-i))
	}
	for _, cs := range []string{
		"", "utf-8", "utf-7", "utf-16", "iso-2022-jp", "shift_jis", "euc-jp", "gb18030", "hz-gb-2312", "big5", "euc-kr", "iso-2022-kr", "koi8-r", "windows-1252", "ibm437", "macintosh", "replacement", "x-user-defined", "x",
	} {
		text, _ := decode(cs, all)
		if !utf8.ValidString(text) {
			t.Errorf("%s gives invalid UTF-8: %q", cs, text)
		}
	}
}

func benchmarkRead(b *testing.B, mail string) {
	raw := []byte(mail)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(raw, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

const benchmarkHeader = "Received: from a.example.org (a.example.org [192.0.2.1]) by mx.example.com with ESMTPS id 1; Mon, 2 Mar 2026 10:00:00 +0000\n" +
	"Received: by a.example.org; Mon, 2 Mar 2026 10:00:00 +0000\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=1; h=from:to; bh=x; b=y\n" +
	"From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.org>\nTo: Romeo <romeo@example.com>, juliet@example.net\nSubject: =?utf-8?Q?Re:_Gr=C3=BC=C3=9Fe?=\n" +
	"Message-ID: <1@example.org>\nIn-Reply-To: <2@example.com>\nReferences: <3@example.com> <2@example.com>\nDate: Mon, 2 Mar 2026 10:00:00 +0100\nMIME-Version: 1.0\n"

func BenchmarkPlain4KiB(b *testing.B) {
	benchmarkRead(b, benchmarkHeader+"Content-Type: text/plain; charset=utf-8\n\n"+strings.Repeat("A line of text that is about as long as such lines are, sixty-nine.\n", 40)+
		"\nOn Mon, 2 Mar 2026 at 10:00, Romeo <romeo@example.com> wrote:\n"+strings.Repeat("> quoted words\n", 20))
}

func BenchmarkNewsletter100KiB(b *testing.B) {
	article := `<tr><td style="padding:10px"><table role="presentation" width="600"><tr><td><a href="https://news.example.org/click/0123456789abcdef0123456789abcdef"><img src="https://news.example.org/a.jpg" alt="A picture" width="280"></a></td>` +
		`<td style="font-family:Arial;font-size:14px;line-height:20px;color:#333333"><h2 style="margin:0">Title of an article</h2><p style="margin:0 0 16px">Words of the article, <b>some</b> of which are bold, and more of them &amp; so on.&nbsp;</p>` +
		`<a href="https://news.example.org/click/fedcba9876543210fedcba9876543210">Read more</a></td></tr></table></td></tr>` + "\n"
	benchmarkRead(b, benchmarkHeader+"Content-Type: text/html; charset=utf-8\n\n<html><head><style>"+strings.Repeat(".a{color:red}", 500)+"</style></head><body><table>"+strings.Repeat(article, 145)+"</table></body></html>\n")
}

func BenchmarkAttachment1MiB(b *testing.B) {
	benchmarkRead(b, benchmarkHeader+"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: image/jpeg; name=a.jpg\nContent-Transfer-Encoding: base64\n\n"+
		strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\n", 1<<20/77)+"--b--\n")
}

// Who asks for an outline learns of large files, and none of them is decoded; small ones are as they are.
func TestOutline(t *testing.T) {
	t.Parallel()
	encoded := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 2*maxOutlined/78)
	raw := []byte("From: a@x.test\r\nSubject: two files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n" +
		"--b\r\nContent-Type: application/pdf; name=large.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded +
		"--b\r\nContent-Type: application/pdf; name=small.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\n")
	for _, outline := range []bool{false, true} {
		m, err := Read(raw, Limits{Outline: outline})
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Files) != 2 || m.Files[0].Name != "large.pdf" || m.Files[1].Name != "small.pdf" || m.Text != "hello" {
			t.Fatalf("outline %v: %d files, %q", outline, len(m.Files), m.Text)
		}
		if got := bytes.HasPrefix(m.Files[0].Data, []byte("ABC")); got == outline {
			t.Errorf("outline %v: the large file is decoded: %v", outline, got)
		}
		if outline && &m.Files[0].Data[0] != &raw[bytes.Index(raw, []byte("QUJD"))] {
			t.Error("the large file is a copy")
		}
		if string(m.Files[1].Data) != "ABC" {
			t.Errorf("outline %v: the small file is %q", outline, m.Files[1].Data)
		}
	}
}
