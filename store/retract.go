package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// A message that was taken back is still a line, so that what follows keeps its place, but whoever heard that it was taken back reads something
// else there. Who did not hear it reads on what he heard: it is not up to what one session hears what others have. Once nobody reads a line
// as it was, its content goes.

// Retraction is a line on its way out of what a user reads.
type Retraction struct {
	User   UserID
	ID     string // stanza id of the line
	Stanza string // what he reads instead, compact XML without "to"
}

// Check reports why the archive would not take it.
func (r *Retraction) Check() error {
	if err := r.User.check(); err != nil {
		return err
	}
	return checkFields(field{"id", r.ID, maxLineID}, field{"stanza", r.Stanza, maxStanza})
}

// Retract takes a line back for a user: one of a room or one of his own. A line that is not there is passed over.
func (tx *Tx) Retract(r Retraction) error {
	err := r.Check()
	var line LineID
	var kind, owner string
	if err == nil {
		err = tx.query(func(rows *sql.Rows) error { return rows.Scan(&line, &kind, &owner) },
			`SELECT l.line, a.kind, a.name FROM archive_lines l JOIN archives a ON a.archive = l.line / 549755813888
			WHERE l.id = $1 AND a.domain = $2`, r.ID, r.User.Domain)
	}
	switch {
	case err != nil || line == 0:
	case kind == archiveUser && owner == r.User.JID:
		err = tx.exec(`UPDATE archive_lines SET stanza = $2 WHERE line = $1`, int64(line), cleanText(r.Stanza))
	case kind == archiveRoom:
		if err = tx.addUser(r.User); err == nil {
			err = tx.exec(`INSERT INTO archive_retracted (line, domain, jid, stanza) VALUES ($1, $2, $3, $4) ON CONFLICT (line, domain, jid) DO NOTHING`,
				int64(line), r.User.Domain, r.User.JID, cleanText(r.Stanza))
		}
	}
	if err != nil {
		return fmt.Errorf("take a line back: %w", err)
	}
	return nil
}

const selectRetracted = `SELECT line, stanza FROM archive_retracted WHERE line >= $1 AND line <= $2 AND domain = $3 AND jid = $4`

// overlay puts what a user reads in place of lines that were taken back.
func (db *DB) overlay(ctx context.Context, reader *UserID, lines []numbered) error {
	if reader == nil || len(lines) == 0 {
		return nil
	}
	lo, hi := lines[0].id, lines[0].id
	for i := range lines {
		lo, hi = min(lo, lines[i].id), max(hi, lines[i].id)
	}
	return db.query(ctx, func(rows *sql.Rows) error {
		var line LineID
		var stanza string
		err := rows.Scan(&line, &stanza)
		for i := range lines {
			if lines[i].id == line {
				lines[i].Stanza, lines[i].Retracted = stanza, true
			}
		}
		return err
	}, selectRetracted, int64(lo), int64(hi), reader.Domain, reader.JID)
}

const (
	// Lines of which somebody reads something else, and nobody what it was.
	selectGone = `SELECT DISTINCT line FROM archive_retracted AS gone WHERE line > $1
		AND EXISTS (SELECT 1 FROM archive_lines WHERE line = gone.line AND stanza <> '' AND time < $2)
		AND NOT EXISTS (SELECT 1 FROM archive_seen AS seen WHERE archive = gone.line / 549755813888 AND lo <= gone.line AND hi >= gone.line
			AND NOT EXISTS (SELECT 1 FROM archive_retracted WHERE line = gone.line AND domain = seen.domain AND jid = seen.jid))
		ORDER BY line LIMIT $3`
	emptyLine = `UPDATE archive_lines SET stanza = '' WHERE line = $1`
)

// collectRetracted empties the lines that nobody reads any more as they were, and that came before a time.
func (db *DB) collectRetracted(ctx context.Context, before int64) error {
	for from := LineID(0); ; {
		var lines []LineID
		if err := db.query(ctx, func(rows *sql.Rows) error {
			var line LineID
			err := rows.Scan(&line)
			lines = append(lines, line)
			return err
		}, selectGone, int64(from), before, deleteChunk); err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil
		}
		if err := db.Write(ctx, func(tx *Tx) error {
			for _, line := range lines {
				if err := tx.exec(emptyLine, int64(line)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		from = lines[len(lines)-1]
	}
}

// LineKey names a line: by its stanza id or by what its network calls it.
type LineKey struct{ ID, NetworkID string }

// sameNetworkID is how many lines are looked at that a network calls the same: the parts that others heard of what one said.
const sameNetworkID = 8

// RoomLine finds a line of a room that a user may read; the newest, where a network calls several the same. It is ErrNoSuchLine where
// there is none.
func (db *DB) RoomLine(ctx context.Context, id UserID, room string, key LineKey) (Line, error) {
	return db.lineBy(ctx, archiveKey{archiveRoom, id.Domain, room}, &id, key)
}

// PrivateLine finds a line of the private conversations of a user, as RoomLine does.
func (db *DB) PrivateLine(ctx context.Context, id UserID, key LineKey) (Line, error) {
	return db.lineBy(ctx, archiveKey{archiveUser, id.Domain, id.JID}, nil, key)
}

const selectByNetwork = selectLines + `WHERE network_id = $1 AND network_id <> '' AND line >= $2 AND line <= $3 ORDER BY line DESC LIMIT $4`

func (db *DB) lineBy(ctx context.Context, key archiveKey, reader *UserID, k LineKey) (found Line, err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrNoSuchLine) {
			err = fmt.Errorf("find a line: %w", err)
		}
	}()
	s, err := db.archiveSpan(ctx, key)
	if err != nil {
		return Line{}, err
	}
	s.reader = reader
	var lines []numbered
	if k.ID != "" {
		line, err := db.find(ctx, s, k.ID, true)
		if err != nil {
			return Line{}, err
		}
		lines = append(lines, line)
	} else if checkFields(field{"id", k.NetworkID, maxNetID}) == nil {
		if err := db.query(ctx, func(rows *sql.Rows) error {
			var line numbered
			err := line.scan(rows)
			lines = append(lines, line)
			return err
		}, selectByNetwork, k.NetworkID, int64(s.lo), int64(s.hi), sameNetworkID); err != nil {
			return Line{}, err
		}
	}
	for i := range lines {
		if reader != nil {
			ranges, err := db.seen(ctx, *reader, lines[i].id, lines[i].id, 1, false)
			if err != nil {
				return Line{}, err
			}
			if len(ranges) == 0 {
				continue
			}
		}
		err := db.overlay(ctx, reader, lines[i:i+1])
		return lines[i].Line, err
	}
	return Line{}, ErrNoSuchLine
}
