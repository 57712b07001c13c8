package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"
)

// Account is what is kept about a user besides messages. Of a secret it is known that it is set.
type Account struct {
	User     User // zero times for one who is not known
	Idle     Idle
	Settings []AccountSetting
	Contacts []string // local parts
	Blocked  []string // JIDs
	Rooms    []AccountRoom
	Files    []File
	Followed Followed
	// DeniedSince is when administrators have denied him the domain; zero where they have not.
	DeniedSince time.Time
}

// AccountSetting is a setting, without its value where that is a secret.
type AccountSetting struct {
	Scope, Name, Value string
	Secret             bool
}

// AccountRoom is a room that a client of a user is in, or that he stays in: then there is no resource.
type AccountRoom struct {
	Room, Resource, Nick string
	Password             bool // there is one
	EnteredAt            time.Time
}

// Account returns what is kept about a user besides messages.
func (db *DB) Account(ctx context.Context, id UserID) (a Account, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read what is kept about a user: %w", err)
		}
	}()
	if a.User, _, err = db.User(ctx, id); err != nil {
		return a, err
	}
	a.User.UserID, a.Idle.UserID, a.Idle.Seen = id, id, a.User.LastSeen
	if err = db.query(ctx, func(rows *sql.Rows) error {
		var s AccountSetting
		err := rows.Scan(&s.Scope, &s.Name, &s.Value, &s.Secret)
		a.Settings = append(a.Settings, s)
		return err
	}, `SELECT scope, name, coalesce(value, ''), value IS NULL FROM settings WHERE domain = $1 AND jid = $2 ORDER BY scope, name`, id.Domain, id.JID); err != nil {
		return a, err
	}
	if a.Contacts, err = db.Contacts(ctx, id); err != nil {
		return a, err
	}
	if a.Blocked, err = db.Blocks(ctx, id); err != nil {
		return a, err
	}
	if err = db.query(ctx, func(rows *sql.Rows) error {
		var r AccountRoom
		var entered int64
		err := rows.Scan(&r.Room, &r.Resource, &r.Nick, &r.Password, &entered)
		r.EnteredAt = fromMillis(entered)
		a.Rooms = append(a.Rooms, r)
		return err
	}, `SELECT room, resource, nick, password IS NOT NULL, entered_at FROM occupancies WHERE domain = $1 AND jid = $2 ORDER BY room, resource`,
		id.Domain, id.JID); err != nil {
		return a, err
	}
	if err = db.query(ctx, func(rows *sql.Rows) error {
		f := File{UserID: id}
		var expires int64
		err := rows.Scan(&f.ID, &f.Name, &f.Type, &f.Size, &expires)
		f.Expires = fromMillis(expires)
		a.Files = append(a.Files, f)
		return err
	}, `SELECT id, name, type, size, expires FROM files WHERE domain = $1 AND jid = $2 ORDER BY created, id`, id.Domain, id.JID); err != nil {
		return a, err
	}
	if a.Followed, err = db.Followed(ctx, id); err != nil {
		return a, err
	}
	if err = db.query(ctx, func(rows *sql.Rows) error {
		var acted, warned, gone sql.NullInt64
		err := rows.Scan(&acted, &warned, &gone)
		a.Idle.Acted, a.Idle.Warned, a.Idle.Gone = maybeTime(acted), maybeTime(warned), maybeTime(gone)
		return err
	}, `SELECT acted, warned, gone FROM idle WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return a, err
	}
	err = db.query(ctx, func(rows *sql.Rows) error {
		var since int64
		err := rows.Scan(&since)
		a.DeniedSince = fromMillis(since)
		return err
	}, `SELECT since FROM denied WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	return a, err
}

// exportBytes is how much of an archive is held at a time.
const exportBytes = 1 << 20

// Lines returns the lines of a room that a user may read, or of all his own conversations, that are not older than a time, in their order.
// It reads page by page and holds nothing between two of them, so the loop may take its time. An error is the last thing that it yields.
func (db *DB) Lines(ctx context.Context, id UserID, p Part, since time.Time) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		key := archiveKey{archiveUser, id.Domain, id.JID}
		if p.Room != "" {
			key = archiveKey{archiveRoom, id.Domain, p.Room}
		}
		s, err := db.archiveSpan(ctx, key)
		if p.Room != "" {
			s.reader = &id
		}
		if err == nil && !since.IsZero() {
			s.lo, err = db.firstSince(ctx, s, millis(since))
		}
		for err == nil {
			r := reading{left: MaxPage, bytes: exportBytes}
			err = db.readLines(ctx, s, &r, false)
			if err == nil {
				err = db.overlay(ctx, s.reader, r.lines)
			}
			if err != nil {
				break
			}
			for _, l := range r.lines {
				if !yield(l.Line, nil) {
					return
				}
				s.lo = l.id + 1
			}
			if !r.full() {
				break
			}
		}
		if err != nil {
			yield(Line{}, fmt.Errorf("read the archive of a user: %w", err))
		}
	}
}
