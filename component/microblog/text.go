package microblog

import (
	"html"
	"strings"
	"unicode/utf8"

	"passerelle/component/stanza"
)

// text is a text of an entry, in each form that there is.
type text struct{ plain, html string }

func (t text) isEmpty() bool { return t.plain == "" && t.html == "" }

// readText reads a text (RFC 4287 §3.1), which clients give in several forms (XEP-0277 §2.3): the plain one says it for itself.
func readText(entry *stanza.Element, name string) text {
	var t text
	ofLooks := ""
	for x := range entry.Children() {
		if !x.Is(NSAtom, name) {
			continue
		}
		switch typ := strings.ToLower(x.Attr("type")); {
		case typ == "xhtml":
			div := x.Child(nsXHTML, "div")
			if div == nil || t.html != "" {
				continue
			}
			ofLooks, t.html = plainText(div), inner(div)
		case typ == "html", typ == "text/html":
			if t.html == "" {
				t.html = strings.TrimSpace(x.Text())
				ofLooks = stripped(t.html)
			}
		case typ == "", typ == "text", typ == "text/plain":
			if t.plain == "" {
				t.plain = strings.TrimSpace(x.Text())
			}
		}
	}
	if t.plain == "" {
		t.plain = ofLooks
	}
	if len(t.html) > MaxBody || saysNoMore(t.html, t.plain) {
		t.html = ""
	}
	return t
}

// saysNoMore reports whether a text has no looks but those that it has as plain text.
func saysNoMore(looks, plain string) bool {
	return looks == string(stanza.AppendEscaped(nil, plain)) || looks == html.EscapeString(plain)
}

// inner is what is in an element, as it is written there.
func inner(e *stanza.Element) string {
	var b []byte
	for child, chars := range e.Content() {
		if child == nil {
			b = stanza.AppendEscaped(b, string(chars))
		} else if child.Space == nsXHTML {
			b = child.AppendXML(b, nsXHTML)
		}
	}
	return strings.TrimSpace(string(b))
}

// Elements that begin on a line of their own, with an empty one before some of them.
var (
	lines      = map[string]bool{"div": true, "li": true, "tr": true, "dt": true, "dd": true, "figcaption": true, "hr": true}
	paragraphs = map[string]bool{
		"p": true, "ul": true, "ol": true, "dl": true, "blockquote": true, "pre": true, "table": true, "figure": true,
		"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true,
	}
	// unseen is what is no text.
	unseen = map[string]bool{"script": true, "style": true, "head": true, "title": true, "object": true, "iframe": true, "template": true}
)

// writer writes plain text of what is marked up.
type writer struct {
	strings.Builder
	breaks int  // lines that are to begin before the next word
	space  bool // that is to stand before it
}

func (w *writer) lineBreak(n int) {
	if w.Len() > 0 {
		w.breaks = max(w.breaks, n)
	}
}

func (w *writer) words(s string, asIs bool) {
	if asIs {
		w.flush()
		w.WriteString(s)
		return
	}
	for i, word := range strings.Fields(s) {
		if i > 0 || s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r' {
			w.space = true
		}
		w.flush()
		w.WriteString(word)
	}
	if s != "" && strings.TrimRight(s, " \t\r\n") != s {
		w.space = true
	}
}

func (w *writer) flush() {
	switch {
	case w.breaks > 0:
		w.WriteString("\n\n"[:min(w.breaks, 2)])
	case w.space && w.Len() > 0:
		w.WriteByte(' ')
	}
	w.breaks, w.space = 0, false
}

// plainText is the text of XHTML. How deep it is the parser of stanzas has bounded.
func plainText(e *stanza.Element) string {
	var w writer
	w.element(e, false)
	return strings.TrimSpace(w.String())
}

func (w *writer) element(e *stanza.Element, asIs bool) {
	for child, chars := range e.Content() {
		switch {
		case child == nil:
			w.words(string(chars), asIs)
		case child.Space != nsXHTML, unseen[child.Name]:
		case child.Name == "br":
			w.breaks = min(w.breaks+1, 2)
		case child.Name == "img":
			w.words(" "+child.Attr("alt")+" ", false)
		default:
			n := 0
			if paragraphs[child.Name] {
				n = 2
			} else if lines[child.Name] {
				n = 1
			}
			w.lineBreak(n)
			w.element(child, asIs || child.Name == "pre")
			w.lineBreak(n)
		}
	}
}

// stripped is the text of HTML that is no XML, roughly: clients that write such a thing are few, and most say it in plain text too.
func stripped(s string) string {
	var w writer
	for s != "" {
		before, rest, tagged := strings.Cut(s, "<")
		w.words(html.UnescapeString(before), false)
		if !tagged {
			break
		}
		tag, behind, closed := strings.Cut(rest, ">")
		if !closed {
			break
		}
		s = behind
		name, _, _ := strings.Cut(strings.ToLower(strings.Trim(tag, "/ ")), " ")
		switch {
		case name == "br":
			w.breaks = min(w.breaks+1, 2)
		case paragraphs[name]:
			w.lineBreak(2)
		case lines[name]:
			w.lineBreak(1)
		}
	}
	return strings.TrimSpace(w.String())
}

// clip cuts a text to n bytes, at a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
