package transports

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Address is a JID as the server sent it: local part and domain case-folded, resource untouched. The zero Address is no JID.
//
// It is more tolerant than RFC 7622 on purpose: servers let through JIDs that PRECIS refuses ("#café%irc.example@…", hearts,
// domains with "_"), and each of them belongs to a person who expects an answer. Addresses are comparable and may be map keys.
type Address struct{ Local, Domain, Resource string }

// maxPart is the limit of each part of a JID in bytes (RFC 7622 §3.2, §3.3, §3.4).
const maxPart = 1023

// Faults of ParseAddress.
var (
	ErrNoDomain      = errors.New("the address has no domain")
	ErrEmptyLocal    = errors.New("the address has an empty local part")
	ErrEmptyResource = errors.New("the address has an empty resource")
	ErrPartTooLong   = errors.New("a part of the address is longer than 1023 bytes")
	ErrBadCharacter  = errors.New("the address has a character that no JID may have")
)

// ParseAddress splits and folds a JID (RFC 7622 §3.1 and §3.2): the resource begins after the first slash, the local part ends
// at the first at-sign before it. It refuses only what cannot be an address at all: a missing or empty part, a part over 1023
// bytes, control characters and broken UTF-8, and what would make the written form ambiguous.
func ParseAddress(s string) (Address, error) {
	if !clean(s) { // before folding, which would mend broken UTF-8
		return Address{}, ErrBadCharacter
	}
	var a Address
	rest := s
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		a.Resource = rest[i+1:]
		rest = rest[:i]
		if a.Resource == "" {
			return Address{}, ErrEmptyResource
		}
	}
	a.Domain = rest
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		a.Local, a.Domain = fold(rest[:i]), rest[i+1:]
		if a.Local == "" {
			return Address{}, ErrEmptyLocal
		}
	}
	// RFC 7622 §3.2: a final dot of the domain is dropped.
	a.Domain = fold(strings.TrimSuffix(a.Domain, "."))
	if a.Domain == "" {
		return Address{}, ErrNoDomain
	}
	if len(a.Local) > maxPart || len(a.Domain) > maxPart || len(a.Resource) > maxPart {
		return Address{}, ErrPartTooLong
	}
	if strings.ContainsAny(a.Domain, "@ ") || strings.HasSuffix(a.Domain, ".") || strings.IndexByte(a.Local, ' ') >= 0 {
		return Address{}, ErrBadCharacter
	}
	return a, nil
}

// fold lower-cases s; ejabberd forwards local parts as they were typed, Prosody folds them.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			// Lower-casing some letters gives several runes of which one can be lowered again ("İ" and kin): fold until it
			// stands still, so that an address that was written and read again is the same address.
			for range 4 {
				t := strings.ToLower(s)
				if t == s {
					break
				}
				s = t
			}
			return s
		}
	}
	return s
}

// clean reports whether s has only characters that can stand in a JID on the wire.
func clean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return false
		} else if c >= utf8.RuneSelf {
			return utf8.ValidString(s[i:]) && !strings.ContainsFunc(s, func(r rune) bool {
				return r < 0x20 || 0x7f <= r && r < 0xa0 || r == 0xfffe || r == 0xffff
			})
		}
	}
	return true
}

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a.Domain == "" }

// IsBare reports whether a has no resource.
func (a Address) IsBare() bool { return a.Resource == "" }

// Bare is a without its resource.
func (a Address) Bare() Address { return Address{Local: a.Local, Domain: a.Domain} }

// WithResource is a with another resource.
func (a Address) WithResource(resource string) Address {
	return Address{Local: a.Local, Domain: a.Domain, Resource: resource}
}

// String is the address as it is written; ParseAddress reads it back.
func (a Address) String() string {
	if a.Local == "" && a.Resource == "" {
		return a.Domain
	}
	return string(a.Append(make([]byte, 0, len(a.Local)+len(a.Domain)+len(a.Resource)+2)))
}

// Append writes the address behind b without allocating, for encoders.
func (a Address) Append(b []byte) []byte {
	if a.Local != "" {
		b = append(b, a.Local...)
		b = append(b, '@')
	}
	b = append(b, a.Domain...)
	if a.Resource != "" {
		b = append(b, '/')
		b = append(b, a.Resource...)
	}
	return b
}
