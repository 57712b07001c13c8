package socialbridge

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Card implements transports.Postal. Of somebody of whom nothing is known there is the address.
func (t *Transport) Card(ctx context.Context, _ transports.Address, target transports.Target) (transports.Card, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{Acct: target.ID})
	if err != nil {
		return transports.Card{}, busy(err)
	}
	if !ok || !row.GoneAt.IsZero() {
		return transports.Card{Target: target, Name: target.ID}, nil
	}
	return t.card(&row), nil
}

func (t *Transport) card(row *store.SocialActor) transports.Card {
	a := t.actor(row)
	c := transports.Card{Target: targetOf(row), Name: displayName(&a), Note: a.Note, Page: a.Page}
	if u := a.Home; u != "" && u != a.Page && !strings.Contains(c.Note, u) {
		c.Note = strings.TrimSpace(c.Note + "\n" + u)
	}
	return c
}

// SearchCards implements transports.Postal: those of whom something is known, and the address itself where the user writes one.
func (t *Transport) SearchCards(ctx context.Context, user transports.Address, query string, limit int) ([]transports.Card, error) {
	query = strings.TrimPrefix(strings.TrimSpace(query), "@")
	found, err := t.opt.Store.FindSocialActors(ctx, t.opt.Domain, query, limit)
	if err != nil {
		return nil, busy(err)
	}
	cards := make([]transports.Card, 0, len(found)+1)
	for i := range found {
		cards = append(cards, t.card(&found[i]))
	}
	acct, ok := readAcct(query)
	if !ok || len(cards) >= limit {
		return cards, nil
	}
	for _, c := range cards {
		if c.Target.ID == acct {
			return cards, nil
		}
	}
	if hostOfAcct(acct) == t.host { // who hides is not shown, and who is not there is nobody
		return cards, nil
	}
	c, err := t.Card(ctx, user, contact(acct))
	if err != nil {
		return nil, err
	}
	return append(cards, c), nil
}

// sayCard is what is known of somebody, in words.
func (t *Transport) sayCard(lang string, row *store.SocialActor) string {
	a := t.actor(row)
	lines := []string{displayName(&a) + " (" + handle(row) + ")"}
	if a.Group {
		lines[0] = text.Say(lang, "group %s", lines[0])
	}
	for _, s := range []string{a.Note, a.Place, a.Home, a.Page} {
		if s != "" {
			lines = append(lines, s)
		}
	}
	if row.Acct != "" {
		lines = append(lines, "xmpp:"+transports.Escape(row.Acct)+"@"+t.opt.Domain)
	}
	return strings.Join(lines, "\n")
}
