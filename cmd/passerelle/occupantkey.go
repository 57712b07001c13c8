package main

import (
	"crypto/hmac"
	"crypto/sha256"
)

// occupantKey derives the key that makes the opaque names of people in the rooms of a domain: they stay the same over restarts, and tell
// nothing of the key that seals credentials.
func occupantKey(key []byte, domain string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("passerelle occupant-id\x00" + domain)) // a hash never fails
	return h.Sum(nil)
}
