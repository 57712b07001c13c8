package address

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"golang.org/x/text/secure/precis"
)

// maxJIDPart is the limit of a local part of a JID in bytes (RFC 7622 §3.3.1).
const maxJIDPart = 1023

// aliasPrefix begins the local part of a mailbox that no JID can spell.
const aliasPrefix = "x-"

// lower is base32 as JIDs and mail servers keep it, which fold case or do not.
var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// JIDLocal is the unescaped local part of the JID that stands for the mailbox: local@domain, both lower-case. Exact is false where that
// is an alias, since a JID cannot hold it (RFC 7622 §3.3); then Parse does not lead back, and somebody has to remember whose it is.
func (m Mailbox) JIDLocal() (local string, exact bool) {
	local = strings.ToLower(m.Local) + "@" + m.Domain
	if escapable(local) {
		return local, true
	}
	sum := sha256.Sum256([]byte(local))
	return aliasPrefix + lower.EncodeToString(sum[:])[:26], false
}

// IsAlias reports whether a local part may be one that JIDLocal made where it was not exact.
func IsAlias(local string) bool {
	code, ok := strings.CutPrefix(local, aliasPrefix)
	if !ok || len(code) != 26 {
		return false
	}
	return strings.Trim(code, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// maxPlain is how long a mailbox may be, in bytes, that fits into a JID whatever of it has to be escaped.
const maxPlain = maxJIDPart / 3

// escapable reports whether a JID can have s as its local part once it is escaped (XEP-0106), so that every server takes it.
func escapable(s string) bool {
	return len(s) <= maxPlain && isPlain(s) || mapsToItself(s)
}

// isPlain reports whether s is of what nearly all mailboxes are of, and RFC 7622 leaves as it is: it is asked for each address of each mail.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-', c == '_', c == '+', c == '=', c == '@':
		default:
			return false
		}
	}
	return s != ""
}

// escaped are the characters that XEP-0106 §3 has escaped.
var escaped = strings.NewReplacer(" ", "", `"`, "", "&", "", "'", "", "/", "", ":", "", "<", "", ">", "", "@", "", `\`, "")

func mapsToItself(s string) bool {
	// XEP-0106 §4.2: an escape begins with a backslash, so one that is meant takes three bytes; none of the ends may be a space.
	if len(s) > maxJIDPart || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
		return false
	}
	plain := escaped.Replace(s)
	if len(plain)+3*(len(s)-len(plain)) > maxJIDPart {
		return false
	}
	// RFC 7622 §3.3.1: UsernameCaseMapped. What it changes would come back as another mailbox.
	mapped, err := precis.UsernameCaseMapped.String(plain)
	return err == nil && mapped == plain
}
