package ircbridge

import (
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"strings"

	"passerelle/internal/scram"
)

// saslClient is our side of one SASL mechanism (RFC 4422). It computes and does nothing else; a login carries it over IRC.
type saslClient interface {
	// Respond answers a challenge. Both may be empty. It may take a moment.
	Respond(challenge []byte) ([]byte, error)
	// Complete reports whether the exchange has come so far that the network may call it a success.
	Complete() bool
	// Judged reports whether a refusal now speaks of the password, not only of the mechanism.
	Judged() bool
}

// Names of mechanisms.
const (
	mechScram512 = "SCRAM-SHA-512"
	mechScram256 = "SCRAM-SHA-256"
	mechExternal = "EXTERNAL"
	mechPlain    = "PLAIN"
)

// credentials are what a user can log in with.
type credentials struct {
	account, password string // the password may be empty
	certificate       bool   // shown to the network by TLS
}

// possible gives the mechanisms for a value of SettingSASL that the credentials and the connection allow, the strongest first.
// A password never goes out in plain text, whatever is asked for: SCRAM does not send it, PLAIN is for TLS only.
func (c credentials) possible(wish string, encrypted bool) []string {
	all := []string{mechScram512, mechScram256, mechExternal, mechPlain}
	return slices.DeleteFunc(all, func(name string) bool {
		switch name {
		case mechExternal:
			return wish != saslAuto && wish != saslExternal || !encrypted || !c.certificate
		case mechPlain:
			return wish != saslAuto && wish != saslPlain && wish != saslPassword && wish != saslServices || !encrypted || c.account == "" || c.password == ""
		default:
			return wish != saslAuto && wish != saslSCRAM && wish != saslPassword || c.account == "" || c.password == ""
		}
	})
}

// client begins an exchange.
func (c credentials) client(mechanism string) saslClient {
	switch mechanism {
	case mechScram512:
		return scram.New(sha512.New, c.account, c.password, scram.Binding{})
	case mechScram256:
		return scram.New(sha256.New, c.account, c.password, scram.Binding{})
	case mechExternal:
		return &singleSASL{}
	default:
		return &singleSASL{response: "\x00" + c.account + "\x00" + c.password, secret: true}
	}
}

// singleSASL is a mechanism of one response: PLAIN (RFC 4616 §2), or EXTERNAL (RFC 4422 §A.1) where the network takes the account
// from the certificate.
type singleSASL struct {
	response string
	secret   bool // the response holds the password
	sent     bool
}

func (m *singleSASL) Respond(challenge []byte) ([]byte, error) {
	if m.sent || len(challenge) > 0 {
		return nil, scram.ErrUnexpected
	}
	m.sent = true
	return []byte(m.response), nil
}

func (m *singleSASL) Complete() bool { return m.sent }
func (m *singleSASL) Judged() bool   { return m.sent && m.secret }

// cutMechanisms reads a list of mechanisms, as in the value of the capability sasl; unknown ones are skipped.
func cutMechanisms(list string) []string {
	known := []string{mechScram512, mechScram256, mechExternal, mechPlain}
	var names []string
	for name := range strings.SplitSeq(strings.ToUpper(list), ",") {
		if i := slices.Index(known, strings.TrimSpace(name)); i >= 0 && !slices.Contains(names, known[i]) {
			names = append(names, known[i])
		}
	}
	return names
}
