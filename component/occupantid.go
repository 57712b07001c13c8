package component

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"

	"passerelle/transports"
)

// occupantIDs makes the opaque names of people in rooms (XEP-0421 §4.1): the same for the same person in the same room, whichever user of
// the gateway looks. Safe to call from any goroutine.
type occupantIDs struct{ hashers sync.Pool }

// hasher is what it takes to make a name; buf has what is hashed, and then the hash.
type hasher struct {
	hash.Hash
	buf []byte
}

func newOccupantIDs(key []byte) *occupantIDs {
	return &occupantIDs{sync.Pool{New: func() any { return &hasher{Hash: hmac.New(sha256.New, key)} }}}
}

// id is the opaque name of somebody: of his account where the network told it, else of all that it told, since nicks are anybody's.
func (o *occupantIDs) id(room transports.Target, p *transports.Person) string {
	h := o.hashers.Get().(*hasher)
	defer o.hashers.Put(h)
	h.Reset()
	b := append(h.buf[:0], room.Network...)
	b = append(append(b, 0), room.ID...)
	if p.Account != "" {
		b = append(append(b, "\x00account\x00"...), p.Account...)
	} else {
		b = append(append(b, "\x00nick\x00"...), p.Nick...)
		b = append(append(b, 0), p.Ident...)
		b = append(append(b, 0), p.Host...)
	}
	h.Write(b) // a hash never fails
	h.buf = h.Sum(b[:0])
	return base64.RawURLEncoding.EncodeToString(h.buf[:18])
}
