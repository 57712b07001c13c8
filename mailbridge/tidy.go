package mailbridge

import (
	"context"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// Times of what is kept.
const (
	tidyEach   = time.Hour
	keepNames  = 400 * 24 * time.Hour // what letters and their mails are called
	keepCopies = 14 * 24 * time.Hour  // that a message was mailed already: longer than it comes again
	keepFates  = 35 * 24 * time.Hour  // what became of mails of users: longer than reports about them are taken
	tidyAtOnce = 100
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
				t.log.Warn("old mail is not deleted", "error", err)
				more = false
			}
		}
		timer.Reset(tidyEach)
	}
}

func (t *Transport) tidy(ctx context.Context) (more bool, err error) {
	now := t.opt.Now()
	err = t.opt.Store.Write(ctx, func(tx *store.Tx) error {
		mail, err := tx.CollectMail(now.Add(-keepNames))
		if err != nil {
			return err
		}
		out, err := tx.CollectMailOut(now.Add(-keepFates))
		if err != nil {
			return err
		}
		waited, err := tx.ExpireMailWaiting(now.Add(-waitsFor), tidyAtOnce)
		if err != nil {
			return err
		}
		for i := range waited {
			if err := t.expired(tx, &waited[i]); err != nil {
				return err
			}
		}
		old, err := tx.CollectRedirects(now.Add(-keepCopies), now.Add(-keepNames), now.Add(-askedFor))
		if err != nil {
			return err
		}
		more = mail || out || old || len(waited) == tidyAtOnce
		return nil
	})
	return more, err
}

// expired ends the waiting of a mail that its user has never asked for. Its sender was never told that it had been read, and is told nothing now.
func (t *Transport) expired(tx *store.Tx, w *store.MailWaiting) error {
	if _, err := transports.ParseAddress(w.JID); err != nil {
		return nil
	}
	if err := tx.DropMailWaiting(w.UserID, w.Mail); err != nil {
		return err
	}
	return tx.CloseMailIn(w.Mail)
}
