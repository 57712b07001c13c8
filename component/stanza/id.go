package stanza

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// idEncoding keeps the order of the bytes, so that ids made later sort later.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID mints an id for a stanza: 48 bits of milliseconds, then 72 bits from the runtime's ChaCha8 generator, which nobody can
// guess, as 24 characters. Safe to call from any goroutine.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16|uint64(rand.Uint32()>>16)&0xffff)
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	var out [26]byte
	idEncoding.Encode(out[:], b[:])
	return string(out[:24])
}
