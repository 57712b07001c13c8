package judge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// maxSignatures is how many signatures of a mail are looked at; each costs a question and a reading of the mail. RFC 6376 §6.1 asks for a bound.
const maxSignatures = 5

// isSigned reports whether there may be a signature: most mail of the sites that send little has none, and need not be read for that.
func isSigned(header []byte) bool {
	const name = "DKIM-Signature"
	for line := range bytes.Lines(header) {
		if len(line) >= len(name) && strings.EqualFold(string(line[:len(name)]), name) {
			return true
		}
	}
	return false
}

// dkim looks at the signatures.
func (j *Judge) dkim(ctx context.Context, m Mail) []Signature {
	verifications, err := dkim.VerifyWithOptions(bounded{ctx, m.Open()}, &dkim.VerifyOptions{
		MaxVerifications: maxSignatures,
		LookupTXT:        func(name string) ([]string, error) { return j.options.Resolver.LookupTXT(ctx, name) },
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		j.options.Log.Debug("the signatures of a mail cannot be read", "error", err)
	}
	var found []Signature
	for _, v := range verifications {
		s := Signature{Domain: fold(v.Domain), Result: Pass}
		for _, key := range v.HeaderKeys {
			s.Header = append(s.Header, strings.ToLower(strings.TrimSpace(key)))
		}
		switch {
		case s.Domain == "":
			s.Result = PermError
		case v.Err == nil:
		case dkim.IsTempFail(v.Err) || ctx.Err() != nil:
			s.Result = TempError
		case dkim.IsPermFail(v.Err):
			s.Result = PermError
		default:
			s.Result = Fail
		}
		found = append(found, s)
	}
	return found
}

// bounded is a mail that ends when there is no more time. It ends, and does not fail, since the library's goroutines would wait for ever then.
type bounded struct {
	ctx context.Context
	r   io.Reader
}

func (b bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, io.EOF
	}
	n, err := b.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}
