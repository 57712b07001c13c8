package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// RedirectTalk is a conversation of which messages wait, or were mailed not long ago.
type RedirectTalk struct {
	UserID
	Peer      string // a bare JID, or that of somebody in a room
	Job       int64  // that mails what waits; 0 for none
	Due       time.Time
	Edits     int64     // how often its lines have changed
	Waiting   int       // lines that wait
	More      int64     // messages beside them, of which the number alone is kept
	ReadAt    time.Time // what was said by then is read
	MessageID string    // of the last mail
	Refs      string    // before it in its thread
	Known     bool      // the user has dealt with whom it is with
	Nick      string    // of the user in a room; empty where that is not known
	OwnID     string    // of what he has said there last
}

const talkColumns = `domain, jid, peer, job, due, edits, waiting, more, read_at, message_id, refs, known, nick, own_id`

const (
	selectTalk = `SELECT ` + talkColumns + ` FROM redirect_talks WHERE domain = $1 AND jid = $2 AND peer = $3`
	upsertTalk = `INSERT INTO redirect_talks (` + talkColumns + `, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (domain, jid, peer) DO UPDATE SET job = excluded.job, due = excluded.due, edits = excluded.edits, waiting = excluded.waiting,
		more = excluded.more, read_at = excluded.read_at, message_id = excluded.message_id, refs = excluded.refs, known = excluded.known, nick = excluded.nick, own_id = excluded.own_id,
		changed_at = excluded.changed_at`
	waitingTalks = `SELECT ` + talkColumns + ` FROM redirect_talks WHERE domain = $1 AND jid = $2 AND waiting > 0 ORDER BY peer LIMIT $3`
	countTalks   = `SELECT COUNT(*), COALESCE(SUM(waiting), 0) FROM redirect_talks WHERE domain = $1 AND jid = $2 AND waiting > 0 AND known = $3`
)

func scanTalk(do func(RedirectTalk)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var t RedirectTalk
		var due, read, known int64
		err := r.Scan(&t.Domain, &t.JID, &t.Peer, &t.Job, &due, &t.Edits, &t.Waiting, &t.More, &read, &t.MessageID, &t.Refs, &known, &t.Nick, &t.OwnID)
		t.Due, t.ReadAt, t.Known = fromMillis(due), fromMillis(read), known != 0
		do(t)
		return err
	}
}

// RedirectTalk returns a conversation; of one that is not known there is nothing but its name.
func (tx *Tx) RedirectTalk(id UserID, peer string) (t RedirectTalk, err error) {
	t = RedirectTalk{UserID: id, Peer: peer}
	if err := tx.query(scanTalk(func(one RedirectTalk) { t = one }), selectTalk, id.Domain, id.JID, peer); err != nil {
		return t, fmt.Errorf("read a conversation: %w", err)
	}
	return t, nil
}

// RedirectTalk returns a conversation; of one that is not known there is nothing but its name.
func (db *DB) RedirectTalk(ctx context.Context, id UserID, peer string) (t RedirectTalk, err error) {
	t = RedirectTalk{UserID: id, Peer: peer}
	if err := db.query(ctx, scanTalk(func(one RedirectTalk) { t = one }), selectTalk, id.Domain, id.JID, peer); err != nil {
		return t, fmt.Errorf("read a conversation: %w", err)
	}
	return t, nil
}

// SetRedirectTalk writes a conversation.
func (tx *Tx) SetRedirectTalk(t RedirectTalk) error {
	err := checkFields(field{"peer", t.Peer, maxJID}, field{"Message-ID", t.MessageID, maxMessageID}, field{"references", t.Refs, maxOthers},
		field{"nick", t.Nick, maxPart}, field{"id", t.OwnID, maxPart})
	if err == nil {
		err = tx.exec(upsertTalk, t.Domain, t.JID, t.Peer, t.Job, millis(t.Due), t.Edits, t.Waiting, t.More, millis(t.ReadAt), t.MessageID, t.Refs,
			flag(t.Known), t.Nick, t.OwnID, tx.now)
	}
	if err != nil {
		return fmt.Errorf("write a conversation: %w", err)
	}
	return nil
}

// RedirectTalks returns the conversations of a user of which messages wait, at most limit.
func (tx *Tx) RedirectTalks(id UserID, limit int) (all []RedirectTalk, err error) {
	if err := tx.query(scanTalk(func(t RedirectTalk) { all = append(all, t) }), waitingTalks, id.Domain, id.JID, limit); err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return all, nil
}

// RedirectTalks returns the conversations of a user of which messages wait, at most limit.
func (db *DB) RedirectTalks(ctx context.Context, id UserID, limit int) (all []RedirectTalk, err error) {
	if err := db.query(ctx, scanTalk(func(t RedirectTalk) { all = append(all, t) }), waitingTalks, id.Domain, id.JID, limit); err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return all, nil
}

// RedirectTalksAfter returns the next conversations of a user behind one, in the order of their JIDs; none behind the last one.
func (db *DB) RedirectTalksAfter(ctx context.Context, id UserID, after string) (all []RedirectTalk, err error) {
	if err := db.query(ctx, scanTalk(func(t RedirectTalk) { all = append(all, t) }), `SELECT `+talkColumns+` FROM redirect_talks
		WHERE domain = $1 AND jid = $2 AND peer > $3 ORDER BY peer LIMIT $4`, id.Domain, id.JID, after, exportPage); err != nil {
		return nil, fmt.Errorf("read the conversations of a redirect: %w", err)
	}
	return all, nil
}

// CountRedirect counts the conversations of a user of which messages wait, and these: with those whom he knows, or with all others.
func (tx *Tx) CountRedirect(id UserID, known bool) (talks, lines int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&talks, &lines) }, countTalks, id.Domain, id.JID, flag(known)); err != nil {
		return 0, 0, fmt.Errorf("count what waits: %w", err)
	}
	return talks, lines, nil
}

// RedirectLine is a message that waits, or did: then Copy is empty.
type RedirectLine struct {
	ID int64
	UserID
	Peer      string
	Author    string // of what was said in a room
	XMPPID    string
	ArchiveID string
	Hash      string
	Partial   bool
	Copy      string // of mailbridge
	SaidAt    time.Time
	TakenAt   time.Time
}

const redirectLineColumns = `id, domain, jid, peer, author, xmpp_id, archive_id, hash, partial, copy, said_at, taken_at`

const (
	insertRedirectLine = `INSERT INTO redirect_lines (` + redirectLineColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	lineByArchive      = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND archive_id = $3 AND peer = $4 ORDER BY id DESC LIMIT 1`
	lineByID           = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND peer = $3 AND xmpp_id = $4 AND author = $5 ORDER BY id DESC LIMIT 1`
	lineByHash         = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND hash = $3 AND taken_at > $4 ORDER BY id DESC LIMIT 1`
	partialByHash      = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND hash = $3 AND taken_at > $4 AND partial = 1 AND ABS(said_at - $5) <= $6 ORDER BY ABS(said_at - $5), id DESC LIMIT 1`
	waitingLines       = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND peer = $3 AND copy <> '' ORDER BY id`
	redirectLinesAfter = `SELECT ` + redirectLineColumns + ` FROM redirect_lines WHERE domain = $1 AND jid = $2 AND id > $3 ORDER BY id LIMIT $4`
)

// redirectStatements are what every message costs.
var redirectStatements = []string{selectRedirect, selectTalk, upsertTalk, countTalks, insertRedirectLine, lineByArchive, lineByID, lineByHash, partialByHash}

func scanRedirectLine(do func(RedirectLine)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var l RedirectLine
		var partial, said, taken int64
		err := r.Scan(&l.ID, &l.Domain, &l.JID, &l.Peer, &l.Author, &l.XMPPID, &l.ArchiveID, &l.Hash, &partial, &l.Copy, &said, &taken)
		l.Partial, l.SaidAt, l.TakenAt = partial != 0, fromMillis(said), fromMillis(taken)
		do(l)
		return err
	}
}

// AddRedirectLine adds a message.
func (tx *Tx) AddRedirectLine(l RedirectLine) (id int64, err error) {
	err = checkFields(field{"peer", l.Peer, maxJID}, field{"author", l.Author, maxPart}, field{"id", l.XMPPID, maxPart}, field{"archive id", l.ArchiveID, maxPart},
		field{"hash", l.Hash, maxNetID}, field{"copy", l.Copy, 4 * maxStanza})
	if err == nil {
		id, err = tx.nextMailID()
	}
	if err == nil {
		err = tx.exec(insertRedirectLine, id, l.Domain, l.JID, l.Peer, l.Author, l.XMPPID, l.ArchiveID, l.Hash, flag(l.Partial), l.Copy, millis(l.SaidAt), tx.now)
	}
	if err != nil {
		return 0, fmt.Errorf("keep a message: %w", err)
	}
	return id, nil
}

// RedirectLineKey names a message in one of these ways: ArchiveID with Peer; XMPPID with Peer and Author; Hash with Since, and with Said for one of
// which there is more elsewhere, and that was said at about that time, give or take Near.
type RedirectLineKey struct {
	Peer, Author, XMPPID, ArchiveID, Hash string
	Since, Said                           time.Time
	Near                                  time.Duration
}

// RedirectLine finds a message.
func (tx *Tx) RedirectLine(id UserID, key RedirectLineKey) (l RedirectLine, ok bool, err error) {
	scan := scanRedirectLine(func(one RedirectLine) { l, ok = one, true })
	switch {
	case key.ArchiveID != "":
		err = tx.query(scan, lineByArchive, id.Domain, id.JID, key.ArchiveID, key.Peer)
	case key.XMPPID != "":
		err = tx.query(scan, lineByID, id.Domain, id.JID, key.Peer, key.XMPPID, key.Author)
	case !key.Said.IsZero():
		err = tx.query(scan, partialByHash, id.Domain, id.JID, key.Hash, millis(key.Since), millis(key.Said), key.Near.Milliseconds())
	default:
		err = tx.query(scan, lineByHash, id.Domain, id.JID, key.Hash, millis(key.Since))
	}
	if err != nil {
		return RedirectLine{}, false, fmt.Errorf("look for a message: %w", err)
	}
	return l, ok, nil
}

// ChangeRedirectLine replaces what is known of a message.
func (tx *Tx) ChangeRedirectLine(l RedirectLine) error {
	err := checkFields(field{"id", l.XMPPID, maxPart}, field{"archive id", l.ArchiveID, maxPart}, field{"hash", l.Hash, maxNetID}, field{"copy", l.Copy, 4 * maxStanza})
	if err == nil {
		err = tx.exec(`UPDATE redirect_lines SET xmpp_id = $2, archive_id = $3, hash = $4, partial = $5, copy = $6, said_at = $7 WHERE id = $1`,
			l.ID, l.XMPPID, l.ArchiveID, l.Hash, flag(l.Partial), l.Copy, millis(l.SaidAt))
	}
	if err != nil {
		return fmt.Errorf("change a message: %w", err)
	}
	return nil
}

// RedirectLines returns the messages of a conversation that wait.
func (db *DB) RedirectLines(ctx context.Context, id UserID, peer string) (all []RedirectLine, err error) {
	if err := db.query(ctx, scanRedirectLine(func(l RedirectLine) { all = append(all, l) }), waitingLines, id.Domain, id.JID, peer); err != nil {
		return nil, fmt.Errorf("read the messages that wait: %w", err)
	}
	return all, nil
}

// RedirectLinesAfter returns the next messages of a user behind one, those that wait and those that did; none behind the last one.
func (db *DB) RedirectLinesAfter(ctx context.Context, id UserID, after int64) (all []RedirectLine, err error) {
	if err := db.query(ctx, scanRedirectLine(func(l RedirectLine) { all = append(all, l) }), redirectLinesAfter, id.Domain, id.JID, after, exportPage); err != nil {
		return nil, fmt.Errorf("read the messages that wait: %w", err)
	}
	return all, nil
}

// EndRedirectLines has messages of a conversation wait no more, up to one and those that were said by a time; the zero values stand for all of
// them. It returns how many wait still.
func (tx *Tx) EndRedirectLines(id UserID, peer string, last int64, by time.Time) (left int, err error) {
	query, args := `UPDATE redirect_lines SET copy = '' WHERE domain = $1 AND jid = $2 AND peer = $3 AND copy <> ''`, []any{id.Domain, id.JID, peer}
	if last != 0 {
		args = append(args, last)
		query += fmt.Sprintf(` AND id <= $%d`, len(args))
	}
	if !by.IsZero() {
		args = append(args, millis(by))
		query += fmt.Sprintf(` AND said_at <= $%d`, len(args))
	}
	err = tx.exec(query, args...)
	if err == nil {
		left, err = tx.countRedirectLines(id, peer)
	}
	if err != nil {
		return 0, fmt.Errorf("end the waiting of messages: %w", err)
	}
	return left, nil
}

// EndPartialLines has messages of a conversation wait no more of which there is more elsewhere and that were taken by a time. It returns how many
// wait still.
func (tx *Tx) EndPartialLines(id UserID, peer string, by time.Time) (left int, err error) {
	err = tx.exec(`UPDATE redirect_lines SET copy = '' WHERE domain = $1 AND jid = $2 AND peer = $3 AND copy <> '' AND partial = 1 AND taken_at <= $4`,
		id.Domain, id.JID, peer, millis(by))
	if err == nil {
		left, err = tx.countRedirectLines(id, peer)
	}
	if err != nil {
		return 0, fmt.Errorf("end the waiting of messages: %w", err)
	}
	return left, nil
}

func (tx *Tx) countRedirectLines(id UserID, peer string) (n int, err error) {
	err = tx.query(func(r *sql.Rows) error { return r.Scan(&n) },
		`SELECT COUNT(*) FROM redirect_lines WHERE domain = $1 AND jid = $2 AND peer = $3 AND copy <> ''`, id.Domain, id.JID, peer)
	return n, err
}

// CollectRedirects forgets messages that were taken by a time, conversations in which nothing has happened since another one and of which nothing
// waits, and codes that were mailed by a third. It reports whether there may be more.
func (tx *Tx) CollectRedirects(lines, talks, asked time.Time) (more bool, err error) {
	for _, d := range []struct {
		query string
		by    time.Time
	}{
		{`DELETE FROM redirect_lines WHERE id IN (SELECT id FROM redirect_lines WHERE taken_at <= $1 AND copy = '' ORDER BY taken_at LIMIT $2)`, lines},
		{`DELETE FROM redirect_talks WHERE (domain, jid, peer) IN (SELECT domain, jid, peer FROM redirect_talks WHERE changed_at <= $1 AND waiting = 0 ORDER BY changed_at LIMIT $2)`, talks},
		{`DELETE FROM redirect_asked WHERE at <= (SELECT COALESCE(MAX(at), 0) FROM (SELECT at FROM redirect_asked WHERE at <= $1 ORDER BY at LIMIT $2) AS old)`, asked},
	} {
		n, err := tx.count(d.query, millis(d.by), collectMail)
		if err != nil {
			return false, fmt.Errorf("collect redirects: %w", err)
		}
		more = more || n >= collectMail
	}
	return more, nil
}
