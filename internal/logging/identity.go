package logging

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync/atomic"
)

// identityBytes is how much of the hash is shown: enough to tell users apart, short enough to read.
const identityBytes = 6

// Identities names users in the log: as they are, or as a short keyed hash, so that a log can be shown around and kept without
// telling who talks to whom. It is safe to use from any goroutine.
type Identities struct {
	key   []byte
	plain atomic.Bool
}

// NewIdentities makes one that shows JIDs where plain is true. Without a key it makes a random one: the hash of a user is then the
// same until the process ends.
func NewIdentities(key []byte, plain bool) *Identities {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		// It never fails: crypto/rand ends the program instead.
		_, _ = rand.Read(key)
	}
	i := &Identities{key: key}
	i.Show(plain)
	return i
}

// Show says whether JIDs are shown from now on.
func (i *Identities) Show(plain bool) { i.plain.Store(plain) }

// User is the attribute that names a user. The hash is that of the bare JID, and it is not computed for a record that is left
// out.
func (i *Identities) User(jid string) slog.Attr {
	return slog.Any("user", identity{names: i, jid: jid})
}

var _ slog.LogValuer = identity{}

// identity is a JID on its way into the log.
type identity struct {
	names *Identities
	jid   string
}

// String keeps the JID out of what is printed without package slog.
func (id identity) String() string { return id.LogValue().String() }

// LogValue is what the log shows.
func (id identity) LogValue() slog.Value {
	if id.names.plain.Load() {
		return slog.StringValue(id.jid)
	}
	bare, _, _ := strings.Cut(id.jid, "/")
	mac := hmac.New(sha256.New, id.names.key)
	mac.Write([]byte(bare)) // A hash never fails.
	return slog.StringValue(hex.EncodeToString(mac.Sum(nil)[:identityBytes]))
}
