package mailbridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What the operator has turned off ends for those too who have begun it: nothing is learnt of their messages any more, and their passwords are
// forgotten. Their redirects stay, and go on once he turns it on again.

// allowPage is how many redirects are looked at in one transaction.
const allowPage = 200

// KeepToRules has of everybody learnt what the operator allows, at the start and after each Reload, until ctx ends.
func (t *Transport) KeepToRules(ctx context.Context) error {
	for {
		if err := t.keepToRules(ctx); err != nil && ctx.Err() == nil {
			t.log.Error("whose messages may be learnt of could not be read", "error", err)
		}
		select {
		case <-t.reloaded:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *Transport) keepToRules(ctx context.Context) error {
	after := ""
	for {
		page, err := t.opt.Store.RedirectsAfter(ctx, t.opt.Domain, after, allowPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := t.write(ctx, func(tx *store.Tx) error {
			for i := range page {
				if err := t.keepOneToRules(tx, &page[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		after = page[len(page)-1].JID
	}
}

// keepOneToRules has another way looked for, or none, where what is done for a user is not what he may have.
func (t *Transport) keepOneToRules(tx *store.Tx, r *store.Redirect) error {
	user, err := transports.ParseAddress(r.JID)
	if err != nil || r.State != store.RedirectOn {
		return nil
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return err
	}
	rules := t.rules.Load().Redirect
	allowed := t.mayRedirect("", user) == nil
	what := task{User: r.JID}
	switch {
	case allowed != (s.Way != transports.WayNone):
	case allowed && s.Way != transports.WayAlias && rules.Ways != nil && !slices.Contains(rules.Ways, s.Way):
		what.Lost = s.Way
	default:
		return nil
	}
	_, err = t.enqueue(tx, kindFollow, r.JID, "", time.Time{}, what)
	return err
}

// unfollowed notes that nothing is learnt of a user's messages any more, and tells him where that is not what he wants himself.
func (t *Transport) unfollowed(tx *store.Tx, id store.UserID, user transports.Address, why error) error {
	if err := tx.Unset(id, scope, redirectPassword); err != nil {
		return err
	}
	r, ok, err := tx.Redirect(id)
	if err != nil || !ok {
		return err
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil || s.Way == transports.WayNone {
		return err
	}
	s.Way, s.Marks, s.Speaks, s.Whole, s.Following = transports.WayNone, false, false, false, transports.FollowNothing
	r.Settings = toJSON(s)
	if err := tx.SetRedirect(r); err != nil || r.State != store.RedirectOn || why == nil {
		return err
	}
	said := text.Say(t.langOf(tx, user), "Your messages are mailed no more: %s", transports.AsError(why).Text)
	return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("unfollowed", id.JID, fmt.Sprint(tx.Now().UnixMilli())), Text: said})
}
