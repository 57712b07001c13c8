package content

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"passerelle/transports"
)

// Limits of what is shown.
const (
	minInline    = 4 << 10 // bytes of a picture within a text, below which it is decoration
	maxReactions = 10
	maxSameWords = 256 << 10 // bytes of an HTML that is compared with the text beside it
)

// read reads the parts of a mail: its text, and its files.
func (r *reader) read(root *part, raw []byte) {
	r.forward = forwardSubject(r.m.Subject)
	r.reply = len(r.m.InReplyTo) > 0 || len(r.m.References) > 0 || isReply(r.m.Subject)
	r.show(root)
	if r.m.Report == nil {
		r.m.Report = r.readTextReport(root)
	}
	m := r.m
	if m.Text == "" && m.Quote != "" && len(m.Files) == 0 { // all of it repeats: nobody sends that for nothing
		m.Text, m.Quote = m.Quote, ""
	}
	if m.Signed != "" {
		r.file(Part{Name: "message.eml", Type: "message/rfc822", Data: raw, Original: true})
	}
	if m.Text == "" && m.Quote == "" && len(m.Files) == 0 && m.Signature != "" && m.Subject == "" {
		m.Text, m.Signature = m.Signature, ""
	}
	if m.Text == "" && len(m.Files) == 0 && m.Report == nil && len(m.Reactions) == 0 && m.Subject == "" {
		m.odd(OddEmpty, "")
	}
}

// show reads a part whose text is shown.
func (r *reader) show(p *part) {
	switch {
	case p.deep:
		r.file(Part{Name: "message.eml", Type: "message/rfc822", Data: withHeader(p)})
	case p.typ == "multipart/alternative":
		r.showBest(p)
	case p.typ == "multipart/report":
		r.showReport(p)
	case p.typ == "multipart/signed" && len(p.parts) > 0: // RFC 1847
		r.m.Signed = way(p.params["protocol"])
		r.show(p.parts[0])
		for _, other := range p.parts[1:] {
			if !strings.HasSuffix(other.typ, "-signature") { // what a list put behind it
				r.show(other)
			}
		}
	case p.typ == "multipart/encrypted":
		r.m.Encrypted = way(p.params["protocol"])
		for _, other := range p.parts {
			if other.typ != "application/pgp-encrypted" { // RFC 3156 §4: "Version: 1"
				r.attach(other, false)
			}
		}
	case strings.HasPrefix(p.typ, "multipart/"):
		for i, other := range p.parts {
			if i > 0 && p.typ == "multipart/related" {
				r.attach(other, true)
				continue
			}
			r.show(other)
		}
	case p.isText():
		r.showText(p)
	default:
		r.attach(p, false)
	}
}

// way is the name of how a mail is encrypted or signed.
func way(protocol string) string {
	if strings.Contains(strings.ToLower(protocol), "pgp") {
		return "OpenPGP"
	}
	return "S/MIME"
}

// isText reports whether a part is text that is shown, and no file.
func (p *part) isText() bool {
	switch p.typ {
	case "text/plain", "text/html", "text/enriched", "text/richtext", "application/xhtml+xml":
		return p.disposition != "attachment" && p.name == ""
	}
	return p.disposition == "reaction" || p.typ == googleReaction
}

// showBest shows the part of a multipart/alternative that says what is to be said: text, or else HTML. Files stay, whichever has them.
func (r *reader) showBest(p *part) {
	var plain, html, other *part // the outermost ones
	for _, c := range p.parts {
		switch leaf := c.leaf(); {
		case leaf == nil:
			if c.typ != googleReaction {
				break
			}
			r.showText(c)
		case leaf.typ == "text/plain" && plain == nil:
			plain = c
		case leaf.typ == "text/html" || leaf.typ == "application/xhtml+xml":
			html = c
		default:
			other = c
		}
	}
	best := plain
	switch {
	case plain == nil && html == nil:
		best = other
	case html != nil && (plain == nil || r.pointless(plain.leaf()) || r.sameWords(plain.leaf(), html.leaf())):
		best = html
	}
	for _, c := range p.parts {
		if c == best {
			r.show(c)
		} else {
			r.attachFiles(c)
		}
	}
}

// leaf is the first text of a part; nil where there is none.
func (p *part) leaf() *part {
	if p.isText() {
		if p.typ == googleReaction {
			return nil
		}
		return p
	}
	for _, c := range p.parts {
		if l := c.leaf(); l != nil {
			return l
		}
	}
	return nil
}

// pointless reports whether a text is there since something had to be.
func (r *reader) pointless(p *part) bool {
	text := strings.TrimSpace(string(cutBytes(r.data(p), 2000)))
	if text == "" || looksHTML([]byte(text)) {
		return true
	}
	lower := strings.ToLower(text)
	return len(text) < 300 && strings.Contains(lower, "html") && !strings.Contains(lower, ".html") && len(strings.Fields(text)) < 50 &&
		(strings.Contains(lower, "view") || strings.Contains(lower, "support") || strings.Contains(lower, "display") || strings.Contains(lower, "client") ||
			strings.Contains(lower, "format") || strings.Contains(lower, "anzeig") || strings.Contains(lower, "affich"))
}

// attachFiles takes the files of a part whose text is not shown.
func (r *reader) attachFiles(p *part) {
	if p.parts != nil {
		for i, c := range p.parts {
			if p.typ == "multipart/related" && i > 0 {
				r.attach(c, true)
			} else {
				r.attachFiles(c)
			}
		}
		return
	}
	if p.isText() || p.typ == "text/x-amp-html" || p.typ == "text/watch-html" {
		return
	}
	r.attach(p, false)
}

// showText shows a text.
func (r *reader) showText(p *part) {
	m := r.seen[p]
	if m == nil {
		m = r.readText(p)
	}
	r.addText(m)
}

// readText reads a part that is text, as if the mail had no other.
func (r *reader) readText(p *part) *Message {
	sub := reader{limits: r.limits, forward: r.forward, reply: r.reply, later: r.m.Text != "", m: &Message{}}
	sub.text(p)
	return sub.m
}

// sameWords reports whether an HTML says the same as a plain text. Then it says it better: how it looks, where a paragraph ends, and what is a quote.
func (r *reader) sameWords(plain, html *part) bool {
	if len(html.body) > maxSameWords {
		return false
	}
	p := r.readText(plain)
	if len(p.Files) > 0 || p.Encrypted != "" || p.Signed != "" || p.Text == "" || p.Truncated {
		return false
	}
	h := r.readText(html)
	if words(p.Text) != words(h.Text) {
		if r.seen == nil {
			r.seen = make(map[*part]*Message)
		}
		r.seen[plain] = p
		return false
	}
	if r.seen == nil {
		r.seen = make(map[*part]*Message)
	}
	r.seen[html] = h
	return true
}

// words are the letters and digits of a text. What Gmail writes for pictures is none of it.
func words(s string) string {
	for {
		before, after, ok := strings.Cut(s, "[image: ")
		if !ok {
			break
		}
		_, after, _ = strings.Cut(after, "]")
		s = before + after
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// text reads a text.
func (r *reader) text(p *part) {
	data := r.data(p)
	if p.disposition == "reaction" || p.typ == googleReaction {
		r.react(p, data)
		if p.typ == googleReaction {
			return
		}
	}
	shown := data
	limit := 4 * r.limits.Text // bytes of a character set
	isHTML := p.typ == "text/html" || p.typ == "application/xhtml+xml"
	if isHTML {
		limit = r.limits.Size
	} else if p.typ == "text/plain" {
		var files []Part
		files, shown = cutUU(data)
		for _, f := range files {
			if f.Name = safeName(f.Name); f.Name == "" {
				f.Name = defaultName(octets)
			}
			f.Type = sniff(f.Type, f.Name, f.Data)
			r.file(f)
		}
	}
	over := len(shown) > limit
	charset := p.params["charset"]
	if isHTML && charset == "" {
		charset = metaCharset(shown)
	}
	text, known := decode(charset, cutBytes(shown, limit))
	if !known {
		r.m.odd(OddCharset, cleanLine(cut(charset, 60)))
	}
	var doc rich
	switch {
	case isHTML:
		doc = r.renderHTML([]byte(text))
		r.m.HTML = true
	case p.typ == "text/enriched" || p.typ == "text/richtext":
		doc.Text = enriched(clean(text))
	default:
		text = unescapeFrom(clean(text))
		if strings.EqualFold(p.params["format"], "flowed") {
			text = unflow(text, strings.EqualFold(p.params["delsp"], "yes"))
		}
		doc.Text = r.armour(text)
	}
	if len(doc.Text) > r.limits.Text {
		over = true
		doc.Text = cut(doc.Text, r.limits.Text)
	}
	if over || doc.truncated {
		r.m.Truncated = true
		name := "message.txt"
		if isHTML {
			name = "message.html"
		}
		r.file(Part{Name: name, Type: p.typ, Charset: cleanLine(cut(p.params["charset"], 60)), Data: data})
	}
	r.takeApart(doc)
}

// takeApart makes the text, the quote and the signature of a text.
func (r *reader) takeApart(doc rich) {
	m := r.m
	c := r.cutUp(doc)
	lines, quote, sig, kept := c.split()
	m.Text, m.Spans = c.join(lines, doc.Spans)
	if kept > 0 {
		quoted, _ := c.join(lines[:kept], nil)
		m.Quoted = len(quoted)
		for m.Quoted < len(m.Text) && m.Text[m.Quoted] == '\n' {
			m.Quoted++
		}
	}
	m.Quote, _ = c.join(quote, nil)
	s, _ := c.join(sig, nil)
	if rule, below, _ := strings.Cut(s, "\n"); strings.Trim(rule, "-_ ") == "" { // what says that it is one
		s = below
	}
	m.Signature = strings.TrimLeft(s, "\n")
}

// addText puts what was read of a text behind what is there already, as the texts of a mail stand around its files.
func (r *reader) addText(a *Message) {
	m := r.m
	if m.Text == "" {
		m.Quoted = a.Quoted
	}
	if a.Text != "" {
		if m.Text != "" {
			m.Text += "\n\n"
		}
		room := r.limits.Text - len(m.Text)
		if len(a.Text) > room {
			a.Text = cut(a.Text, max(0, room))
			m.Truncated = true
		}
		for _, s := range transports.CutSpans(a.Spans, 0, len(a.Text), 0) {
			m.Spans = transports.AppendSpan(m.Spans, s.From+len(m.Text), s.To+len(m.Text), s.Look)
		}
		m.Text = cut(m.Text+a.Text, r.limits.Text)
	}
	m.Quote = behind(m.Quote, a.Quote, r.limits.Text)
	m.Signature = behind(m.Signature, a.Signature, r.limits.Text)
	m.HTML = m.HTML || a.HTML
	m.Truncated = m.Truncated || a.Truncated
	m.Encrypted = cmp.Or(m.Encrypted, a.Encrypted)
	m.Signed = cmp.Or(m.Signed, a.Signed)
	for _, f := range a.Files {
		r.file(f)
	}
	for _, e := range a.Reactions {
		if len(m.Reactions) < maxReactions {
			m.Reactions = append(m.Reactions, e)
		}
	}
	for _, o := range a.Odd {
		m.odd(o.Kind, o.What)
	}
}

// behind is two texts with a line between them.
func behind(a, b string, limit int) string {
	if a == "" || b == "" {
		return a + b
	}
	return cut(a+"\n\n"+b, limit)
}

// isReply reports whether a subject is that of an answer.
func isReply(s string) bool {
	s = strings.ToLower(s)
	for _, p := range replyPrefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// unescapeFrom takes away the signs that mailboxes (mbox) put before lines which begin as their own do. In a quote they are one of it.
func unescapeFrom(s string) string {
	if !strings.Contains(s, ">From ") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ">From ") && (i == 0 || !strings.HasPrefix(lines[i-1], ">")) && (i == len(lines)-1 || !strings.HasPrefix(lines[i+1], ">")) {
			lines[i] = l[1:]
		}
	}
	return strings.Join(lines, "\n")
}

// armour deals with what OpenPGP does to text without MIME (RFC 4880 §6.2, §7): what is encrypted becomes a file, what is signed is read.
func (r *reader) armour(text string) string {
	const message, message2 = "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"
	if from := lineOf(text, message); from >= 0 {
		to := len(text)
		if end := lineOf(text[from:], message2); end >= 0 {
			to = from + end + len(message2)
		}
		r.m.Encrypted = "OpenPGP"
		r.file(Part{Name: "encrypted.asc", Type: "application/pgp-encrypted", Data: []byte(text[from:to])})
		return strings.TrimRight(text[:from], "\n ") + text[to:]
	}
	const signed, signature, end = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
	from := lineOf(text, signed)
	if from < 0 {
		return text
	}
	body := text[from+len(signed):]
	to := lineOf(body, signature)
	if to < 0 {
		return text
	}
	rest := ""
	if i := lineOf(body[to:], end); i >= 0 {
		rest = body[to+i+len(end):]
	}
	body = strings.TrimPrefix(body[:to], "\n")
	if _, after, ok := strings.Cut(body, "\n\n"); ok && strings.HasPrefix(body, "Hash:") {
		body = after
	}
	r.m.Signed = "OpenPGP"
	body = strings.TrimPrefix(strings.ReplaceAll("\n"+body, "\n- ", "\n"), "\n") // §7.1
	return text[:from] + body + rest
}

// lineOf is where a line stands that begins with s; -1 where none does.
func lineOf(text, s string) int {
	if strings.HasPrefix(text, s) {
		return 0
	}
	if i := strings.Index(text, "\n"+s); i >= 0 {
		return i + 1
	}
	return -1
}

// googleReaction is the type of the part by which Gmail reacts to a mail.
const googleReaction = "text/vnd.google.email-reaction+json"

// react reads a reaction (RFC 9078 §2).
func (r *reader) react(p *part, data []byte) {
	data = cutBytes(data, 1000)
	text := ""
	if p.typ == googleReaction {
		var said struct {
			Emoji string `json:"emoji"`
		}
		if json.Unmarshal(data, &said) != nil {
			return
		}
		text = said.Emoji
	} else {
		text, _ = decode(p.params["charset"], data)
	}
	for w := range strings.FieldsSeq(clean(text)) {
		if len(r.m.Reactions) < maxReactions && uniseg.GraphemeClusterCount(w) == 1 && !strings.ContainsFunc(w, unicode.IsLetter) && len(w) > 1 {
			r.m.Reactions = append(r.m.Reactions, w)
		}
	}
}

// metaCharset is the character set that HTML says for itself.
func metaCharset(b []byte) string {
	b = bytes.ToLower(cutBytes(b, 2048))
	_, after, ok := bytes.Cut(b, []byte("charset="))
	if !ok {
		return ""
	}
	after = bytes.TrimLeft(after, `"' `)
	end := bytes.IndexAny(after, `"'> ;/`)
	if end < 0 {
		return ""
	}
	return string(after[:end])
}

// enriched makes plain text of text/enriched (RFC 1896): commands go, doubled angle brackets are one, and a line end alone is a space.
func enriched(s string) string {
	var b strings.Builder
	params := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '<' && i+1 < len(s) && s[i+1] == '<':
			i++
			if params == 0 {
				b.WriteByte('<')
			}
		case c == '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 || end > 60 {
				b.WriteByte(c)
				continue
			}
			switch strings.ToLower(s[i+1 : i+end]) {
			case "param":
				params++
			case "/param":
				params = max(0, params-1)
			}
			i += end
		case params > 0:
		case c == '\n':
			n := 1
			for i+1 < len(s) && s[i+1] == '\n' {
				i++
				n++
			}
			if n == 1 {
				b.WriteByte(' ')
			} else {
				b.WriteString(strings.Repeat("\n", n-1))
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
