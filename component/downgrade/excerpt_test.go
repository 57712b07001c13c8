package downgrade

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	const link = "https://files.example/x/message.txt"
	for _, test := range []struct {
		body string
		room int
		want string
	}{
		{"one\ntwo\n\nthree\n", 400, "one (3 lines: " + link + ")"},
		{"\n\n  one  \r\ntwo", 400, "one (2 lines: " + link + ")"},
		{"```go\nfunc main() {\n}\n```", 400, "func main() { (4 lines: " + link + ")"},
		{"```\n```", 400, "(2 lines: " + link + ")"},
		{strings.Repeat("word ", 200), 100, strings.TrimSuffix(strings.Repeat("word ", 11), " ") + "… (" + link + ")"},
		{strings.Repeat("é", 200) + "\nx", 10, strings.Repeat("é", 20) + "… (2 lines: " + link + ")"},
		{"", 400, "(" + link + ")"},
	} {
		if got := Excerpt(test.body, link, test.room); got != test.want {
			t.Errorf("Excerpt(%.20q, %d)\ngot  %s\nwant %s", test.body, test.room, got, test.want)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("one\ntwo", "https://a.b/c", 400)
	f.Add(strings.Repeat("é", 300), "https://a.b/c", 0)
	f.Fuzz(func(t *testing.T, body, link string, room int) {
		if !utf8.ValidString(body) || !utf8.ValidString(link) || strings.ContainsAny(link, "\r\n") {
			return
		}
		got := Excerpt(body, link, room)
		if !utf8.ValidString(got) || !strings.Contains(got, strings.TrimRight(link, " ")) || strings.ContainsRune(got, '\n') {
			t.Errorf("Excerpt(%q, %q, %d) = %q", body, link, room, got)
		}
	})
}
