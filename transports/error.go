package transports

import "errors"

// Kind classifies an error by what its receiver should do about it. Each front end renders it in its own terms: component as a
// stanza error condition; see docs/ARCHITECTURE.md for the table.
type Kind uint8

// The kinds of errors.
const (
	Internal      Kind = iota // ours, unclassified: the peer is told nothing but that
	BadRequest                // the request makes no sense
	NotFound                  // there is no such thing
	NotRegistered             // only for those who registered (on IRC +i, +r)
	NeedPassword              // a password is missing or wrong (on IRC +k)
	Denied                    // not for this user (on IRC +b, not an operator)
	NotJoined                 // only for those who are in the room
	Conflict                  // the name is taken
	Full                      // no more people fit (on IRC +l)
	Unsupported               // this network or this version cannot do it
	TooLarge                  // over a limit of size
	Policy                    // against a rule of the operator
	Busy                      // ours is overloaded: try again
	Offline                   // theirs does not answer: try again
	NoServer                  // there is no such server
	Gone                      // it was there and is not any more
)

// Temporary reports whether the same request may succeed later.
func (k Kind) Temporary() bool {
	return k == Internal || k == Busy || k == Offline || k == Full
}

// Error is an error whose receiver is told something. Text is for the peer: a sentence that a person can act on. Err is for
// the log and never shown to the peer.
type Error struct {
	Kind Kind
	Text string
	Err  error

	words Words // of which Text was made; the zero Words where it is what it is
}

// NewError makes an error; err may be nil.
func NewError(kind Kind, text string, err error) *Error {
	return &Error{Kind: kind, Text: text, Err: err}
}

// Errorf makes an error whose text is Words, so that it can be said in other languages.
func Errorf(kind Kind, text string, args ...any) *Error {
	w := Words{text, args}
	return &Error{Kind: kind, Text: w.In(inEnglish), words: w}
}

// Because gives the error what the log is to know of it.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// In is Text in the language of say, as far as it is of the catalogue.
func (e *Error) In(say Say) string {
	if e.words.Text == "" {
		return say(e.Text)
	}
	return e.words.In(say)
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// AsError finds the typed error in err. An error that nobody classified becomes Internal with an empty text, so that nothing of
// it reaches the peer.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Err: err}
}
