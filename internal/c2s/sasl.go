package c2s

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"hash"
	"slices"

	"passerelle/internal/scram"
)

// mechanism is one by which we log in. The password is never said: a server to which only that would do is one that we do not log in to.
type mechanism struct {
	name string
	hash func() hash.Hash
	plus bool // tied to the encryption
}

// mechanisms are those that we have, the best first. What is tied to the encryption is better than what is not, whatever its hash.
func mechanisms() []mechanism {
	return []mechanism{
		{"SCRAM-SHA-512-PLUS", sha512.New, true},
		{"SCRAM-SHA-256-PLUS", sha256.New, true},
		{"SCRAM-SHA-1-PLUS", sha1.New, true},
		{"SCRAM-SHA-512", sha512.New, false},
		{"SCRAM-SHA-256", sha256.New, false},
		{"SCRAM-SHA-1", sha1.New, false},
	}
}

// maxChallenge is how long a challenge may be, in bytes of base64.
const maxChallenge = 8 << 10

// maxMechanisms is how many are tried, where the server takes one back that it offers.
const maxMechanisms = 3

// authenticate logs in (RFC 6120 §6). A server that takes back a mechanism before it was told anything about the password is asked for the
// next one.
func authenticate(w *wire, f *features, a Account) error {
	binding := bindingFor(w.tls, f)
	var last error
	tried := 0
	for _, m := range mechanisms() {
		if !slices.Contains(f.mechanisms, m.name) || m.plus && binding.Type == "" || tried == maxMechanisms {
			continue
		}
		tried++
		b := binding
		if !m.plus && b.Type != "" {
			// It offers such mechanisms, so it would take this for a sign that somebody took them out (RFC 5802 §6).
			b = scram.Binding{}
		}
		client := scram.New(m.hash, a.User.Local, a.Password.Reveal(), b)
		err := try(w, m, client)
		if err == nil {
			return nil
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || client.Judged() || e.Condition == "" || e.Reason != Garbled {
			return err
		}
		last = err
	}
	if last != nil {
		return last
	}
	return fault(Insecure, "it has no way to log in without telling it the password: %q", f.mechanisms)
}

// try goes through one exchange (RFC 6120 §6.4).
func try(w *wire, m mechanism, client *scram.Client) error {
	first, err := client.Respond(nil)
	if err != nil {
		return err
	}
	w.b.StartNS("auth", nsSASL).Attr("mechanism", m.name).Text(base64.StdEncoding.EncodeToString(first)).End()
	for {
		answer, err := w.exchange()
		if err != nil {
			return err
		}
		name, condition, text := answer.Root.Name, "", answer.Root.Text()
		ours := answer.Root.Space == nsSASL
		for e := range answer.Root.Children() {
			if e.Space == nsSASL && e.Name != "text" {
				condition = e.Name
				break
			}
		}
		answer.Release()
		switch {
		case !ours || len(text) > maxChallenge:
			return fault(Garbled, "it answers a login with <%.50s/>", name)
		case name == "failure":
			return refusal(condition)
		case name != "challenge" && name != "success":
			return fault(Garbled, "it answers a login with <%.50s/>", name)
		}
		if text == "=" { // RFC 6120 §6.4.6: nothing
			text = ""
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fault(Garbled, "its challenge is no base64")
		}
		var response []byte
		if len(challenge) > 0 || name == "challenge" {
			if response, err = client.Respond(challenge); err != nil {
				return challengeError(err)
			}
		}
		if name == "success" {
			if !client.Complete() {
				return fault(Untrusted, "it does not prove that it knows the password")
			}
			return nil
		}
		w.b.StartNS("response", nsSASL).Text(base64.StdEncoding.EncodeToString(response)).End()
	}
}

// refusal says what a <failure/> means (RFC 6120 §6.5).
func refusal(condition string) error {
	e := &Error{Reason: Garbled, Condition: condition}
	switch condition {
	case "not-authorized", "account-disabled", "credentials-expired":
		e.Reason = Password
	case "temporary-auth-failure", "aborted":
		e.Reason = Away
	case "encryption-required", "mechanism-too-weak":
		e.Reason = Insecure
	}
	return e
}

// challengeError classifies what is wrong with a challenge.
func challengeError(err error) error {
	if refused, ok := errors.AsType[scram.Refusal](err); ok {
		switch refused {
		case "invalid-proof", "unknown-user": // RFC 5802 §7
			return &Error{Reason: Password, Err: err}
		}
	}
	if errors.Is(err, scram.ErrServer) {
		return &Error{Reason: Untrusted, Err: err}
	}
	return &Error{Reason: Garbled, Err: err}
}

// bindingFor is what ties a login to its encryption, where the server offers a way that both have.
func bindingFor(conn *tls.Conn, f *features) scram.Binding {
	if conn == nil {
		return scram.Binding{}
	}
	if !slices.ContainsFunc(mechanisms(), func(m mechanism) bool { return m.plus && slices.Contains(f.mechanisms, m.name) }) {
		return scram.Binding{Unoffered: true}
	}
	state := conn.ConnectionState()
	known := f.bindings
	if known == nil && state.Version < tls.VersionTLS13 {
		// RFC 5802 §6.1. What goes without saying inside of TLS 1.3 (RFC 9266 §4.2) does not: ejabberd 23.01 offers to bind there, can not, and
		// calls that a wrong password.
		known = []string{"tls-unique"}
	}
	for _, kind := range []string{"tls-exporter", "tls-server-end-point", "tls-unique"} {
		if !slices.Contains(known, kind) {
			continue
		}
		if data := bindingData(&state, kind); len(data) > 0 {
			return scram.Binding{Type: kind, Data: data}
		}
	}
	return scram.Binding{}
}

// bindingData is what both ends of a connection know and nobody in between.
func bindingData(state *tls.ConnectionState, kind string) []byte {
	switch kind {
	case "tls-exporter": // RFC 9266 §2
		data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return nil
		}
		return data
	case "tls-unique": // RFC 5929 §3; not in TLS 1.3
		return state.TLSUnique
	default:
		return endPoint(state)
	}
}
