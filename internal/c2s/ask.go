package c2s

import (
	"context"
	"errors"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const nsPing = "urn:xmpp:ping"

// ask makes a request of the account, for which to may be empty, or of its server, and waits for the answer (RFC 6120 §8.2.3). What else comes
// meanwhile goes to others, if that is not nil, and its errors end the waiting. The caller releases the answer.
func (s *Session) ask(ctx context.Context, kind, to string, payload func(*stanza.Builder), others func(*stanza.Element) error) (*stanza.Stanza, error) {
	id := stanza.NewID(time.Now())
	b := &s.w.b
	b.Start("iq").Attr("type", kind).Attr("to", to).Attr("id", id)
	payload(b)
	b.End()
	return s.await(ctx, id, others)
}

// await writes what was built and waits for the answer to the request of an id.
func (s *Session) await(ctx context.Context, id string, others func(*stanza.Element) error) (*stanza.Stanza, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	stop := s.w.bind(ctx)
	defer stop()
	if err := s.w.flush(); err != nil {
		return nil, asError(ctx, err)
	}
	for range maxStrangers {
		answer, err := s.w.next()
		if _, refused := errors.AsType[*stanza.Refused](err); refused {
			s.Skipped++ // nobody can tell what it was
			continue
		}
		if err != nil {
			return nil, asError(ctx, err)
		}
		root := answer.Root
		if root.Is(stanza.NSClient, "iq") {
			switch kind := root.Attr("type"); {
			case root.AttrIs("id", id) && kind == "result" && s.own(root):
				return answer, nil
			case root.AttrIs("id", id) && kind == "error" && s.own(root):
				err := stanzaError(root)
				answer.Release()
				return nil, err
			case kind == "get" || kind == "set":
				err = s.decline(root)
			}
		} else if others != nil {
			err = others(root)
		}
		answer.Release()
		if err != nil {
			return nil, asError(ctx, err)
		}
	}
	return nil, fault(Garbled, "it sends everything but an answer")
}

// account reports whether a stanza comes from the account, which alone has its archive (XEP-0313 §9).
func (s *Session) account(e *stanza.Element) bool {
	if !e.HasAttr("from") {
		return true
	}
	from, err := transports.ParseAddress(e.Attr("from"))
	return err == nil && from == s.user
}

// own reports whether a stanza comes from the account, its server, or this session itself.
func (s *Session) own(e *stanza.Element) bool {
	if !e.HasAttr("from") {
		return true
	}
	from, err := transports.ParseAddress(e.Attr("from"))
	return err == nil && (from == s.user || from == s.full && !s.full.IsZero() || from == (transports.Address{Domain: s.user.Domain}))
}

// decline answers somebody else's request: we are a client that can do nothing but be asked whether it is there (RFC 6120 §8.2.3, XEP-0199).
// Only the server itself gets an answer; to others nobody is here.
func (s *Session) decline(e *stanza.Element) error {
	if !s.own(e) {
		return nil
	}
	b := &s.w.b
	b.Start("iq").Attr("to", e.Attr("from")).Attr("id", e.Attr("id"))
	if e.Child(nsPing, "ping") != nil {
		b.Attr("type", "result").End()
	} else {
		b.Attr("type", "error").RawError("cancel", "service-unavailable", "").End()
	}
	return s.w.flush()
}

// stanzaError reads a stanza's error (RFC 6120 §8.3).
func stanzaError(e *stanza.Element) *Error {
	out := &Error{Reason: Refused, Condition: "undefined-condition"}
	for c := range e.Child(stanza.NSClient, "error").Children() {
		if c.Space == stanza.NSStanzas && c.Name != "text" {
			out.Condition = c.Name
			break
		}
	}
	return out
}

// refusedAs reports whether an error is an answer with one of some conditions.
func refusedAs(err error, conditions ...string) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != Refused {
		return false
	}
	for _, c := range conditions {
		if e.Condition == c {
			return true
		}
	}
	return false
}
