package safehttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Reason says why a request came to nothing.
type Reason uint8

// The reasons. What is temporary is said by Error.Temporary.
const (
	BadURL      Reason = iota + 1 // no URL, or none that is followed
	Forbidden                     // it leads to an address that is not everybody's
	Redirects                     // there are too many of them, or none should be
	Unreachable                   // no connection, or it broke
	Slow                          // not done by the deadline
	TooLarge                      // more than the limit
	WrongType                     // another type than those asked for, or not what it says
	Refused                       // the server answered with another status than success: Error.Status
)

var reasonTexts = [...]string{
	BadURL: "the URL cannot be used", Forbidden: "the address is not public", Redirects: "too many redirects", Unreachable: "no connection",
	Slow: "it takes too long", TooLarge: "it is too large", WrongType: "the type of the content is not acceptable", Refused: "the server refused",
}

// Error is why a request came to nothing. Its text is for the log: it may name the host, but neither the rest of the URL, which may be
// a secret, nor what the server wrote.
type Error struct {
	Reason     Reason
	Status     int           // of the answer, with Refused
	RetryAfter time.Duration // that the server asked for, with Refused; 0 if it did not
	Err        error         // more for the log; may be nil
}

func (e *Error) Error() string {
	s := reasonTexts[e.Reason]
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case Unreachable, Slow:
		return true
	case Refused:
		return e.Status >= 500 && e.Status != 501 && e.Status != 507 || e.Status == 408 || e.Status == 425 || e.Status == 429
	default:
		return false
	}
}

func newError(r Reason, err error) *Error { return &Error{Reason: r, Err: err} }

// asError classifies what net/http says. What this package refused on the way is inside of it.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return newError(Slow, nil)
	}
	if !ours(err) {
		return newError(Unreachable, errors.New("its answer is not understood"))
	}
	// The error of net/http begins with the URL.
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return newError(Unreachable, err)
		}
		err = inner
	}
}

// ours reports whether an error says what happened to the connection. Others of net/http quote what the server wrote.
func ours(err error) bool {
	_, connection := errors.AsType[*net.OpError](err)
	_, name := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return connection || name || certificate || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
