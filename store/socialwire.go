package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// SocialSubscriber is somewhere that wants to be told what an account publishes (WebSub).
type SocialSubscriber struct {
	ID       int64
	Account  int64
	Callback string
	Site     string // where jobs that tell it something lead
	Secret   Secret // with which what it is told is signed; empty for none
	Until    time.Time
	Failing  time.Time  // since when it cannot be told anything; the zero Time while it can
	Asked    *SocialAsk // what it asks for and was not asked back for; nil for nothing
	AskedAt  time.Time
}

// SocialAsk is what a subscriber asks for.
type SocialAsk struct {
	Subscribe bool          `json:"subscribe"` // or that it ends
	Lease     time.Duration `json:"lease,omitempty"`
	Token     string        `json:"token,omitempty"` // that it is told when it is asked back
	Secret    Secret        `json:"-"`
}

// ErrSocialFull is what AskSocialSubscriber says where there are as many subscribers as there may be.
var ErrSocialFull = errors.New("there are too many subscribers")

// Bounds of what strangers ask for.
const (
	maxCallback         = 2000 // bytes; PostgreSQL takes 2,700 in an index
	maxSocialSecret     = 200  // bytes, with the last one refused (WebSub §5.1)
	maxSubscribersAsked = 200  // of a site, which were not asked back
	maxSubscribersSite  = 64   // of one account at one site
	maxSubscribers      = 200_000
)

const (
	subscriberColumns = `id, account, callback, site, secret, until, failing, asked, asked_secret, asked_at`
	selectSubscriber  = `SELECT ` + subscriberColumns + ` FROM social_subscribers WHERE id = $1`
	settleFailing     = `UPDATE social_subscribers SET failing = $2 WHERE id = $1 AND (failing = 0) = (CAST($2 AS BIGINT) <> 0)`
	selectTargets     = `SELECT id, site FROM social_subscribers WHERE account = $1 AND (site, id) > ($2, $3) AND id < $4 AND until > $5 ORDER BY site, id LIMIT $6` // of one series with pushes
	selectPush        = `SELECT account, body FROM social_pushes WHERE id = $1`
	selectSeenSocial  = `SELECT 1 FROM social_seen WHERE hash = $1`
	insertSeenSocial  = `INSERT INTO social_seen (hash, added) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`
)

// socialWireStatements are those that many deliveries and much of what others say cost.
var socialWireStatements = []string{settleFailing, insertSeenSocial}

// AskSocialSubscriber notes what a subscriber asks for, beside what it has. It has it once that is settled.
func (tx *Tx) AskSocialSubscriber(account int64, callback, site string, ask SocialAsk) (id int64, err error) {
	defer wrap(&err, "note a subscriber")
	if err := checkFields(field{"callback", callback, maxCallback}, field{"site", site, maxSite}, field{"token", ask.Token, maxPart},
		field{"secret", string(ask.Secret), maxSocialSecret}); err != nil {
		return 0, err
	}
	err = tx.query(func(r *sql.Rows) error { return r.Scan(&id) }, `SELECT id FROM social_subscribers WHERE account = $1 AND callback = $2`, account, callback)
	if err == nil && id == 0 {
		id, err = tx.addSocialSubscriber(account, callback, site)
	}
	if err != nil {
		return 0, err
	}
	asked, err := json.Marshal(ask)
	if err != nil {
		return 0, err
	}
	return id, tx.exec(`UPDATE social_subscribers SET asked = $2, asked_secret = $3, asked_at = $4 WHERE id = $1`, id, string(asked), tx.sealSubscriber(id, ask.Secret), tx.now)
}

func (tx *Tx) addSocialSubscriber(account int64, callback, site string) (id int64, err error) {
	var asked, here int64
	err = tx.query(func(r *sql.Rows) error { return r.Scan(&asked) },
		`SELECT count(*) FROM (SELECT 1 FROM social_subscribers WHERE site = $1 AND until = 0 LIMIT $2) AS asked`, site, maxSubscribersAsked)
	if err == nil {
		err = tx.query(func(r *sql.Rows) error { return r.Scan(&here) }, `SELECT count(*) FROM social_subscribers WHERE site = $1 AND account = $2`, site, account)
	}
	// All of them are counted once, and again when somebody tidies.
	all, known := tx.own.subscribers[account]
	if err == nil && !known {
		err = tx.query(func(r *sql.Rows) error { return r.Scan(&all) }, `SELECT count(*) FROM social_subscribers WHERE account = $1`, account)
	}
	switch {
	case err != nil:
		return 0, err
	case asked >= maxSubscribersAsked || here >= maxSubscribersSite || all >= maxSubscribers:
		return 0, ErrSocialFull
	}
	if len(tx.own.subscribers) >= maxOwnUsers {
		clear(tx.own.subscribers)
	}
	tx.own.subscribers[account] = all + 1
	if id, err = tx.next(&tx.own.socialWireIDs); err == nil {
		err = tx.exec(`INSERT INTO social_subscribers (id, account, callback, site, secret, until, asked, asked_secret, asked_at, failing)
			VALUES ($1, $2, $3, $4, $5, 0, '', $5, $6, 0)`, id, account, callback, site, []byte{}, tx.now)
	}
	return id, err
}

func (tx *Tx) sealSubscriber(id int64, secret Secret) []byte {
	if secret == "" {
		return []byte{}
	}
	return tx.box.seal(secret, "social_subscribers", "secret", strconv.FormatInt(id, 10))
}

// SettleSocialSubscriber gives a subscriber what it asked for, where that is still what it asks for. Without a lease it is no subscriber any more.
func (tx *Tx) SettleSocialSubscriber(s *SocialSubscriber, lease time.Duration) (err error) {
	defer wrap(&err, "settle a subscriber")
	if s.Asked == nil {
		return errors.New("it asked for nothing")
	}
	if !s.Asked.Subscribe {
		return tx.exec(`DELETE FROM social_subscribers WHERE id = $1 AND asked_at = $2`, s.ID, millis(s.AskedAt))
	}
	return tx.exec(`UPDATE social_subscribers SET secret = asked_secret, until = $3, asked = '', failing = 0 WHERE id = $1 AND asked_at = $2`,
		s.ID, millis(s.AskedAt), millis(tx.Now().Add(lease)))
}

// RefuseSocialSubscriber forgets what a subscriber asked for; what it has stays.
func (tx *Tx) RefuseSocialSubscriber(s *SocialSubscriber) (err error) {
	defer wrap(&err, "refuse a subscriber")
	err = tx.exec(`DELETE FROM social_subscribers WHERE id = $1 AND asked_at = $2 AND until = 0`, s.ID, millis(s.AskedAt))
	if err == nil {
		err = tx.exec(`UPDATE social_subscribers SET asked = '' WHERE id = $1 AND asked_at = $2`, s.ID, millis(s.AskedAt))
	}
	return err
}

// DropSocialSubscriber ends what a subscriber has.
func (tx *Tx) DropSocialSubscriber(id int64) (err error) {
	defer wrap(&err, "drop a subscriber")
	return tx.exec(`DELETE FROM social_subscribers WHERE id = $1`, id)
}

// SocialSubscriberFails notes since when a subscriber cannot be told anything, or that it can again.
func (tx *Tx) SocialSubscriberFails(id int64, fails bool) (err error) {
	defer wrap(&err, "note of a subscriber whether it can be told anything")
	since := int64(0)
	if fails {
		since = tx.now
	}
	return tx.exec(settleFailing, id, since)
}

// SocialSubscriber is a subscriber, and whether there is one.
func (db *DB) SocialSubscriber(ctx context.Context, id int64) (s SocialSubscriber, ok bool, err error) {
	defer wrap(&err, "read a subscriber")
	var secret, askedSecret []byte
	var until, failing, askedAt int64
	var asked string
	err = db.query(db.brief(ctx), func(r *sql.Rows) error {
		ok = true
		return r.Scan(&s.ID, &s.Account, &s.Callback, &s.Site, &secret, &until, &failing, &asked, &askedSecret, &askedAt)
	}, selectSubscriber, id)
	if err != nil || !ok {
		return s, false, err
	}
	s.Until, s.AskedAt = fromMillis(until), fromMillis(askedAt)
	if failing != 0 {
		s.Failing = fromMillis(failing)
	}
	if s.Secret, err = db.openSocial(secret, "social_subscribers", id); err != nil || asked == "" {
		return s, err == nil, err
	}
	s.Asked = new(SocialAsk)
	if err = json.Unmarshal([]byte(asked), s.Asked); err == nil {
		s.Asked.Secret, err = db.openSocial(askedSecret, "social_subscribers", id)
	}
	return s, err == nil, err
}

func (db *DB) openSocial(sealed []byte, table string, id int64) (Secret, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	return db.box.open(sealed, table, "secret", strconv.FormatInt(id, 10))
}

// SocialTarget is a subscriber that is to be told something.
type SocialTarget struct {
	ID   int64
	Site string
}

// SocialTargets are n subscribers of an account that have a lease, those behind one of them of those that were there before a push. Those of a site
// come together: who tells them has fewer connections to make.
func (tx *Tx) SocialTargets(account int64, after SocialTarget, push int64, n int) (all []SocialTarget, err error) {
	defer wrap(&err, "list subscribers")
	err = tx.query(func(r *sql.Rows) error {
		var t SocialTarget
		err := r.Scan(&t.ID, &t.Site)
		all = append(all, t)
		return err
	}, selectTargets, account, after.Site, after.ID, push, tx.now, n)
	return all, err
}

// HasSocialTargets reports whether an account has subscribers, or had some lately.
func (tx *Tx) HasSocialTargets(account int64) (has bool, err error) {
	defer wrap(&err, "look for subscribers")
	err = tx.query(func(r *sql.Rows) error { has = true; return r.Scan(new(int)) }, `SELECT 1 FROM social_subscribers WHERE account = $1 LIMIT 1`, account)
	return has, err
}

// maxSocialBody is what others are told at most at once, in bytes.
const maxSocialBody = 1 << 20

// AddSocialPush keeps what others are told, for as long as TidySocialWire leaves it.
func (tx *Tx) AddSocialPush(account int64, body []byte) (id int64, err error) {
	defer wrap(&err, "keep what others are told")
	if len(body) > maxSocialBody {
		return 0, fmt.Errorf("it has %d bytes, more than %d", len(body), maxSocialBody)
	}
	if id, err = tx.next(&tx.own.socialWireIDs); err == nil {
		err = tx.exec(`INSERT INTO social_pushes (id, account, body, added) VALUES ($1, $2, $3, $4)`, id, account, body, tx.now)
	}
	return id, err
}

// SocialPush is what others are told, and whether it is still there.
func (db *DB) SocialPush(ctx context.Context, id int64) (account int64, body []byte, ok bool, err error) {
	defer wrap(&err, "read what others are told")
	err = db.query(db.brief(ctx), func(r *sql.Rows) error { ok = true; return r.Scan(&account, &body) }, selectPush, id)
	return account, body, ok && err == nil, err
}

// SocialSeen reports whether something was said already, by its hash.
func (db *DB) SocialSeen(ctx context.Context, hash string) (seen bool, err error) {
	defer wrap(&err, "look for what was said")
	err = db.query(db.brief(ctx), func(r *sql.Rows) error { seen = true; return r.Scan(new(int)) }, selectSeenSocial, hash)
	return seen, err
}

// FirstSocialSeen notes that something was said, and reports whether it was not before.
func (tx *Tx) FirstSocialSeen(hash string) (first bool, err error) {
	defer wrap(&err, "note what was said")
	n, err := tx.count(insertSeenSocial, hash, tx.now)
	return n > 0, err
}

// AddSocialSeen notes that something was said.
func (tx *Tx) AddSocialSeen(hash string) (err error) {
	defer wrap(&err, "note what was said")
	return tx.exec(insertSeenSocial, hash, tx.now)
}

// tidyRows is how many rows of each kind one write removes.
const tidyRows = 500

// TidySocialWire forgets what was kept for long enough: subscribers whose lease has ended or who were never asked back, what was told, and what
// was said. It reports whether there may be more.
func (tx *Tx) TidySocialWire(asked, told, said time.Time) (more bool, err error) {
	defer wrap(&err, "tidy the social web")
	clear(tx.own.subscribers)
	for _, d := range []struct {
		text string
		by   int64
	}{
		{`DELETE FROM social_subscribers WHERE id IN (SELECT id FROM social_subscribers WHERE until > 0 AND until <= $1 ORDER BY until LIMIT $2)`, tx.now},
		{`DELETE FROM social_subscribers WHERE id IN (SELECT id FROM social_subscribers WHERE until = 0 AND asked_at <= $1 LIMIT $2)`, millis(asked)},
		{`DELETE FROM social_pushes WHERE id IN (SELECT id FROM social_pushes WHERE added <= $1 ORDER BY added LIMIT $2)`, millis(told)},
		{`DELETE FROM social_seen WHERE hash IN (SELECT hash FROM social_seen WHERE added <= $1 ORDER BY added LIMIT $2)`, millis(said)},
	} {
		n, err := tx.count(d.text, d.by, tidyRows)
		if err != nil {
			return false, err
		}
		more = more || n == tidyRows
	}
	return more, nil
}

// wrap says what was being done.
func wrap(err *error, doing string) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", doing, *err)
	}
}
