package content

import (
	"strings"

	"passerelle/mailbridge/address"
)

// Limits of lists of addresses.
const (
	maxPeople = 500  // of one field; who stands behind them is left out
	maxName   = 200  // bytes
	maxQuoted = 1000 // bytes of a quoted string or a comment; where it does not end before, it is none
)

// readPeople reads a list of addresses (RFC 5322 §3.4) as people's programs write it: groups give their members, names may have commas
// without quotes, and what is no address gives a Person with a name alone.
func readPeople(s string) []Person {
	var people []Person
	p := peopleReader{s: s}
	for p.next() && len(people) < maxPeople {
		people = append(people, p.person)
	}
	return people
}

type peopleReader struct {
	s      string
	person Person
}

// next reads one person.
func (p *peopleReader) next() bool {
	for p.s != "" {
		e := p.element()
		if e.group { // a group's name is nobody's
			continue
		}
		name := e.name
		switch {
		case e.angle:
			p.person = Person{Name: cleanName(name)}
		case e.spec != "":
			// bob@example.org (Bob Example): RFC 5322 §3.4 note.
			p.person = Person{Name: cleanName(e.comment)}
		case strings.TrimSpace(name) != "":
			p.person = Person{Name: cleanName(name)}
			if p.person.Name == "" {
				continue
			}
			return true
		default:
			continue
		}
		if m, err := address.Parse(e.spec); err == nil {
			p.person.Mailbox = m
		} else if d, _ := decode("", []byte(e.spec)); d != e.spec {
			p.person.Mailbox, _ = address.Parse(d)
		}
		if p.person.Mailbox.IsZero() && p.person.Name == "" {
			p.person.Name = cleanName(e.spec)
		}
		if p.person.Name == p.person.Mailbox.String() {
			p.person.Name = ""
		}
		if p.person.Name == "" && p.person.Mailbox.IsZero() {
			continue
		}
		return true
	}
	return false
}

// element is what stands between two commas.
type element struct {
	name    string // before an address in angle brackets, with encoded words
	spec    string // the address
	comment string
	angle   bool
	group   bool
}

// element reads up to the next comma that no name has, or semicolon.
func (p *peopleReader) element() (e element) {
	var name, bare strings.Builder // bare is as name, without quotes taken away
	angle := ""                    // what stood in the last brackets
	s := p.s
	i := 0
	for i < len(s) {
		switch c := s[i]; c {
		case '"':
			text, n := cutQuoted(s[i:])
			if n == 0 { // a quote that nothing ends
				name.WriteByte(c)
				i++
				continue
			}
			name.WriteString(text)
			bare.WriteString(s[i : i+n])
			i += n
		case '(':
			text, n := cutComment(s[i:])
			if n == 0 {
				name.WriteByte(c)
				i++
				continue
			}
			if e.comment == "" {
				e.comment = text
			}
			i += n
		case '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 { // missing: up to the comma
				if end = strings.IndexAny(s[i:], ",;"); end < 0 {
					end = len(s) - i
				}
			}
			inside := s[i+1 : i+end]
			i = min(i+end+1, len(s))
			if inside == "" || e.angle && !strings.Contains(inside, "@") {
				continue
			}
			if e.angle { // "Name <x> <x@example.org>"
				name.WriteString("<" + angle + ">")
			}
			angle = inside
			e.angle, e.spec = true, cleanSpec(inside)
		case ':':
			if at := strings.IndexByte(bare.String(), '@'); !e.angle && at < 0 && !strings.EqualFold(strings.TrimSpace(bare.String()), "mailto") {
				e.group = true
				p.s = s[i+1:]
				return e
			} else if at < 0 && !e.angle {
				name.Reset()
				bare.Reset()
				i++
				continue
			}
			name.WriteByte(c)
			bare.WriteByte(c)
			i++
		case ',', ';':
			// "Example, Bob <bob@example.org>": no address stands before the comma, and one in angle brackets behind it.
			if c == ',' && !e.angle && !strings.Contains(bare.String(), "@") && angleFollows(s[i+1:]) {
				name.WriteByte(c)
				bare.WriteByte(c)
				i++
				continue
			}
			p.s = s[i+1:]
			e.finish(name.String(), bare.String())
			return e
		default:
			name.WriteByte(c)
			bare.WriteByte(c)
			i++
		}
	}
	p.s = ""
	e.finish(name.String(), bare.String())
	return e
}

func (e *element) finish(name, bare string) {
	e.name = strings.TrimSpace(name)
	if e.angle {
		if e.name == "" {
			e.name = e.comment
		}
		return
	}
	bare = strings.TrimSpace(bare)
	if strings.Contains(bare, "@") {
		spec := bare
		if i := strings.LastIndexAny(bare, " \t"); i >= 0 && !strings.HasPrefix(bare, `"`) { // Bob Example bob@example.org
			if left := bare[:i]; strings.Contains(bare[i+1:], "@") && !strings.Contains(left, "@") {
				spec, e.comment = bare[i+1:], left
			}
		}
		e.spec = cleanSpec(spec)
	}
}

// angleFollows reports whether an address in angle brackets is the next one.
func angleFollows(s string) bool {
	if len(s) > 200 {
		s = s[:200]
	}
	i := strings.IndexAny(s, "@<,;:\"")
	return i >= 0 && s[i] == '<'
}

// cleanSpec takes away what an address has around and within it that is no part of it: a route (RFC 5322 §4.4), spaces, comments.
func cleanSpec(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "@") {
		if _, after, ok := strings.Cut(s, ":"); ok {
			s = after
		}
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if strings.HasPrefix(s, `"`) {
		return s
	}
	if strings.HasPrefix(s, "'") && strings.HasSuffix(s, "'") && len(s) > 2 {
		s = s[1 : len(s)-1]
	}
	if i := strings.IndexByte(s, '('); i >= 0 {
		if _, n := cutComment(s[i:]); n > 0 {
			s = s[:i] + s[i+n:]
		}
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '<' || r == '>' {
			return -1
		}
		return r
	}, s)
}

// cutQuoted reads a quoted string at the beginning of s: its text, and how many bytes it is; 0 where it does not end.
func cutQuoted(s string) (string, int) {
	s = s[:min(len(s), maxQuoted)]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i + 1
		case '\\':
			if i++; i == len(s) {
				return "", 0
			}
		}
		b.WriteByte(s[i])
	}
	return "", 0
}

// cutComment reads a comment, which may have others in it, as cutQuoted does.
func cutComment(s string) (string, int) {
	s = s[:min(len(s), maxQuoted)]
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				return b.String(), i + 1
			}
		case '\\':
			if i++; i == len(s) {
				return "", 0
			}
		}
		b.WriteByte(s[i])
	}
	return "", 0
}

// cleanName makes a name for people of a phrase.
func cleanName(s string) string {
	s = decodeWords(s)
	s = strings.TrimSpace(strings.Trim(s, `"`))
	if len(s) > 2 && s[0] == '\'' && s[len(s)-1] == '\'' { // Outlook
		s = s[1 : len(s)-1]
	}
	return strings.TrimSpace(cut(s, maxName))
}
