package config

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// locate finds the line of every key, table and list element in a TOML document that toml.Decode accepted. The decoder knows
// positions only while it fails, and faults that are found after it need them too.
//
// The keys of the map are paths such as irc[0].network[1].name. Of a document that is not valid the result means nothing, but
// locate returns for every input.
func locate(document string) map[string]int {
	l := &locator{
		text:     trimBOM(document),
		line:     1,
		lines:    make(map[string]int),
		elements: make(map[string]int),
	}
	for l.space(); !l.end(); l.space() {
		l.statement()
	}
	return l.lines
}

// trimBOM drops what the decoder drops too.
func trimBOM(document string) string {
	for _, bom := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
		if rest, ok := strings.CutPrefix(document, bom); ok {
			return rest
		}
	}
	return document
}

// locator walks over a document. Every method but space and end takes at least one byte unless the end is reached.
type locator struct {
	text     string
	i        int            // where in text
	line     int            // of i
	table    string         // the path of the table that the present header opened
	lines    map[string]int // what was found
	elements map[string]int // how many tables each list of tables has so far
}

func (l *locator) end() bool { return l.i >= len(l.text) }

// peek is the present byte, 0 at the end.
func (l *locator) peek() byte {
	if l.end() {
		return 0
	}
	return l.text[l.i]
}

func (l *locator) step(n int) {
	for ; n > 0 && !l.end(); n-- {
		if l.text[l.i] == '\n' {
			l.line++
		}
		l.i++
	}
}

// space passes white space, line ends and comments.
func (l *locator) space() {
	for !l.end() {
		switch l.peek() {
		case ' ', '\t', '\r', '\n':
			l.step(1)
		case '#':
			for !l.end() && l.peek() != '\n' {
				l.step(1)
			}
		default:
			return
		}
	}
}

// note records the present line as that of path, unless an earlier one is.
func (l *locator) note(path string) {
	if l.lines[path] == 0 {
		l.lines[path] = l.line
	}
}

// statement passes a table header or a key with its value.
func (l *locator) statement() {
	switch {
	case strings.HasPrefix(l.text[l.i:], "[["):
		l.step(2)
		l.table = l.header(true)
		l.step(2)
	case l.peek() == '[':
		l.step(1)
		l.table = l.header(false)
		l.step(1)
	default:
		l.assignment(l.table)
	}
}

// header passes the name of a table and returns its path. In front of the last part, a list of tables stands for its last
// element; as the last part of a name in double brackets it gets a new one.
func (l *locator) header(list bool) string {
	path := ""
	parts := l.key()
	for i, part := range parts {
		path = child(path, part)
		l.note(path)
		last := i == len(parts)-1
		if last && list {
			l.elements[path]++
		}
		if n := l.elements[path]; n > 0 {
			path = element(path, n-1)
			l.note(path)
		}
	}
	return path
}

// assignment passes a key, the equals sign and the value.
func (l *locator) assignment(table string) {
	path := table
	for _, part := range l.key() {
		path = child(path, part)
		l.note(path)
	}
	l.step(1) // the equals sign
	l.space()
	l.value(path)
}

// key passes a dotted key and returns its parts.
func (l *locator) key() []string {
	var parts []string
	for {
		l.space()
		if c := l.peek(); c == '"' || c == '\'' {
			parts = append(parts, unquote(l.quoted()))
		} else {
			start := l.i
			for !l.end() && !strings.ContainsRune(".=]\"' \t\r\n#", rune(l.peek())) {
				l.step(1)
			}
			parts = append(parts, l.text[start:l.i])
		}
		l.space()
		if l.peek() != '.' {
			return parts
		}
		l.step(1)
	}
}

// value passes a value.
func (l *locator) value(path string) {
	switch l.peek() {
	case '"', '\'':
		l.quoted()
	case '[':
		l.step(1)
		l.items(']', func(i int) {
			l.note(element(path, i))
			l.value(element(path, i))
		})
	case '{':
		l.step(1)
		l.items('}', func(int) { l.assignment(path) })
	default:
		l.step(1)
		for !l.end() && !strings.ContainsRune(",]}#\r\n", rune(l.peek())) {
			l.step(1)
		}
	}
}

// items passes what is between brackets, separated by commas, and the closing bracket.
func (l *locator) items(closing byte, item func(i int)) {
	for i := 0; ; {
		l.space()
		switch {
		case l.end():
			return
		case l.peek() == closing:
			l.step(1)
			return
		case l.peek() == ',':
			l.step(1)
		default:
			item(i)
			i++
		}
	}
}

// quoted passes a string of any of the four forms and returns it as it is written.
func (l *locator) quoted() string {
	start, quote := l.i, l.text[l.i]
	triple := strings.Repeat(string(quote), 3)
	if !strings.HasPrefix(l.text[l.i:], triple) {
		l.step(1)
		for !l.end() && l.peek() != quote {
			l.escaped(quote)
		}
		l.step(1)
		return l.text[start:l.i]
	}
	l.step(3)
	for !l.end() && !strings.HasPrefix(l.text[l.i:], triple) {
		l.escaped(quote)
	}
	l.step(3)
	// TOML 1.0, "String": up to two quotes may stand right before the closing three.
	for range 2 {
		if l.peek() == quote {
			l.step(1)
		}
	}
	return l.text[start:l.i]
}

// escaped passes a character of a string, with the one after it where it is escaped.
func (l *locator) escaped(quote byte) {
	if quote == '"' && l.peek() == '\\' {
		l.step(1)
	}
	l.step(1)
}

// unquote is the text of a quoted key.
func unquote(quoted string) string {
	if !strings.Contains(quoted, `\`) && len(quoted) >= 2 {
		return quoted[1 : len(quoted)-1]
	}
	var v struct{ Key string }
	if _, err := toml.Decode("key = "+quoted, &v); err != nil {
		// Not reached with a valid document. The path only loses its line, and the table's is used.
		return quoted
	}
	return v.Key
}

// child is the path of a key in a table.
func child(table, key string) string {
	quoted := toml.Key{key}.String()
	if table == "" {
		return quoted
	}
	return table + "." + quoted
}

// element is the path of an element of a list.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
