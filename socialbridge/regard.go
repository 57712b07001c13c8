package socialbridge

import (
	"context"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// heart is the sign of a favourite, whoever made it.
const heart = "❤"

// maxRegards bounds what is told of what is thought of a post.
const maxRegards = 500

// isLike reports whether a sign says that somebody likes something: the social web has no other sign (OStatus: favorite).
func isLike(sign string) bool {
	// A heart comes with and without the selector that has it shown as a picture.
	sign = strings.TrimRight(sign, "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
	return slices.Contains([]string{"❤", "♥", "👍", "⭐", "🌟", "+1", "💙", "💚", "💛", "💜", "🧡", "🖤", "💖", "😍"}, sign)
}

// Regards implements transports.Social.
func (t *Transport) Regards(ctx context.Context, user transports.Address, of transports.Target, item string) ([]transports.Regard, error) {
	p, err := t.regarded(ctx, user, of, item)
	if err != nil {
		return nil, err
	}
	rows, err := t.opt.Store.SocialRegards(ctx, p.ID, maxRegards)
	if err != nil {
		return nil, busy(err)
	}
	all := make([]transports.Regard, 0, len(rows))
	for i := range rows {
		all = append(all, t.regard(&rows[i].SocialRegard, &rows[i].By))
	}
	return all, nil
}

func (t *Transport) regard(g *store.SocialRegard, by *store.SocialActor) transports.Regard {
	r := transports.Regard{By: t.author(by), Noticed: g.Noticed, Reactions: g.Signs, Time: g.At}
	if by.JID != "" {
		r.By.User = userOf(by.JID)
		r.By.Who = transports.Target{}
	}
	return r
}

// regarded is a post of a contact's node.
func (t *Transport) regarded(ctx context.Context, user transports.Address, of transports.Target, item string) (store.SocialPost, error) {
	row, err := t.actorOf(ctx, user, of)
	if err != nil {
		return store.SocialPost{}, err
	}
	p, ok, err := t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{Item: item})
	if err == nil && !ok && row.Name != "" {
		p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{OwnItem: item, Actor: row.ID})
	}
	switch {
	case err != nil:
		return p, busy(err)
	case !ok || !p.Public || !p.DeletedAt.IsZero():
		return p, transports.NewError(transports.NotFound, text.Say(t.lang(ctx, user), "There is no such item."), nil)
	}
	return p, nil
}

// Regarded implements transports.Social.
func (t *Transport) Regarded(ctx context.Context, user transports.Address, of transports.Target, item string, r transports.Regard) error {
	lang := t.lang(ctx, user)
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return err
	}
	p, err := t.regarded(ctx, user, of, item)
	if err != nil {
		return err
	}
	signs := r.Reactions
	if r.Noticed && len(signs) == 0 {
		signs = []string{heart}
	}
	return t.write(ctx, func(tx *store.Tx) error { return t.like(tx, lang, a, &p, signs) })
}

// like notes the signs that an account puts to a post, all of them, and tells its author whether it likes it, where that has changed.
func (t *Transport) like(tx *store.Tx, lang string, a *Account, p *store.SocialPost, signs []string) error {
	likes := slices.ContainsFunc(signs, isLike)
	if !likes && len(signs) > 0 {
		return transports.NewError(transports.Unsupported, text.Say(lang, "The social web knows one reaction: ❤, 👍 and ⭐ say that you like something. Others are not passed on; write an answer in place of them."), nil)
	}
	if p.RepeatOf != "" { // what is liked is what is repeated
		if original, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: p.RepeatOf}); err != nil {
			return err
		} else if ok && original.DeletedAt.IsZero() {
			p = &original
		}
	}
	if !p.DeletedAt.IsZero() {
		return errGone(lang)
	}
	before, was, err := tx.SocialRegard(p.ID, a.ID)
	if err != nil {
		return err
	}
	g := store.SocialRegard{Post: p.ID, Actor: a.ID, Noticed: likes, Liked: before.Liked}
	if likes {
		g.Signs = []string{heart}
		if !was {
			g.Liked = t.base + pathNote + newName()
		}
	}
	if likes == was {
		return nil
	}
	if err := tx.SetSocialRegard(g); err != nil {
		return err
	}
	own, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: a.ID})
	if err != nil {
		return err
	}
	if err := t.sayRegard(tx, p, &g, &own); err != nil {
		return err
	}
	return t.sayLike(tx, a, p, &g, likes)
}

// sayLike tells the author of a post, and everybody who follows an account, whether it likes it.
func (t *Transport) sayLike(tx *store.Tx, a *Account, p *store.SocialPost, g *store.SocialRegard, likes bool) error {
	object, owner := p.URI, ""
	var told []store.SocialActor
	name := ""
	if p.RepeatOf != "" {
		object = p.RepeatOf
		if n := noteOf(p); n.Author != nil {
			owner, name = n.Author.URI, n.Author.Name
			if row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: owner}); err != nil {
				return err
			} else if ok {
				told = append(told, row)
			}
		}
	} else if row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor}); err != nil {
		return err
	} else if ok {
		who := t.actor(&row)
		owner, name = row.URI, displayName(&who)
		told = append(told, row)
	}
	out := activity.Activity{
		ID: g.Liked, Verb: activity.Favorite, Actor: a.Actor, Published: tx.Now(), Object: object, Owner: owner, To: []string{owner}, Public: p.Public,
		Title: displayName(&a.Actor) + " favorited something by " + name,
	}
	if !likes {
		out.ID, out.Verb, out.Title = t.base+pathNote+newName(), activity.Unfavorite, displayName(&a.Actor)+" unfavorited something by "+name
	}
	if owner == "" {
		out.To = nil
	}
	// Of what is not for everybody nobody else is told that it is there.
	return t.send(tx, Sending{By: a, Activity: &out, Everybody: p.Public}, told)
}

// sayRegard tells the author of a post, if he is here, what somebody thinks of it.
func (t *Transport) sayRegard(tx *store.Tx, p *store.SocialPost, g *store.SocialRegard, by *store.SocialActor) error {
	author, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil || !ok || author.JID == "" || author.JID == by.JID {
		return err
	}
	user := userOf(author.JID)
	muted, err := t.muted(tx, t.userID(user), by)
	if muted || err != nil {
		return err
	}
	if much, err := t.tooMuch(tx, user, by, p.URI); much || err != nil {
		return err
	}
	letter, err := tx.LetterOfPost(t.userID(user), p.ID)
	if err != nil {
		return err
	}
	item := p.OwnItem
	if item == "" {
		item = p.Item
	}
	e := transports.EntryRegarded{Item: item, By: targetOf(by), Regard: transports.Regard{By: t.author(by), Noticed: g.Noticed, Reactions: g.Signs, Time: tx.Now()}, Letter: letter}
	if e.By.ID != "" {
		if err := t.deliver(tx, user, e); err != nil {
			return err
		}
	}
	n := noteOf(p)
	named := slices.ContainsFunc(n.Mentions, func(m mention) bool { return m.URI == by.URI })
	if !g.Noticed || letter != "" && named {
		return nil // it is taken away, or shown at his message in the conversation with who likes it
	}
	if quiet, err := tx.Setting(t.userID(user), scope, SettingQuiet); err != nil || quiet == "true" {
		return err
	}
	who := t.actor(by)
	said := text.Say(t.langOf(tx, user), "%s (%s) likes “%s”.", displayName(&who), handle(by), oneLine(n.Title+" "+n.Text, 100))
	return t.remarkOnce(tx, user, e.By, said, "like", p.URI, by.URI)
}

// oneLine is the beginning of a text.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		return strings.TrimSpace(cutText(s, limit)) + "…"
	}
	return s
}
