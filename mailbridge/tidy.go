package mailbridge

import (
	"context"
	"time"

	"passerelle/internal/postal"
	"passerelle/store"
	"passerelle/transports"
)

// Times of what is kept.
const (
	keepNames  = 400 * 24 * time.Hour // what letters and their mails are called
	keepCopies = 14 * 24 * time.Hour  // that a message was mailed already: longer than it comes again
	keepFates  = 35 * 24 * time.Hour  // what became of mails of users: longer than reports about them are taken
	tidyAtOnce = 100
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
