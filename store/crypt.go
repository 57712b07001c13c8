package store

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed value is
//
//	version (1 byte) | key id (8) | nonce (24) | ciphertext and tag (16 more than the plain text)
//
// sealed with XChaCha20-Poly1305, whose nonces are long enough to be random. The associated data is the version, the key id and
// the place of the value (table, field, row), so a value that was moved to another row, or given back to an earlier owner of a
// name, does not open.
const (
	sealVersion = 1
	keyIDSize   = 8
	sealHeader  = 1 + keyIDSize
	sealMinSize = sealHeader + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// KeySize is the length of a key in bytes.
const KeySize = chacha20poly1305.KeySize

// box seals and opens values with one key. It is safe for use by any goroutine.
type box struct {
	aead   cipher.AEAD
	header [sealHeader]byte // how every value that it seals begins
}

func newBox(key []byte) (*box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes and should have %d", len(key), KeySize)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("prepare the key: %w", err)
	}
	b := &box{aead: aead}
	b.header[0] = sealVersion
	// The id tells keys apart and gives nothing of the key away.
	sum := sha256.Sum256(slices.Concat([]byte("passerelle key id\x00"), key))
	copy(b.header[1:], sum[:])
	return b, nil
}

// seal seals plain for one place: a field of a table and the values that identify the row.
func (b *box) seal(plain Secret, table, field string, row ...string) []byte {
	sealed := make([]byte, 0, sealMinSize+len(plain))
	sealed = append(sealed, b.header[:]...)
	sealed = sealed[:sealHeader+chacha20poly1305.NonceSizeX]
	nonce := sealed[sealHeader:]
	rand.Read(nonce) // never fails
	return b.aead.Seal(sealed, nonce, []byte(plain), b.place(table, field, row))
}

// open is the inverse of seal; the place must be the same.
func (b *box) open(sealed []byte, table, field string, row ...string) (Secret, error) {
	if len(sealed) < sealMinSize {
		return "", errors.New("the sealed value is cut short")
	}
	if sealed[0] != sealVersion {
		return "", fmt.Errorf("the sealed value has the version %d, this binary knows %d", sealed[0], sealVersion)
	}
	if subtle.ConstantTimeCompare(sealed[:sealHeader], b.header[:]) != 1 {
		return "", fmt.Errorf("it was sealed with the key %x, the key given is %x", sealed[1:sealHeader], b.header[1:])
	}
	nonce, text := sealed[sealHeader:sealHeader+chacha20poly1305.NonceSizeX], sealed[sealHeader+chacha20poly1305.NonceSizeX:]
	plain, err := b.aead.Open(nil, nonce, text, b.place(table, field, row))
	if err != nil {
		return "", errors.New("the sealed value was changed or belongs to another row")
	}
	return Secret(plain), nil
}

// place writes where a value belongs, each part behind its length, so that no two places are written alike.
func (b *box) place(table, field string, row []string) []byte {
	ad := slices.Clone(b.header[:])
	for _, part := range append([]string{table, field}, row...) {
		ad = binary.AppendUvarint(ad, uint64(len(part)))
		ad = append(ad, part...)
	}
	return ad
}

// keyCheckText is what the key check holds; any text would do.
const keyCheckText Secret = "passerelle"

// checkKey refuses a key that is not the one the database was made with. Without it a wrong key would show only when somebody's
// password is needed, and new values would be sealed with it meanwhile.
func (db *DB) checkKey(ctx context.Context, tx *sql.Tx) error {
	text, found, err := readMeta(ctx, tx, metaKeyCheck)
	if err != nil {
		return err
	}
	if !found {
		sealed := db.box.seal(keyCheckText, "meta", "value", metaKeyCheck)
		return writeMeta(ctx, tx, metaKeyCheck, base64.StdEncoding.EncodeToString(sealed))
	}
	return checkSealed(db.box, text)
}
