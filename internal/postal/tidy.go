package postal

import (
	"context"
	"log/slog"
	"time"
)

const (
	tidyEvery = time.Hour
	// tidySoon is when it begins: not in the rush of a start, but so that a program that is restarted every day gets around to it.
	tidySoon = time.Minute
)

// Tidy has a network forget what it keeps no longer, until ctx ends. Once forgets some of it in a short transaction, and says whether there is more.
func Tidy(ctx context.Context, log *slog.Logger, once func(context.Context) (more bool, err error)) {
	timer := time.NewTimer(tidySoon)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = once(ctx); err != nil {
				if ctx.Err() == nil {
					log.Warn("what is kept no longer is not deleted", "error", err)
				}
				more = false
			}
		}
		timer.Reset(tidyEvery)
	}
}
