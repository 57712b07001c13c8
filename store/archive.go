package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An archive holds the lines of one room of a domain, or the private conversations of one user there. A line is stored once; who
// may read which line of a room is in archive_seen, see seen.go. What a user and his contacts wrote each other is his alone.
//
// Lines have the order in which they were appended, and their times never go back: a line that is older than the one before it,
// such as one that a server with a wrong clock sent, gets that one's time, and nothing is later than now. So a time stands for a
// place in the archive, and it is the time of receipt that XEP-0313 §5.2 asks for. When something was said long ago is for the
// stanza to tell.

// ErrNoSuchLine says that a query named a line that is not in the archive, or none that the user may read (XEP-0313 §4.1.3,
// §4.3.2: item-not-found).
var ErrNoSuchLine = errors.New("there is no such line in the archive")

// LineID is the number of a line in the database. Numbers of one archive grow in the order of its lines, without gaps.
type LineID int64

const (
	lineBits    = 39 // of a LineID: the number within the archive, from 1. What is left is the number of the archive, from 1.
	maxArchives = 1<<(63-lineBits) - 1
	maxArchive  = 1<<lineBits - 2 // lines of an archive; one number stays free, so that ranges of two archives never touch
)

// The kinds of archives.
const (
	archiveRoom  = "room"
	archiveUser  = "user"
	archiveGone  = "gone"
	archiveAside = "aside" // see aside.go
)

// archiveBase is the number before the first line of an archive.
func archiveBase(archive int64) LineID { return LineID(archive << lineBits) }

// of is the number of the archive that a line belongs to.
func (id LineID) of() int64 { return int64(id) >> lineBits }

// RoomLine is a line on its way into the archive of a room.
type RoomLine struct {
	Domain string
	Room   string    // local part of the room's JID
	ID     string    // stanza id, unique and unpredictable; the caller makes it
	Time   time.Time // when it was received
	Nick   string    // who said it; empty for the room itself
	Stanza string    // compact XML without "to"
	// NetworkID is what the network calls it, unique there; empty where it gives no such name.
	NetworkID string

	checked bool
}

// PrivateLine is a line on its way into the archive of a user.
type PrivateLine struct {
	Owner    UserID
	With     string // local part of the contact's JID
	Outgoing bool   // the owner said it
	ID       string // stanza id, as in RoomLine
	Time     time.Time
	Stanza   string
	// NetworkID is as in RoomLine.
	NetworkID string
}

// Check reports why the archive would not take the line. It leaves out what AppendRoomLines would, which does not look at the line again
// then.
func (l *RoomLine) Check() error {
	r := l.row()
	l.Nick, l.Stanza, l.NetworkID = r.who, r.stanza, r.network
	err := r.check()
	l.checked = err == nil
	return err
}

// Check reports why the archive would not take the line.
func (l *PrivateLine) Check() error {
	r := l.row()
	return r.check()
}

func (l *RoomLine) row() archiveRow {
	r := archiveRow{
		archiveKey: archiveKey{archiveRoom, l.Domain, l.Room}, checked: l.checked,
		id: l.ID, time: millis(l.Time), who: l.Nick, stanza: l.Stanza, network: l.NetworkID,
	}
	if !r.checked {
		r.who, r.stanza, r.network = cleanText(r.who), cleanText(r.stanza), cleanText(r.network)
	}
	return r
}

func (l *PrivateLine) row() archiveRow {
	return archiveRow{
		archiveKey: archiveKey{archiveUser, l.Owner.Domain, l.Owner.JID},
		id:         l.ID, time: millis(l.Time), who: cleanText(l.With), outgoing: l.Outgoing, stanza: cleanText(l.Stanza), network: cleanText(l.NetworkID),
	}
}

// AppendRoomLines appends lines to the archives of their rooms and returns their numbers in the same order. Nobody may read them
// yet: see ExtendSeen. Bytes that PostgreSQL or XML would not take are left out of nick and stanza.
func (tx *Tx) AppendRoomLines(lines []RoomLine) ([]LineID, error) {
	rows := tx.own.scratch.rows[:0]
	for i := range lines {
		rows = append(rows, lines[i].row())
	}
	tx.own.scratch.rows = rows
	ids, err := tx.appendLines(rows)
	if err != nil {
		return nil, fmt.Errorf("archive lines of rooms: %w", err)
	}
	return ids, nil
}

// AppendPrivateLines appends lines to the archives of their owners and returns their numbers in the same order.
func (tx *Tx) AppendPrivateLines(lines []PrivateLine) ([]LineID, error) {
	rows := make([]archiveRow, len(lines))
	var err error
	var last UserID
	for i := range lines {
		rows[i] = lines[i].row()
		if owner := lines[i].Owner; err == nil && owner != last {
			err = tx.addUser(owner)
			last = owner
		}
	}
	var ids []LineID
	if err == nil {
		ids, err = tx.appendLines(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("archive private lines: %w", err)
	}
	return ids, nil
}

// DeleteLines deletes lines by their ids. Those that are not there are passed over.
func (tx *Tx) DeleteLines(ids []string) error {
	for _, id := range ids {
		if err := tx.exec(`DELETE FROM archive_lines WHERE id = $1`, id); err != nil {
			return fmt.Errorf("delete lines: %w", err)
		}
	}
	return nil
}

// archiveKey says which archive.
type archiveKey struct{ kind, domain, name string }

// archiveRow is a row of archive_lines before it has its number.
type archiveRow struct {
	archiveKey
	line     LineID
	id       string
	time     int64
	who      string
	outgoing bool
	stanza   string
	network  string
	checked  bool
}

func (r *archiveRow) check() error {
	if r.checked {
		return nil
	}
	if r.domain == "" || r.name == "" || r.id == "" {
		return errors.New("the line has no domain, no archive or no id")
	}
	return checkFields(field{"domain", r.domain, maxPart}, field{"name of the archive", r.name, maxJID}, field{"id", r.id, maxLineID},
		field{"name", r.who, maxPart}, field{"stanza", r.stanza, maxStanza}, field{"network's id", r.network, maxNetID})
}

// cleanText leaves out what PostgreSQL and XML refuse. Unlike a JID, what strangers say is kept as far as it goes.
func cleanText(s string) string {
	if storable(s) { // as it mostly is, which is seen sooner
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

func (tx *Tx) appendLines(rows []archiveRow) ([]LineID, error) {
	for i := range rows {
		if err := rows[i].check(); err != nil {
			return nil, err
		}
	}
	sorted := tx.own.scratch.byArchive(rows)
	defer tx.own.scratch.clear()
	for start, end := 0, 0; start < len(sorted); start = end {
		for end = start; end < len(sorted) && sorted[end].archiveKey == sorted[start].archiveKey; end++ {
		}
		if err := tx.number(sorted[start:end]); err != nil {
			return nil, err
		}
	}
	if err := tx.insertLines(sorted); err != nil {
		return nil, err
	}
	ids := make([]LineID, len(rows))
	for i := range rows {
		ids[i] = rows[i].line
	}
	return ids, nil
}

// number gives the rows of one archive their numbers and times.
func (tx *Tx) number(rows []*archiveRow) error {
	key, count := rows[0].archiveKey, len(rows)
	var archive int64
	var last LineID
	var lastTime int64
	found := false
	scan := func(r *sql.Rows) error {
		found = true
		return r.Scan(&archive, &last, &lastTime)
	}
	err := tx.query(scan, selectArchive, key.kind, key.domain, key.name)
	if err == nil && !found {
		err = tx.query(scan, insertArchive, key.kind, key.domain, key.name)
	}
	if err != nil {
		return err
	}
	last += LineID(count)
	if archive > maxArchives || int64(last-archiveBase(archive)) > maxArchive {
		return errors.New("the archive is full")
	}
	if key.kind == archiveRoom {
		tx.keepRoom(key, roomEnd{archive, last})
	}
	line := last - LineID(count)
	for _, r := range rows {
		line++
		lastTime = max(lastTime, min(r.time, tx.now))
		r.line, r.time = line, lastTime
	}
	return tx.exec(growArchive, archive, int64(last), lastTime)
}

const (
	selectArchive = `SELECT archive, last, last_time FROM archives WHERE kind = $1 AND domain = $2 AND name = $3`
	insertArchive = `INSERT INTO archives (archive, kind, domain, name, last, last_time)
		SELECT n, $1, $2, $3, n * 549755813888, 0 FROM (SELECT coalesce(max(archive), 0) + 1 AS n FROM archives) AS next
		RETURNING archive, last, last_time`
	growArchive = `UPDATE archives SET last = $2, last_time = $3 WHERE archive = $1`
)

// insertLines inserts rows. Those of an archive stand together, so that the pages of the table are visited one after the other.
func (tx *Tx) insertLines(rows []*archiveRow) error {
	m := lineInsert
	if !slices.ContainsFunc(rows, func(r *archiveRow) bool { return r.outgoing || r.network != "" }) {
		m = plainInsert
	}
	args := tx.own.scratch.args[:0]
	for _, r := range rows {
		if args = append(args, int64(r.line), r.id, r.time, r.who, r.stanza); m.columns == lineInsert.columns {
			args = append(args, r.outgoing, r.network)
		}
	}
	tx.own.scratch.args = args
	return tx.insertMany(m, args)
}

// manyInsert is a statement that inserts rows, up to its list of values.
type manyInsert struct {
	into    string
	columns int    // that are given
	fixed   string // the others, of each row
	after   string // follows the values
}

// plainInsert is for lines of rooms whose network does not name them: what is not given costs nothing.
var (
	lineInsert  = manyInsert{into: ` INTO archive_lines (line, id, time, who, stanza, outgoing, network_id) VALUES `, columns: 7}
	plainInsert = manyInsert{into: ` INTO archive_lines (line, id, time, who, stanza, outgoing) VALUES `, columns: 5, fixed: `, FALSE`}
)

// sql is the statement that inserts n rows.
func (m manyInsert) sql(d dialect, n int) string {
	return d.insert + m.into + d.placeholders(n, m.columns, m.fixed) + m.after
}

// insertMany inserts rows, whose columns follow one another in args.
func (tx *Tx) insertMany(m manyInsert, args []any) error {
	for len(args) > 0 {
		n := tx.dialect.atOnce(len(args) / m.columns)
		query := tx.own.insert(m, tx.dialect, n)
		if err := tx.exec(query, args[:n*m.columns]...); err != nil {
			return err
		}
		args = args[n*m.columns:]
	}
	return nil
}
