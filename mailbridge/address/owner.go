package address

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Whose a mailbox is, for what is limited by people: they have more names than one, and who wants to get around a limit has many.

// undotted are domains whose users have all names that differ only in dots, with the one that they are the same as.
var undotted = map[string]string{"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}

// Owner names who has a mailbox: in small letters, without what most servers let its owner put behind a plus sign (RFC 5233 §1), and without dots
// where they are known to mean nothing. It is good for limits and no address to write to.
func (m Mailbox) Owner() string {
	local := strings.ToLower(m.Local)
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	domain, ok := undotted[m.Domain]
	if !ok {
		return local + "@" + m.Domain
	}
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

// Organisation is the domain under which somebody has names (RFC 7489 §3.2), in ASCII: what is left of the public suffix, and one label more.
func Organisation(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain // it is a public suffix itself
	}
	return org
}
