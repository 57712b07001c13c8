package store

import (
	"database/sql"
	"errors"
	"fmt"
)

// ExtendSeen notes that sessions of the user heard the lines from..to of a room: those he may read. While he stays in the room a
// range of his grows in place, so this is cheap, and who calls it seldom may save lines up. It is an error where the lines are
// not lines of that room.
func (tx *Tx) ExtendSeen(id UserID, room string, from, to LineID) error {
	if err := tx.extendSeen(id, room, from, to); err != nil {
		return fmt.Errorf("extend what a user may read: %w", err)
	}
	return nil
}

func (tx *Tx) extendSeen(id UserID, room string, from, to LineID) error {
	if err := id.check(); err != nil {
		return err
	}
	if err := checkFields(field{"room", room, maxPart}); err != nil {
		return err
	}
	if from > to || from.of() != to.of() {
		return errors.New("the range has no beginning or no end")
	}
	end, err := tx.room(archiveKey{archiveRoom, id.Domain, room})
	if err != nil {
		return err
	}
	if from.of() != end.archive || from == archiveBase(end.archive) || to > end.last {
		return ErrNoSuchLine
	}
	// Mostly it is his last range in the room that grows; then none is in the way.
	n, err := tx.count(growSeen, id.Domain, id.JID, int64(from), int64(to), int64(from-1), int64(end.last))
	if err != nil || n == 1 {
		return err
	}
	return tx.mergeSeen(id, from, to)
}

const growSeen = `UPDATE archive_seen SET hi = $4
	WHERE domain = $1 AND jid = $2
	AND lo = (SELECT max(lo) FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo <= $6)
	AND lo <= $3 AND hi >= $5 AND hi < $4`

// roomEnd is the archive of a room and its newest line; the zero value is that of a room without archive.
type roomEnd struct {
	archive int64
	last    LineID
}

// room looks the archive of a room up, once for each operation.
func (tx *Tx) room(key archiveKey) (roomEnd, error) {
	if end, found := tx.rooms[key]; found {
		return end, nil
	}
	var end roomEnd
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&end.archive, &end.last) },
		`SELECT archive, last FROM archives WHERE kind = $1 AND domain = $2 AND name = $3`, key.kind, key.domain, key.name); err != nil {
		return roomEnd{}, err
	}
	tx.keepRoom(key, end)
	return end, nil
}

func (tx *Tx) keepRoom(key archiveKey, end roomEnd) {
	if tx.rooms == nil {
		tx.rooms = map[archiveKey]roomEnd{}
	}
	tx.rooms[key] = end
}

// mergeSeen makes one range of from..to and all that it overlaps or touches.
func (tx *Tx) mergeSeen(id UserID, from, to LineID) error {
	lo, hi, n := from, to, 0
	if err := tx.query(func(r *sql.Rows) error {
		var l, h LineID
		n++
		err := r.Scan(&l, &h)
		lo, hi = min(lo, l), max(hi, h)
		return err
	}, `SELECT lo, hi FROM archive_seen WHERE domain = $1 AND jid = $2
		AND lo >= (SELECT coalesce(max(lo), $3) FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo <= $3)
		AND lo <= $5 AND hi >= $4`,
		id.Domain, id.JID, int64(from), int64(from-1), int64(to+1)); err != nil {
		return err
	}
	if n == 0 {
		if err := tx.addUser(id); err != nil {
			return err
		}
	} else if err := tx.exec(`DELETE FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo >= $3 AND lo <= $4`,
		id.Domain, id.JID, int64(lo), int64(hi)); err != nil {
		return err
	}
	return tx.exec(`INSERT INTO archive_seen (domain, jid, lo, hi, archive) VALUES ($1, $2, $3, $4, $5)`,
		id.Domain, id.JID, int64(lo), int64(hi), lo.of())
}
