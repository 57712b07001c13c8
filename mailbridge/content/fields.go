package content

import (
	"strings"
)

// Limits of what is read of a header.
const (
	maxSubject    = 998 // bytes; RFC 5322 §2.1.1
	maxID         = 998 // bytes of one id
	maxReferences = 20
	maxFieldRead  = 128 << 10 // bytes of a field with addresses or ids
	maxAutocrypt  = 16 << 10
	maxRepeats    = 100 // fields of one name
)

// readFields reads what the header says of who writes to whom about what.
func (r *reader) readFields(h header) {
	m := r.m
	m.From = people(h, "From")
	m.Sender = people(h, "Sender")
	m.ReplyTo = people(h, "Reply-To")
	m.To = people(h, "To")
	m.Cc = people(h, "Cc")
	froms := h.all("From", maxRepeats)
	if len(froms) > 1 || len(m.From) == 0 || m.From[0].IsZero() {
		m.odd(OddFrom, cleanLine(cut(decodeWords(strings.Join(froms, " · ")), 200)))
	}
	if len(m.From) > 0 {
		// The name of an address is another address: many programs show the name alone.
		from := m.From[0]
		if at := strings.IndexByte(from.Name, '@'); at > 0 && at < len(from.Name)-1 && !from.IsZero() &&
			!strings.Contains(strings.ToLower(from.Name), strings.ToLower(from.String())) && addressIn(from.Name) {
			m.odd(OddName, from.Name)
		}
	}
	m.Subject = cut(decodeWords(h.get("Subject")), maxSubject)
	if ids := readIDs(h.get("Message-ID"), 1); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo = readIDs(h.get("In-Reply-To"), maxReferences)
	m.References = readIDs(strings.Join(h.all("References", maxRepeats), " "), 0)
	if n := len(m.References); n > maxReferences {
		m.References = append(m.References[:1:1], m.References[n-maxReferences+1:]...)
	}
	if v := h.get("Date"); v != "" {
		if m.Date = readDate(v); m.Date.IsZero() {
			m.odd(OddDate, cleanLine(cut(decodeWords(v), 100)))
		}
	}
	if v := h.all("Autocrypt", 2); len(v) == 1 && len(v[0]) <= maxAutocrypt { // Autocrypt 1.1 §2.3: several are none
		m.Autocrypt = cleanLine(v[0])
	}
	for _, name := range []string{"To", "Cc", "Message-ID"} {
		m.Repeated = m.Repeated || len(h.all(name, 2)) > 1
	}
	for _, f := range h {
		if strings.EqualFold(f.name, "Received") {
			m.Received++
		}
	}
	for _, name := range []string{"Delivered-To", "X-Loop"} {
		for _, v := range h.all(name, maxRepeats) {
			m.Loops = append(m.Loops, cleanLine(cut(v, 300)))
		}
	}
}

// people are those of all fields of a name; RFC 5322 §3.6 allows one, and strangers write several.
func people(h header, name string) []Person {
	var all []Person
	for _, v := range h.all(name, maxRepeats) {
		if len(all) >= maxPeople {
			break
		}
		all = append(all, readPeople(cut(v, maxFieldRead))...)
	}
	return all[:min(len(all), maxPeople)]
}

// addressIn reports whether a word of s looks like an email address.
func addressIn(s string) bool {
	for w := range strings.FieldsSeq(s) {
		w = strings.Trim(w, `<>()[]"',;:`)
		if local, domain, ok := strings.Cut(w, "@"); ok && local != "" && strings.Contains(strings.Trim(domain, "."), ".") {
			return true
		}
	}
	return false
}

// readIDs reads ids in angle brackets, or without where there are none (RFC 5322 §3.6.4). Without a limit there are as many as there are.
func readIDs(s string, limit int) []string {
	var ids []string
	s = cut(s, maxFieldRead)
	add := func(id string) {
		id = strings.Map(func(r rune) rune {
			if r <= ' ' || r == '<' || r == '>' || !kept(r) || reorders(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(id, ""))
		if id != "" && len(id) <= maxID && (limit == 0 || len(ids) < limit) {
			ids = append(ids, id)
		}
	}
	if !strings.Contains(s, "<") {
		for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
			if strings.Contains(w, "@") || limit == 1 {
				add(w)
			}
		}
		return ids
	}
	for {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			return ids
		}
		s = s[start+1:]
		end := strings.IndexByte(s, '>')
		if end < 0 {
			end = len(s)
		}
		add(s[:end])
		s = s[end:]
	}
}
