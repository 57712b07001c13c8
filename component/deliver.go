package component

import (
	"cmp"
	"errors"

	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

var _ transports.Gateway = (*Gateway)(nil)

var errNoOutbox = errors.New("the gateway has no database, or its network does not store and forward")

// Deliver has a user told something, see transports.Gateway.
func (g *Gateway) Deliver(tx *store.Tx, user transports.Address, e transports.Event) error {
	if g.outbox == nil {
		return transports.NewError(transports.Internal, "", errNoOutbox)
	}
	o := store.Outgoing{UserID: g.userID(user), Time: now()}
	var b stanza.Builder
	switch e := e.(type) {
	case transports.Letter:
		e.ID = cmp.Or(e.ID, newID())
		if !e.Time.IsZero() {
			o.Time = e.Time
		}
		o.Letter = e.ID
		g.renderLetter(&b, user, &e)
	case transports.Remark:
		e.ID = cmp.Or(e.ID, newID())
		o.Letter = e.ID
		g.renderRemark(&b, user, &e)
	case transports.Receipt:
		g.renderReceipt(&b, user, &e)
	case transports.Failure:
		g.renderFailure(&b, user, &e)
	default:
		return transports.NewError(transports.Unsupported, "", nil)
	}
	if b.Len() > store.MaxOutgoing {
		return transports.NewError(transports.TooLarge, "This is too large for XMPP.", nil)
	}
	o.Stanza = string(b.Bytes())
	if err := tx.Send(o); err != nil {
		return err
	}
	tx.OnCommit(func() { poke(g.outbox.wake) })
	return nil
}

func (g *Gateway) renderRemark(b *stanza.Builder, user transports.Address, r *transports.Remark) {
	from := g.domain
	if r.With.Kind != transports.TargetDomain {
		from = g.address(r.With)
	}
	b.Start("message").JID("from", from).JID("to", user.Bare()).Attr("type", "chat").Attr("id", r.ID)
	b.Start("body").Text(r.Text).End()
	b.StartNS("origin-id", nsSID).Attr("id", r.ID).End() // XEP-0359 §2.1
	b.StartNS("store", nsHints).End()
	b.End()
}

// renderReceipt has the client learn it that waits for it, or another one where it is gone (RFC 6121 §8.5.3.2.1).
func (g *Gateway) renderReceipt(b *stanza.Builder, user transports.Address, r *transports.Receipt) {
	b.Start("message").JID("from", g.address(r.With)).JID("to", clientOr(r.Client, user)).Attr("type", "chat").Attr("id", newID())
	b.StartNS("received", nsReceipts).Attr("id", r.ID).End()
	b.StartNS("store", nsHints).End() // XEP-0184 §5.5: a client that is offline learns it later
	b.End()
}

// renderFailure is an error to the client. Where that is gone its server drops it (RFC 6121 §8.5.3.2.1); transports add a Remark.
func (g *Gateway) renderFailure(b *stanza.Builder, user transports.Address, f *transports.Failure) {
	b.Start("message").Attr("type", "error").JID("from", g.address(f.With)).JID("to", clientOr(f.Client, user)).Attr("id", f.ID)
	b.Error(transports.AsError(f.Err)).End()
}

// clientOr is the client, or the user where none is known.
func clientOr(client, user transports.Address) transports.Address {
	if client.IsZero() {
		return user.Bare()
	}
	return client
}

// Tell says something to a user now, see transports.Gateway.
func (g *Gateway) Tell(user transports.Address, with transports.Target, said string) {
	g.tellLater(transports.Call{User: user, On: with}, said)
}
