package c2s

import (
	"context"

	"passerelle/component/stanza"
)

const (
	nsPubsub    = "http://jabber.org/protocol/pubsub"
	nsDisplayed = "urn:xmpp:mds:displayed:0"
)

// Displayed asks up to where the user has read his conversations, as far as his clients say it (XEP-0490 §3.2). read gets the element pubsub, which is
// valid until it returns; where nothing is said it is not called.
func (s *Session) Displayed(ctx context.Context, read func(pubsub *stanza.Element)) error {
	answer, err := s.ask(ctx, "get", "", func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubsub).Start("items").Attr("node", nsDisplayed).End().End()
	}, nil)
	if refusedAs(err, "item-not-found", "feature-not-implemented", "service-unavailable") {
		return nil
	}
	if err != nil {
		return err
	}
	if p := answer.Root.Child(nsPubsub, "pubsub"); p != nil {
		read(p)
	}
	answer.Release()
	return nil
}
