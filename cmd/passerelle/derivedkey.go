package main

import (
	"crypto/hmac"
	"crypto/sha256"
)

// What keys are derived for; another word is another key.
const (
	forOccupants  = "occupant-id" // the opaque names of people in rooms
	forIdentities = "identity"    // the tokens that networks know users by
	forMail       = "mail"        // addresses for reports
)

// derivedKey is a key of a domain for one purpose: it stays the same over restarts, and tells nothing of the key that seals credentials.
func derivedKey(key []byte, purpose, domain string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("passerelle " + purpose + "\x00" + domain)) // a hash never fails
	return h.Sum(nil)
}
