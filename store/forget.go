package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// Part is a part of what is kept for a user: a room, the conversation with a contact, all private conversations, or everything where it is
// none of that.
type Part struct {
	Room    string    // local part of the room's JID
	With    string    // local part of the contact's JID
	Private bool      // all conversations
	Before  time.Time // only what is older; zero: all
}

const (
	countSeen = `SELECT CAST(coalesce(sum(CASE WHEN hi > $4 THEN $4 ELSE hi END - lo + 1), 0) AS BIGINT) FROM archive_seen
		WHERE domain = $1 AND jid = $2 AND lo >= $3 AND lo <= $4`
	nextSeen   = `SELECT lo FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo >= $3 ORDER BY lo LIMIT 1`
	unseeChunk = `DELETE FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo IN
		(SELECT lo FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo >= $3 AND lo <= $4 AND hi <= $4 ORDER BY lo LIMIT $5)`
	unseeRest     = `UPDATE archive_seen SET lo = $5 WHERE domain = $1 AND jid = $2 AND lo >= $3 AND lo <= $4 AND hi > $4`
	deleteWithOne = `DELETE FROM archive_lines WHERE who = $4 AND line >= $1 AND line <= (SELECT max(line) FROM
		(SELECT line FROM archive_lines WHERE line >= $1 AND line <= $2 AND who = $4 ORDER BY line LIMIT $3) AS chunk)`
)

// maxCounted is how many lines are counted one by one.
const maxCounted = 100_000

// CountPart returns how many lines there are in a part of what is kept for a user. Where there are too many to be counted in a moment,
// more says that there are more than n.
func (db *DB) CountPart(ctx context.Context, id UserID, p Part) (n int64, more bool, err error) {
	err = db.eachOfPart(ctx, id, p, func(a archive) error {
		if a.kind == archiveRoom {
			return db.query(ctx, func(rows *sql.Rows) error {
				var lines int64
				err := rows.Scan(&lines)
				n += lines
				return err
			}, countSeen, id.Domain, id.JID, int64(a.lo), int64(a.hi))
		}
		lines, err := db.countLines(ctx, a.span)
		n, more = n+min(lines, maxCounted), lines > maxCounted
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("count what is kept for a user: %w", err)
	}
	return n, more, nil
}

// countLines counts the lines of a span, whoever may read them, and no more than maxCounted+1.
func (db *DB) countLines(ctx context.Context, s span) (n int64, err error) {
	query, args := `SELECT line FROM archive_lines WHERE line >= $1 AND line <= $2 LIMIT $3`, []any{int64(s.lo), int64(s.hi), maxCounted + 1}
	if s.who != "" {
		query, args = `SELECT line FROM archive_lines WHERE line >= $1 AND line <= $2 AND who = $4 LIMIT $3`, append(args, s.who)
	}
	err = db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, `SELECT count(*) FROM (`+query+`) AS counted`, args...)
	return n, err
}

// Forget deletes a part of what is kept for a user: of a room what he may read, which others may read on; of his own conversations the
// lines. He cannot read them any more when it returns; of rooms CollectArchive deletes what is left. Stopped by ctx, it has deleted the
// oldest lines of each archive that it came to.
func (db *DB) Forget(ctx context.Context, id UserID, p Part) error {
	err := db.eachOfPart(ctx, id, p, func(a archive) error {
		switch {
		case a.kind == archiveRoom:
			return db.unsee(ctx, id, a.span)
		case a.who == "" && p.Before.IsZero():
			return db.Write(ctx, func(tx *Tx) error { return tx.forgetArchive(archiveKey{archiveUser, id.Domain, id.JID}) })
		case a.who == "":
			_, err := db.deleteLines(ctx, a.lo, a.hi)
			return err
		}
		_, err := db.deleteChunks(ctx, deleteWithOne, int64(a.lo), int64(a.hi), deleteChunk, a.who)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what is kept for a user: %w", err)
	}
	return nil
}

// eachOfPart calls do for each archive with something of a part, whose span is cut to that.
func (db *DB) eachOfPart(ctx context.Context, id UserID, p Part, do func(archive) error) error {
	if p.Room != "" && (p.With != "" || p.Private) {
		return errors.New("a part is of a room or of a contact")
	}
	var archives []archive
	var err error
	switch {
	case p.Room != "":
		archives, err = db.archives(ctx, selectArchives+`WHERE kind = $1 AND domain = $2 AND name = $3`, archiveRoom, id.Domain, p.Room)
	case p.With == "" && !p.Private:
		archives, err = db.roomsOf(ctx, id)
	}
	if err == nil && p.Room == "" {
		var private []archive
		private, err = db.archives(ctx, selectArchives+`WHERE kind = $1 AND domain = $2 AND name = $3`, archiveUser, id.Domain, id.JID)
		archives = append(archives, private...)
	}
	for _, a := range archives {
		if err != nil {
			break
		}
		a.who = cleanText(p.With)
		if !p.Before.IsZero() {
			if a.span, err = db.cutBefore(ctx, id, a, millis(p.Before)); err != nil || a.hi < a.lo {
				continue
			}
		}
		err = do(a)
	}
	return err
}

// cutBefore cuts the span of an archive to what is older than a time. Mostly that is nothing, which is found out first.
func (db *DB) cutBefore(ctx context.Context, id UserID, a archive, before int64) (span, error) {
	first := a.lo
	if a.kind == archiveRoom {
		first = a.hi + 1
		if err := db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&first) }, nextSeen, id.Domain, id.JID, int64(a.lo)); err != nil {
			return span{}, err
		}
	}
	firstTime := before
	if err := db.query(ctx, func(rows *sql.Rows) error {
		var line LineID
		return rows.Scan(&line, &firstTime)
	}, selectSince, int64(first), int64(a.hi+1)); err != nil || firstTime >= before {
		return span{lo: 1}, err
	}
	end, err := db.firstSince(ctx, a.span, before)
	a.hi = end - 1
	return a.span, err
}

// roomsOf returns the archives of the rooms of which a user may read something.
func (db *DB) roomsOf(ctx context.Context, id UserID) ([]archive, error) {
	var rooms []archive
	for from := LineID(0); ; {
		next := LineID(math.MaxInt64)
		err := db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&next) },
			nextSeen, id.Domain, id.JID, int64(from))
		if err != nil || next == math.MaxInt64 {
			return rooms, err
		}
		some, err := db.archives(ctx, selectArchives+`WHERE archive = $1 AND kind = $2`, next.of(), archiveRoom)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, some...)
		from = archiveBase(next.of() + 1)
	}
}

// RoomsOf returns the rooms of which a user may read something, by the local parts of their JIDs.
func (db *DB) RoomsOf(ctx context.Context, id UserID) ([]string, error) {
	archives, err := db.roomsOf(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the rooms of a user: %w", err)
	}
	rooms := make([]string, len(archives))
	for i, a := range archives {
		rooms[i] = a.name
	}
	return rooms, nil
}

// unsee takes lines of a room away from what a user may read, the oldest first.
func (db *DB) unsee(ctx context.Context, id UserID, s span) error {
	if s.hi < s.lo {
		return nil
	}
	if _, err := db.deleteChunks(ctx, unseeChunk, id.Domain, id.JID, int64(s.lo), int64(s.hi), deleteChunk); err != nil {
		return err
	}
	// What reaches over the end begins behind it now.
	return db.Write(ctx, func(tx *Tx) error {
		return tx.exec(unseeRest, id.Domain, id.JID, int64(s.lo), int64(s.hi), int64(s.hi+1))
	})
}

// Listeners returns how many users may read something of a room, and how many lines it has; more is as in CountPart.
func (db *DB) Listeners(ctx context.Context, domain, room string) (users, lines int64, more bool, err error) {
	archives, err := db.archives(ctx, selectArchives+`WHERE kind = $1 AND domain = $2 AND name = $3`, archiveRoom, domain, room)
	for _, a := range archives {
		if lines, err = db.countLines(ctx, a.span); err == nil {
			err = db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&users) },
				`SELECT count(*) FROM (SELECT DISTINCT domain, jid FROM archive_seen WHERE archive = $1) AS readers`, a.number)
		}
	}
	if err != nil {
		return 0, 0, false, fmt.Errorf("count what is kept of a room: %w", err)
	}
	return users, min(lines, maxCounted), lines > maxCounted, nil
}

// ForgetRoom takes the archive of a room from everybody, and sets a setting for each of those who could read something of it. What is
// said there from then on is a new archive; CollectArchive deletes the lines of the old one.
func (tx *Tx) ForgetRoom(domain, room, scope, name, value string) error {
	key := archiveKey{archiveRoom, domain, room}
	err := checkFields(field{"room", room, maxPart}, field{"scope", scope, maxScope}, field{"name", name, maxName}, field{"value", value, maxValue})
	if err == nil {
		err = tx.exec(`INSERT INTO settings (domain, jid, scope, name, value)
			SELECT DISTINCT domain, jid, CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT) FROM archive_seen
			WHERE archive = (SELECT archive FROM archives WHERE kind = $4 AND domain = $5 AND name = $6)
			ON CONFLICT (domain, jid, scope, name) DO UPDATE SET value = excluded.value, sealed = NULL`,
			scope, name, value, key.kind, key.domain, key.name)
	}
	if err == nil {
		err = tx.forgetArchive(key)
	}
	if err != nil {
		return fmt.Errorf("forget a room: %w", err)
	}
	return nil
}

// forgetArchive gives up the lines of an archive. There may be millions, so the collection deletes them later. The archive keeps its
// number until then, lest another one gets it and the lines with it.
func (tx *Tx) forgetArchive(key archiveKey) error {
	delete(tx.rooms, key)
	return tx.exec(`UPDATE archives SET kind = $1, domain = '', name = CAST(archive AS TEXT) WHERE kind = $2 AND domain = $3 AND name = $4`,
		archiveGone, key.kind, key.domain, key.name)
}
