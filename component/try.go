package component

import (
	"context"
	"errors"
)

// Try joins an XMPP server as a domain, as a gateway does, and leaves it again. The error is for the operator: what is wrong, in one sentence, and
// what to do about it. Not to be called while the gateway of that domain runs: the server may end its stream for this one.
func Try(ctx context.Context, server, domain, secret string) error {
	s, err := dial(ctx, server, domain, secret)
	if e, ok := errors.AsType[*connectError](err); ok {
		return errors.New(e.advice(domain, server))
	}
	if err != nil {
		return err
	}
	// RFC 6120 §4.4; whether the server has heard it does not matter any more.
	_ = s.endStream()
	return s.conn.Close()
}
