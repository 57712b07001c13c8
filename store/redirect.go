package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// RedirectState says how far the redirect of a user is.
type RedirectState int

// The states.
const (
	RedirectAsked  RedirectState = iota // it is not known yet that the mailbox is his
	RedirectOn                          // his messages go there
	RedirectPaused                      // mails to it came back
)

// Redirect is where messages of a user go.
type Redirect struct {
	UserID
	Mailbox  string
	State    RedirectState
	Alias    string // local part, unique in the domain; required
	Rules    string // of mailbridge, as the next one
	Settings string
	Code     string // a hash; empty for none
	CodedAt  time.Time
	Tries    int // wrong codes
	Failures int // mails that did not arrive, the last one at FailedAt
	FailedAt time.Time
	Dropped  int64 // messages that there was no room for, and that the user was not told of
}

const redirectColumns = `domain, jid, mailbox, state, alias, rules, settings, code, coded_at, tries, failures, failed_at, dropped`

const (
	selectRedirect = `SELECT ` + redirectColumns + ` FROM redirects WHERE domain = $1 AND jid = $2`
	aliasRedirect  = `SELECT ` + redirectColumns + ` FROM redirects WHERE domain = $1 AND alias = $2`
	nextRedirects  = `SELECT ` + redirectColumns + ` FROM redirects WHERE domain = $1 AND jid > $2 ORDER BY jid LIMIT $3`
)

func scanRedirect(do func(Redirect)) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var r Redirect
		var coded, failed int64
		err := rows.Scan(&r.Domain, &r.JID, &r.Mailbox, &r.State, &r.Alias, &r.Rules, &r.Settings, &r.Code, &coded, &r.Tries, &r.Failures, &failed, &r.Dropped)
		r.CodedAt, r.FailedAt = fromMillis(coded), fromMillis(failed)
		do(r)
		return err
	}
}

// Redirect returns the redirect of a user, and whether there is one.
func (tx *Tx) Redirect(id UserID) (r Redirect, ok bool, err error) {
	if err := tx.query(scanRedirect(func(one Redirect) { r, ok = one, true }), selectRedirect, id.Domain, id.JID); err != nil {
		return Redirect{}, false, fmt.Errorf("read a redirect: %w", err)
	}
	return r, ok, nil
}

// Redirect returns the redirect of a user, and whether there is one.
func (db *DB) Redirect(ctx context.Context, id UserID) (r Redirect, ok bool, err error) {
	if err := db.query(ctx, scanRedirect(func(one Redirect) { r, ok = one, true }), selectRedirect, id.Domain, id.JID); err != nil {
		return Redirect{}, false, fmt.Errorf("read a redirect: %w", err)
	}
	return r, ok, nil
}

// RedirectByAlias returns the redirect of the user whom an address of ours stands for, and whether there is one.
func (db *DB) RedirectByAlias(ctx context.Context, domain, alias string) (r Redirect, ok bool, err error) {
	if err := db.query(ctx, scanRedirect(func(one Redirect) { r, ok = one, true }), aliasRedirect, domain, alias); err != nil {
		return Redirect{}, false, fmt.Errorf("look for an alias: %w", err)
	}
	return r, ok, nil
}

// RedirectByAlias is as that of DB.
func (tx *Tx) RedirectByAlias(domain, alias string) (r Redirect, ok bool, err error) {
	if err := tx.query(scanRedirect(func(one Redirect) { r, ok = one, true }), aliasRedirect, domain, alias); err != nil {
		return Redirect{}, false, fmt.Errorf("look for an alias: %w", err)
	}
	return r, ok, nil
}

// RedirectsAfter returns the next redirects of a domain behind a JID, in the order of JIDs.
func (db *DB) RedirectsAfter(ctx context.Context, domain, after string, limit int) (all []Redirect, err error) {
	if err := db.query(ctx, scanRedirect(func(r Redirect) { all = append(all, r) }), nextRedirects, domain, after, limit); err != nil {
		return nil, fmt.Errorf("list the redirects: %w", err)
	}
	return all, nil
}

// SetRedirect writes the redirect of a user, of whom there may be one already.
func (tx *Tx) SetRedirect(r Redirect) error {
	err := checkFields(field{"mailbox", r.Mailbox, maxMailbox}, field{"alias", r.Alias, maxPart}, field{"rules", r.Rules, maxValue},
		field{"settings", r.Settings, maxValue}, field{"code", r.Code, maxNetID})
	if err == nil {
		err = tx.addUser(r.UserID)
	}
	if err == nil {
		err = tx.exec(`INSERT INTO redirects (`+redirectColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (domain, jid) DO UPDATE SET mailbox = excluded.mailbox, state = excluded.state, alias = excluded.alias, rules = excluded.rules,
			settings = excluded.settings, code = excluded.code, coded_at = excluded.coded_at, tries = excluded.tries, failures = excluded.failures,
			failed_at = excluded.failed_at, dropped = excluded.dropped`,
			r.Domain, r.JID, r.Mailbox, r.State, r.Alias, r.Rules, r.Settings, r.Code, millis(r.CodedAt), r.Tries, r.Failures, millis(r.FailedAt), r.Dropped)
	}
	if err != nil {
		return fmt.Errorf("write a redirect: %w", err)
	}
	return nil
}

// DropRedirect removes the redirect of a user with what waits of it, and what it has mailed that is not with the next server yet. It reports
// whether there was one.
func (tx *Tx) DropRedirect(id UserID) (was bool, err error) {
	n, err := tx.count(`DELETE FROM redirects WHERE domain = $1 AND jid = $2`, id.Domain, id.JID)
	for _, query := range []string{
		`DELETE FROM redirect_talks WHERE domain = $1 AND jid = $2`,
		`DELETE FROM redirect_lines WHERE domain = $1 AND jid = $2`,
		`DELETE FROM mail_out WHERE id IN (SELECT mail FROM redirect_mails WHERE domain = $1 AND jid = $2)`,
	} {
		if err == nil {
			err = tx.exec(query, id.Domain, id.JID)
		}
	}
	if err != nil {
		return false, fmt.Errorf("drop a redirect: %w", err)
	}
	return n > 0, nil
}

// RedirectMail is a mail of a redirect, for what comes back about it and to it.
type RedirectMail struct {
	Mail int64 // the row of MailOut
	UserID
	Mailbox string // where it went
	Peer    string // whom an answer is for, a bare JID; empty for a mail that has a code
	Room    bool   // that is a room
	Name    string // of the peer, for people
	Thread  string // of the last message in it
	XMPPID  string // its id
}

const redirectMailColumns = `mail, domain, jid, mailbox, peer, room, name, thread, xmpp_id`

// AddRedirectMail notes that a mail is one of a redirect.
func (tx *Tx) AddRedirectMail(m RedirectMail) error {
	err := checkFields(field{"mailbox", m.Mailbox, maxMailbox}, field{"peer", m.Peer, maxJID}, field{"name", m.Name, maxPart},
		field{"thread", m.Thread, maxPart}, field{"id", m.XMPPID, maxPart})
	if err == nil {
		err = tx.exec(`INSERT INTO redirect_mails (`+redirectMailColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			m.Mail, m.Domain, m.JID, m.Mailbox, m.Peer, flag(m.Room), m.Name, m.Thread, m.XMPPID)
	}
	if err != nil {
		return fmt.Errorf("note the mail of a redirect: %w", err)
	}
	return nil
}

const selectRedirectMail = `SELECT ` + redirectMailColumns + ` FROM redirect_mails WHERE mail = $1`

func scanRedirectMail(do func(RedirectMail)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var m RedirectMail
		var room int64
		err := r.Scan(&m.Mail, &m.Domain, &m.JID, &m.Mailbox, &m.Peer, &room, &m.Name, &m.Thread, &m.XMPPID)
		m.Room = room != 0
		do(m)
		return err
	}
}

// RedirectMailsAfter returns the next mails of a user's redirect behind one; none behind the last one.
func (db *DB) RedirectMailsAfter(ctx context.Context, id UserID, after int64) (all []RedirectMail, err error) {
	if err := db.query(ctx, scanRedirectMail(func(m RedirectMail) { all = append(all, m) }), `SELECT `+redirectMailColumns+` FROM redirect_mails
		WHERE domain = $1 AND jid = $2 AND mail > $3 ORDER BY mail LIMIT $4`, id.Domain, id.JID, after, exportPage); err != nil {
		return nil, fmt.Errorf("read the mails of a redirect: %w", err)
	}
	return all, nil
}

// RedirectMail returns what a mail of a redirect is about, and whether it is one.
func (tx *Tx) RedirectMail(mail int64) (m RedirectMail, ok bool, err error) {
	if err := tx.query(scanRedirectMail(func(one RedirectMail) { m, ok = one, true }), selectRedirectMail, mail); err != nil {
		return RedirectMail{}, false, fmt.Errorf("read the mail of a redirect: %w", err)
	}
	return m, ok, nil
}

// RedirectMail returns what a mail of a redirect is about, and whether it is one.
func (db *DB) RedirectMail(ctx context.Context, mail int64) (m RedirectMail, ok bool, err error) {
	if err := db.query(ctx, scanRedirectMail(func(one RedirectMail) { m, ok = one, true }), selectRedirectMail, mail); err != nil {
		return RedirectMail{}, false, fmt.Errorf("read the mail of a redirect: %w", err)
	}
	return m, ok, nil
}

// RedirectMailTimes returns when the last mails of a user's redirect were made since a time, the last one first, at most limit.
func (db *DB) RedirectMailTimes(ctx context.Context, id UserID, since time.Time, limit int) (all []time.Time, err error) {
	if err := db.query(ctx, scanTimes(&all), redirectMailTimes, id.Domain, id.JID, millis(since), limit); err != nil {
		return nil, fmt.Errorf("count the mails of a redirect: %w", err)
	}
	return all, nil
}

// RedirectMailTimes is as that of DB.
func (tx *Tx) RedirectMailTimes(id UserID, since time.Time, limit int) (all []time.Time, err error) {
	if err := tx.query(scanTimes(&all), redirectMailTimes, id.Domain, id.JID, millis(since), limit); err != nil {
		return nil, fmt.Errorf("count the mails of a redirect: %w", err)
	}
	return all, nil
}

const redirectMailTimes = `SELECT o.begun_at FROM redirect_mails r JOIN mail_out o ON o.id = r.mail WHERE r.domain = $1 AND r.jid = $2 AND r.peer <> '' AND o.begun_at > $3
	ORDER BY r.mail DESC LIMIT $4`

func scanTimes(all *[]time.Time) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var at int64
		err := r.Scan(&at)
		*all = append(*all, fromMillis(at))
		return err
	}
}

// AskRedirect notes that a code goes out, under each of the hashes.
func (tx *Tx) AskRedirect(who ...string) error {
	for _, w := range who {
		if err := tx.exec(`INSERT INTO redirect_asked (who, at) VALUES ($1, $2)`, w, tx.now); err != nil {
			return fmt.Errorf("note that a code was mailed: %w", err)
		}
	}
	return nil
}

// CountRedirectAsked counts the codes that went out under a hash since a time.
func (tx *Tx) CountRedirectAsked(who string, since time.Time) (n int, err error) {
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT COUNT(*) FROM redirect_asked WHERE who = $1 AND at > $2`, who, millis(since)); err != nil {
		return 0, fmt.Errorf("count the codes that were mailed: %w", err)
	}
	return n, nil
}

// RefuseRedirect notes that the owner of a mailbox, known by a hash, wants no codes.
func (tx *Tx) RefuseRedirect(who string) error {
	if err := tx.exec(`INSERT INTO redirect_refused (who, at) VALUES ($1, $2) ON CONFLICT (who) DO NOTHING`, who, tx.now); err != nil {
		return fmt.Errorf("note who wants no codes: %w", err)
	}
	return nil
}

// RefusesRedirect reports whether the owner of a mailbox wants no codes.
func (tx *Tx) RefusesRedirect(who string) (refused bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { refused = true; return r.Scan(new(int)) }, `SELECT 1 FROM redirect_refused WHERE who = $1`, who); err != nil {
		return false, fmt.Errorf("look who wants no codes: %w", err)
	}
	return refused, nil
}
