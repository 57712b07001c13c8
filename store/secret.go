package store

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a credential in plain text. It does not show itself when it is printed, logged or marshalled, alone or in an exported
// field of a struct; Reveal is how it is read. (In an unexported field package fmt calls no methods, so do not print those.)
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (Secret) String() string { return redacted }

// Format hides the secret under every verb.
func (Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, redacted) // package fmt keeps the error of its writer
}

// LogValue hides the secret in logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret in JSON and its kin.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
