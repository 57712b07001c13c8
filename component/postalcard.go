package component

import (
	"context"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// What is known of the contacts of a Postal transport is in its database, and read there for who asks.

const (
	// maxCards bounds the requests for cards that wait, of one user: some clients ask for those of all contacts when they start.
	maxCards = 1000
	// maxFoundCards is how many contacts a search finds.
	maxFoundCards = 50
)

// cardRequest waits for the card of a contact.
type cardRequest struct {
	reply
	of   entity
	show func(reply, *card)
}

// showCard has the card of an entity shown, at once or as soon as it is read.
func (u *user) showCard(in *inbound, e entity, show func(reply, *card)) {
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	if u.g.postal == nil || e.kind != entityContact {
		c, ok := u.card(in, e)
		if !ok {
			u.refuse(in, transports.NewError(transports.NotFound, "Nobody is here by this name.", nil))
			return
		}
		show(r, &c)
		return
	}
	if len(u.cards) >= maxCards {
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
		return
	}
	u.cards = append(u.cards, cardRequest{r, e, show})
	u.readCards()
}

// readCards reads the cards that are asked for, all that wait together.
func (u *user) readCards() {
	if u.readingCards || len(u.cards) == 0 {
		return
	}
	u.readingCards = true
	wanted := u.cards
	u.cards = nil
	u.background(func(ctx context.Context) func() {
		found, errs := make([]transports.Card, len(wanted)), make([]error, len(wanted))
		for i, w := range wanted {
			found[i], errs[i] = u.g.postal.Card(ctx, u.jid, w.of.target)
			if errs[i] == nil && u.g.social != nil {
				u.g.readFace(ctx, w.of.target)
			}
		}
		return func() {
			u.readingCards = false
			for i, w := range wanted {
				if errs[i] != nil {
					u.answerIQ(w.from, w.to, w.id, u.sayError(errs[i]))
					continue
				}
				c := u.postalCard(w.of, &found[i])
				w.show(w.reply, &c)
			}
			u.readCards()
		}
	})
}

// postalCard is a card as vCards show it.
func (u *user) postalCard(e entity, c *transports.Card) card {
	shown := card{jid: u.g.address(e.target), name: c.Name, nick: c.Name, note: c.Note, email: c.Email, homepage: c.Page, avatar: u.avatarOf(e, "")}
	if shown.name == "" {
		shown.name = c.Email
	}
	return shown
}

// searchCards answers a search (XEP-0055 §2.2) with the contacts whom the user knows and, where he wrote an address, with that one.
func (u *user) searchCards(r reply, lang, wanted string, form bool) {
	u.background(func(ctx context.Context) func() {
		found, err := u.g.postal.SearchCards(ctx, u.jid, wanted, maxFoundCards)
		if t, unmeant := u.g.opt.Transport.Find(lang, wanted, transports.TargetContact); unmeant == nil && err == nil && t.Kind == transports.TargetContact {
			found, err = u.g.withCard(ctx, u.jid, found, t)
		} else if err == nil && len(found) == 0 && unmeant != nil {
			err = unmeant // what is wrong with what he wrote tells more than nothing
		}
		return func() {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, u.sayError(err))
				return
			}
			b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsSearch)
			if form {
				startFound(b, lang, u.g.about().Prompt.Label, emailColumn)
			}
			for i := range found {
				u.appendCard(b, &found[i], form)
			}
			if form {
				b.End()
			}
			b.End().End()
		}
	})
}

// withCard puts a contact in front of those that were found, unless he is among them.
func (g *Gateway) withCard(ctx context.Context, user transports.Address, found []transports.Card, t transports.Target) ([]transports.Card, error) {
	for _, c := range found {
		if c.Target == t {
			return found, nil
		}
	}
	c, err := g.postal.Card(ctx, user, t)
	c.Target = t
	return append([]transports.Card{c}, found...), err
}

// emailColumn is beside the name and the JID of who is found.
var emailColumn = transports.Column{Name: "email", Label: "Email address"}

func (u *user) appendCard(b *stanza.Builder, c *transports.Card, form bool) {
	jid := u.g.address(c.Target)
	if !form {
		b.Start("item").JID("jid", jid)
		b.Start(searchName).Text(c.Name).End()
		b.Start("email").Text(c.Email).End()
		b.End()
		return
	}
	appendFound(b, c.Name, jid)
	b.Start("field").Attr("var", emailColumn.Name).Start("value").Text(c.Email).End().End()
	b.End()
}

// statusOfContacts is what contacts of a Postal transport say of themselves: that one may write to them at any time, and how that gets there.
func (u *user) statusOfContacts() string {
	if u.g.social != nil {
		return text.Say(u.lang, "social web")
	}
	return text.Say(u.lang, "email")
}
