package socialbridge

import (
	"context"
	"time"

	"passerelle/internal/postal"
	"passerelle/store"
)

// Times of what is kept.
const (
	keepPosts   = 30 * 24 * time.Hour  // of others, that are in no feed
	keepLetters = 365 * 24 * time.Hour // which messages became posts
	keepKeys    = 8 * 24 * time.Hour   // of accounts that are gone: longer than others are told of it
	tidyAtOnce  = 200
)

// Tidy forgets what is kept no longer, until ctx ends.
func (t *Transport) Tidy(ctx context.Context) error {
	postal.Tidy(ctx, t.log, t.tidy)
	return nil
}

// tidy forgets some of it.
func (t *Transport) tidy(ctx context.Context) (more bool, err error) {
	now := t.opt.Now()
	err = t.opt.Store.Write(ctx, func(tx *store.Tx) error {
		// Who was removed follows nobody any more.
		idle, err := tx.UnfollowedSocialActors(t.opt.Domain, tidyAtOnce)
		if err != nil {
			return err
		}
		for i := range idle {
			if err := t.wire.Unwatch(tx, *t.known(&idle[i])); err != nil {
				return err
			}
			if err := tx.WatchSocialActor(idle[i].ID, false); err != nil {
				return err
			}
		}
		old, err := tx.CollectSocial(t.opt.Domain, now.Add(-keepPosts), tidyAtOnce)
		if err != nil {
			return err
		}
		if err := tx.CollectSocialLetters(t.opt.Domain, now.Add(-keepLetters)); err != nil {
			return err
		}
		more = old || len(idle) == tidyAtOnce
		return tx.ForgetSocialKeys(now.Add(-keepKeys))
	})
	return more, err
}
