package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// HeardLine is a line of a room that one user heard, from the history of another program. Its domain is the user's.
type HeardLine struct {
	RoomLine
	Reader string // bare JID
}

// AppendHeard appends lines to the archives of their rooms, each to be read by one user alone. It is AppendRoomLines and ExtendSeen
// for millions of lines: those of a call should be some thousands.
func (tx *Tx) AppendHeard(lines []HeardLine) error {
	if err := tx.appendHeard(lines); err != nil {
		return fmt.Errorf("archive the history of rooms: %w", err)
	}
	return nil
}

func (tx *Tx) appendHeard(lines []HeardLine) error {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b HeardLine) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Room, b.Room))
	})
	rows := make([]archiveRow, len(lines))
	sorted := make([]*archiveRow, len(lines))
	readers := map[UserID]bool{}
	for i := range lines {
		rows[i] = lines[i].row()
		sorted[i] = &rows[i]
		if err := rows[i].check(); err != nil {
			return err
		}
		if id := lines[i].reader(); !readers[id] {
			readers[id] = true
			if err := tx.addUser(id); err != nil {
				return err
			}
		}
	}
	for start, end := 0, 0; start < len(rows); start = end {
		for end = start; end < len(rows) && rows[end].archiveKey == rows[start].archiveKey; end++ {
		}
		if err := tx.number(sorted[start:end]); err != nil {
			return err
		}
	}
	defer tx.own.scratch.clear()
	if err := tx.insertLines(sorted); err != nil {
		return err
	}
	return tx.insertHeard(lines, rows)
}

func (l *HeardLine) reader() UserID { return UserID{Domain: l.Domain, JID: l.Reader} }

// insertHeard notes who may read the rows, which lie side by side in each room. Only the first range of a room can touch one that is
// there: of the others, the line before is new and somebody else's.
func (tx *Tx) insertHeard(lines []HeardLine, rows []archiveRow) error {
	type seen struct {
		UserID
		seenRange
	}
	var fresh []seen
	for start, end := 0, 0; start < len(rows); start = end {
		key, reader := rows[start].archiveKey, lines[start].reader()
		for end = start; end < len(rows) && rows[end].archiveKey == key && lines[end].Reader == reader.JID; end++ {
		}
		r := seenRange{rows[start].line, rows[end-1].line}
		if start > 0 && rows[start-1].archiveKey == key {
			fresh = append(fresh, seen{reader, r})
		} else if err := tx.extendSeen(reader, key.name, r.lo, r.hi); err != nil {
			return err
		}
	}
	// In the order of the table, whose pages are visited one after the other then.
	slices.SortFunc(fresh, func(a, b seen) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.JID, b.JID), cmp.Compare(a.lo, b.lo))
	})
	args := make([]any, 0, len(fresh)*seenInsert.columns)
	for _, s := range fresh {
		args = append(args, s.Domain, s.JID, int64(s.lo), int64(s.hi), s.lo.of())
	}
	return tx.insertMany(seenInsert, args)
}

var seenInsert = manyInsert{into: ` INTO archive_seen (domain, jid, lo, hi, archive) VALUES `, columns: 5}

// KnownLines returns which of these ids lines of the archive have. No two lines may have the same.
func (tx *Tx) KnownLines(ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	for some := range slices.Chunk(ids, tx.dialect.inserts[0]) {
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = id
		}
		if err := tx.query(func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			known[id] = true
			return err
		}, `SELECT id FROM archive_lines WHERE id IN `+tx.dialect.placeholders(1, len(some), ""), args...); err != nil {
			return nil, fmt.Errorf("look for lines of the archive: %w", err)
		}
	}
	return known, nil
}
