package mailbridge

import (
	"context"
	"fmt"
	"slices"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/redirect"
	"passerelle/store"
	"passerelle/transports"
)

// redirectPassword is a secret setting: what a user has given for the way by login, until that was tried.
const redirectPassword = "redirect_password"

// follow finds a way to learn of a user's messages, the best that he and the operator want, and tells him. Without a redirect it ends that.
func (t *Transport) follow(ctx context.Context, what task) jobs.Outcome {
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	id := t.userID(user)
	r, ok, err := t.opt.Store.Redirect(ctx, id)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if not := t.mayRedirect(prefs.Lang, user); !ok || r.State != store.RedirectOn || not != nil {
		if t.follower != nil {
			if err := t.follower.Unfollow(ctx, user); err != nil && transports.AsError(err).Kind.Temporary() {
				return jobs.Outcome{Err: err}
			}
		}
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.unfollowed(tx, id, user, not) }}
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	chosen, why, err := t.chooseWay(ctx, user, prefs.Lang, &r, &s, what.Lost)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		return t.followed(tx, user, prefs.Lang, chosen, following(rulesOf(&r), chosen.Marks), why, what.Notify)
	}}
}

// following is which messages have to be learnt of for some rules.
func following(rules redirect.Rules, marks bool) transports.Following {
	f := transports.FollowOffline
	for _, r := range append(slices.Clone(rules), redirect.Rule{Action: redirect.Usual(false, marks)}) {
		switch {
		case r.Action.Do == redirect.DoNever:
		case r.Rooms != redirect.RoomsNo:
			return transports.FollowRooms
		case r.Action.Do != redirect.DoOffline:
			f = transports.FollowAll
		}
	}
	return f
}

// chooseWay takes the best way that there is. Why is what became of the one that the user wants, where that is another one.
func (t *Transport) chooseWay(ctx context.Context, user transports.Address, lang string, r *store.Redirect, s *redirectSettings, lost transports.Way) (chosen transports.Offer, why string, err error) {
	chosen = transports.Offer{Way: transports.WayAlias, Whole: true}
	if t.follower == nil {
		return chosen, "", nil
	}
	offers, err := t.follower.Offers(ctx, user, lang)
	if err != nil && transports.AsError(err).Kind.Temporary() {
		return chosen, "", err
	}
	id := t.userID(user)
	password, _, err := t.opt.Store.Secret(ctx, id, scope, redirectPassword)
	if err != nil {
		return chosen, "", err
	}
	rules := t.rules.Load().Redirect
	slices.SortStableFunc(offers, func(a, b transports.Offer) int { // what he wants is tried first
		switch {
		case a.Way == s.Wanted && b.Way != s.Wanted:
			return -1
		case b.Way == s.Wanted && a.Way != s.Wanted:
			return 1
		}
		return 0
	})
	for _, o := range offers {
		switch {
		case o.Way == transports.WayAlias || s.Wanted == transports.WayAlias || o.Way == lost || rules.Ways != nil && !slices.Contains(rules.Ways, o.Way):
			continue
		case o.Way == transports.WayLogin && password == "" && s.Way != transports.WayLogin:
			continue // he was not asked for his password
		}
		err := t.follower.Follow(ctx, user, o.Way, following(rulesOf(r), o.Marks), password.Reveal())
		if err == nil {
			return o, why, nil
		}
		e := transports.AsError(err)
		if o.Way == transports.WayLogin && e.Kind == transports.NeedPassword { // it is not tried again: servers lock accounts
			password = ""
			if err := t.write(ctx, func(tx *store.Tx) error { return tx.Unset(id, scope, redirectPassword) }); err != nil {
				return chosen, "", err
			}
		}
		if e.Kind.Temporary() {
			return chosen, "", err
		}
		t.log.Info("a way to learn of a user's messages is not open", "way", o.Way, "error", err)
		if o.Way == s.Wanted && e.Text != "" {
			why = e.Text
		}
	}
	for _, o := range offers {
		if o.Way == transports.WayAlias {
			chosen = o
		}
	}
	if err := t.follower.Follow(ctx, user, transports.WayAlias, transports.FollowAll, ""); err != nil && transports.AsError(err).Kind.Temporary() {
		return chosen, "", err
	}
	return chosen, why, nil
}

// followed notes by which way a user's messages are learnt of, and tells him where that is news.
func (t *Transport) followed(tx *store.Tx, user transports.Address, lang string, o transports.Offer, f transports.Following, why string, tell bool) error {
	id := t.userID(user)
	r, ok, err := tx.Redirect(id)
	if err != nil || !ok {
		return err
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return err
	}
	tell = tell || s.Way != o.Way || why != ""
	s.Way, s.Marks, s.Speaks, s.Whole, s.Following = o.Way, o.Marks, o.Speaks, o.Whole, f
	r.Settings = toJSON(s)
	if err := tx.SetRedirect(r); err != nil {
		return err
	}
	if err := tx.Unset(id, scope, redirectPassword); err != nil || !tell {
		return err
	}
	said := t.sayFollowed(lang, &r, o)
	if why != "" {
		said = why + "\n" + said
	}
	return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("followed", id.JID, fmt.Sprint(tx.Now().UnixMilli())), Text: said})
}

// sayFollowed tells a user how his messages are learnt of, and what that means.
func (t *Transport) sayFollowed(lang string, r *store.Redirect, o transports.Offer) string {
	said := text.Say(lang, "Your messages go to %s. They are learnt of so: %s.", r.Mailbox, sayWay(lang, o.Way))
	if o.Note != "" {
		said += " " + o.Note
	}
	if o.Way == transports.WayAlias {
		said += " " + text.Say(lang, "What people write to %s comes to your mailbox. Your server lets this gateway learn of nothing else.", r.Alias+"@"+t.opt.Domain)
	}
	if o.Way != transports.WayAlias && !o.Marks {
		said += " " + text.Say(lang, "What you have read cannot be known: you get what comes while you are offline, unless your rules say otherwise.")
	}
	if !o.Speaks {
		said += " " + text.Say(lang, "What you answer by mail comes from %s with your name, since your server does not let this gateway write for you.", r.Alias+"@"+t.opt.Domain)
	}
	return said
}
