package store

import (
	"context"
	"fmt"
)

// SocialPostsAfter returns the next posts of the account of a user behind an id; none behind the last one.
func (db *DB) SocialPostsAfter(ctx context.Context, id UserID, after int64) (all []SocialPost, err error) {
	if err := db.query(ctx, scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_posts p JOIN social_actors a ON a.id = p.actor
		WHERE a.domain = $1 AND a.jid = $2 AND a.jid <> '' AND p.id > $3 AND p.deleted_at = 0 ORDER BY p.id LIMIT $4`, id.Domain, id.JID, after, exportPage); err != nil {
		return nil, fmt.Errorf("read the posts of a user: %w", err)
	}
	return all, nil
}
