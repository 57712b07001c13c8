package salmon

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
)

// Bounds of keys that are taken. GNU social makes keys of 1024 bits.
const (
	minKeyBits = 1024
	maxKeyBits = 8192
	maxKeyText = 8 << 10 // bytes
)

// keyHref is what a key in a link begins with.
const keyHref = "data:application/magic-public-key"

// ErrSignature is what Verify says where no signature of an envelope was made with a key.
var ErrSignature = errors.New("the signature is not of this key")

// Verify returns nil if the envelope was signed with a key.
func (e *Envelope) Verify(key *rsa.PublicKey) error {
	for _, padding := range []*base64.Encoding{base64.URLEncoding, base64.RawURLEncoding} {
		sum := sha256.Sum256(signedText(padding, e.data, e.typ))
		for _, s := range e.signatures {
			if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s) == nil {
				return nil
			}
		}
	}
	return ErrSignature
}

// FormatKey writes a key as "RSA.modulus.exponent" (Magic Signatures §5.1).
func FormatKey(key *rsa.PublicKey) string {
	return "RSA." + base64.URLEncoding.EncodeToString(key.N.Bytes()) + "." +
		base64.URLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
}

// FormatKeyHref writes a key as the href of a link with the relation "magic-public-key".
func FormatKeyHref(key *rsa.PublicKey) string { return keyHref + "," + FormatKey(key) }

// ParseKey reads what either of the above writes.
func ParseKey(s string) (*rsa.PublicKey, error) {
	if len(s) > maxKeyText {
		return nil, errors.New("the key is too long")
	}
	s = withoutSpace(s)
	if rest, ok := strings.CutPrefix(s, keyHref); ok {
		// A "," as RFC 2397 has it, or the ";" of old StatusNets.
		if s = strings.TrimLeft(rest, ",;"); s == rest {
			return nil, errors.New("the link has no key")
		}
		if unescaped, err := url.PathUnescape(s); err == nil {
			s = unescaped
		}
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != "RSA" { // Magic Signatures §5.1 has a private key behind them, which nobody shall send
		return nil, errors.New("the key is not of the form RSA.modulus.exponent")
	}
	n, err := decode(parts[1])
	if err != nil {
		return nil, fmt.Errorf("read modulus: %w", err)
	}
	exponent, err := decode(parts[2])
	if err != nil {
		return nil, fmt.Errorf("read exponent: %w", err)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits || key.N.Bit(0) == 0 {
		return nil, fmt.Errorf("the modulus has %d bits, or is even", bits)
	}
	e := new(big.Int).SetBytes(exponent)
	if e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 {
		return nil, errors.New("the exponent is even, or too small or too large")
	}
	key.E = int(e.Int64())
	return key, nil
}
