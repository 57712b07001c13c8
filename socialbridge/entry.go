package socialbridge

import (
	"context"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// finder looks for actors and posts: a transaction, or the database outside of one.
type finder interface {
	SocialActor(domain string, key store.SocialKey) (store.SocialActor, bool, error)
	SocialPost(domain string, key store.PostKey) (store.SocialPost, bool, error)
}

// outside is the database as a finder, which asks once for each actor.
type outside struct {
	ctx    context.Context
	db     *store.DB
	actors map[store.SocialKey]store.SocialActor
}

func (o *outside) SocialActor(domain string, key store.SocialKey) (store.SocialActor, bool, error) {
	if row, ok := o.actors[key]; ok {
		return row, row.ID != 0, nil
	}
	row, ok, err := o.db.SocialActor(o.ctx, domain, key)
	if err == nil {
		if o.actors == nil {
			o.actors = make(map[store.SocialKey]store.SocialActor)
		}
		o.actors[key] = row
	}
	return row, ok, err
}

func (o *outside) SocialPost(domain string, key store.PostKey) (store.SocialPost, bool, error) {
	return o.db.SocialPost(o.ctx, domain, key)
}

func (t *Transport) author(row *store.SocialActor) transports.Author {
	a := t.actor(row)
	return transports.Author{Name: displayName(&a), Who: targetOf(row), URI: row.URI}
}

// entry is a post as an item of a feed.
func (t *Transport) entry(from finder, p *store.SocialPost, n *note, actor *store.SocialActor) (*transports.Entry, error) {
	e := &transports.Entry{
		Item: p.Item, ID: p.URI, Author: t.author(actor), Title: n.Title, Body: n.Text, HTML: n.HTML, Tags: n.Tags, Page: n.Page, Published: p.Published, Updated: p.Published,
	}
	for _, f := range n.Files {
		e.Files = append(e.Files, attachment(f))
	}
	for _, m := range n.Mentions {
		if m.Acct != "" {
			e.Mentions = append(e.Mentions, contact(m.Acct))
		}
	}
	if p.RepeatOf != "" {
		ref, author, err := t.refTo(from, p.RepeatOf, n.Parent)
		if err != nil {
			return nil, err
		}
		e.Via = ref
		switch {
		case author != nil:
			e.Author = *author
		case n.Author != nil:
			e.Author = transports.Author{Name: n.Author.Name, URI: n.Author.URI}
			if acct, ok := parseAcct(n.Author.Acct); ok {
				e.Author.Who = contact(acct)
			}
		}
	}
	if p.ReplyTo != "" {
		ref, _, err := t.refTo(from, p.ReplyTo, n.Parent)
		if err != nil {
			return nil, err
		}
		e.ReplyTo = ref
	}
	return e, nil
}

// refTo names a post, and who wrote it if that is known.
func (t *Transport) refTo(from finder, uri, page string) (*transports.EntryRef, *transports.Author, error) {
	ref := &transports.EntryRef{ID: uri, Page: page}
	q, ok, err := from.SocialPost(t.opt.Domain, store.PostKey{URI: uri})
	if err != nil || !ok {
		return ref, nil, err
	}
	row, ok, err := from.SocialActor(t.opt.Domain, store.SocialKey{ID: q.Actor})
	if err != nil || !ok {
		return ref, nil, err
	}
	if target := targetOf(&row); target.ID != "" {
		ref.Of, ref.Node, ref.Item = target, transports.NodeFeed, q.Item
	}
	author := t.author(&row)
	return ref, &author, nil
}

// errUnknown is that nothing is known here of an actor.
func (t *Transport) errUnknown(ctx context.Context, user transports.Address, of transports.Target) error {
	return transports.NewError(transports.NotFound, text.Say(t.lang(ctx, user), "Nothing is known here of %s. Add the contact to find out.", of.ID), nil)
}

// actorOf is the actor that a contact is.
func (t *Transport) actorOf(ctx context.Context, user transports.Address, of transports.Target) (store.SocialActor, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{Acct: of.ID})
	switch {
	case err != nil:
		return row, busy(err)
	case !ok:
		return row, t.errUnknown(ctx, user, of)
	case !row.GoneAt.IsZero():
		return row, transports.NewError(transports.Gone, text.Say(t.lang(ctx, user), "%s is not on the social web any more.", of.ID), nil)
	}
	return row, nil
}

// Nodes implements transports.Social.
func (t *Transport) Nodes(ctx context.Context, user transports.Address, of transports.Target) ([]transports.Node, error) {
	row, err := t.actorOf(ctx, user, of)
	if err != nil {
		return nil, err
	}
	page, err := t.opt.Store.SocialFeed(ctx, row.ID, store.PostQuery{Max: 0})
	if err != nil {
		return nil, busy(err)
	}
	a := t.actor(&row)
	return []transports.Node{{Name: transports.NodeFeed, Title: displayName(&a), Items: page.Count}}, nil
}

// maxPage bounds the items of a page, unless fewer are asked for.
const maxPage = 50

// Items implements transports.Social.
func (t *Transport) Items(ctx context.Context, user transports.Address, of transports.Target, q transports.ItemQuery) (transports.ItemPage, error) {
	row, err := t.actorOf(ctx, user, of)
	if err != nil {
		return transports.ItemPage{}, err
	}
	noNode := transports.NewError(transports.NotFound, text.Say(t.lang(ctx, user), "There is no such node."), nil)
	pq := store.PostQuery{Max: maxPage, After: q.After, Before: q.Before, Last: q.Last}
	if q.Max > 0 || q.IDs == nil && q.Max == 0 {
		pq.Max = min(max(q.Max, 0), maxPage)
	}
	var parent store.SocialPost
	if q.Node != transports.NodeFeed {
		var ok bool
		if parent, ok, err = t.commented(ctx, &row, q.Node); err != nil {
			return transports.ItemPage{}, busy(err)
		} else if !ok {
			return transports.ItemPage{}, noNode
		}
	}
	from := &outside{ctx: ctx, db: t.opt.Store}
	var page store.PostPage
	switch {
	case q.IDs != nil:
		page.Count, page.First = -1, -1
		for _, item := range q.IDs[:min(len(q.IDs), maxPage)] {
			p, ok, err := from.SocialPost(t.opt.Domain, store.PostKey{Item: item})
			if err != nil {
				return transports.ItemPage{}, busy(err)
			}
			if ok && p.Public && p.DeletedAt.IsZero() && (p.Actor == row.ID && parent.ID == 0 || parent.ID != 0 && p.ReplyTo == parent.URI) {
				page.Posts = append(page.Posts, p)
			}
		}
	case parent.ID != 0:
		page, err = t.opt.Store.SocialAnswers(ctx, t.opt.Domain, parent.URI, pq)
	default:
		page, err = t.opt.Store.SocialFeed(ctx, row.ID, pq)
	}
	if store.IsNoSuchItem(err) {
		return transports.ItemPage{}, transports.NewError(transports.NotFound, text.Say(t.lang(ctx, user), "There is no such item."), err)
	}
	if err != nil {
		return transports.ItemPage{}, busy(err)
	}
	out := transports.ItemPage{Count: page.Count, First: page.First}
	for i := range page.Posts {
		p := &page.Posts[i]
		actor, ok, err := from.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor})
		if err != nil {
			return transports.ItemPage{}, busy(err)
		}
		if !ok {
			continue
		}
		n := noteOf(p)
		e, err := t.entry(from, p, &n, &actor)
		if err != nil {
			return transports.ItemPage{}, busy(err)
		}
		out.Entries = append(out.Entries, *e)
	}
	return out, nil
}

// commented is the post whose comments a node of an actor has.
func (t *Transport) commented(ctx context.Context, row *store.SocialActor, node string) (p store.SocialPost, ok bool, err error) {
	item, is := cutNode(node)
	if !is {
		return p, false, nil
	}
	p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{Item: item})
	if err == nil && !ok && row.Name != "" { // by the id that it has in the user's own node
		p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{OwnItem: item, Actor: row.ID})
	}
	return p, ok && p.DeletedAt.IsZero() && p.Public && p.Actor == row.ID, err
}
