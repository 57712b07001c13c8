package store

import (
	"context"
	"database/sql"
	"strconv"
	"time"
)

// SocialSubscription says how what an actor of another server publishes is learnt of.
type SocialSubscription struct {
	Actor   int64
	URI     string // of the actor
	Token   string // in the URL that the hub calls
	Topic   string // URL of the feed
	Hub     string // empty for none: it is fetched again and again
	Secret  Secret // with which the hub signs
	State   SocialState
	Until   time.Time     // end of the lease
	AskedAt time.Time     // when the hub was asked last
	Fetched time.Time     // when the feed was fetched last; the zero Time for never
	Pause   time.Duration // until it is fetched again
	// ETag and Modified are what its server said of what was fetched.
	ETag, Modified string
}

// SocialState says what there is between us and a hub.
type SocialState int64

// The states.
const (
	SocialAlone   SocialState = iota // there is no hub, or none that answers
	SocialAsking                     // the hub has not asked back
	SocialTold                       // it tells us
	SocialLeaving                    // nobody wants to know any more
)

const (
	subscriptionColumns = `actor, uri, token, topic, hub, secret, state, until, asked_at, fetched, pause, etag, modified`
	subscriptionByActor = `SELECT ` + subscriptionColumns + ` FROM social_subscriptions WHERE actor = $1`
	subscriptionByToken = `SELECT ` + subscriptionColumns + ` FROM social_subscriptions WHERE token = $1`
)

func scanSubscription(r *sql.Rows, s *SocialSubscription, sealed *[]byte) error {
	var until, asked, fetched, pause int64
	err := r.Scan(&s.Actor, &s.URI, &s.Token, &s.Topic, &s.Hub, sealed, &s.State, &until, &asked, &fetched, &pause, &s.ETag, &s.Modified)
	s.Until, s.AskedAt, s.Pause = fromMillis(until), fromMillis(asked), time.Duration(pause)*time.Millisecond
	if fetched != 0 {
		s.Fetched = fromMillis(fetched)
	}
	return err
}

// SocialSubscription is that of an actor, and whether there is one.
func (db *DB) SocialSubscription(ctx context.Context, actor int64) (SocialSubscription, bool, error) {
	return db.socialSubscription(ctx, subscriptionByActor, actor)
}

// SocialSubscriptionByToken is the one whose hub calls a URL.
func (db *DB) SocialSubscriptionByToken(ctx context.Context, token string) (SocialSubscription, bool, error) {
	if !storable(token) {
		return SocialSubscription{}, false, nil
	}
	return db.socialSubscription(ctx, subscriptionByToken, token)
}

func (db *DB) socialSubscription(ctx context.Context, query string, by any) (s SocialSubscription, ok bool, err error) {
	defer wrap(&err, "read a subscription")
	var sealed []byte
	err = db.query(db.brief(ctx), func(r *sql.Rows) error { ok = true; return scanSubscription(r, &s, &sealed) }, query, by)
	if err == nil && ok {
		s.Secret, err = db.openSocial(sealed, "social_subscriptions", s.Actor)
	}
	return s, ok && err == nil, err
}

// SocialSubscription is that of an actor, and whether there is one.
func (tx *Tx) SocialSubscription(actor int64) (s SocialSubscription, ok bool, err error) {
	defer wrap(&err, "read a subscription")
	var sealed []byte
	err = tx.query(func(r *sql.Rows) error { ok = true; return scanSubscription(r, &s, &sealed) }, subscriptionByActor, actor)
	if err == nil && ok && len(sealed) > 0 {
		s.Secret, err = tx.box.open(sealed, "social_subscriptions", "secret", strconv.FormatInt(actor, 10))
	}
	return s, ok && err == nil, err
}

// SetSocialSubscription writes a subscription down.
func (tx *Tx) SetSocialSubscription(s SocialSubscription) (err error) {
	defer wrap(&err, "write a subscription")
	if err := checkFields(field{"URI", s.URI, maxScope}, field{"token", s.Token, maxPart}, field{"topic", s.Topic, maxScope}, field{"hub", s.Hub, maxScope},
		field{"secret", string(s.Secret), maxSocialSecret}, field{"etag", s.ETag, maxPart}, field{"date", s.Modified, maxPart}); err != nil {
		return err
	}
	var fetched int64
	if !s.Fetched.IsZero() {
		fetched = millis(s.Fetched)
	}
	return tx.exec(`INSERT INTO social_subscriptions (`+subscriptionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (actor) DO UPDATE SET uri = excluded.uri, token = excluded.token, topic = excluded.topic, hub = excluded.hub, secret = excluded.secret, state = excluded.state,
		until = excluded.until, asked_at = excluded.asked_at, fetched = excluded.fetched, pause = excluded.pause, etag = excluded.etag, modified = excluded.modified`,
		s.Actor, s.URI, s.Token, s.Topic, s.Hub, tx.box.seal(s.Secret, "social_subscriptions", "secret", strconv.FormatInt(s.Actor, 10)), int64(s.State),
		millis(s.Until), millis(s.AskedAt), fetched, s.Pause.Milliseconds(), s.ETag, s.Modified)
}

// DropSocialSubscription forgets a subscription.
func (tx *Tx) DropSocialSubscription(actor int64) (err error) {
	defer wrap(&err, "drop a subscription")
	return tx.exec(`DELETE FROM social_subscriptions WHERE actor = $1`, actor)
}
