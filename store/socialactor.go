package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Limits of the tables of the social web, in bytes.
const (
	maxURI     = 2048
	maxProfile = 32 << 10
	maxNote    = 512 << 10
)

// SocialActor is somebody of the social web, as one gateway knows him: an account of a user (Name is set), or an actor of another server.
type SocialActor struct {
	ID        int64
	Domain    string // of the gateway
	URI       string // unique in the domain
	Acct      string // empty where nobody has confirmed it
	JID       string // whose account it is; empty of others, and of an account that is gone
	Name      string // of an account, as in its URLs, unique in the domain for ever
	Profile   string // of socialbridge
	PublicKey []byte // PKCS #1; nil where it is not known
	Hidden    bool   // an account is not to be found
	Approves  bool   // an account is asked about its followers
	Watched   bool   // the wire is to tell what it publishes
	Since     time.Time
	FetchedAt time.Time // the zero Time for never
	SeenAt    time.Time
	GoneAt    time.Time // the zero Time while it is there
}

// User is whose account it is.
func (a *SocialActor) User() UserID { return UserID{Domain: a.Domain, JID: a.JID} }

const socialActorColumns = `a.id, a.domain, a.uri, a.acct, a.jid, a.name, a.profile, a.public_key, a.hidden, a.approves, a.watched, a.since, a.fetched_at, a.seen_at, a.gone_at`

// whenSet is the time of a column that has 0 for none.
func whenSet(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}

// millisOr0 is the inverse of whenSet.
func millisOr0(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

func scanSocialActor(r *sql.Rows) (SocialActor, error) {
	var a SocialActor
	var key string
	var hidden, approves, watched, since, fetched, seen, gone int64
	err := r.Scan(&a.ID, &a.Domain, &a.URI, &a.Acct, &a.JID, &a.Name, &a.Profile, &key, &hidden, &approves, &watched, &since, &fetched, &seen, &gone)
	if err == nil && key != "" {
		a.PublicKey, err = base64.StdEncoding.DecodeString(key)
	}
	a.Hidden, a.Approves, a.Watched = hidden != 0, approves != 0, watched != 0
	a.Since, a.FetchedAt, a.SeenAt, a.GoneAt = fromMillis(since), whenSet(fetched), fromMillis(seen), whenSet(gone)
	return a, err
}

func scanSocialActors(all *[]SocialActor) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		a, err := scanSocialActor(r)
		*all = append(*all, a)
		return err
	}
}

// socialStatements are those that each post that comes costs.
var socialStatements = []string{
	socialActorByID, socialActorURI, socialActorJID, sawSocialActor, socialPostURI, insertSocialPost, insertSocialEntry, trimSocialEntries, socialReaders, socialFollows,
	socialSubscribers, socialBlockOf, selectSetting, takeSocial,
}

// SocialKey says by what an actor is looked for: the first that is not empty counts.
type SocialKey struct {
	ID              int64
	URI, Acct, Name string
	JID             string // whose account it is
}

const (
	socialActorFrom = `SELECT ` + socialActorColumns + ` FROM social_actors a WHERE a.domain = $1 AND `
	socialActorByID = socialActorFrom + `a.id = $2`
	socialActorURI  = socialActorFrom + `a.uri = $2`
	// SQLite compiles a query anew each time where what is asked for decides whether an index of some rows only will do. Without CAST that would be
	// social_actors_seen.
	socialActorNamed = socialActorFrom + `a.name = CAST($2 AS TEXT) AND a.name <> ''`
	socialActorJID   = socialActorFrom + `a.jid = $2 AND a.jid <> ''`
	sawSocialActor   = `UPDATE social_actors SET seen_at = $2 WHERE id = $1 AND seen_at < $3`
)

func (k SocialKey) sql(domain string) (query string, args []any, err error) {
	const from = socialActorFrom
	switch {
	case k.ID != 0:
		return socialActorByID, []any{domain, k.ID}, nil
	case k.URI != "":
		return socialActorURI, []any{domain, k.URI}, nil
	case k.Acct != "":
		return from + `a.acct = $2 AND a.acct <> '' ORDER BY a.gone_at, a.fetched_at DESC, a.id LIMIT 1`, []any{domain, k.Acct}, nil
	case k.Name != "":
		return socialActorNamed, []any{domain, k.Name}, nil
	case k.JID != "":
		return socialActorJID, []any{domain, k.JID}, nil
	}
	return "", nil, errors.New("it says nothing of the actor")
}

// SocialActor returns the actor that a key is for, and whether there is one.
func (tx *Tx) SocialActor(domain string, key SocialKey) (SocialActor, bool, error) {
	return oneSocialActor(tx.query, domain, key)
}

// SocialActor returns the actor that a key is for, and whether there is one.
func (db *DB) SocialActor(ctx context.Context, domain string, key SocialKey) (SocialActor, bool, error) {
	return oneSocialActor(db.asking(ctx), domain, key)
}

// asking is query with its context, as a transaction has it.
func (db *DB) asking(ctx context.Context) func(func(*sql.Rows) error, string, ...any) error {
	return func(scan func(*sql.Rows) error, query string, args ...any) error {
		return db.query(ctx, scan, query, args...)
	}
}

func oneSocialActor(ask func(func(*sql.Rows) error, string, ...any) error, domain string, key SocialKey) (SocialActor, bool, error) {
	if !storable(key.URI, key.Acct, key.Name, key.JID) {
		return SocialActor{}, false, nil
	}
	query, args, err := key.sql(domain)
	var all []SocialActor
	if err == nil {
		err = ask(scanSocialActors(&all), query, args...)
	}
	if err != nil {
		return SocialActor{}, false, fmt.Errorf("read an actor: %w", err)
	}
	if len(all) == 0 {
		return SocialActor{}, false, nil
	}
	return all[0], true, nil
}

// AddSocialActor adds an actor, with the private key of an account, and returns its id. That its URI, its name and its JID are free is for the
// caller to know.
func (tx *Tx) AddSocialActor(a SocialActor, private Secret) (id int64, err error) {
	err = checkFields(field{"URI", a.URI, maxURI}, field{"acct", a.Acct, maxPart}, field{"name", a.Name, maxPart}, field{"profile", a.Profile, maxProfile})
	if err == nil && a.URI == "" {
		err = errors.New("it has no URI")
	}
	if err == nil && a.JID != "" {
		err = tx.addUser(a.User())
	}
	if err == nil {
		id, err = tx.nextSocialID()
	}
	var sealed []byte
	if private != "" {
		sealed = tx.box.seal(private, "social_actors", "private_key", a.Domain, strconv.FormatInt(id, 10), a.URI)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO social_actors (id, domain, uri, acct, jid, name, profile, public_key, private_key, hidden, approves, since, fetched_at, seen_at, watched, gone_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, 0, 0)`,
			id, a.Domain, a.URI, a.Acct, a.JID, a.Name, a.Profile, base64.StdEncoding.EncodeToString(a.PublicKey), sealed, flag(a.Hidden), flag(a.Approves), tx.now,
			millisOr0(a.FetchedAt))
	}
	if err == nil && a.Acct != "" {
		err = tx.exec(`UPDATE social_actors SET acct = '' WHERE domain = $1 AND acct = $2 AND id <> $3 AND name = ''`, a.Domain, a.Acct, id)
	}
	if err != nil {
		return 0, fmt.Errorf("add an actor: %w", err)
	}
	return id, nil
}

// SetSocialActor writes down what is known of an actor by now: what he says of himself, his acct, his key and when he was asked of; whoever else was
// thought to have his acct has it no more. Of an account that is what it says of itself, and its settings.
func (tx *Tx) SetSocialActor(a SocialActor) error {
	err := checkFields(field{"acct", a.Acct, maxPart}, field{"profile", a.Profile, maxProfile})
	if err == nil {
		err = tx.exec(`UPDATE social_actors SET acct = $2, profile = $3, public_key = $4, hidden = $5, approves = $6, fetched_at = $7, seen_at = $8, gone_at = $9 WHERE id = $1`,
			a.ID, a.Acct, a.Profile, base64.StdEncoding.EncodeToString(a.PublicKey), flag(a.Hidden), flag(a.Approves), millisOr0(a.FetchedAt), tx.now, millisOr0(a.GoneAt))
	}
	if err == nil && a.Acct != "" {
		err = tx.exec(`UPDATE social_actors SET acct = '' WHERE domain = $1 AND acct = $2 AND id <> $3 AND name = ''`, a.Domain, a.Acct, a.ID)
	}
	if err != nil {
		return fmt.Errorf("change an actor: %w", err)
	}
	return nil
}

// SawSocialActor notes that something of an actor came.
func (tx *Tx) SawSocialActor(id int64) error {
	if err := tx.exec(sawSocialActor, id, tx.now, tx.now-time.Hour.Milliseconds()); err != nil {
		return fmt.Errorf("note an actor: %w", err)
	}
	return nil
}

// WatchSocialActor notes whether the wire is to tell what an actor publishes.
func (tx *Tx) WatchSocialActor(id int64, on bool) error {
	if err := tx.exec(`UPDATE social_actors SET watched = $2 WHERE id = $1`, id, flag(on)); err != nil {
		return fmt.Errorf("note that an actor is watched: %w", err)
	}
	return nil
}

// SocialPrivateKey returns the private key of an account; ok is false where it has none any more.
func (db *DB) SocialPrivateKey(ctx context.Context, a *SocialActor) (key Secret, ok bool, err error) {
	var sealed []byte
	err = db.query(ctx, func(r *sql.Rows) error { return r.Scan(&sealed) }, `SELECT private_key FROM social_actors WHERE id = $1 AND private_key IS NOT NULL`, a.ID)
	if err == nil && sealed != nil {
		key, err = db.box.open(sealed, "social_actors", "private_key", a.Domain, strconv.FormatInt(a.ID, 10), a.URI)
	}
	if err != nil {
		return "", false, fmt.Errorf("read a private key: %w", err)
	}
	return key, sealed != nil, nil
}

// EndSocialAccount has an account be gone, with what it has published, whom it follows and who follows it. Its name and its URI stay, and so does its
// key for as long as others are being told (ForgetSocialKeys).
func (tx *Tx) EndSocialAccount(id int64) error {
	for _, query := range []string{
		`DELETE FROM social_entries WHERE actor = $1`,
		`DELETE FROM social_regards WHERE actor = $1`,
		`DELETE FROM social_regards WHERE post IN (SELECT id FROM social_posts WHERE actor = $1)`,
		`DELETE FROM social_followers WHERE account = $1`,
		`DELETE FROM social_following WHERE actor = $1`,
		`DELETE FROM social_subscribed WHERE post IN (SELECT id FROM social_posts WHERE actor = $1)`,
		`DELETE FROM social_letters WHERE post IN (SELECT id FROM social_posts WHERE actor = $1)`,
		`DELETE FROM social_pictures WHERE actor = $1`,
	} {
		if err := tx.exec(query, id); err != nil {
			return fmt.Errorf("end an account: %w", err)
		}
	}
	// Ids of posts stay, so that what others say of them later finds them gone.
	err := tx.exec(`UPDATE social_posts SET note = '', reply_to = '', conversation = '', repeat_of = '', own_item = '', hash = '',
		deleted_at = CASE WHEN deleted_at = 0 THEN $2 ELSE deleted_at END WHERE actor = $1`, id, tx.now)
	if err == nil {
		err = tx.exec(`UPDATE social_actors SET jid = '', profile = '', hidden = 1, gone_at = $2 WHERE id = $1`, id, tx.now)
	}
	if err != nil {
		return fmt.Errorf("end an account: %w", err)
	}
	return nil
}

// ForgetSocialKeys deletes private keys of accounts that are gone since before a time.
func (tx *Tx) ForgetSocialKeys(by time.Time) error {
	if err := tx.exec(`UPDATE social_actors SET private_key = NULL WHERE gone_at > 0 AND gone_at < $1 AND private_key IS NOT NULL`, millis(by)); err != nil {
		return fmt.Errorf("forget the keys of those who are gone: %w", err)
	}
	return nil
}

// SocialAccounts returns the next accounts of a domain behind a JID, in the order of JIDs.
func (db *DB) SocialAccounts(ctx context.Context, domain, after string, limit int) (all []SocialActor, err error) {
	if err := db.query(ctx, scanSocialActors(&all), `SELECT `+socialActorColumns+` FROM social_actors a WHERE a.domain = $1 AND a.jid > $2 AND a.jid <> '' ORDER BY a.jid LIMIT $3`,
		domain, after, limit); err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	return all, nil
}

// CountSocial returns how many accounts a domain has, and how many posts they have published.
func (db *DB) CountSocial(ctx context.Context, domain string) (accounts, posts int64, err error) {
	if err := db.query(ctx, func(r *sql.Rows) error { return r.Scan(&accounts, &posts) }, `SELECT COUNT(*), COALESCE(SUM((SELECT COUNT(*) FROM social_entries e WHERE e.actor = a.id)), 0)
		FROM social_actors a WHERE a.domain = $1 AND a.jid <> ''`, domain); err != nil {
		return 0, 0, fmt.Errorf("count the accounts: %w", err)
	}
	return accounts, posts, nil
}

// FindSocialActors returns those whose acct or profile has a text in it, the last seen first. Hidden ones and those without an acct are not among them.
func (db *DB) FindSocialActors(ctx context.Context, domain, text string, limit int) (all []SocialActor, err error) {
	if err := db.query(ctx, scanSocialActors(&all), `SELECT `+socialActorColumns+` FROM social_actors a WHERE a.domain = $1 AND a.acct <> '' AND a.hidden = 0 AND a.gone_at = 0
		AND (LOWER(a.acct) LIKE $2 ESCAPE '!' OR LOWER(a.profile) LIKE $2 ESCAPE '!') ORDER BY a.seen_at DESC, a.id LIMIT $3`,
		domain, "%"+likeText(text)+"%", limit); err != nil {
		return nil, fmt.Errorf("look for actors: %w", err)
	}
	return all, nil
}

// UnfollowedSocialActors returns actors that are watched and that nobody follows any more.
func (tx *Tx) UnfollowedSocialActors(domain string, limit int) (all []SocialActor, err error) {
	if err := tx.query(scanSocialActors(&all), `SELECT `+socialActorColumns+` FROM social_actors a WHERE a.domain = $1 AND a.watched = 1
		AND NOT EXISTS (SELECT 1 FROM social_following f WHERE f.actor = a.id) LIMIT $2`, domain, limit); err != nil {
		return nil, fmt.Errorf("look for actors whom nobody follows: %w", err)
	}
	return all, nil
}
