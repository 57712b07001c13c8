package c2s

import (
	"context"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const (
	nsPubsub    = "http://jabber.org/protocol/pubsub"
	nsDisplayed = "urn:xmpp:mds:displayed:0"
	nsSID       = "urn:xmpp:sid:0"
)

// maxDisplayed is how many conversations are read of.
const maxDisplayed = 4000

// Displayed is up to where somebody has read a conversation.
type Displayed struct {
	Peer transports.Address // bare
	ID   string             // which the archive of By has for the message
	By   transports.Address // the account itself, or a room
}

// Displayed is what the user's clients say that he has read (XEP-0490). Nothing is no error: not all clients say it.
func (s *Session) Displayed(ctx context.Context) ([]Displayed, error) {
	answer, err := s.ask(ctx, "get", "", func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubsub).Start("items").Attr("node", nsDisplayed).End().End()
	}, nil)
	if refusedAs(err, "item-not-found", "feature-not-implemented", "service-unavailable") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer answer.Release()
	var all []Displayed
	for e := range answer.Root.Child(nsPubsub, "pubsub").Child(nsPubsub, "items").Children() {
		id := e.Child(nsDisplayed, "displayed").Child(nsSID, "stanza-id")
		peer, err := transports.ParseAddress(e.Attr("id"))
		by, errBy := transports.ParseAddress(id.Attr("by"))
		if !e.Is(nsPubsub, "item") || err != nil || errBy != nil || id.Attr("id") == "" || len(id.Attr("id")) > maxID || len(all) == maxDisplayed {
			continue
		}
		all = append(all, Displayed{Peer: peer.Bare(), ID: id.Attr("id"), By: by.Bare()})
	}
	return all, nil
}
