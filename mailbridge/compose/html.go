package compose

import (
	"fmt"
	stdhtml "html"
	"strings"

	"passerelle/transports"
)

// tags are how styles are said in HTML, from the outer to the inner.
var tags = [...]struct {
	style transports.Style
	tag   string
}{
	{transports.StyleBold, "b"},
	{transports.StyleItalic, "i"},
	{transports.StyleUnderline, "u"},
	{transports.StyleStrike, "s"},
	{transports.StyleMono, "code"},
}

// html says a text in HTML, with what looks otherwise and with quotes. It loads nothing and has no scripts.
func html(text string, spans []transports.Span) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"></head><body>\r\n")
	depth, at := 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		said := strings.TrimRight(line, "\r\n")
		quotes, rest := quoteDepth(said)
		for ; depth < quotes; depth++ {
			b.WriteString("<blockquote>\r\n")
		}
		for ; depth > quotes; depth-- {
			b.WriteString("</blockquote>\r\n")
		}
		from := at + len(said) - len(rest)
		b.WriteString("<div>")
		if rest == "" {
			b.WriteString("<br>")
		}
		htmlLine(&b, rest, transports.CutSpans(spans, from, from+len(rest), 0))
		b.WriteString("</div>\r\n")
		at += len(line)
	}
	for ; depth > 0; depth-- {
		b.WriteString("</blockquote>\r\n")
	}
	b.WriteString("</body></html>\r\n")
	return b.String()
}

func htmlLine(b *strings.Builder, line string, spans []transports.Span) {
	at := 0
	for _, s := range spans {
		htmlText(b, line[at:s.From])
		for _, t := range tags {
			if s.Look.Style.Has(t.style) {
				b.WriteString("<" + t.tag + ">")
			}
		}
		colour := s.Look.Fore != 0
		if colour {
			fmt.Fprintf(b, `<span style="color:#%06x">`, s.Look.Fore.RGB())
		}
		htmlText(b, line[s.From:s.To])
		if colour {
			b.WriteString("</span>")
		}
		for i := len(tags) - 1; i >= 0; i-- {
			if s.Look.Style.Has(tags[i].style) {
				b.WriteString("</" + tags[i].tag + ">")
			}
		}
		at = s.To
	}
	htmlText(b, line[at:])
}

// htmlText writes text, whose links can be followed.
func htmlText(b *strings.Builder, s string) {
	for s != "" {
		i := strings.Index(s, "https://")
		if i < 0 {
			break
		}
		end := i + len("https://")
		for end < len(s) && !strings.ContainsRune(" \t<>\"'()", rune(s[end])) {
			end++
		}
		link := strings.TrimRight(s[i:end], ".,;:!?")
		end = i + len(link)
		escapeHTML(b, s[:i])
		b.WriteString(`<a href="`)
		escapeHTML(b, link)
		b.WriteString(`">`)
		escapeHTML(b, link)
		b.WriteString("</a>")
		s = s[end:]
	}
	escapeHTML(b, s)
}

func escapeHTML(b *strings.Builder, s string) { b.WriteString(stdhtml.EscapeString(plain(s))) }
