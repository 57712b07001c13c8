package c2s

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"passerelle/component/stanza"
)

// Reason classifies why something did not work; it decides whether to try again, and what the user is told.
type Reason uint8

// The reasons.
const (
	Away      Reason = iota // it cannot be reached, broke off, took too long, or says that it cannot just now
	Password                // it refuses the password, or the account
	Untrusted               // its certificate is not one for its name, or it does not know the password itself
	Insecure                // it does not encrypt, or wants to be told the password
	Forbidden               // it is at an address that is not public, and that the operator does not permit
	NoServer                // there is no XMPP server of that name
	Garbled                 // it does not keep to the protocol, or to a limit
	Refused                 // it answered a request with an error
)

// String is the reason as logs have it.
func (r Reason) String() string {
	names := [...]string{"away", "password refused", "not trusted", "not secure", "address not allowed", "no server", "garbled", "refused"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// Error is why something did not work. Its text is for logs.
type Error struct {
	Reason    Reason
	Condition string // what the server called it, as "not-authorized"; empty where it said nothing
	Err       error  // may be nil

	begun bool // a login was begun
}

func (e *Error) Error() string {
	s := e.Reason.String()
	if e.Condition != "" {
		s += ": " + e.Condition
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf is why something did not work; what nobody classified is Garbled.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return Garbled
}

func fault(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Err: fmt.Errorf(format, args...)}
}

// errTooMuch ends a session that brings more than it may.
var errTooMuch = errors.New("the server sends too much")

// asError classifies what reading, writing and connecting give.
func asError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if cause := context.Cause(ctx); cause != nil {
		return &Error{Reason: Away, Err: cause}
	}
	if e, ok := errors.AsType[*stanza.StreamError](err); ok {
		switch e.Condition {
		case "host-unknown", "host-gone": // RFC 6120 §4.9.3
			return &Error{Reason: NoServer, Condition: e.Condition, Err: err}
		}
		return &Error{Reason: Away, Condition: e.Condition, Err: err}
	}
	var network net.Error
	switch {
	case errors.Is(err, errTooMuch):
		return &Error{Reason: Garbled, Err: err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network):
		return &Error{Reason: Away, Err: err}
	}
	return &Error{Reason: Garbled, Err: err}
}
