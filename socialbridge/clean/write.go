package clean

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// Mention is a name in what a user writes, such as "@bob@social.example" or "!club@social.example".
type Mention struct {
	Start, End int    // in the text
	Acct       string // as he wrote it, without the sign, in lower case
	Group      bool
}

// maxNames bounds the names and tags that are looked for in one text.
const maxNames = 50

// Names in text. They end where a word does, so that an email address is none.
var (
	mentionPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|[\s("'>,;:])([@!])([0-9a-z_][0-9a-z_.-]{0,63})@([0-9\pL][0-9\pL.-]*(?:\.|:)[0-9\pL]+(?::[0-9]{1,5})?)`)
	})
	tagPattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[\s("'>,;:])#([\pL\pN_][\pL\pN_-]{0,63})`) })
	linkPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(?:https?|xmpp):[^\s<>"]+`) })
)

// Mentions are the names in a text.
func Mentions(text string) []Mention {
	var all []Mention
	for _, m := range mentionPattern().FindAllStringSubmatchIndex(text, maxNames) {
		all = append(all, Mention{Start: m[4], End: m[9], Acct: strings.ToLower(text[m[6]:m[7]] + "@" + text[m[8]:m[9]]), Group: text[m[4]] == '!'})
	}
	return all
}

// Tags are the hashtags in a text, in lower case and each once.
func Tags(text string) []string {
	var all []string
	seen := make(map[string]bool)
	for _, m := range tagPattern().FindAllStringSubmatch(text, maxNames) {
		if tag := strings.ToLower(m[2]); !seen[tag] && strings.Trim(tag, "0123456789") != "" {
			seen[tag] = true
			all = append(all, tag)
		}
	}
	return all
}

// Anchor is where a name leads.
type Anchor struct {
	Mention
	URL string
}

// Write makes markup of a user's text: paragraphs, links, and the names that are in anchors, which are in the order of the text.
func Write(text string, anchors []Anchor) string {
	var b strings.Builder
	at := 0
	b.WriteString("<p>")
	for _, a := range anchors {
		if a.Start < at || a.End > len(text) || a.Start >= a.End {
			continue
		}
		writePlain(&b, text[at:a.Start])
		class := "h-card u-url mention"
		if a.Group {
			class = "h-card u-url group"
		}
		b.WriteString(text[a.Start:a.Start+1] + `<a href="` + escape(a.URL) + `" class="` + class + `">` + escape(text[a.Start+1:a.End]) + `</a>`)
		at = a.End
	}
	writePlain(&b, text[at:])
	b.WriteString("</p>")
	return strings.ReplaceAll(b.String(), "<p></p>", "")
}

// writePlain writes text without names: lines and links.
func writePlain(b *strings.Builder, text string) {
	at := 0
	for _, m := range linkPattern().FindAllStringIndex(text, maxNames) {
		end := m[0] + len(strings.TrimRight(text[m[0]:m[1]], ".,;:!?)'"))
		writeLines(b, text[at:m[0]])
		b.WriteString(`<a href="` + escape(text[m[0]:end]) + `">` + escape(text[m[0]:end]) + `</a>`)
		at = end
	}
	writeLines(b, text[at:])
}

func writeLines(b *strings.Builder, text string) {
	text = escape(text)
	text = strings.ReplaceAll(text, "\n\n", "</p><p>")
	b.WriteString(strings.ReplaceAll(text, "\n", "<br/>"))
}

// Title is what a text is called where it has no title: its beginning, on one line.
func Title(text string, n int) string {
	line := Line(text, 4*n)
	if utf8.RuneCountInString(line) <= n {
		return line
	}
	runes := []rune(line)[:n-1]
	return strings.TrimSpace(string(runes)) + "…"
}
