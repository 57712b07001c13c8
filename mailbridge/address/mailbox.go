package address

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits in bytes. RFC 5321 §4.5.3.1.1 allows 64 for a local part; bounce addresses of lists have more, and are written to.
const (
	maxLocal  = 256
	maxDomain = 255
	maxLabel  = 63
)

// Faults of Parse.
var (
	ErrSyntax    = errors.New("this is not an email address")
	ErrTooLong   = errors.New("the email address is too long")
	ErrBadDomain = errors.New("the domain of the email address cannot be one")
	// ErrNeedsUTF8 is a fault of SMTPString: the server would have to take addresses of other scripts (SMTPUTF8).
	ErrNeedsUTF8 = errors.New("the email address needs a mail server that takes other scripts (SMTPUTF8)")
)

// Mailbox is an email address. Local is what it means, without quotes, as its owner writes it; Domain is lower-case, in its own script
// (U-labels), and never an address literal. The zero Mailbox is none, as in the envelope of a bounce. Mailboxes are comparable; what two of them
// that differ only in case mean is up to their domain.
type Mailbox struct{ Local, Domain string }

// IsZero reports whether it is none.
func (m Mailbox) IsZero() bool { return m == Mailbox{} }

// New makes a mailbox of a local part as it is meant and a domain in any form.
func New(local, domain string) (Mailbox, error) {
	if len(local) > maxLocal || len(domain) > maxDomain {
		return Mailbox{}, ErrTooLong
	}
	if local == "" || !printable(local) {
		return Mailbox{}, ErrSyntax
	}
	d, err := foldDomain(domain)
	if err != nil {
		return Mailbox{}, err
	}
	return Mailbox{local, d}, nil
}

// Parse reads an addr-spec (RFC 5322 §3.4.1) without comments: a dot-atom or a quoted string, an at-sign, a domain. It forgives dots that
// stand in wrong places, since there are people who have such an address.
func Parse(s string) (Mailbox, error) {
	if len(s) > 2*maxLocal+maxDomain+3 {
		return Mailbox{}, ErrTooLong
	}
	if strings.HasPrefix(s, `"`) {
		local, rest, ok := unquote(s[1:])
		if !ok || !strings.HasPrefix(rest, "@") {
			return Mailbox{}, ErrSyntax
		}
		return New(local, rest[1:])
	}
	i := strings.LastIndexByte(s, '@')
	if i < 0 || !atoms(s[:i]) {
		return Mailbox{}, ErrSyntax
	}
	return New(s[:i], s[i+1:])
}

// ParseLoose reads what a JID or a library without quotes names: everything before the last at-sign is the local part as it is meant. Without
// an at-sign the last percent sign stands for it (bob%example.com), as gateways have it of old.
func ParseLoose(s string) (Mailbox, error) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		i = strings.LastIndexByte(s, '%')
	}
	if i < 0 {
		return Mailbox{}, ErrSyntax
	}
	return New(s[:i], s[i+1:])
}

// String is the address for people and for headers: quoted where it has to be, the domain in its own script.
func (m Mailbox) String() string {
	if m.IsZero() {
		return ""
	}
	return quote(m.Local) + "@" + m.Domain
}

// ASCII reports whether servers without SMTPUTF8 can deliver to it.
func (m Mailbox) ASCII() bool { return ascii(m.Local) }

// SMTPString is the address for a command of SMTP (RFC 5321 §4.1.2), without angle brackets: nothing in it ends the argument that it
// stands in. Where utf8 is false the domain is written in ASCII, and a local part that cannot be is ErrNeedsUTF8.
func (m Mailbox) SMTPString(utf8 bool) (string, error) {
	if m.IsZero() {
		return "", nil
	}
	domain := m.Domain
	if !utf8 || m.ASCII() {
		if !m.ASCII() {
			return "", ErrNeedsUTF8
		}
		a, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", ErrBadDomain
		}
		domain = a
	}
	return quote(m.Local) + "@" + domain, nil
}

// ASCIIDomain is the domain as the DNS has it.
func (m Mailbox) ASCIIDomain() string {
	a, err := idna.Lookup.ToASCII(m.Domain)
	if err != nil {
		return m.Domain // never of a Mailbox that New made
	}
	return a
}

// foldDomain brings a domain into the form in which it is compared. A domain that only some resolvers take ("_dmarc") is none of a mailbox.
func foldDomain(domain string) (string, error) {
	domain = strings.TrimSuffix(domain, ".") // RFC 1034 §3.1: the root
	a, err := idna.Lookup.ToASCII(domain)
	if err != nil || a == "" || len(a) > maxDomain || strings.ContainsAny(a, "[]:@ \t") {
		return "", ErrBadDomain
	}
	for label := range strings.SplitSeq(a, ".") { // RFC 1035 §2.3.4
		if label == "" || len(label) > maxLabel {
			return "", ErrBadDomain
		}
	}
	// RFC 5321 §2.3.5: names that the DNS resolves. A name without a dot is one of this machine's network, an address would be a literal.
	last := a[strings.LastIndexByte(a, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return "", ErrBadDomain
	}
	u, err := idna.Lookup.ToUnicode(a)
	if err != nil {
		return "", ErrBadDomain
	}
	return strings.ToLower(u), nil
}

// printable reports whether a local part has nothing that no address may have (RFC 5321 §4.1.2, RFC 6532 §3.2): controls, which would
// begin a command of their own, invisible signs that reorder what people read, and what is no text at all.
func printable(local string) bool {
	for _, r := range local {
		if r == utf8.RuneError || r < ' ' || r == 0x7f || r > 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			return false
		}
	}
	return utf8.ValidString(local)
}

// quote writes a local part: as it is where it is a dot-atom (RFC 5321 §4.1.2 "Local-part"), else as a quoted string.
func quote(local string) string {
	if atoms(local) && local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..") {
		return local
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(local) {
		if local[i] == '"' || local[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(local[i])
	}
	b.WriteByte('"')
	return b.String()
}

// unquote reads a quoted string behind its first quote, and returns what stands behind it.
func unquote(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// atoms reports whether s is of the characters of a dot-atom alone (RFC 5322 §3.2.3, RFC 6532 §3.2).
func atoms(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && c < 0x80 && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
