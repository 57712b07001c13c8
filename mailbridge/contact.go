package mailbridge

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/store"
	"passerelle/transports"
)

// Card implements transports.Postal.
func (t *Transport) Card(ctx context.Context, user transports.Address, target transports.Target) (transports.Card, error) {
	c, ok, err := t.opt.Store.MailContact(ctx, t.userID(user), target.ID)
	if err != nil {
		return transports.Card{}, busy(err)
	}
	if ok {
		return cardOf(&c), nil
	}
	m, err := address.ParseLoose(target.ID)
	if err != nil {
		return transports.Card{}, transports.NewError(transports.NotFound, "This address stands for somebody who has never written to you.", err)
	}
	return transports.Card{Target: target, Name: m.String(), Email: m.String()}, nil
}

func cardOf(c *store.MailContact) transports.Card {
	card := transports.Card{Target: contact(c.Contact), Name: c.Name, Email: c.Mailbox}
	if card.Name == "" {
		card.Name = c.Mailbox
	}
	return card
}

// SearchCards implements transports.Postal: those whom the user knows, and the address itself where he writes one.
func (t *Transport) SearchCards(ctx context.Context, user transports.Address, query string, limit int) ([]transports.Card, error) {
	found, err := t.opt.Store.FindMailContacts(ctx, t.userID(user), query, limit)
	if err != nil {
		return nil, busy(err)
	}
	cards := make([]transports.Card, 0, len(found)+1)
	for i := range found {
		cards = append(cards, cardOf(&found[i]))
	}
	if target, err := t.Find("", query, transports.TargetContact); err == nil && len(cards) < limit {
		card, err := t.Card(ctx, user, target)
		if err != nil {
			return nil, err
		}
		for _, c := range cards {
			if c.Target == target {
				return cards, nil
			}
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// named finds somebody of whom a user says a number that he was told, or an address.
func (t *Transport) named(ctx context.Context, lang string, id store.UserID, said string) (store.MailContact, error) {
	said = strings.TrimSpace(said)
	for _, state := range []store.MailContactState{store.MailWaits, store.MailBlocked, store.MailKnown} {
		if strings.Trim(said, "0123456789") != "" || said == "" {
			break
		}
		all, err := t.opt.Store.MailContacts(ctx, id, state, maxWaiting)
		if err != nil {
			return store.MailContact{}, busy(err)
		}
		for _, c := range all {
			if numeral(c.Number) == said {
				return c, nil
			}
		}
	}
	target, err := t.Find(lang, said, transports.TargetContact)
	if err != nil {
		return store.MailContact{}, transports.NewError(transports.NotFound, text.Say(lang, "Nobody is called so. Write the number of somebody whose mail waits, or an email address."), nil)
	}
	c, ok, err := t.opt.Store.MailContact(ctx, id, target.ID)
	if err != nil {
		return c, busy(err)
	}
	if !ok {
		m, err := address.ParseLoose(target.ID)
		if err != nil {
			return c, transports.NewError(transports.NotFound, text.Say(lang, "Nobody is called so. Write the number of somebody whose mail waits, or an email address."), nil)
		}
		c = store.MailContact{UserID: id, Contact: target.ID, Mailbox: m.String()}
	}
	return c, nil
}
