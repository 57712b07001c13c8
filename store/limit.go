package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what a row takes, in bytes. Most of it was typed by strangers.
const (
	maxPart  = 1023            // one part of a JID (RFC 7622 §3.2, §3.3, §3.4), and a nick, which is its resource
	maxJID   = maxPart*2 + 1   // a bare JID
	maxScope = maxPart*2 + 256 // a word and a local part or a JID
	maxName  = 255             // a setting's name
	maxValue = 64 << 10        // a setting's value, a secret

	maxLineID = 64        // a stanza id
	maxNetID  = 128       // what a network calls a line
	maxStanza = 128 << 10 // a line of the archive as XML
)

// field is a text on its way into a column.
type field struct {
	name string // for the error
	text string
	max  int
}

// checkFields refuses texts that are too long or that PostgreSQL would not store.
func checkFields(fields ...field) error {
	for _, f := range fields {
		switch {
		case len(f.text) > f.max:
			return fmt.Errorf("the %s has %d bytes, more than %d", f.name, len(f.text), f.max)
		case !utf8.ValidString(f.text):
			return fmt.Errorf("the %s is not valid UTF-8", f.name)
		case strings.IndexByte(f.text, 0) >= 0:
			return fmt.Errorf("the %s has a NUL byte", f.name)
		}
	}
	return nil
}

// storable reports whether PostgreSQL would store texts. What strangers look for by any other is not there.
func storable(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 })
}
