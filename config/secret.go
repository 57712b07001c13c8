package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is never printed, logged or marshalled. The zero Secret is none. It is safe to copy and to use from any
// goroutine.
type Secret struct {
	// A pointer, because fmt prints what is inside unexported fields of foreign structs without asking our methods; of a
	// pointer it prints the address.
	text *string
}

const redacted = "[redacted]"

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal is the text itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// String tells whether there is a secret, not which.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return redacted
}

// Format does the same for every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) {
	// fmt has no use for an error here: its states never fail.
	_, _ = io.WriteString(f, s.String())
}

// LogValue does the same for package slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText does the same for the encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
