package component

import (
	"cmp"
	"errors"

	"passerelle/component/markup"
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
		return g.deliverLetter(tx, user, &e)
	case transports.Remark:
		e.ID = cmp.Or(e.ID, newID())
		o.Letter = e.ID
		g.renderRemark(&b, user, &e)
	case transports.Receipt:
		g.renderReceipt(&b, user, &e)
	case transports.Failure:
		g.renderFailure(&b, user, &e)
	default:
		return g.deliverSocial(tx, user, e)
	}
	o.Stanza = string(b.Bytes())
	return g.sendLater(tx, o)
}

// sendLater has a stanza sent once it is committed.
func (g *Gateway) sendLater(tx *store.Tx, o store.Outgoing) error {
	if len(o.Stanza) > store.MaxOutgoing {
		return transports.NewError(transports.TooLarge, "This is too large for XMPP.", nil)
	}
	if err := tx.Send(&o); err != nil {
		return err
	}
	tx.OnCommit(func() { g.outbox.committed(&o) })
	return nil
}

// deliverLetter has a letter sent in the messages that it is. One from somebody whom the user has blocked is dropped without a word
// (XEP-0191 §3.2): he has asked for that, and who wrote it is not to know.
func (g *Gateway) deliverLetter(tx *store.Tx, user transports.Address, l *transports.Letter) error {
	id := g.userID(user)
	blocked, err := tx.Blocks(id, g.address(l.With).String(), g.opt.Domain)
	if blocked || err != nil {
		return err
	}
	show := markup.ShowStyling
	if len(l.Spans) > 0 {
		value, err := tx.Setting(id, g.scope(transports.Target{}), SettingShowFormatting)
		if err != nil {
			return err
		}
		show = showNamed(value)
	}
	l.ID = cmp.Or(l.ID, newID())
	o := store.Outgoing{UserID: id, Letter: l.ID, Message: l.Message, Time: now()}
	if !l.Time.IsZero() {
		o.Time = l.Time
	}
	for _, p := range g.renderLetter(user, l, show) {
		o.Stanza = p.xml
		if err := g.sendLater(tx, o); err != nil {
			return err
		}
		o.Letter = "" // the first one stands for all of them
	}
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
