package compose

import (
	"errors"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of lines of a header (RFC 5322 §2.1.1).
const (
	wantLine = 76
	maxLine  = 990
)

// header writes a line of the header, folded. An empty value writes nothing.
func (w *writer) header(name, value string) {
	if value == "" {
		return
	}
	w.buf.WriteString(name + ":")
	line := len(name) + 1
	for i, word := range strings.Fields(value) {
		if i > 0 && line+1+len(word) > wantLine {
			w.buf.WriteString("\r\n")
			line = 0
		}
		w.buf.WriteString(" " + word)
		line += 1 + len(word)
	}
	w.buf.WriteString("\r\n")
}

// people writes a list of people, of whom there may be none.
func (w *writer) people(name string, who []Person) error {
	var list []string
	for _, p := range who {
		// RFC 6532: such an address needs SMTPUTF8, which is for who sends the mail to see.
		mailbox, err := p.Mailbox.SMTPString(true)
		if err != nil {
			return err
		}
		if mailbox == "" {
			return errors.New("somebody has no address")
		}
		if p.Name = encode(cutRunes(p.Name, maxName), mime.BEncoding); p.Name != "" { // RFC 2047 §5 (3): Q would leave what ends a name
			mailbox = quote(p.Name) + " <" + mailbox + ">"
		}
		list = append(list, mailbox)
	}
	w.header(name, strings.Join(list, ", "))
	return nil
}

// phrase is text as a header may have it: without what is no character, and in encoded words (RFC 2047) where it is not of ASCII, or looks
// like one of those, or has a word that no line could take.
func phrase(s string) string { return encode(s, mime.QEncoding) }

func encode(s string, as mime.WordEncoder) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	plain := !strings.Contains(s, "=?")
	for word := range strings.SplitSeq(s, " ") {
		plain = plain && len(word) <= maxLine/2
	}
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf
	}
	if plain {
		return s
	}
	if encoded := as.Encode("utf-8", s); encoded != s {
		return encoded
	}
	// mime encodes no ASCII: a character that nobody sees makes it.
	return as.Encode("utf-8", s+"\u200b")
}

// quote is a phrase as a display name (RFC 5322 §3.2.5).
func quote(phrase string) string {
	if strings.HasPrefix(phrase, "=?") {
		return phrase
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(phrase) + `"`
}

// clean drops what no header may have, and what turns the direction of text around, by which a name would seem to be another.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}
