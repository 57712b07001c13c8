package ircbridge

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Bounds of the iteration count that a network may ask for. Fewer make the proof worth guessing at (RFC 7677 §4), more are work
// that no honest network gives us: half a second.
const (
	minIterations = 4096
	maxIterations = 500_000
)

// scram is the client of SCRAM-SHA-256 (RFC 5802, RFC 7677) and of its like with another hash, without channel binding.
type scram struct {
	hash              func() hash.Hash
	account, password string
	nonce             string
	step              int // messages that were sent
	firstBare         string
	serverSignature   []byte
	verified          bool // the network knows the password, too
}

// gs2Header says that there is no channel binding and no other identity (RFC 5802 §6).
const gs2Header = "n,,"

func newScram(h func() hash.Hash, account, password string) *scram {
	return &scram{hash: h, account: account, password: password, nonce: rand.Text()}
}

func (m *scram) complete() bool { return m.verified }
func (m *scram) judged() bool   { return m.step > 1 }

func (m *scram) respond(challenge []byte) ([]byte, error) {
	m.step++
	switch m.step {
	case 1:
		if len(challenge) > 0 {
			return nil, errSASL
		}
		name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(saslPrep(m.account))
		m.firstBare = "n=" + name + ",r=" + m.nonce
		return []byte(gs2Header + m.firstBare), nil
	case 2:
		return m.prove(string(challenge))
	case 3:
		return nil, m.verify(string(challenge))
	default:
		return nil, errSASL
	}
}

// prove answers the server-first-message with the proof that we know the password (RFC 5802 §3, §5).
func (m *scram) prove(serverFirst string) ([]byte, error) {
	attributes := strings.Split(serverFirst, ",") // extensions may follow; a mandatory one would stand in front
	if len(attributes) < 3 {
		return nil, errSASL
	}
	nonce, okNonce := strings.CutPrefix(attributes[0], "r=")
	salt64, okSalt := strings.CutPrefix(attributes[1], "s=")
	count, okCount := strings.CutPrefix(attributes[2], "i=")
	if !okNonce || !okSalt || !okCount {
		return nil, errSASL
	}
	if !strings.HasPrefix(nonce, m.nonce) || len(nonce) == len(m.nonce) {
		return nil, errors.New("the nonce is not ours with more behind it")
	}
	salt, err := base64.StdEncoding.DecodeString(salt64)
	if err != nil || len(salt) == 0 {
		return nil, errors.New("the salt cannot be read")
	}
	iterations, err := strconv.Atoi(count)
	if err != nil || iterations < minIterations || iterations > maxIterations {
		return nil, fmt.Errorf("%q is no iteration count between %d and %d", count, minIterations, maxIterations)
	}
	salted, err := pbkdf2.Key(m.hash, saslPrep(m.password), salt, iterations, m.hash().Size())
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	clientKey := m.mac(salted, "Client Key")
	h := m.hash()
	h.Write(clientKey)
	final := "c=" + base64.StdEncoding.EncodeToString([]byte(gs2Header)) + ",r=" + nonce
	authMessage := m.firstBare + "," + serverFirst + "," + final
	proof := m.mac(h.Sum(nil), authMessage)
	subtle.XORBytes(proof, proof, clientKey)
	m.serverSignature = m.mac(m.mac(salted, "Server Key"), authMessage)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// errScramServer is a network that does not know the password: somebody in between, or one that lets anybody in.
var errScramServer = errors.New("the server's signature is wrong")

// verify checks the server-final-message (RFC 5802 §7).
func (m *scram) verify(serverFinal string) error {
	if reason, failed := strings.CutPrefix(serverFinal, "e="); failed {
		return scramError(plain(reason))
	}
	first, _, _ := strings.Cut(serverFinal, ",")
	signature64, ok := strings.CutPrefix(first, "v=")
	if !ok {
		return errSASL
	}
	signature, err := base64.StdEncoding.DecodeString(signature64)
	if err != nil || !hmac.Equal(signature, m.serverSignature) {
		return errScramServer
	}
	m.verified = true
	return nil
}

// scramError is the network's own word for a refusal, such as "invalid-proof".
type scramError string

func (e scramError) Error() string { return "the server refuses: " + string(e) }

func (m *scram) mac(key []byte, message string) []byte {
	h := hmac.New(m.hash, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// saslPrep makes a name or a password comparable (RFC 4013 §2.1, §2.2). What it prohibits cannot be in a setting, or is left to
// the network to refuse.
func saslPrep(s string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case r == '\u00ad', r == '\u034f', r == '\u1806', 0x180b <= r && r <= 0x180d, 0x200b <= r && r <= 0x200d, r == '\u2060',
			0xfe00 <= r && r <= 0xfe0f, r == '\ufeff':
			return -1
		case unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, s))
}
