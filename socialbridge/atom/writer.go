package atom

import (
	"time"
	"unicode/utf8"
)

// writer writes XML. That of the standard library writes each namespace at each element, which peers are not used to.
type writer struct{ b []byte }

// open writes a start tag, of a name that is written here, with attributes: names and values in turn. Those without a value are left out.
func (w *writer) open(name string, attrs ...string) {
	w.tag(name, attrs)
	w.b = append(w.b, '>')
}

// empty writes an element without content.
func (w *writer) empty(name string, attrs ...string) {
	w.tag(name, attrs)
	w.b = append(w.b, "/>\n"...)
}

func (w *writer) tag(name string, attrs []string) {
	w.b = append(w.b, '<')
	w.b = append(w.b, name...)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		w.b = append(w.b, ' ')
		w.b = append(w.b, attrs[i]...)
		w.b = append(w.b, `="`...)
		w.escape(attrs[i+1])
		w.b = append(w.b, '"')
	}
}

// line ends a line behind a start tag.
func (w *writer) line() { w.b = append(w.b, '\n') }

// end writes an end tag.
func (w *writer) end(name string) {
	w.b = append(w.b, "</"...)
	w.b = append(w.b, name...)
	w.b = append(w.b, ">\n"...)
}

// text writes an element with text, and nothing where there is none.
func (w *writer) text(name, text string, attrs ...string) {
	if text == "" {
		return
	}
	w.open(name, attrs...)
	w.escape(text)
	w.end(name)
}

// time writes a date construct, and nothing for the zero Time.
func (w *writer) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.open(name)
	w.b = t.UTC().Truncate(time.Second).AppendFormat(w.b, time.RFC3339)
	w.end(name)
}

// escape writes text, without the characters that XML has no way to write (XML 1.0 §2.2).
func (w *writer) escape(s string) {
	from := 0
	for i := 0; i < len(s); {
		with, size := "", 1
		switch c := s[i]; {
		case c == '&':
			with = "&amp;"
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '"':
			with = "&quot;"
		case c == '\n' || c == '\t' || c == '\r':
			with = [...]string{'\t': "&#9;", '\n': "&#10;", '\r': "&#13;"}[c]
		case c < ' ': // none of XML
		case c < utf8.RuneSelf:
			i++
			continue
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				with = "\uFFFD"
			} else if r != 0xFFFE && r != 0xFFFF {
				i += size
				continue
			}
		}
		w.b = append(w.b, s[from:i]...)
		w.b = append(w.b, with...)
		i += size
		from = i
	}
	w.b = append(w.b, s[from:]...)
}
