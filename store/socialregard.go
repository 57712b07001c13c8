package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// SocialRegard is what an actor thinks of a post.
type SocialRegard struct {
	Post, Actor int64
	Noticed     bool
	Signs       []string
	Liked       string // the URI of the activity that says so to others; empty for none
	At          time.Time
}

func scanSocialRegard(r *sql.Rows, more ...any) (SocialRegard, error) {
	var g SocialRegard
	var noticed, at int64
	var signs string
	err := r.Scan(append([]any{&g.Post, &g.Actor, &noticed, &signs, &g.Liked, &at}, more...)...)
	g.Noticed, g.Signs, g.At = noticed != 0, strings.Fields(signs), fromMillis(at)
	return g, err
}

// SocialRegard returns what an actor thinks of a post, and whether that is known.
func (tx *Tx) SocialRegard(post, actor int64) (g SocialRegard, ok bool, err error) {
	if err := tx.query(func(r *sql.Rows) (err error) { g, err = scanSocialRegard(r); ok = true; return err },
		`SELECT post, actor, noticed, signs, liked, at FROM social_regards WHERE post = $1 AND actor = $2`, post, actor); err != nil {
		return g, false, fmt.Errorf("read what is thought of a post: %w", err)
	}
	return g, ok, nil
}

// SetSocialRegard writes down what an actor thinks of a post; nothing is no row.
func (tx *Tx) SetSocialRegard(g SocialRegard) error {
	signs := strings.Join(g.Signs, " ")
	err := checkFields(field{"signs", signs, maxName}, field{"id of the activity", g.Liked, maxURI})
	switch {
	case err != nil:
	case !g.Noticed && len(g.Signs) == 0:
		err = tx.exec(`DELETE FROM social_regards WHERE post = $1 AND actor = $2`, g.Post, g.Actor)
	default:
		err = tx.exec(`INSERT INTO social_regards (post, actor, noticed, signs, liked, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (post, actor) DO UPDATE SET noticed = excluded.noticed, signs = excluded.signs, liked = excluded.liked, at = excluded.at`,
			g.Post, g.Actor, flag(g.Noticed), signs, g.Liked, tx.now)
	}
	if err != nil {
		return fmt.Errorf("note what is thought of a post: %w", err)
	}
	return nil
}

// SocialRegardsFull reports whether so many actors think something of a post that no more are noted, in all or of the host of an actor.
func (tx *Tx) SocialRegardsFull(post int64, actorURI string, most, ofHost int) (full bool, err error) {
	n := 0
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM (SELECT 1 FROM social_regards WHERE post = $1 LIMIT $2) AS r`, post, most); err != nil {
		return false, fmt.Errorf("count what is thought of a post: %w", err)
	}
	if n < ofHost || n >= most {
		return n >= most, nil
	}
	// Scheme, host and what is behind it: only now and then somebody is liked so much.
	host := actorURI
	if i := strings.Index(actorURI, "://"); i >= 0 {
		if j := strings.IndexByte(actorURI[i+3:], '/'); j >= 0 {
			host = actorURI[:i+3+j+1]
		}
	}
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM social_regards r JOIN social_actors a ON a.id = r.actor
		WHERE r.post = $1 AND SUBSTR(a.uri, 1, $2) = $3`, post, len([]rune(host)), host); err != nil {
		return false, fmt.Errorf("count what is thought of a post: %w", err)
	}
	return n >= ofHost, nil
}

// RegardBy is what an actor thinks of a post, with him.
type RegardBy struct {
	SocialRegard
	By SocialActor
}

// SocialRegards returns what is thought of a post, the latest first.
func (db *DB) SocialRegards(ctx context.Context, post int64, limit int) (all []RegardBy, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error {
		var g RegardBy
		var noticed, at, hidden, approves, watched, since, fetched, seen, gone int64
		var signs, key string
		a := &g.By
		err := r.Scan(&g.Post, &g.Actor, &noticed, &signs, &g.Liked, &at,
			&a.ID, &a.Domain, &a.URI, &a.Acct, &a.JID, &a.Name, &a.Profile, &key, &hidden, &approves, &watched, &since, &fetched, &seen, &gone)
		g.Noticed, g.Signs, g.At = noticed != 0, strings.Fields(signs), fromMillis(at)
		a.Hidden, a.GoneAt = hidden != 0, whenSet(gone)
		all = append(all, g)
		return err
	}, `SELECT r.post, r.actor, r.noticed, r.signs, r.liked, r.at, `+socialActorColumns+` FROM social_regards r JOIN social_actors a ON a.id = r.actor
		WHERE r.post = $1 ORDER BY r.at DESC, r.actor LIMIT $2`, post, limit); err != nil {
		return nil, fmt.Errorf("read what is thought of a post: %w", err)
	}
	return all, nil
}

// PostCounts says what became of a post elsewhere.
type PostCounts struct{ Likes, Repeats, Answers int }

// CountsOfPost returns how many like a post, repeat it and answer it.
func (db *DB) CountsOfPost(ctx context.Context, p *SocialPost) (c PostCounts, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&c.Likes, &c.Repeats, &c.Answers) }, `SELECT
		(SELECT COUNT(*) FROM social_regards WHERE post = $1),
		(SELECT COUNT(*) FROM social_posts q WHERE q.domain = $2 AND q.repeat_of = $3 AND q.repeat_of <> '' AND q.deleted_at = 0),
		(SELECT COUNT(*) FROM social_posts q WHERE q.domain = $2 AND q.reply_to = $3 AND q.reply_to <> '' AND q.deleted_at = 0)`, p.ID, p.Domain, p.URI); err != nil {
		return c, fmt.Errorf("count what became of a post: %w", err)
	}
	return c, nil
}
