package socialbridge

import (
	"context"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// maxSubscribed bounds of how many posts a user is told of answers.
const maxSubscribed = 1000

// maxList bounds a list of people.
const maxList = 1000

// Subscribe implements transports.Social.
func (t *Transport) Subscribe(ctx context.Context, user transports.Address, of transports.Target, node string, on bool) error {
	user = user.Bare()
	lang := t.lang(ctx, user)
	if node != transports.NodeFeed {
		return t.subscribeComments(ctx, lang, user, of, node, on)
	}
	row, known, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{Acct: of.ID})
	if err != nil {
		return busy(err)
	}
	if !known {
		if !on {
			return nil
		}
		return t.find(ctx, lang, user, of.ID, thenFollow)
	}
	return t.write(ctx, func(tx *store.Tx) error {
		a, err := t.accountIn(tx, user)
		if err != nil {
			return err
		}
		if !on {
			return t.unfollow(tx, user, a, &row)
		}
		return t.follow(tx, lang, user, a, &row)
	})
}

// accountIn is the account of a user, nil where he has none.
func (t *Transport) accountIn(tx *store.Tx, user transports.Address) (*Account, error) {
	row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	if err != nil || !ok {
		return nil, err
	}
	return t.account(&row), nil
}

// find has somebody of whom nothing is known be looked for, and then something done.
func (t *Transport) find(ctx context.Context, lang string, user transports.Address, ref string, then string) error {
	if acct, ok := readAcct(ref); ok {
		if hostOfAcct(acct) == t.host {
			return transports.NewError(transports.NotFound, text.Say(lang, "There is no %s here.", acct), nil)
		}
		if !t.Allowed(hostOfAcct(acct)) {
			return errHost(lang, hostOfAcct(acct))
		}
	}
	return t.write(ctx, func(tx *store.Tx) error {
		return t.enqueue(tx, kindFind, user.String(), task{User: user.String(), Lang: lang, Ref: ref, Then: then, Expires: findTime})
	})
}

// follow has a user follow an actor: who has an account is seen to, who has none only reads.
func (t *Transport) follow(tx *store.Tx, lang string, user transports.Address, a *Account, row *store.SocialActor) error {
	id := t.userID(user)
	if row.JID == id.JID {
		return nil
	}
	if row.Name == "" && !t.Allowed(hostOf(row.URI)) {
		return errHost(lang, hostOf(row.URI))
	}
	if !row.GoneAt.IsZero() {
		return transports.NewError(transports.Gone, text.Say(lang, "%s is not on the social web any more.", handle(row)), nil)
	}
	if limit := t.rules.Load().Follows; limit > 0 {
		n, err := tx.CountSocialFollowing(id)
		if err != nil {
			return err
		}
		if already, err := tx.FollowsSocial(id, row.ID); err != nil {
			return err
		} else if n >= limit && !already {
			return transports.NewError(transports.Policy, text.Say(lang, "You follow %d people, and no more are allowed.", n), nil)
		}
	}
	if a != nil && row.JID != "" && row.Approves {
		if follows, err := tx.FollowsSocial(id, row.ID); err != nil || follows {
			return err
		}
		return t.askToFollow(tx, a, row)
	}
	added, err := tx.FollowSocial(store.SocialFollowing{UserID: id, Actor: row.ID, Told: a != nil})
	if err != nil || !added {
		return err
	}
	if err := tx.BlockSocial(store.SocialBlock{UserID: id, Who: handle(row)}); err != nil { // whom one follows one wants to hear
		return err
	}
	if row.Name == "" && !row.Watched {
		if err := t.wire.Watch(tx, *t.known(row)); err != nil {
			return err
		}
		if err := tx.WatchSocialActor(row.ID, true); err != nil {
			return err
		}
	}
	if a == nil {
		return nil
	}
	return t.sayFollow(tx, a, row, true)
}

// askToFollow asks an account of ours whether another one may follow it.
func (t *Transport) askToFollow(tx *store.Tx, a *Account, row *store.SocialActor) error {
	own, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: a.ID})
	if err != nil {
		return err
	}
	if muted, err := t.muted(tx, row.User(), &own); err != nil || muted {
		return err
	}
	changed, err := tx.SetSocialFollower(row.ID, a.ID, store.FollowerWaits)
	if err != nil || !changed {
		return err
	}
	return t.askAboutFollower(tx, t.account(row), &own)
}

// unfollow ends it. Whom nobody follows any more is watched no more.
func (t *Transport) unfollow(tx *store.Tx, user transports.Address, a *Account, row *store.SocialActor) error {
	f, was, err := tx.UnfollowSocial(t.userID(user), row.ID)
	if err != nil || !was {
		return err
	}
	if a != nil && f.Told {
		if err := t.sayFollow(tx, a, row, false); err != nil {
			return err
		}
	}
	if !row.Watched || row.Name != "" {
		return nil
	}
	readers, err := tx.SocialReaders(t.opt.Domain, row.ID, "", 1)
	if err != nil || len(readers) > 0 {
		return err
	}
	if err := t.wire.Unwatch(tx, *t.known(row)); err != nil {
		return err
	}
	return tx.WatchSocialActor(row.ID, false)
}

// sayFollow tells an actor that an account follows him, or does not any more.
func (t *Transport) sayFollow(tx *store.Tx, a *Account, row *store.SocialActor, on bool) error {
	if row.Name != "" { // he is here
		if row.JID == "" {
			return nil
		}
		own, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: a.ID})
		if err != nil {
			return err
		}
		return t.followed(tx, t.account(row), &own, on)
	}
	who := t.actor(row)
	verb, said := activity.Follow, " started following "
	switch {
	case who.Group && on:
		verb, said = activity.Join, " joined "
	case who.Group:
		verb, said = activity.Leave, " left "
	case !on:
		verb, said = activity.Unfollow, " stopped following "
	}
	out := activity.Activity{
		ID: t.base + pathNote + newName(), Verb: verb, Actor: a.Actor, Published: tx.Now(), Object: row.URI, To: []string{row.URI}, Public: true,
		Title: displayName(&a.Actor) + said + displayName(&who),
	}
	return t.send(tx, Sending{By: a, Activity: &out}, []store.SocialActor{*row})
}

// followed tells an account that somebody follows it, or does not any more.
func (t *Transport) followed(tx *store.Tx, a *Account, by *store.SocialActor, on bool) error {
	if much, err := t.tooMuch(tx, a.User, by, ""); much || err != nil {
		return err
	}
	target := targetOf(by)
	if target.ID != "" {
		if err := t.deliver(tx, a.User, transports.FollowedBy{With: target, On: on}); err != nil {
			return err
		}
	}
	lang := t.langOf(tx, a.User)
	who := t.actor(by)
	did, said := "followed", text.Say(lang, "%s (%s) follows you.", displayName(&who), handle(by))
	if !on {
		did, said = "unfollowed", text.Say(lang, "%s (%s) does not follow you any more.", displayName(&who), handle(by))
	}
	if quiet, err := tx.Setting(t.userID(a.User), scope, SettingQuiet); err != nil || quiet == "true" {
		return err
	}
	return t.remarkOnce(tx, a.User, transports.Target{}, said, did, by.URI)
}

// subscribeComments has a user told of answers to a post.
func (t *Transport) subscribeComments(ctx context.Context, lang string, user transports.Address, of transports.Target, node string, on bool) error {
	row, err := t.actorOf(ctx, user, of)
	if err != nil {
		return err
	}
	p, ok, err := t.commented(ctx, &row, node)
	if err != nil {
		return busy(err)
	}
	if !ok {
		return transports.NewError(transports.NotFound, text.Say(lang, "There is no such node."), nil)
	}
	return t.write(ctx, func(tx *store.Tx) error {
		n, err := tx.CountSocialSubscriptions(t.userID(user))
		if err != nil {
			return err
		}
		if on && n >= maxSubscribed {
			return transports.NewError(transports.Policy, text.Say(lang, "You are subscribed to too much already."), nil)
		}
		return tx.SubscribeSocial(t.userID(user), p.ID, on)
	})
}

// Subscribed implements transports.Social.
func (t *Transport) Subscribed(ctx context.Context, user transports.Address, of transports.Target) ([]transports.EntryRef, error) {
	var all []transports.EntryRef
	for after := int64(0); len(all) < maxList; {
		rows, err := t.opt.Store.SocialFollowees(ctx, t.userID(user), after, 200)
		if err != nil {
			return nil, busy(err)
		}
		for i := range rows {
			after = rows[i].ID
			if target := targetOf(&rows[i]); target.ID != "" && (of == transports.Target{} || of == target) {
				all = append(all, transports.EntryRef{Of: target, Node: transports.NodeFeed})
			}
		}
		if len(rows) < 200 {
			break
		}
	}
	posts, err := t.opt.Store.SocialSubscriptions(ctx, t.userID(user), 0, maxSubscribed)
	if err != nil {
		return nil, busy(err)
	}
	from := &outside{ctx: ctx, db: t.opt.Store}
	for i := range posts {
		row, ok, err := from.SocialActor(t.opt.Domain, store.SocialKey{ID: posts[i].Actor})
		if err != nil {
			return nil, busy(err)
		}
		if target := targetOf(&row); ok && target.ID != "" && (of == transports.Target{} || of == target) {
			all = append(all, transports.EntryRef{Of: target, Node: transports.NodeComments + posts[i].Item})
		}
	}
	return all, nil
}

// Followers implements transports.Social.
func (t *Transport) Followers(ctx context.Context, user transports.Address, of transports.Target) ([]transports.Author, error) {
	row, ok, err := t.listed(ctx, user, of)
	if err != nil || !ok {
		return nil, err
	}
	rows, err := t.opt.Store.SocialFollowers(ctx, t.opt.Domain, row.ID, store.FollowerIs, 0, maxList)
	return t.authors(rows), orBusy(err)
}

// Followees implements transports.Social.
func (t *Transport) Followees(ctx context.Context, user transports.Address, of transports.Target) ([]transports.Author, error) {
	id := t.userID(user)
	if of != (transports.Target{}) {
		row, ok, err := t.listed(ctx, user, of)
		if err != nil || !ok {
			return nil, err
		}
		id = row.User()
	}
	rows, err := t.opt.Store.SocialFollowees(ctx, id, 0, maxList)
	return t.authors(rows), orBusy(err)
}

// listed is the account whose lists a user asks for; ok is false where there are none that he may see.
func (t *Transport) listed(ctx context.Context, user transports.Address, of transports.Target) (row store.SocialActor, ok bool, err error) {
	key := store.SocialKey{JID: user.Bare().String()}
	if of != (transports.Target{}) {
		key = store.SocialKey{Acct: of.ID}
	}
	row, ok, err = t.opt.Store.SocialActor(ctx, t.opt.Domain, key)
	if err != nil {
		return row, false, busy(err)
	}
	return row, ok && row.JID != "" && (!row.Hidden || row.JID == user.Bare().String()), nil
}

func (t *Transport) authors(rows []store.SocialActor) []transports.Author {
	all := make([]transports.Author, 0, len(rows))
	for i := range rows {
		all = append(all, t.author(&rows[i]))
	}
	return all
}
