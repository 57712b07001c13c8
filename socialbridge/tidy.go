package socialbridge

import (
	"context"
	"time"

	"passerelle/store"
)

// Times of what is kept.
const (
	tidyEach    = time.Hour
	keepPosts   = 30 * 24 * time.Hour  // of others, that are in no feed
	keepLetters = 365 * 24 * time.Hour // which messages became posts
	keepKeys    = 8 * 24 * time.Hour   // of accounts that are gone: longer than others are told of it
	tidyAtOnce  = 200
)

// Tidy forgets what is kept no longer, until ctx ends.
func (t *Transport) Tidy(ctx context.Context) error {
	timer := time.NewTimer(time.Minute) // not in the rush of a start
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = t.tidy(ctx); err != nil {
				t.log.Warn("old posts are not deleted", "error", err)
				more = false
			}
		}
		timer.Reset(tidyEach)
	}
}

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
