package socialbridge

import (
	"context"
	"slices"
	"time"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/clean"
	"passerelle/store"
	"passerelle/transports"
)

// maxAhead is how far in the future a post may say that it is.
const maxAhead = 10 * time.Minute

// errForged is that an activity is not its actor's to make.
func errForged(why string) error { return transports.NewError(transports.Denied, why, nil) }

// Receive implements Core.
func (t *Transport) Receive(ctx context.Context, r Received) error {
	act := r.Activity
	switch {
	case act == nil || act.Actor.URI == "" || len(act.Actor.URI) > maxID || len(act.ID) > maxID || len(act.Object) > maxID:
		return transports.NewError(transports.BadRequest, "The activity has no actor, or its names are too long.", nil)
	case hostOf(act.Actor.URI) == t.host:
		return nil // of ours, on its way back
	case !t.Allowed(hostOf(act.Actor.URI)):
		return transports.NewError(transports.Policy, "This server does not take part here.", nil)
	}
	var made note
	if r.For != nil {
		size := 0
		if act.Note != nil {
			size = len(act.Note.HTML)
		}
		if err := t.mayKeep(act.Actor.URI, size); err != nil {
			return err
		}
	}
	if act.Note != nil { // it takes longer than all the rest, so nobody waits for it
		made = noteFrom(act.Note)
	}
	return t.write(ctx, func(tx *store.Tx) error {
		made := made
		made.Mentions = slices.Clone(made.Mentions)
		if r.For != nil { // as it is now
			row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: r.For.ID})
			if err != nil {
				return err
			}
			if !ok || row.JID == "" {
				return transports.NewError(transports.Gone, "Whose name that was is not here any more.", nil)
			}
			r.For = t.account(&row)
		}
		actor, err := t.keep(tx, &act.Actor, false)
		if err != nil {
			return err
		}
		switch act.Verb {
		case activity.Post:
			return t.receivePost(tx, &r, &actor, made)
		case activity.Share:
			return t.receiveShare(tx, &r, &actor, made)
		case activity.Favorite, activity.Unfavorite:
			return t.receiveLike(tx, &r, &actor)
		case activity.Follow, activity.Unfollow:
			return t.receiveFollow(tx, &r, &actor)
		case activity.Delete:
			return t.receiveDelete(tx, &r, &actor)
		}
		return nil // of the rest nothing is known but who does it, which is kept
	})
}

// when is when a post was published, as far as that can be.
func when(tx *store.Tx, published time.Time) time.Time {
	if published.IsZero() || published.After(tx.Now().Add(maxAhead)) || published.Year() < 2000 {
		return tx.Now()
	}
	return published
}

func (t *Transport) receivePost(tx *store.Tx, r *Received, actor *store.SocialActor, made note) error {
	n := r.Activity.Note
	if n == nil || n.ID == "" || len(n.ID) > maxID || len(n.ReplyTo) > maxID || len(n.Conversation) > maxID {
		return transports.NewError(transports.BadRequest, "The post has no id, or its names are too long.", nil)
	}
	author, proven := *actor, true
	var group *store.SocialActor
	if r.Feed != nil && r.Feed.Group {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: r.Feed.ID})
		if err != nil {
			return err
		}
		if ok {
			group = &row
		}
	}
	if n.Author.URI != "" && n.Author.URI != actor.URI {
		// Nobody speaks for others but a group, in its own feed, and that only says so.
		if r.Feed == nil || !r.Feed.Group {
			return errForged("The author of the post is somebody else.")
		}
		if hostOf(n.Author.URI) == t.host {
			return t.enterGroup(tx, r, n.ID, group)
		}
		var err error
		if author, err = t.keep(tx, &n.Author, false); err != nil {
			return err
		}
		proven = hostOf(n.Author.URI) == hostOf(actor.URI)
	} else if r.Feed != nil && r.Feed.URI != actor.URI {
		if !r.Feed.Group {
			return errForged("The post is in the feed of somebody else.")
		}
		proven = hostOf(r.Feed.URI) == hostOf(actor.URI)
	}
	if !activity.Owns(author.URI, n.ID) {
		return errForged("The id of the post is not of its author's server.")
	}
	p, known, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: n.ID})
	if err != nil {
		return err
	}
	if known {
		return t.receiveAgain(tx, r, &p, &author, proven, group, made)
	}
	if err := t.named(tx, &made); err != nil {
		return err
	}
	p = store.SocialPost{
		Domain: t.opt.Domain, URI: n.ID, Item: itemOf(n.ID), Actor: author.ID, Proven: proven, Note: toJSON(&made), ReplyTo: n.ReplyTo, Conversation: n.Conversation,
		Public: n.Public, Published: when(tx, n.Published),
	}
	if p.ID, err = tx.AddSocialPost(p); err != nil {
		return err
	}
	s := &spreading{post: &p, note: &made, actor: &author, group: group, quiet: r.Backlog}
	if !p.Public {
		if s.only = r.For; r.For == nil {
			return nil // it is kept for those to whom it is told directly
		}
	} else if in, err := t.enter(tx, &p, &author, group); err != nil || !in && r.For == nil {
		return err // it is older than all that is kept, so it may have been told of before it was forgotten
	}
	if p.ReplyTo != "" {
		parent, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: p.ReplyTo})
		if err != nil {
			return err
		}
		if ok && parent.DeletedAt.IsZero() {
			s.parent = &parent
		}
	}
	if r.Backlog {
		return nil
	}
	return t.spread(tx, s)
}

// enter puts a post into the feeds that it is in, and reports whether there is room for it in that in which it came.
func (t *Transport) enter(tx *store.Tx, p *store.SocialPost, author, group *store.SocialActor) (in bool, err error) {
	kept := t.kept()
	if in, err = tx.AddSocialEntry(author.ID, p.ID, p.Published, kept); err != nil || group == nil || group.ID == author.ID {
		return in, err
	}
	return tx.AddSocialEntry(group.ID, p.ID, p.Published, kept)
}

func (t *Transport) kept() int {
	if n := t.rules.Load().Kept; n > 0 {
		return n
	}
	return postsKept
}

// receiveAgain takes a post that came before: by another way, or of somebody who only said that it is of its author.
func (t *Transport) receiveAgain(tx *store.Tx, r *Received, p *store.SocialPost, author *store.SocialActor, proven bool, group *store.SocialActor, made note) error {
	if p.Actor != author.ID {
		if p.Proven || !proven {
			return errForged("The id of the post is that of another one.")
		}
		if err := tx.DeleteSocialEntries(p.ID); err != nil { // what somebody else said about it
			return err
		}
	}
	if !p.DeletedAt.IsZero() {
		return nil
	}
	if proven && !p.Proven {
		if err := t.named(tx, &made); err != nil {
			return err
		}
		n := r.Activity.Note
		p.Actor, p.Proven, p.Note, p.ReplyTo, p.Conversation, p.Public = author.ID, true, toJSON(&made), n.ReplyTo, n.Conversation, n.Public
		if err := tx.SetSocialPost(*p); err != nil {
			return err
		}
		if p.Public {
			if _, err := t.enter(tx, p, author, nil); err != nil {
				return err
			}
		}
	}
	if !p.Public {
		return nil
	}
	return t.enterGroup(tx, r, p.URI, group)
}

// enterGroup puts a post that is known into the feed of a group, and tells those who read that and have not heard of it.
func (t *Transport) enterGroup(tx *store.Tx, r *Received, uri string, group *store.SocialActor) error {
	if group == nil {
		return nil
	}
	p, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: uri})
	if err != nil || !ok || !p.DeletedAt.IsZero() || !p.Public {
		return err
	}
	added, err := tx.AddSocialEntry(group.ID, p.ID, p.Published, t.kept())
	if err != nil || !added || r.Backlog {
		return err
	}
	actor, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil || !ok {
		return err
	}
	n := noteOf(&p)
	s := &spreading{post: &p, note: &n, actor: &actor, group: group}
	return t.eachReader(tx, group.ID, func(user transports.Address) error {
		follows, err := tx.FollowsSocial(t.userID(user), actor.ID)
		if err != nil || follows || actor.JID == user.String() {
			return err
		}
		for _, m := range n.Mentions {
			if row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{JID: user.String()}); err != nil || ok && row.URI == m.URI {
				return err
			}
		}
		return t.tell(tx, s, &reader{user: user, feed: true})
	})
}

func (t *Transport) receiveShare(tx *store.Tx, r *Received, actor *store.SocialActor, made note) error {
	n := r.Activity.Note
	switch {
	case n == nil || n.ID == "" || len(n.ID) > maxID || r.Activity.ID == "":
		return transports.NewError(transports.BadRequest, "It does not say what is repeated.", nil)
	case !activity.Owns(actor.URI, r.Activity.ID):
		return errForged("The id of the activity is not of its actor's server.")
	case r.Feed != nil && r.Feed.URI != actor.URI:
		return errForged("The activity is in the feed of somebody else.")
	case r.Activity.ID == n.ID:
		return transports.NewError(transports.BadRequest, "It repeats itself.", nil)
	}
	if p, known, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: r.Activity.ID}); err != nil {
		return err
	} else if known {
		if p.Actor != actor.ID {
			return errForged("The id of the activity is that of another one.")
		}
		return nil
	}
	if _, done, err := tx.SocialPost(t.opt.Domain, store.PostKey{RepeatOf: n.ID, Actor: actor.ID}); err != nil || done {
		return err
	}
	original, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: n.ID})
	if err != nil {
		return err
	}
	if ok && (!original.DeletedAt.IsZero() || !original.Public) {
		return nil // what was taken back does not come back
	}
	if !ok && hostOf(n.Author.URI) == t.host {
		return nil // what none of ours has written
	}
	var author *store.SocialActor
	if ok { // its own words count, not what is said to be them
		row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: original.Actor})
		if err != nil {
			return err
		}
		author, made = &row, noteOf(&original)
		who := t.actor(&row)
		made.Author = &writtenBy{URI: row.URI, Acct: row.Acct, Name: displayName(&who), Page: who.Page}
		made.Original = original.Published
	} else {
		row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: n.Author.URI})
		if err != nil {
			return err
		}
		made.Author = &writtenBy{URI: cutText(n.Author.URI, maxID), Acct: row.Acct, Name: clean.Line(displayName(&n.Author), maxDisplay), Page: httpURL(n.Author.Page)}
		made.Original = when(tx, n.Published)
	}
	made.Parent, made.Mentions = made.Page, nil
	p := store.SocialPost{
		Domain: t.opt.Domain, URI: r.Activity.ID, Item: itemOf(r.Activity.ID), Actor: actor.ID, Proven: true, Note: toJSON(&made), RepeatOf: n.ID, Public: true,
		Conversation: n.Conversation, Published: when(tx, r.Activity.Published),
	}
	if p.ID, err = tx.AddSocialPost(p); err != nil {
		return err
	}
	if in, err := t.enter(tx, &p, actor, nil); err != nil || r.Backlog || !in && r.For == nil {
		return err
	}
	if author != nil && author.JID != "" {
		if err := t.sayRepeated(tx, userOf(author.JID), actor, &made); err != nil {
			return err
		}
	}
	return t.spread(tx, &spreading{post: &p, note: &made, actor: actor})
}

// sayRepeated tells a user that somebody repeats what he has written.
func (t *Transport) sayRepeated(tx *store.Tx, user transports.Address, by *store.SocialActor, n *note) error {
	muted, err := t.muted(tx, t.userID(user), by)
	if muted || err != nil {
		return err
	}
	if quiet, err := tx.Setting(t.userID(user), scope, SettingQuiet); err != nil || quiet == "true" {
		return err
	}
	if much, err := t.tooMuch(tx, user, by, n.Page); much || err != nil {
		return err
	}
	who := t.actor(by)
	said := text.Say(t.langOf(tx, user), "%s (%s) repeats “%s”.", displayName(&who), handle(by), oneLine(n.Title+" "+n.Text, 100))
	return t.remarkOnce(tx, user, targetOf(by), said, "repeat", n.Page, by.URI)
}

func (t *Transport) receiveLike(tx *store.Tx, r *Received, actor *store.SocialActor) error {
	p, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: r.Activity.Object})
	if err != nil || !ok || !p.DeletedAt.IsZero() {
		return err // of what nobody here has
	}
	likes := r.Activity.Verb == activity.Favorite
	before, was, err := tx.SocialRegard(p.ID, actor.ID)
	if err != nil || likes == was {
		return err
	}
	g := store.SocialRegard{Post: p.ID, Actor: actor.ID, Noticed: likes, Liked: before.Liked}
	if likes {
		g.Signs, g.Liked = []string{heart}, r.Activity.ID
		if full, err := tx.SocialRegardsFull(p.ID, actor.URI, maxLikes, maxLikesOfHost); err != nil || full {
			return err
		}
	}
	if err := tx.SetSocialRegard(g); err != nil || r.Backlog {
		return err
	}
	return t.sayRegard(tx, &p, &g, actor)
}

func (t *Transport) receiveFollow(tx *store.Tx, r *Received, actor *store.SocialActor) error {
	row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: r.Activity.Object})
	if err != nil || !ok || row.JID == "" || r.Backlog {
		return err
	}
	if r.For == nil || r.For.ID != row.ID {
		return nil // he tells his readers; whom he follows he tells directly
	}
	a := t.account(&row)
	if r.Activity.Verb == activity.Unfollow {
		state, was, err := tx.DropSocialFollower(a.ID, actor.ID)
		if err != nil || !was || state != store.FollowerIs {
			return err
		}
		return t.followed(tx, a, actor, false)
	}
	id := t.userID(a.User)
	kind, err := tx.SocialBlockOf(id, actor.Acct, actor.URI, hostOf(actor.URI))
	if err != nil {
		return err
	}
	if kind == store.SocialBlocked {
		return nil // he is not to know
	}
	if full, err := tx.SocialFollowersFull(a.ID, maxFollowers); err != nil || full {
		return err
	}
	if !a.Approves {
		changed, err := tx.SetSocialFollower(a.ID, actor.ID, store.FollowerIs)
		if err != nil || !changed {
			return err
		}
		return t.followed(tx, a, actor, true)
	}
	changed, err := tx.SetSocialFollower(a.ID, actor.ID, store.FollowerWaits)
	if err != nil || !changed {
		return err
	}
	return t.askAboutFollower(tx, a, actor)
}

// askAboutFollower asks an account whether somebody may follow it.
func (t *Transport) askAboutFollower(tx *store.Tx, a *Account, actor *store.SocialActor) error {
	if much, err := t.tooMuch(tx, a.User, actor, ""); much || err != nil {
		return err
	}
	who := t.actor(actor)
	said := text.Say(t.langOf(tx, a.User), "%s (%s) wants to follow you. Answer “accept %s” or “refuse %s”. What you publish is public either way.", displayName(&who), handle(actor), handle(actor), handle(actor))
	return t.remarkOnce(tx, a.User, transports.Target{}, said, "wants to follow", actor.URI)
}

func (t *Transport) receiveDelete(tx *store.Tx, r *Received, actor *store.SocialActor) error {
	p, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: r.Activity.Object})
	switch {
	case err != nil:
		return err
	case !ok:
		if r.Feed == nil || r.Feed.URI != actor.URI || !activity.Owns(actor.URI, r.Activity.Object) {
			return nil
		}
		// The post itself may come yet.
		_, err := tx.AddSocialPost(store.SocialPost{
			Domain: t.opt.Domain, URI: r.Activity.Object, Item: itemOf(r.Activity.Object), Actor: actor.ID, Proven: true, Published: tx.Now(), DeletedAt: tx.Now(),
		})
		return err
	case p.Actor != actor.ID:
		return errForged("The post is of somebody else.")
	case !p.DeletedAt.IsZero():
		return nil
	}
	return t.withdraw(tx, &p)
}
