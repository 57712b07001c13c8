package address

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// An address of ours that proves that we made it: KIND+TOKEN@domain, where the token names a row and a day, with a MAC over both. What comes
// to it needs no reading to be attributed, and who has never got mail of ours has no address to write to.

// tokenDays is for how long such an address is taken, in days from that on which it was made.
const tokenDays = 30

// macBytes of HMAC-SHA256 are 80 bits: nobody guesses them by mail.
const macBytes = 10

const tokenBytes = 8 + 4 + macBytes // the row, the day, the MAC

// ErrToken is the fault of an address that we did not make; ErrExpired of one that we made too long ago.
var (
	ErrToken   = errors.New("the address was not made here")
	ErrExpired = errors.New("the address was made too long ago")
)

// TokenKind says what an address of ours is for.
type TokenKind byte

// The kinds, which are the beginning of their local parts.
const (
	TokenBounce TokenKind = 'b' // where mail servers report what became of a message (VERP)
	TokenReply  TokenKind = 'r' // where a person answers
	TokenLeave  TokenKind = 'l' // in a link that ends what has brought a mail; nobody writes to it
)

// Tokens makes and reads addresses of ours. Safe to use from any goroutine.
type Tokens struct{ key []byte }

// NewTokens takes the key, which has to stay the same over restarts.
func NewTokens(key []byte) *Tokens { return &Tokens{key: key} }

// Local is the local part of the address that stands for a row.
func (t *Tokens) Local(kind TokenKind, row int64, now time.Time) string {
	b := make([]byte, 0, tokenBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(row))
	b = binary.BigEndian.AppendUint32(b, day(now))
	b = append(b, t.mac(kind, b)...)
	return string(kind) + "+" + lower.EncodeToString(b)
}

// HasToken reports whether a local part is meant to be such an address, right or not: no user has it.
func HasToken(local string) bool {
	return len(local) == 2+lower.EncodedLen(tokenBytes) && local[1] == '+' &&
		strings.ContainsRune("bBrRlL", rune(local[0]))
}

// MentionsToken reports whether a text has such an address in it, of any domain.
func MentionsToken(text string) bool {
	for i := range len(text) {
		if text[i] == '+' && i > 0 && i+1+lower.EncodedLen(tokenBytes) < len(text) && text[i+1+lower.EncodedLen(tokenBytes)] == '@' &&
			HasToken(text[i-1:i+1+lower.EncodedLen(tokenBytes)]) {
			return true
		}
	}
	return false
}

// Row reads the local part of an address. Mail servers may have changed its case. An expired one is told apart, with its row, as only we can
// have made it.
func (t *Tokens) Row(local string, now time.Time) (kind TokenKind, row int64, err error) {
	if !HasToken(local) {
		return 0, 0, ErrToken
	}
	local = strings.ToLower(local)
	kind = TokenKind(local[0])
	b, err := lower.DecodeString(local[2:])
	if err != nil || lower.EncodeToString(b) != local[2:] { // bits behind the last byte would make a second spelling
		return 0, 0, ErrToken
	}
	body, mac := b[:tokenBytes-macBytes], b[tokenBytes-macBytes:]
	if !hmac.Equal(mac, t.mac(kind, body)) {
		return 0, 0, ErrToken
	}
	row = int64(binary.BigEndian.Uint64(body))
	made := binary.BigEndian.Uint32(body[8:])
	if today := day(now); today > made && today-made > tokenDays {
		return kind, row, ErrExpired
	}
	return kind, row, nil
}

func (t *Tokens) mac(kind TokenKind, body []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write([]byte{byte(kind), 0}) // a hash never fails
	h.Write(body)
	return h.Sum(nil)[:macBytes]
}

// day is the number of a day since 1970.
func day(t time.Time) uint32 { return uint32(t.Unix() / 86400) }
