package main

import (
	"context"
	"log/slog"
	"time"

	"passerelle/component"
	"passerelle/config"
	"passerelle/store"
)

const (
	tidyEvery = time.Hour
	// tidySoon is when it begins, so that a program that is restarted every day gets around to it.
	tidySoon = 2 * time.Minute
	// tidyGrace is how old lines are that nobody will say any more that he heard.
	tidyGrace = time.Hour
)

// tidying is a request to tidy the archive now, of which one waits at most.
type tidying chan struct{}

// ask never waits. Safe to call from any goroutine.
func (t tidying) ask() {
	select {
	case t <- struct{}{}:
	default:
	}
}

// tidyArchive deletes what the archive shall not keep any longer, now and then and when it is asked to, until ctx ends.
func tidyArchive(ctx context.Context, asked tidying, db *store.DB, gateways []*component.Gateway, cfg func() *config.Config, log *slog.Logger) {
	timer := time.NewTimer(tidySoon)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		case <-timer.C:
		}
		deleted, err := tidyOnce(ctx, db, gateways, cfg())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("the archive could not be tidied up", "error", err)
		case deleted > 0:
			log.Info("deleted messages of the archive that are too old or that nobody can read", "messages", deleted)
		}
		timer.Reset(tidyEvery)
	}
}

func tidyOnce(ctx context.Context, db *store.DB, gateways []*component.Gateway, cfg *config.Config) (deleted int64, err error) {
	for _, g := range gateways {
		if err := g.ApplyRetention(ctx); err != nil {
			return 0, err
		}
	}
	if cfg.Archive.Days > 0 {
		before := time.Now().AddDate(0, 0, -cfg.Archive.Days)
		for i := range cfg.IRC {
			n, err := db.DeleteBefore(ctx, cfg.IRC[i].Domain, before)
			deleted += n
			if err != nil {
				return deleted, err
			}
		}
	}
	n, err := db.CollectArchive(ctx, time.Now().Add(-tidyGrace))
	if deleted += n; err == nil {
		_, err = db.Reclaim(ctx)
	}
	return deleted, err
}
