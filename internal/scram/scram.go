package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Bounds of the iteration count that a server may ask for. Fewer make the proof worth guessing at (RFC 7677 §4), more are work
// that no honest server gives us: half a second.
const (
	minIterations = 4096
	maxIterations = 500_000
)

// Client is our side of one exchange (RFC 5802 §5), with a hash of the caller's. It computes and does nothing else; the caller carries what
// it says. It is for one goroutine.
type Client struct {
	hash              func() hash.Hash
	account, password string
	binding           Binding
	nonce             string
	step              int // messages that were sent
	firstBare         string
	serverSignature   []byte
	verified          bool // the server knows the password, too
}

// Binding is what ties an exchange to the encryption around it, so that nobody in between can pass it on (RFC 5802 §6). The zero Binding says
// that we have none.
type Binding struct {
	Type string // its registered name, as "tls-exporter"; empty for none
	Data []byte
	// Unoffered says that we could, and the server did not seem to offer it: one that did offer it refuses, since somebody in between took it out.
	Unoffered bool
}

// header is the GS2 header (RFC 5802 §7), without another identity.
func (b Binding) header() string {
	switch {
	case b.Type != "":
		return "p=" + b.Type + ",,"
	case b.Unoffered:
		return "y,,"
	default:
		return "n,,"
	}
}

// Errors of Respond. Others say that the server keeps to no protocol, or asks for what nobody should give.
var (
	// ErrUnexpected is a challenge that there is not at this point.
	ErrUnexpected = errors.New("unexpected challenge")
	// ErrServer is a server that does not know the password: somebody in between, or one that lets anybody in.
	ErrServer = errors.New("the server's signature is wrong")
)

// Refusal is the server's own word for why it refuses, such as "invalid-proof". A stranger wrote it.
type Refusal string

func (e Refusal) Error() string { return fmt.Sprintf("the server refuses: %.100q", string(e)) }

// New begins an exchange.
func New(h func() hash.Hash, account, password string, b Binding) *Client {
	return &Client{hash: h, account: account, password: password, binding: b, nonce: rand.Text()}
}

// Complete reports whether the server has proved that it knows the password. Only then may it call the exchange a success.
func (m *Client) Complete() bool { return m.verified }

// Judged reports whether a refusal now speaks of the password, not only of the mechanism.
func (m *Client) Judged() bool { return m.step > 1 }

// Respond answers a challenge, the first of which is empty. It takes some milliseconds for the second.
func (m *Client) Respond(challenge []byte) ([]byte, error) {
	m.step++
	switch m.step {
	case 1:
		if len(challenge) > 0 {
			return nil, ErrUnexpected
		}
		name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(saslPrep(m.account))
		m.firstBare = "n=" + name + ",r=" + m.nonce
		return []byte(m.binding.header() + m.firstBare), nil
	case 2:
		return m.prove(string(challenge))
	case 3:
		return nil, m.verify(string(challenge))
	default:
		return nil, ErrUnexpected
	}
}

// prove answers the server-first-message with the proof that we know the password (RFC 5802 §3, §5).
func (m *Client) prove(serverFirst string) ([]byte, error) {
	attributes := strings.Split(serverFirst, ",") // extensions may follow; a mandatory one would stand in front
	if len(attributes) < 3 {
		return nil, ErrUnexpected
	}
	nonce, okNonce := strings.CutPrefix(attributes[0], "r=")
	salt64, okSalt := strings.CutPrefix(attributes[1], "s=")
	count, okCount := strings.CutPrefix(attributes[2], "i=")
	if !okNonce || !okSalt || !okCount {
		return nil, ErrUnexpected
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
	final := "c=" + base64.StdEncoding.EncodeToString(slices.Concat([]byte(m.binding.header()), m.binding.Data)) + ",r=" + nonce
	authMessage := m.firstBare + "," + serverFirst + "," + final
	proof := m.mac(h.Sum(nil), authMessage)
	subtle.XORBytes(proof, proof, clientKey)
	m.serverSignature = m.mac(m.mac(salted, "Server Key"), authMessage)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// verify checks the server-final-message (RFC 5802 §7).
func (m *Client) verify(serverFinal string) error {
	if reason, failed := strings.CutPrefix(serverFinal, "e="); failed {
		return Refusal(reason)
	}
	first, _, _ := strings.Cut(serverFinal, ",")
	signature64, ok := strings.CutPrefix(first, "v=")
	if !ok {
		return ErrUnexpected
	}
	signature, err := base64.StdEncoding.DecodeString(signature64)
	if err != nil || !hmac.Equal(signature, m.serverSignature) {
		return ErrServer
	}
	m.verified = true
	return nil
}

func (m *Client) mac(key []byte, message string) []byte {
	h := hmac.New(m.hash, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// saslPrep makes a name or a password comparable (RFC 4013 §2.1, §2.2). What it prohibits cannot be in a setting, or is left to
// the server to refuse.
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
