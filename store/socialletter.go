package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SocialLetter is a message of a user's that became a post, or what it said of one.
type SocialLetter struct {
	UserID
	Letter string // the id of its stanza
	Post   int64
	Hash   string // of what it says
	At     time.Time
}

func scanSocialLetters(all *[]SocialLetter) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var l SocialLetter
		var at int64
		err := r.Scan(&l.Domain, &l.JID, &l.Letter, &l.Post, &l.Hash, &at)
		l.At = fromMillis(at)
		*all = append(*all, l)
		return err
	}
}

// AddSocialLetter notes which post a message of a user's became. One with the same id before is forgotten.
func (tx *Tx) AddSocialLetter(l SocialLetter) error {
	err := checkFields(field{"id", l.Letter, maxPart})
	if err == nil {
		err = tx.addUser(l.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO social_letters (domain, jid, letter, post, hash, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (domain, jid, letter) DO UPDATE SET post = excluded.post, hash = excluded.hash, at = excluded.at`, l.Domain, l.JID, l.Letter, l.Post, l.Hash, tx.now)
	}
	if err != nil {
		return fmt.Errorf("note a message that became a post: %w", err)
	}
	return nil
}

// DropSocialLetter forgets a message of a user's that did not become a post.
func (tx *Tx) DropSocialLetter(id UserID, letter string) error {
	if err := tx.exec(`DELETE FROM social_letters WHERE domain = $1 AND jid = $2 AND letter = $3`, id.Domain, id.JID, letter); err != nil {
		return fmt.Errorf("forget a message: %w", err)
	}
	return nil
}

const selectSocialLetter = `SELECT domain, jid, letter, post, hash, at FROM social_letters WHERE `

// SocialLetter returns which post a message of a user's became, and whether it became one.
func (tx *Tx) SocialLetter(id UserID, letter string) (SocialLetter, bool, error) {
	var all []SocialLetter
	if err := tx.query(scanSocialLetters(&all), selectSocialLetter+`domain = $1 AND jid = $2 AND letter = $3`, id.Domain, id.JID, letter); err != nil {
		return SocialLetter{}, false, fmt.Errorf("look for a message that became a post: %w", err)
	}
	if len(all) == 0 {
		return SocialLetter{}, false, nil
	}
	return all[0], true, nil
}

// LetterOfPost returns the id of the message of a user's that became a post; empty for none.
func (tx *Tx) LetterOfPost(id UserID, post int64) (string, error) {
	var all []SocialLetter
	if err := tx.query(scanSocialLetters(&all), selectSocialLetter+`post = $3 AND domain = $1 AND jid = $2 ORDER BY at LIMIT 1`, id.Domain, id.JID, post); err != nil {
		return "", fmt.Errorf("look for the message that became a post: %w", err)
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0].Letter, nil
}

// SocialLettersAfter returns the next messages of a user behind one that became posts.
func (db *DB) SocialLettersAfter(ctx context.Context, id UserID, after string) (all []SocialLetter, err error) {
	if err := db.query(ctx, scanSocialLetters(&all), selectSocialLetter+`domain = $1 AND jid = $2 AND letter > $3 ORDER BY letter LIMIT $4`,
		id.Domain, id.JID, after, exportPage); err != nil {
		return nil, fmt.Errorf("read the messages that became posts: %w", err)
	}
	return all, nil
}

// CollectSocialLetters forgets which messages from before a time became posts.
func (tx *Tx) CollectSocialLetters(domain string, before time.Time) error {
	if err := tx.exec(`DELETE FROM social_letters WHERE domain = $1 AND at < $2`, domain, millis(before)); err != nil {
		return fmt.Errorf("forget old messages: %w", err)
	}
	return nil
}

// HoldSocialLetter has a message of a user's wait until he has said that it may be public, in place of one that waits; an empty one ends that.
func (tx *Tx) HoldSocialLetter(id UserID, letter string) error {
	err := checkFields(field{"message", letter, maxNote})
	if err == nil {
		err = tx.addUser(id)
	}
	switch {
	case err != nil:
	case letter == "":
		err = tx.exec(`DELETE FROM social_held WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	default:
		err = tx.exec(`INSERT INTO social_held (domain, jid, letter, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (domain, jid) DO UPDATE SET letter = excluded.letter, at = excluded.at`, id.Domain, id.JID, letter, tx.now)
	}
	if err != nil {
		return fmt.Errorf("keep a message that waits: %w", err)
	}
	return nil
}

// HeldSocialLetter returns the message of a user's that waits, and since when; empty for none.
func (tx *Tx) HeldSocialLetter(id UserID) (letter string, at time.Time, err error) {
	return heldLetter(tx.query, id)
}

// HeldSocialLetter is as that of Tx.
func (db *DB) HeldSocialLetter(ctx context.Context, id UserID) (letter string, at time.Time, err error) {
	return heldLetter(db.asking(ctx), id)
}

func heldLetter(ask func(func(*sql.Rows) error, string, ...any) error, id UserID) (letter string, at time.Time, err error) {
	if err := ask(func(r *sql.Rows) error {
		var ms int64
		err := r.Scan(&letter, &ms)
		at = fromMillis(ms)
		return err
	}, `SELECT letter, at FROM social_held WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return "", at, fmt.Errorf("read a message that waits: %w", err)
	}
	return letter, at, nil
}

// SocialPicture is an avatar as it is shown.
type SocialPicture struct {
	Actor int64
	URL   string // where it is from; empty of an account
	Hash  string
	Image []byte
}

const maxPicture = 1 << 20

// SetSocialPicture keeps an avatar; one without bytes is none, and it stays known where that was to be found.
func (tx *Tx) SetSocialPicture(p SocialPicture) error {
	err := checkFields(field{"URL", p.URL, maxURI}, field{"hash", p.Hash, maxName})
	if err == nil && len(p.Image) > maxPicture {
		err = fmt.Errorf("it has more than %d bytes", maxPicture)
	}
	if p.Image == nil {
		p.Image = []byte{}
	}
	if err == nil {
		err = tx.exec(`INSERT INTO social_pictures (actor, url, hash, image) VALUES ($1, $2, $3, $4)
			ON CONFLICT (actor) DO UPDATE SET url = excluded.url, hash = excluded.hash, image = excluded.image`, p.Actor, p.URL, p.Hash, p.Image)
	}
	if err != nil {
		return fmt.Errorf("keep a picture: %w", err)
	}
	return nil
}

// SocialPicture returns the avatar of an actor; the zero one where nothing is known.
func (db *DB) SocialPicture(ctx context.Context, actor int64) (p SocialPicture, err error) {
	if err := db.query(ctx, scanSocialPicture(&p), `SELECT actor, url, hash, image FROM social_pictures WHERE actor = $1`, actor); err != nil {
		return p, fmt.Errorf("read a picture: %w", err)
	}
	return p, nil
}

// SocialPictureFrom returns where the avatar of an actor is from, and its hash.
func (tx *Tx) SocialPictureFrom(actor int64) (url, hash string, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&url, &hash) }, `SELECT url, hash FROM social_pictures WHERE actor = $1`, actor); err != nil {
		return "", "", fmt.Errorf("read where a picture is from: %w", err)
	}
	return url, hash, nil
}

func scanSocialPicture(p *SocialPicture) func(*sql.Rows) error {
	return func(r *sql.Rows) error { return r.Scan(&p.Actor, &p.URL, &p.Hash, &p.Image) }
}
