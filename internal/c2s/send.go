package c2s

import (
	"context"
	"time"

	"passerelle/component/stanza"
)

// Send sends a message, which is a whole <message/> without a sender, in the user's name, and returns once the server has dealt with it: what is
// asked behind it is answered after it (RFC 6120 §10.1). An Error of the reason Refused says that the message itself came back; of any other,
// that nobody knows.
func (s *Session) Send(ctx context.Context, id string, message []byte) error {
	ping := stanza.NewID(time.Now())
	s.w.b.Raw(message)
	s.w.b.Start("iq").Attr("type", "get").Attr("id", ping).StartNS("ping", nsPing).End().End()
	var returned *Error
	answer, err := s.await(ctx, ping, func(e *stanza.Element) error {
		if e.Is(stanza.NSClient, "message") && e.AttrIs("type", "error") && e.AttrIs("id", id) {
			returned = stanzaError(e)
		}
		return nil
	})
	switch {
	case err == nil:
		answer.Release()
	case !refusedAs(err, "service-unavailable", "feature-not-implemented"): // which is an answer too (XEP-0199 §4.1)
		return err
	}
	if returned != nil {
		return returned
	}
	return nil
}
