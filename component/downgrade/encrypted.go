package downgrade

import (
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of what only somebody with a key can read.
const (
	nsEME     = "urn:xmpp:eme:0"                 // XEP-0380, whatever the encryption is
	nsOMEMO1  = "eu.siacs.conversations.axolotl" // XEP-0384 of old
	nsOMEMO2  = "urn:xmpp:omemo:2"
	nsOpenPGP = "urn:xmpp:openpgp:0" // XEP-0374
	nsPGP     = "jabber:x:encrypted" // XEP-0027
)

// secrecy is whether somebody without a key can read a message.
type secrecy uint8

const (
	plain secrecy = iota
	encrypted
	onlyKeys // nothing is said: a client tells another one about its keys
)

// encryption says whether only somebody with a key can read a message. Its body is then a hint for clients that cannot decrypt it
// (XEP-0380 §1), or ciphertext.
func encryption(m *stanza.Element, body string) secrecy {
	for _, ns := range []string{nsOMEMO1, nsOMEMO2} {
		// XEP-0384 §4.4: without a payload it is about keys. Clients send such messages unasked, so nobody waits for an answer.
		if e := m.Child(ns, "encrypted"); e != nil && e.Child(ns, "payload") == nil && body == "" {
			return onlyKeys
		}
	}
	for c := range m.Children() {
		switch c.Space {
		case nsEME, nsOMEMO1, nsOMEMO2, nsOpenPGP, nsPGP:
			return encrypted
		}
	}
	if isOTR(body) {
		return encrypted
	}
	return plain
}

// isOTR reports whether a body is a message of OTR, or asks for it (XEP-0364 §2); somebody may as well talk about "?OTR".
func isOTR(body string) bool {
	rest, ok := strings.CutPrefix(body, "?OTR")
	if !ok || rest == "" {
		return ok
	}
	return strings.IndexByte(":?v,|", rest[0]) >= 0 || strings.HasPrefix(rest, " Error:")
}

// Encrypted refuses a message that only somebody with a key could read, and is nil for every other one.
func Encrypted(m *stanza.Element) *transports.Error {
	if encryption(m, m.Child(stanza.NSComponent, "body").Text()) != encrypted {
		return nil
	}
	return transports.NewError(transports.Unsupported,
		"This conversation cannot carry encrypted messages. Switch encryption off here and send it again.", nil)
}
