package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// SocialPost is something that an actor has published, or repeated.
type SocialPost struct {
	ID           int64
	Domain       string // of the gateway
	URI          string // unique in the domain, as Item is
	Item         string // the id of its item in nodes, and of its letters
	Actor        int64  // who wrote or repeated it
	Proven       bool   // it is known to be of the actor
	Note         string // of socialbridge; empty of what was deleted
	ReplyTo      string // the URI of what it answers
	Conversation string
	RepeatOf     string // the URI of what it repeats
	Public       bool
	OwnItem      string // of an account: the id that it has in the user's own node
	Hash         string // of what the user's own node said
	Published    time.Time
	Received     time.Time
	DeletedAt    time.Time // the zero Time while it is there
}

const socialPostColumns = `p.id, p.domain, p.uri, p.item, p.actor, p.proven, p.note, p.reply_to, p.conversation, p.repeat_of, p.public, p.own_item, p.hash, p.published, p.received, p.deleted_at`

func scanSocialPost(r *sql.Rows, more ...any) (SocialPost, error) {
	var p SocialPost
	var proven, public, published, received, deleted int64
	err := r.Scan(append([]any{
		&p.ID, &p.Domain, &p.URI, &p.Item, &p.Actor, &proven, &p.Note, &p.ReplyTo, &p.Conversation, &p.RepeatOf, &public, &p.OwnItem, &p.Hash, &published, &received, &deleted,
	}, more...)...)
	p.Proven, p.Public = proven != 0, public != 0
	p.Published, p.Received, p.DeletedAt = fromMillis(published), fromMillis(received), whenSet(deleted)
	return p, err
}

func scanSocialPosts(all *[]SocialPost) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		p, err := scanSocialPost(r)
		*all = append(*all, p)
		return err
	}
}

// PostKey says by what a post is looked for: the first that is not empty counts.
type PostKey struct {
	ID        int64
	URI, Item string
	Actor     int64 // whose OwnItem or RepeatOf it is
	OwnItem   string
	RepeatOf  string // the last that repeats it
}

const (
	socialPostFrom   = `SELECT ` + socialPostColumns + ` FROM social_posts p WHERE p.domain = $1 AND `
	socialPostURI    = socialPostFrom + `p.uri = $2`
	insertSocialPost = `INSERT INTO social_posts (id, domain, uri, item, actor, proven, note, reply_to, conversation, repeat_of, public, own_item, hash, published, received, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	insertSocialEntry = `INSERT INTO social_entries (actor, post, at) VALUES ($1, $2, $3) ON CONFLICT (actor, post) DO NOTHING`
	trimSocialEntries = `DELETE FROM social_entries WHERE actor = $1 AND post IN
		(SELECT post FROM social_entries WHERE actor = $1 ORDER BY at DESC, post DESC LIMIT 10 OFFSET $2)`
)

func (k PostKey) sql(domain string) (query string, args []any, err error) {
	const from = socialPostFrom
	switch {
	case k.ID != 0:
		return from + `p.id = $2`, []any{domain, k.ID}, nil
	case k.URI != "":
		return socialPostURI, []any{domain, k.URI}, nil
	case k.Item != "":
		return from + `p.item = $2`, []any{domain, k.Item}, nil
	case k.OwnItem != "":
		return from + `p.actor = $2 AND p.own_item = $3 AND p.own_item <> '' ORDER BY p.id DESC LIMIT 1`, []any{domain, k.Actor, k.OwnItem}, nil
	case k.RepeatOf != "":
		return from + `p.repeat_of = $2 AND p.repeat_of <> '' AND p.actor = $3 AND p.deleted_at = 0 ORDER BY p.id DESC LIMIT 1`, []any{domain, k.RepeatOf, k.Actor}, nil
	}
	return "", nil, errors.New("it says nothing of the post")
}

// SocialPost returns the post that a key is for, and whether there is one; it may have been deleted.
func (tx *Tx) SocialPost(domain string, key PostKey) (SocialPost, bool, error) {
	return oneSocialPost(tx.query, domain, key)
}

// SocialPost is as that of Tx.
func (db *DB) SocialPost(ctx context.Context, domain string, key PostKey) (SocialPost, bool, error) {
	return oneSocialPost(db.asking(ctx), domain, key)
}

func oneSocialPost(ask func(func(*sql.Rows) error, string, ...any) error, domain string, key PostKey) (SocialPost, bool, error) {
	if !storable(key.URI, key.Item, key.OwnItem, key.RepeatOf) {
		return SocialPost{}, false, nil
	}
	query, args, err := key.sql(domain)
	var all []SocialPost
	if err == nil {
		err = ask(scanSocialPosts(&all), query, args...)
	}
	if err != nil {
		return SocialPost{}, false, fmt.Errorf("read a post: %w", err)
	}
	if len(all) == 0 {
		return SocialPost{}, false, nil
	}
	return all[0], true, nil
}

// AddSocialPost adds a post, and returns its id. That its URI is free is for the caller to know.
func (tx *Tx) AddSocialPost(p SocialPost) (id int64, err error) {
	err = checkFields(field{"id", p.URI, maxURI}, field{"item", p.Item, maxName}, field{"note", p.Note, maxNote}, field{"id of the parent", p.ReplyTo, maxURI},
		field{"conversation", p.Conversation, maxURI}, field{"id of what it repeats", p.RepeatOf, maxURI}, field{"own item", p.OwnItem, maxPart})
	if err == nil {
		id, err = tx.nextSocialID()
	}
	if err == nil {
		err = tx.exec(insertSocialPost,
			id, p.Domain, p.URI, p.Item, p.Actor, flag(p.Proven), p.Note, p.ReplyTo, p.Conversation, p.RepeatOf, flag(p.Public), p.OwnItem, p.Hash,
			millis(p.Published), tx.now, millisOr0(p.DeletedAt))
	}
	if err != nil {
		return 0, fmt.Errorf("add a post: %w", err)
	}
	return id, nil
}

// SetSocialPost replaces what a post says, that of an unproven one by what is known to be of its actor.
func (tx *Tx) SetSocialPost(p SocialPost) error {
	err := checkFields(field{"note", p.Note, maxNote}, field{"id of the parent", p.ReplyTo, maxURI}, field{"conversation", p.Conversation, maxURI}, field{"own item", p.OwnItem, maxPart})
	if err == nil {
		err = tx.exec(`UPDATE social_posts SET actor = $2, proven = $3, note = $4, reply_to = $5, conversation = $6, public = $7, own_item = $8, hash = $9 WHERE id = $1`,
			p.ID, p.Actor, flag(p.Proven), p.Note, p.ReplyTo, p.Conversation, flag(p.Public), p.OwnItem, p.Hash)
	}
	if err != nil {
		return fmt.Errorf("change a post: %w", err)
	}
	return nil
}

// DeleteSocialPost has a post be gone: what it says, where it stands, and what is thought of it. Its id stays.
func (tx *Tx) DeleteSocialPost(id int64) error {
	err := tx.exec(`UPDATE social_posts SET note = '', deleted_at = $2 WHERE id = $1`, id, tx.now)
	for _, query := range []string{
		`DELETE FROM social_entries WHERE post = $1`, `DELETE FROM social_regards WHERE post = $1`, `DELETE FROM social_subscribed WHERE post = $1`,
	} {
		if err == nil {
			err = tx.exec(query, id)
		}
	}
	if err != nil {
		return fmt.Errorf("delete a post: %w", err)
	}
	return nil
}

// AddSocialEntry puts a post into a feed, and reports whether it is there by that. Of a feed with more than keep posts the oldest one leaves it, unless
// keep is 0.
func (tx *Tx) AddSocialEntry(actor, post int64, at time.Time, keep int) (added bool, err error) {
	n, err := tx.count(insertSocialEntry, actor, post, millis(at))
	if err == nil && n > 0 && keep > 0 {
		var left int64
		if left, err = tx.count(trimSocialEntries, actor, keep); err == nil && left > 0 {
			n = 0
			err = tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM social_entries WHERE actor = $1 AND post = $2`, actor, post)
		}
	}
	if err != nil {
		return false, fmt.Errorf("put a post into a feed: %w", err)
	}
	return n > 0, nil
}

// SocialFeeds returns the actors in whose feeds a post is.
func (tx *Tx) SocialFeeds(post int64) (all []int64, err error) {
	if err := tx.query(func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		all = append(all, id)
		return err
	}, `SELECT actor FROM social_entries WHERE post = $1`, post); err != nil {
		return nil, fmt.Errorf("look where a post is: %w", err)
	}
	return all, nil
}

// PostQuery says which posts of a list are asked for: a page in the order of the newest first, behind or before one of its posts.
type PostQuery struct {
	Max           int
	After, Before string // items; empty for the beginning
	Last          bool   // the last page
}

// PostPage is what is found, with how many there are and the place of the first one.
type PostPage struct {
	Posts        []SocialPost
	Count, First int
}

// postList is a list of posts as a query: what stands behind FROM, the column of the time, and its arguments.
type postList struct {
	from, at string
	args     []any
}

// feedOf is what is in a feed.
func feedOf(actor int64) postList {
	return postList{`social_entries e JOIN social_posts p ON p.id = e.post WHERE e.actor = $1 AND p.deleted_at = 0`, `e.at`, []any{actor}}
}

// answersTo are the posts that answer one.
func answersTo(domain, uri string) postList {
	return postList{`social_posts p WHERE p.domain = $1 AND p.reply_to = $2 AND p.reply_to <> '' AND p.deleted_at = 0 AND p.public = 1`, `p.published`, []any{domain, uri}}
}

// SocialFeed returns posts of a feed.
func (db *DB) SocialFeed(ctx context.Context, actor int64, q PostQuery) (PostPage, error) {
	return db.postPage(ctx, feedOf(actor), q)
}

// SocialAnswers returns public posts that answer one.
func (db *DB) SocialAnswers(ctx context.Context, domain, uri string, q PostQuery) (PostPage, error) {
	return db.postPage(ctx, answersTo(domain, uri), q)
}

// errNoSuchItem says that a page behind something was asked for that is not in the list.
var errNoSuchItem = errors.New("there is no such item in the list")

// IsNoSuchItem reports whether a page was asked for behind or before an item that is not there.
func IsNoSuchItem(err error) bool { return errors.Is(err, errNoSuchItem) }

func (db *DB) postPage(ctx context.Context, l postList, q PostQuery) (page PostPage, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&page.Count) }, `SELECT COUNT(*) FROM `+l.from, l.args...); err != nil {
		return page, fmt.Errorf("count posts: %w", err)
	}
	query, args, order := `SELECT `+socialPostColumns+` FROM `+l.from, append([]any(nil), l.args...), ` DESC`
	item, sign := q.After, `<`
	if q.Before != "" {
		item, sign, order = q.Before, `>`, ``
	}
	if item != "" {
		at, id := int64(0), int64(0)
		n := len(args) + 1
		if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&at, &id) }, fmt.Sprintf(`SELECT %s, p.id FROM %s AND p.item = $%d`, l.at, l.from, n), append(args, item)...); err != nil {
			return page, fmt.Errorf("look for a post: %w", err)
		}
		if id == 0 {
			return page, fmt.Errorf("look for a post: %w", errNoSuchItem)
		}
		query += fmt.Sprintf(` AND (%s %s $%d OR %s = $%d AND p.id %s $%d)`, l.at, sign, n, l.at, n, sign, n+1)
		args = append(args, at, id)
	}
	if q.Last {
		order = ``
	}
	query += fmt.Sprintf(` ORDER BY %s%s, p.id%s LIMIT $%d`, l.at, order, order, len(args)+1)
	if err := db.query(ctx, scanSocialPosts(&page.Posts), query, append(args, q.Max)...); err != nil {
		return page, fmt.Errorf("read posts: %w", err)
	}
	if order == `` {
		for i, j := 0, len(page.Posts)-1; i < j; i, j = i+1, j-1 {
			page.Posts[i], page.Posts[j] = page.Posts[j], page.Posts[i]
		}
	}
	if len(page.Posts) == 0 {
		return page, nil
	}
	n := len(l.args) + 1
	first := &page.Posts[0]
	at := first.Published
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&page.First) },
		fmt.Sprintf(`SELECT COUNT(*) FROM %s AND (%s > $%d OR %s = $%d AND p.id > $%d)`, l.from, l.at, n, l.at, n, n+1), append(append([]any(nil), l.args...), millis(at), first.ID)...); err != nil {
		return page, fmt.Errorf("count posts: %w", err)
	}
	return page, nil
}

// SocialOutbox returns what an actor wrote and repeated with ids below one, the newest first; with 0 the newest.
func (db *DB) SocialOutbox(ctx context.Context, actor, before int64, limit int) (all []SocialPost, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	if err := db.query(ctx, scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_posts p WHERE p.actor = $1 AND p.deleted_at = 0 AND p.public = 1
		AND p.id < $2 ORDER BY p.id DESC LIMIT $3`, actor, before, limit); err != nil {
		return nil, fmt.Errorf("read what an account has published: %w", err)
	}
	return all, nil
}

// Bounds of what SocialPublished looks at.
const (
	maxPublished = 1000
	maxBehind    = 100_000 // ids, of everybody's posts
)

// SocialPublished returns what all accounts wrote and repeated lately, the newest first.
func (db *DB) SocialPublished(ctx context.Context, domain string) (all []SocialPost, err error) {
	if err := db.query(ctx, scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_actors a JOIN social_posts p ON p.actor = a.id WHERE a.domain = $1 AND a.name <> ''
		AND p.deleted_at = 0 AND p.public = 1 AND p.id > (SELECT last FROM social_ids) - $2 ORDER BY p.id DESC LIMIT $3`, domain, maxBehind, maxPublished); err != nil {
		return nil, fmt.Errorf("read what accounts have published: %w", err)
	}
	return all, nil
}

// SocialPostsOf returns what an actor wrote and repeated last, the newest first.
func (tx *Tx) SocialPostsOf(actor int64, limit int) (all []SocialPost, err error) {
	if err := tx.query(scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_posts p WHERE p.actor = $1 AND p.deleted_at = 0 ORDER BY p.id DESC LIMIT $2`,
		actor, limit); err != nil {
		return nil, fmt.Errorf("read what an account has published: %w", err)
	}
	return all, nil
}

// SocialPostsEnded returns what an account that is gone had published with ids below one and was deleted with it, the newest first.
func (tx *Tx) SocialPostsEnded(a *SocialActor, before int64, limit int) (all []SocialPost, err error) {
	if err := tx.query(scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_posts p WHERE p.actor = $1 AND p.id < $2 AND p.deleted_at = $3 AND p.public = 1
		ORDER BY p.id DESC LIMIT $4`, a.ID, before, millis(a.GoneAt), limit); err != nil {
		return nil, fmt.Errorf("read what an account had published: %w", err)
	}
	return all, nil
}

// CountSocialPosts returns how much an actor has published since a time, with what was deleted.
func (tx *Tx) CountSocialPosts(actor int64, since time.Time) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM (SELECT received FROM social_posts WHERE actor = $1 ORDER BY id DESC LIMIT 100000) AS p
		WHERE p.received > $2`, actor, millis(since)); err != nil {
		return 0, fmt.Errorf("count what an account has published: %w", err)
	}
	return n, nil
}

// SocialNews returns what came since a time into the feeds of those whom a user follows, the newest first.
func (tx *Tx) SocialNews(id UserID, since time.Time, limit int) (all []SocialPost, err error) {
	if err := tx.query(scanSocialPosts(&all), `SELECT DISTINCT `+socialPostColumns+` FROM social_following f JOIN social_entries e ON e.actor = f.actor
		JOIN social_posts p ON p.id = e.post WHERE f.domain = $1 AND f.jid = $2 AND p.received >= $3 AND p.deleted_at = 0
		ORDER BY p.published DESC, p.id DESC LIMIT $4`, id.Domain, id.JID, millis(since), limit); err != nil {
		return nil, fmt.Errorf("read what is new: %w", err)
	}
	return all, nil
}

// SocialConversation returns public posts of a conversation, the oldest first.
func (db *DB) SocialConversation(ctx context.Context, domain, conversation string, limit int) (all []SocialPost, err error) {
	if err := db.query(ctx, scanSocialPosts(&all), `SELECT `+socialPostColumns+` FROM social_posts p WHERE p.domain = $1 AND p.conversation = $2 AND p.conversation <> ''
		AND p.deleted_at = 0 AND p.public = 1 ORDER BY p.published, p.id LIMIT $3`, domain, conversation, limit); err != nil {
		return nil, fmt.Errorf("read a conversation: %w", err)
	}
	return all, nil
}

// CollectSocial takes what came before a time out of the feeds of others whom nobody follows, deletes posts of others from before it that are in no feed
// and answer nothing of an account, and then actors whom nothing refers to any more. It reports whether there may be more.
func (tx *Tx) CollectSocial(domain string, before time.Time, limit int) (more bool, err error) {
	left, err := tx.count(`DELETE FROM social_entries WHERE (actor, post) IN (SELECT e.actor, e.post FROM social_entries e JOIN social_posts p ON p.id = e.post
		JOIN social_actors a ON a.id = e.actor WHERE p.domain = $1 AND p.received < $2 AND a.name = '' AND a.watched = 0
		AND NOT EXISTS (SELECT 1 FROM social_following f WHERE f.actor = a.id) LIMIT $3)`, domain, millis(before), limit)
	var n int64
	if err == nil {
		n, err = tx.count(`DELETE FROM social_posts WHERE id IN (SELECT p.id FROM social_posts p JOIN social_actors a ON a.id = p.actor
		WHERE p.domain = $1 AND p.received < $2 AND a.name = '' AND NOT EXISTS (SELECT 1 FROM social_entries e WHERE e.post = p.id)
		AND NOT EXISTS (SELECT 1 FROM social_posts q JOIN social_actors b ON b.id = q.actor WHERE q.domain = $1 AND q.uri = p.reply_to AND b.name <> '')
		AND NOT EXISTS (SELECT 1 FROM social_posts q JOIN social_actors b ON b.id = q.actor WHERE q.domain = $1 AND p.uri <> '' AND (q.reply_to = p.uri OR q.repeat_of = p.uri) AND b.name <> '')
		ORDER BY p.id LIMIT $3)`, domain, millis(before), limit)
	}
	if err == nil {
		err = tx.exec(`DELETE FROM social_regards WHERE NOT EXISTS (SELECT 1 FROM social_posts p WHERE p.id = social_regards.post)`)
	}
	if err == nil {
		err = tx.exec(`DELETE FROM social_subscribed WHERE NOT EXISTS (SELECT 1 FROM social_posts p WHERE p.id = social_subscribed.post)`)
	}
	var m int64
	if err == nil {
		m, err = tx.count(`DELETE FROM social_actors WHERE id IN (SELECT a.id FROM social_actors a WHERE a.domain = $1 AND a.name = '' AND a.seen_at < $2 AND a.watched = 0
			AND NOT EXISTS (SELECT 1 FROM social_posts p WHERE p.actor = a.id) AND NOT EXISTS (SELECT 1 FROM social_following f WHERE f.actor = a.id)
			AND NOT EXISTS (SELECT 1 FROM social_followers f WHERE f.actor = a.id) AND NOT EXISTS (SELECT 1 FROM social_regards r WHERE r.actor = a.id)
			AND NOT EXISTS (SELECT 1 FROM social_entries e WHERE e.actor = a.id) LIMIT $3)`, domain, millis(before), limit)
	}
	if err == nil {
		err = tx.exec(`DELETE FROM social_pictures WHERE NOT EXISTS (SELECT 1 FROM social_actors a WHERE a.id = social_pictures.actor)`)
	}
	if err != nil {
		return false, fmt.Errorf("delete old posts: %w", err)
	}
	return left == int64(limit) || n == int64(limit) || m == int64(limit), nil
}

// MentionedSocial reports whether an account of a user has written to an actor: one of its last posts names him.
func (tx *Tx) MentionedSocial(id UserID, uri string) (mentioned bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&mentioned) }, `SELECT EXISTS (SELECT 1 FROM (SELECT p.note FROM social_posts p JOIN social_actors a ON a.id = p.actor
		WHERE a.domain = $1 AND a.jid = $2 AND a.jid <> '' ORDER BY p.id DESC LIMIT 1000) AS q WHERE q.note LIKE $3 ESCAPE '!')`,
		id.Domain, id.JID, `%"uri":"`+strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`).Replace(uri)+`"%`); err != nil {
		return false, fmt.Errorf("look whom an account has written to: %w", err)
	}
	return mentioned, nil
}

// DeleteSocialEntries takes a post out of all feeds.
func (tx *Tx) DeleteSocialEntries(post int64) error {
	if err := tx.exec(`DELETE FROM social_entries WHERE post = $1`, post); err != nil {
		return fmt.Errorf("take a post out of feeds: %w", err)
	}
	return nil
}
