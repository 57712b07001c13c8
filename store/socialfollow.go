package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SocialFollowing is that a user here follows an actor.
type SocialFollowing struct {
	UserID
	Actor int64
	Told  bool // the actor was told
	Since time.Time
}

func scanFollowing(all *[]SocialFollowing) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var f SocialFollowing
		var told, since int64
		err := r.Scan(&f.Domain, &f.JID, &f.Actor, &told, &since)
		f.Told, f.Since = told != 0, fromMillis(since)
		*all = append(*all, f)
		return err
	}
}

const (
	socialReaders     = `SELECT jid FROM social_following WHERE domain = $1 AND actor = $2 AND jid > $3 ORDER BY jid LIMIT $4`
	socialFollows     = `SELECT 1 FROM social_following WHERE domain = $1 AND jid = $2 AND actor = $3`
	socialSubscribers = `SELECT jid FROM social_subscribed WHERE domain = $1 AND post = $2 ORDER BY jid LIMIT $3`
)

// FollowSocial has a user follow an actor, and reports whether he did not before. That the actor was told stays so.
func (tx *Tx) FollowSocial(f SocialFollowing) (added bool, err error) {
	if err = tx.addUser(f.UserID); err == nil {
		var n int64
		if n, err = tx.count(`INSERT INTO social_following (domain, jid, actor, told, since) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (domain, jid, actor) DO NOTHING`,
			f.Domain, f.JID, f.Actor, flag(f.Told), tx.now); err == nil && n == 0 && f.Told {
			err = tx.exec(`UPDATE social_following SET told = 1 WHERE domain = $1 AND jid = $2 AND actor = $3`, f.Domain, f.JID, f.Actor)
		}
		added = n > 0
	}
	if err != nil {
		return false, fmt.Errorf("follow an actor: %w", err)
	}
	return added, nil
}

// UnfollowSocial ends it. It returns what was, and whether there was anything.
func (tx *Tx) UnfollowSocial(id UserID, actor int64) (f SocialFollowing, was bool, err error) {
	var all []SocialFollowing
	if err := tx.query(scanFollowing(&all), `DELETE FROM social_following WHERE domain = $1 AND jid = $2 AND actor = $3 RETURNING domain, jid, actor, told, since`,
		id.Domain, id.JID, actor); err != nil {
		return f, false, fmt.Errorf("unfollow an actor: %w", err)
	}
	if len(all) == 0 {
		return f, false, nil
	}
	return all[0], true, nil
}

// FollowsSocial reports whether a user follows an actor.
func (tx *Tx) FollowsSocial(id UserID, actor int64) (follows bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { follows = true; return r.Scan(new(int)) },
		socialFollows, id.Domain, id.JID, actor); err != nil {
		return false, fmt.Errorf("look whether an actor is followed: %w", err)
	}
	return follows, nil
}

// SocialReaders returns the JIDs of the next users behind one who follow an actor, in their order.
func (tx *Tx) SocialReaders(domain string, actor int64, after string, limit int) (jids []string, err error) {
	if err := tx.query(func(r *sql.Rows) error {
		var jid string
		err := r.Scan(&jid)
		jids = append(jids, jid)
		return err
	}, socialReaders, domain, actor, after, limit); err != nil {
		return nil, fmt.Errorf("read who follows an actor: %w", err)
	}
	return jids, nil
}

// CountSocialFollowing returns how many actors a user follows.
func (tx *Tx) CountSocialFollowing(id UserID) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM social_following WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return 0, fmt.Errorf("count whom a user follows: %w", err)
	}
	return n, nil
}

// UntoldFollowing returns actors whom a user follows and who were not told.
func (tx *Tx) UntoldFollowing(id UserID, limit int) (all []SocialFollowing, err error) {
	if err := tx.query(scanFollowing(&all), `SELECT domain, jid, actor, told, since FROM social_following WHERE domain = $1 AND jid = $2 AND told = 0 ORDER BY actor LIMIT $3`,
		id.Domain, id.JID, limit); err != nil {
		return nil, fmt.Errorf("read whom a user follows: %w", err)
	}
	return all, nil
}

// SocialFollowees returns the next actors behind an id whom a user follows, in the order of ids.
func (db *DB) SocialFollowees(ctx context.Context, id UserID, after int64, limit int) (all []SocialActor, err error) {
	return followees(db.asking(ctx), id, after, limit)
}

// SocialFollowees is as that of DB.
func (tx *Tx) SocialFollowees(id UserID, after int64, limit int) (all []SocialActor, err error) {
	return followees(tx.query, id, after, limit)
}

func followees(ask func(func(*sql.Rows) error, string, ...any) error, id UserID, after int64, limit int) (all []SocialActor, err error) {
	if err := ask(scanSocialActors(&all), `SELECT `+socialActorColumns+` FROM social_following f JOIN social_actors a ON a.id = f.actor
		WHERE f.domain = $1 AND f.jid = $2 AND f.actor > $3 ORDER BY f.actor LIMIT $4`, id.Domain, id.JID, after, limit); err != nil {
		return nil, fmt.Errorf("read whom a user follows: %w", err)
	}
	return all, nil
}

// FollowerState says how far somebody is who follows an account.
type FollowerState int

// The states.
const (
	FollowerWaits FollowerState = iota // the account has not said that he may
	FollowerIs
	FollowerRefused
)

// SetSocialFollower notes how far an actor is who follows an account, and reports whether that has changed. One who was there and is Waits again
// stays what he was.
func (tx *Tx) SetSocialFollower(account, actor int64, state FollowerState) (changed bool, err error) {
	n, err := tx.count(`INSERT INTO social_followers (account, actor, state, since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account, actor) DO UPDATE SET state = excluded.state, since = excluded.since WHERE social_followers.state <> excluded.state AND excluded.state <> 0`,
		account, actor, state, tx.now)
	if err != nil {
		return false, fmt.Errorf("note a follower: %w", err)
	}
	return n > 0, nil
}

// DropSocialFollower has an actor follow an account no more. It returns how far he was, and whether he was there.
func (tx *Tx) DropSocialFollower(account, actor int64) (state FollowerState, was bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { was = true; return r.Scan(&state) }, `DELETE FROM social_followers WHERE account = $1 AND actor = $2 RETURNING state`,
		account, actor); err != nil {
		return 0, false, fmt.Errorf("drop a follower: %w", err)
	}
	return state, was, nil
}

// SocialFollower returns how far an actor is who follows an account, and whether he is there.
func (tx *Tx) SocialFollower(account, actor int64) (state FollowerState, is bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { is = true; return r.Scan(&state) }, `SELECT state FROM social_followers WHERE account = $1 AND actor = $2`,
		account, actor); err != nil {
		return 0, false, fmt.Errorf("look for a follower: %w", err)
	}
	return state, is, nil
}

// SocialFollowers returns the next actors behind an id who follow an account and are in a state, in the order of ids: those of other servers, and
// accounts of users here.
func (db *DB) SocialFollowers(ctx context.Context, domain string, account int64, state FollowerState, after int64, limit int) (all []SocialActor, err error) {
	query := `SELECT ` + socialActorColumns + ` FROM social_actors a WHERE a.domain = $1 AND a.id > $4
		AND (a.id IN (SELECT actor FROM social_followers WHERE account = $2 AND state = $3)
		OR $3 = 1 AND a.jid <> '' AND a.jid IN (SELECT jid FROM social_following WHERE domain = $1 AND actor = $2)) ORDER BY a.id LIMIT $5`
	if err := db.query(ctx, scanSocialActors(&all), query, domain, account, state, after, limit); err != nil {
		return nil, fmt.Errorf("read who follows an account: %w", err)
	}
	return all, nil
}

// SocialFollowersFull reports whether so many follow an account that no more are noted.
func (tx *Tx) SocialFollowersFull(account int64, most int) (full bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { full = true; return r.Scan(new(int)) }, `SELECT 1 FROM social_followers WHERE account = $1 LIMIT 1 OFFSET $2`, account, most-1); err != nil {
		return false, fmt.Errorf("count who follows an account: %w", err)
	}
	return full, nil
}

// SocialFollowersOf returns some actors of other servers who follow an account.
func (tx *Tx) SocialFollowersOf(account int64, limit int) (all []SocialActor, err error) {
	if err := tx.query(scanSocialActors(&all), `SELECT `+socialActorColumns+` FROM social_followers f JOIN social_actors a ON a.id = f.actor
		WHERE f.account = $1 AND f.state = 1 ORDER BY f.actor LIMIT $2`, account, limit); err != nil {
		return nil, fmt.Errorf("read who follows an account: %w", err)
	}
	return all, nil
}

// CountSocialFollowers returns how many follow an account, and how many it follows.
func (db *DB) CountSocialFollowers(ctx context.Context, a *SocialActor) (followers, following int, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&followers, &following) }, `SELECT
		(SELECT COUNT(*) FROM social_followers WHERE account = $1 AND state = 1) + (SELECT COUNT(*) FROM social_following WHERE domain = $2 AND actor = $1),
		(SELECT COUNT(*) FROM social_following WHERE domain = $2 AND jid = $3)`, a.ID, a.Domain, a.JID); err != nil {
		return 0, 0, fmt.Errorf("count followers: %w", err)
	}
	return followers, following, nil
}

// SubscribeSocial has a user told of answers to a post, or not any more.
func (tx *Tx) SubscribeSocial(id UserID, post int64, on bool) error {
	err := tx.addUser(id)
	query, args := `DELETE FROM social_subscribed WHERE domain = $1 AND jid = $2 AND post = $3`, []any{id.Domain, id.JID, post}
	if on {
		query, args = `INSERT INTO social_subscribed (domain, jid, post, since) VALUES ($1, $2, $3, $4) ON CONFLICT (domain, jid, post) DO NOTHING`, append(args, tx.now)
	}
	if err == nil {
		err = tx.exec(query, args...)
	}
	if err != nil {
		return fmt.Errorf("subscribe to answers: %w", err)
	}
	return nil
}

// SocialSubscribers returns who is to be told of answers to a post.
func (tx *Tx) SocialSubscribers(domain string, post int64, limit int) (jids []string, err error) {
	if err := tx.query(func(r *sql.Rows) error {
		var jid string
		err := r.Scan(&jid)
		jids = append(jids, jid)
		return err
	}, socialSubscribers, domain, post, limit); err != nil {
		return nil, fmt.Errorf("read who wants to hear of answers: %w", err)
	}
	return jids, nil
}

// SocialSubscriptions returns the next posts behind an id of whose answers a user wants to be told.
func (db *DB) SocialSubscriptions(ctx context.Context, id UserID, after int64, limit int) (all []SocialPost, err error) {
	if err := db.query(ctx, scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_subscribed s JOIN social_posts p ON p.id = s.post
		WHERE s.domain = $1 AND s.jid = $2 AND s.post > $3 ORDER BY s.post LIMIT $4`, id.Domain, id.JID, after, limit); err != nil {
		return nil, fmt.Errorf("read of what a user wants to hear: %w", err)
	}
	return all, nil
}

// CountSocialSubscriptions returns of how many posts that is.
func (tx *Tx) CountSocialSubscriptions(id UserID) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM social_subscribed WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return 0, fmt.Errorf("count of what a user wants to hear: %w", err)
	}
	return n, nil
}
