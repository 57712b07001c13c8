package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Line is a line of an archive.
type Line struct {
	ID       string // stanza id
	Time     time.Time
	Who      string // nick in a room, otherwise the local part of the contact's JID
	Outgoing bool   // the user said it to the contact; false in rooms
	Stanza   string
	// NetworkID is what its network calls it, empty where it gives no such name or that is not known. Retracted says that it was taken back:
	// what it said is not in the stanza.
	NetworkID string
	Retracted bool
}

// Query is which lines of an archive are wanted, and which page of them. Its zero value matches all.
type Query struct {
	Start, End time.Time // the first and the last time (XEP-0313 §4.1.2); zero: no limit
	Since      time.Time // older lines are not there at all; zero: no limit
	With       string    // Line.Who; empty: anybody
	AfterID    string    // only lines after this one (§4.1.3)
	BeforeID   string    // only lines before this one
	IDs        []string  // only these lines, MaxIDs at most

	// A page is Max lines, MaxPage at most: the first ones, or with Last the last ones. 0 asks for the number of lines alone
	// (XEP-0059 §2.7).
	Max        int
	PageAfter  string // the page behind this line (XEP-0059 §2.2)
	PageBefore string // the page before this line (§2.3); implies Last
	Last       bool
	Flip       bool // the newest line first (XEP-0313 §4.3.4)
	// Bytes is how many bytes of stanzas the page may have, if it has more than one line; 0: any. A page that it cuts is not complete.
	Bytes int
}

// Limits of a query.
const (
	MaxPage = 500 // lines
	MaxIDs  = 100

	// maxPages is how many pages are read at a time, fewer than there are connections to read: nobody who wants his settings waits
	// for somebody who looks through years.
	maxPages = 3
)

// RoomQuery asks for lines of a room that the user may read.
type RoomQuery struct {
	User UserID
	Room string // local part of the room's JID; its domain is the user's
	Query
}

// PrivateQuery asks for lines of the private conversations of a user.
type PrivateQuery struct {
	User UserID
	Query
}

// Page is the answer to a query.
type Page struct {
	Lines       []Line
	First, Last string // ids of the oldest and the newest line; empty without lines
	Complete    bool   // the page was not cut: in its direction there is nothing more
	// Count is how many lines match, on all pages; -1 where it was not asked for with Max 0 or is not known. It is more than there
	// are where lines between them were deleted.
	Count int64
}

// QueryRoom returns a page of a room's archive. A room that has no archive is empty.
func (db *DB) QueryRoom(ctx context.Context, q RoomQuery) (Page, error) {
	p, err := db.queryPage(ctx, archiveKey{archiveRoom, q.User.Domain, q.Room}, &q.User, q.Query)
	if err != nil {
		return Page{}, fmt.Errorf("query the archive of a room: %w", err)
	}
	return p, nil
}

// QueryPrivate returns a page of a user's archive.
func (db *DB) QueryPrivate(ctx context.Context, q PrivateQuery) (Page, error) {
	p, err := db.queryPage(ctx, archiveKey{archiveUser, q.User.Domain, q.User.JID}, nil, q.Query)
	if err != nil {
		return Page{}, fmt.Errorf("query the archive of a user: %w", err)
	}
	return p, nil
}

// Metadata is the oldest and the newest line of an archive, without their stanzas (XEP-0313 §5). Both are zero where there is none.
type Metadata struct{ First, Last Line }

// RoomMetadata tells what the user may read of a room, of what is not older than a time.
func (db *DB) RoomMetadata(ctx context.Context, id UserID, room string, since time.Time) (Metadata, error) {
	return metadata(func(q Query) (Page, error) {
		q.Since = since
		return db.QueryRoom(ctx, RoomQuery{User: id, Room: room, Query: q})
	})
}

// PrivateMetadata tells what there is of a user's private conversations, of what is not older than a time: with one contact, or with all
// where with is empty.
func (db *DB) PrivateMetadata(ctx context.Context, id UserID, with string, since time.Time) (Metadata, error) {
	return metadata(func(q Query) (Page, error) {
		q.With, q.Since = with, since
		return db.QueryPrivate(ctx, PrivateQuery{User: id, Query: q})
	})
}

func metadata(query func(Query) (Page, error)) (Metadata, error) {
	var ends [2]Line
	for i := range ends {
		p, err := query(Query{Max: 1, Last: i == 1})
		if err != nil {
			return Metadata{}, err
		}
		if len(p.Lines) == 1 {
			ends[i] = p.Lines[0]
			ends[i].Stanza = ""
		}
	}
	return Metadata{First: ends[0], Last: ends[1]}, nil
}

// numbered is a line with its number.
type numbered struct {
	id LineID
	Line
}

const selectLines = `SELECT line, id, time, who, outgoing, stanza, network_id FROM archive_lines `

// scan reads a row of selectLines, which may have more columns behind.
func (n *numbered) scan(rows *sql.Rows, more ...any) error {
	var ms int64
	err := rows.Scan(append([]any{&n.id, &n.ID, &ms, &n.Who, &n.Outgoing, &n.Stanza, &n.NetworkID}, more...)...)
	n.Time = fromMillis(ms)
	return err
}

// span is the lines of one archive that a query looks at.
type span struct {
	lo, hi LineID  // both are in it; it is empty where hi < lo
	reader *UserID // only what he may read; nil: everything
	who    string  // only from him, where it is not empty
}

func (db *DB) queryPage(ctx context.Context, key archiveKey, reader *UserID, q Query) (Page, error) {
	q.With = cleanText(q.With)
	q.Last = q.Last || q.PageBefore != ""
	if len(q.IDs) > MaxIDs {
		return Page{}, fmt.Errorf("%d ids were asked for, more than %d", len(q.IDs), MaxIDs)
	}
	s, err := db.archiveSpan(ctx, key)
	if err != nil {
		return Page{}, err
	}
	if s.lo <= s.hi {
		select {
		case db.pages <- struct{}{}:
			defer func() { <-db.pages }()
		case <-ctx.Done():
			return Page{}, fmt.Errorf("wait for others who read: %w", context.Cause(ctx))
		}
	}
	s.reader, s.who = reader, q.With
	if !q.Since.IsZero() {
		if s.lo, err = db.firstSince(ctx, s, millis(q.Since)); err != nil {
			return Page{}, err
		}
	}
	whole := s
	if s, err = db.limitSpan(ctx, s, q); err != nil {
		return Page{}, err
	}
	if len(q.IDs) > 0 {
		return db.queryIDs(ctx, whole, s, q)
	}
	if q.Max <= 0 {
		return db.countPage(ctx, s)
	}
	limit := min(q.Max, MaxPage)
	r := reading{left: limit + 1, bytes: q.bytes()}
	if err := db.readLines(ctx, s, &r, q.Last); err != nil {
		return Page{}, err
	}
	if err := db.overlay(ctx, s.reader, r.lines); err != nil {
		return Page{}, err
	}
	return makePage(r.lines, limit, q), nil
}

// archiveSpan is a whole archive.
func (db *DB) archiveSpan(ctx context.Context, key archiveKey) (span, error) {
	if err := checkFields(field{"domain", key.domain, maxPart}, field{"name", key.name, maxJID}); err != nil {
		return span{}, err
	}
	end, err := db.ends.find(ctx, key)
	return span{lo: archiveBase(end.archive) + 1, hi: end.last}, err
}

// limitSpan cuts the span to the lines and times that the query names.
func (db *DB) limitSpan(ctx context.Context, s span, q Query) (span, error) {
	whole := s
	for _, bound := range []struct {
		id    string
		after bool
	}{{q.AfterID, true}, {q.PageAfter, true}, {q.BeforeID, false}, {q.PageBefore, false}} {
		if bound.id == "" {
			continue
		}
		line, err := db.find(ctx, whole, bound.id, false)
		if err != nil {
			return span{}, err
		}
		if bound.after {
			s.lo = max(s.lo, line.id+1)
		} else {
			s.hi = min(s.hi, line.id-1)
		}
	}
	if !q.Start.IsZero() {
		start := millis(q.Start)
		if q.Start.After(time.UnixMilli(start)) {
			start++ // a stored time is cut to the millisecond
		}
		line, err := db.firstSince(ctx, s, start)
		if err != nil {
			return span{}, err
		}
		s.lo = line
	}
	if !q.End.IsZero() {
		line, err := db.firstSince(ctx, s, millis(q.End)+1)
		if err != nil {
			return span{}, err
		}
		s.hi = line - 1
	}
	return s, nil
}

// find returns the line with that id, its stanza only if wanted. ErrNoSuchLine also says that the reader may not read it.
func (db *DB) find(ctx context.Context, s span, id string, stanza bool) (numbered, error) {
	var line numbered
	found := false
	columns := selectLines
	if !stanza {
		columns = `SELECT line, id, time, who, outgoing, '', network_id FROM archive_lines `
	}
	if checkFields(field{"id", id, maxLineID}) != nil {
		return line, ErrNoSuchLine
	}
	if err := db.query(ctx, func(rows *sql.Rows) error {
		found = true
		return line.scan(rows)
	}, columns+`WHERE id = $1`, id); err != nil {
		return line, err
	}
	if !found || line.id < s.lo || line.id > s.hi {
		return line, ErrNoSuchLine
	}
	if s.reader != nil {
		ranges, err := db.seen(ctx, *s.reader, line.id, line.id, 1, false)
		if err == nil && len(ranges) == 0 {
			err = ErrNoSuchLine
		}
		if err != nil {
			return line, err
		}
	}
	return line, nil
}

const selectSince = `SELECT line, time FROM archive_lines WHERE line >= $1 AND line < $2 ORDER BY line LIMIT 1`

// firstSince returns the first number of the span from which on all times are ms or later, or the one behind the span. It relies
// on times that never go back and not on the lines being all there.
func (db *DB) firstSince(ctx context.Context, s span, ms int64) (LineID, error) {
	lo, hi := s.lo, max(s.lo, s.hi+1)
	for lo < hi {
		middle := lo + (hi-lo)/2
		line, lineTime := hi, int64(0)
		if err := db.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&line, &lineTime) },
			selectSince, int64(middle), int64(hi)); err != nil {
			return 0, err
		}
		if line == hi || lineTime >= ms {
			hi = middle
		} else {
			lo = line + 1
		}
	}
	return lo, nil
}

// queryIDs answers a query that names its lines: each must be in the archive, and those that match are on the page.
func (db *DB) queryIDs(ctx context.Context, whole, s span, q Query) (Page, error) {
	var lines []numbered
	for _, id := range q.IDs {
		line, err := db.find(ctx, whole, id, true)
		if err != nil {
			return Page{}, err
		}
		if line.id >= s.lo && line.id <= s.hi && (s.who == "" || line.Who == s.who) {
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, func(a, b numbered) int { return cmp.Compare(a.id, b.id) })
	lines = slices.CompactFunc(lines, func(a, b numbered) bool { return a.id == b.id })
	if q.Max <= 0 {
		return Page{Count: int64(len(lines)), Complete: len(lines) == 0}, nil
	}
	if q.Last {
		slices.Reverse(lines)
	}
	if err := db.overlay(ctx, s.reader, lines); err != nil {
		return Page{}, err
	}
	return makePage(lines, min(q.Max, MaxPage), q), nil
}

// bytes is how many bytes a page may have.
func (q *Query) bytes() int { return cmp.Or(q.Bytes, math.MaxInt) }

// makePage makes a page of lines, in the direction of reading; one more than it may have means that there are more.
func makePage(lines []numbered, limit int, q Query) Page {
	n := 0
	for bytes := q.bytes(); n < min(len(lines), limit) && (n == 0 || len(lines[n].Stanza) <= bytes); n++ {
		bytes -= len(lines[n].Stanza)
	}
	p := Page{Count: -1, Complete: len(lines) == n}
	lines = lines[:n]
	if n == 0 {
		return p
	}
	p.Lines = make([]Line, len(lines))
	for i := range lines {
		p.Lines[i] = lines[i].Line
	}
	if q.Last {
		slices.Reverse(p.Lines)
	}
	p.First, p.Last = p.Lines[0].ID, p.Lines[len(p.Lines)-1].ID
	if q.Flip {
		slices.Reverse(p.Lines)
	}
	return p
}

// countPage answers a query for the number of lines. Numbers have no gaps, so they are not looked at one by one.
func (db *DB) countPage(ctx context.Context, s span) (Page, error) {
	p := Page{Count: -1}
	switch {
	case s.hi < s.lo:
		p.Count = 0
	case s.who != "":
		// Its lines would have to be read.
	case s.reader == nil:
		p.Count = int64(s.hi - s.lo + 1)
	default:
		p.Count = 0
		for pos := s.lo; ; {
			ranges, err := db.seen(ctx, *s.reader, pos, s.hi, seenBatch, false)
			if err != nil {
				return Page{}, err
			}
			for _, r := range ranges {
				p.Count += int64(r.hi - r.lo + 1)
				pos = r.hi + 1
			}
			if len(ranges) < seenBatch {
				break
			}
		}
	}
	p.Complete = p.Count == 0
	return p, nil
}

// reading is lines on their way out of the database, until there are enough of them. Nothing is kept of what follows.
type reading struct {
	lines []numbered
	left  int // lines that are still wanted
	bytes int // of stanzas; the line that exceeds them is the last one, unless it is the first
}

// errEnough ends the reading of rows.
var errEnough = errors.New("there are enough lines")

func (r *reading) full() bool { return r.left <= 0 || r.bytes < 0 && len(r.lines) > 1 }

// add takes a line, and returns errEnough where it was the last one.
func (r *reading) add(line numbered) error {
	r.lines = append(r.lines, line)
	r.left--
	if r.bytes -= len(line.Stanza); r.full() {
		return errEnough
	}
	return nil
}

// readLines reads the first lines of a span, or from its end the last ones, newest first.
func (db *DB) readLines(ctx context.Context, s span, r *reading, backward bool) error {
	switch {
	case s.reader == nil:
		return db.readRange(ctx, s, r, backward)
	case s.who != "":
		return db.readFrom(ctx, s, r, backward)
	}
	for s.lo <= s.hi {
		ranges, err := db.seen(ctx, *s.reader, s.lo, s.hi, seenBatch, backward)
		if err != nil {
			return err
		}
		for _, seen := range ranges {
			if err := db.readRange(ctx, span{lo: seen.lo, hi: seen.hi}, r, backward); err != nil || r.full() {
				return err
			}
			s = s.behind(seen, backward)
		}
		if len(ranges) < seenBatch {
			return nil
		}
	}
	return nil
}

// readFrom is readLines for what one person said. Who reads may have thousands of ranges in which that one said nothing, and that
// one may have said thousands of lines that he did not hear; so either is looked up only where the other one is.
func (db *DB) readFrom(ctx context.Context, s span, r *reading, backward bool) error {
	for {
		n, read := r.left, 0
		var last saidLine
		err := db.readSaid(ctx, s, n, backward, func(line saidLine) error {
			read++
			if last = line; line.heard {
				return r.add(line.numbered)
			}
			return nil
		})
		if err != nil || read < n || r.full() {
			return err
		}
		s = s.behind(seenRange{last.id, last.id}, backward)
		if last.heard {
			continue
		}
		// What was said before his next range need not be read.
		ranges, err := db.seen(ctx, *s.reader, s.lo, s.hi, 1, backward)
		if err != nil || len(ranges) == 0 {
			return err
		}
		if backward {
			s.hi = ranges[0].hi
		} else {
			s.lo = ranges[0].lo
		}
	}
}

// saidLine is a line, and whether the reader heard it.
type saidLine struct {
	numbered
	heard bool
}

const (
	selectSaid = `SELECT line, id, time, who, outgoing, stanza, network_id, EXISTS (
			SELECT 1 FROM archive_seen WHERE domain = $5 AND jid = $6 AND hi >= line
			AND lo = (SELECT max(lo) FROM archive_seen WHERE domain = $5 AND jid = $6 AND lo <= line))
		FROM archive_lines WHERE line >= $1 AND line <= $2 AND who = $4 ORDER BY line `
	selectSaidForward  = selectSaid + `LIMIT $3`
	selectSaidBackward = selectSaid + `DESC LIMIT $3`
)

// readSaid calls add for the first lines that one person said in a span, n at most, or from its end the last ones, newest first.
func (db *DB) readSaid(ctx context.Context, s span, n int, backward bool, add func(saidLine) error) error {
	if s.hi < s.lo {
		return nil
	}
	query := selectSaidForward
	if backward {
		query = selectSaidBackward
	}
	return enough(db.query(ctx, func(rows *sql.Rows) error {
		var l saidLine
		if err := l.scan(rows, &l.heard); err != nil {
			return err
		}
		return add(l)
	}, query, int64(s.lo), int64(s.hi), n, s.who, s.reader.Domain, s.reader.JID))
}

// enough is err, unless it says that there are enough lines.
func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// behind is what is left of a span when a part of it was read.
func (s span) behind(r seenRange, backward bool) span {
	if backward {
		s.hi = r.lo - 1
	} else {
		s.lo = r.hi + 1
	}
	return s
}

// readRange reads the lines of a span, whoever may read them.
func (db *DB) readRange(ctx context.Context, s span, r *reading, backward bool) error {
	if s.hi < s.lo {
		return nil
	}
	query, args := pageSQL(s, r.left, backward)
	return enough(db.query(ctx, func(rows *sql.Rows) error {
		var line numbered
		if err := line.scan(rows); err != nil {
			return err
		}
		return r.add(line)
	}, query, args...))
}

// pageSQL is the statement that reads a page.
func pageSQL(s span, n int, backward bool) (string, []any) {
	var query strings.Builder
	query.WriteString(selectLines + `WHERE line >= $1 AND line <= $2 `)
	args := []any{int64(s.lo), int64(s.hi), n}
	if s.who != "" {
		query.WriteString(`AND who = $4 `)
		args = append(args, s.who)
	}
	query.WriteString(`ORDER BY line `)
	if backward {
		query.WriteString(`DESC `)
	}
	query.WriteString(`LIMIT $3`)
	return query.String(), args
}

// seenRange is a range of lines that a user may read.
type seenRange struct{ lo, hi LineID }

// seenBatch is how many ranges are read at once. A page seldom needs more than a few.
const seenBatch = 32

const (
	// A range that begins before the span may reach into it: the last one that does.
	selectSeen = `SELECT lo, hi FROM archive_seen WHERE domain = $1 AND jid = $2
		AND lo >= (SELECT coalesce(max(lo), $3) FROM archive_seen WHERE domain = $1 AND jid = $2 AND lo <= $3)
		AND lo <= $4 AND hi >= $3 `
	selectSeenForward  = selectSeen + `ORDER BY lo LIMIT $5`
	selectSeenBackward = selectSeen + `ORDER BY lo DESC LIMIT $5`
)

// seen returns ranges of the user, cut to lo..hi, from its beginning or its end.
func (db *DB) seen(ctx context.Context, id UserID, lo, hi LineID, n int, backward bool) ([]seenRange, error) {
	if id.JID == "" {
		return nil, errors.New("the reader has no JID")
	}
	query := selectSeenForward
	if backward {
		query = selectSeenBackward
	}
	var ranges []seenRange
	err := db.query(ctx, func(rows *sql.Rows) error {
		var r seenRange
		err := rows.Scan(&r.lo, &r.hi)
		ranges = append(ranges, seenRange{max(r.lo, lo), min(r.hi, hi)})
		return err
	}, query, id.Domain, id.JID, int64(lo), int64(hi), n)
	return ranges, err
}
