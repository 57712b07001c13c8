package mailbridge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/redirect"
	"passerelle/store"
	"passerelle/transports"
)

// What users get on XMPP goes to their mailboxes, where they want that. Every message becomes a line that waits (take), and a job of its
// conversation mails all that waits once it is time (redirectdue.go), unless its user has read it by then. While nothing waits there is no job.

// RedirectRules are the operator's bounds of redirects. Nil stands for none at all.
type RedirectRules struct {
	// Sender is the local part of the address that mails come from, in each domain of addresses.
	Sender string
	// PerHour and PerDay are how many mails a user's redirect may make; 0 for no limit. Strangers have half of them. Kept is how many messages of those
	// whom he knows may wait, and how many of others.
	PerHour, PerDay, Kept int
	// Ways are those that may be used to learn of messages; nil for all.
	Ways []transports.Way
	// Gateways are the domains of all gateways to email: what comes from there was mail already.
	Gateways []string
	// Guest says of a user without an address here whether he may have a redirect too; nil for nobody.
	Guest func(user transports.Address) bool
	// LeaveURL is where the pages stand that end a redirect, without the token; empty where there are none.
	LeaveURL string
}

// maxMore bounds how many messages a copy says that there were.
const maxMore = 1_000_000

// maxTalks is of how many conversations of a user messages may wait: with those whom he knows, and as many with others, so that strangers, of whom
// there may be any number, shut out nobody whom he knows.
const maxTalks = 100

// Times of copies.
const (
	sameCopyFor = 2 * time.Second    // in which a push that says the same is the same (XEP-0357 has no ids)
	liveFor     = time.Minute        // in which a copy of a module is of something that happens, and not of the archive
	partialFor  = 7 * 24 * time.Hour // in which the rest of a message may be found
	sameTime    = time.Minute        // within which a push and the message that it is of were said: clocks differ
	maxLate     = 7 * 24 * time.Hour // what was said before that is said then
)

// unknownPeer is in place of a JID where a push has not said who wrote.
const unknownPeer = "?"

var _ transports.Redirecting = (*Transport)(nil)

// redirectSettings are what a user has set of his redirect, and how his messages are learnt of, as the database has it.
type redirectSettings struct {
	Zone     string         `json:",omitempty"` // of the tz database; empty for UTC
	Presence bool           `json:",omitempty"` // that he is online says that he has read everything
	Wanted   transports.Way `json:",omitempty"` // by which way he wants it; WayNone for the best
	// Next is the mailbox that a code was mailed to while his messages go to another one.
	Next string `json:",omitempty"`
	// Way is how it is; Marks, Speaks and Whole are as in transports.Offer.
	Way                  transports.Way `json:",omitempty"`
	Marks, Speaks, Whole bool           `json:",omitempty"`
	Following            transports.Following
}

func (s *redirectSettings) zone() *time.Location {
	if l, err := time.LoadLocation(s.Zone); err == nil && s.Zone != "" && s.Zone != "Local" {
		return l
	}
	return time.UTC
}

// rulesOf are the rules of a user.
func rulesOf(r *store.Redirect) redirect.Rules {
	rules, err := redirect.ParseRules("en", strings.Split(r.Rules, "\n"))
	if err != nil {
		return nil // of a later version; the usual ones are a good guess
	}
	return rules
}

// Copied implements transports.Redirecting.
func (t *Transport) Copied(ctx context.Context, c transports.Copy) error {
	rules := t.rules.Load().Redirect
	c.User = c.User.Bare()
	switch {
	case rules == nil && c.Way == transports.WayAlias:
		return noAlias()
	case rules == nil || !rules.concerns(&c):
		return nil
	}
	return t.write(ctx, func(tx *store.Tx) error { return t.take(tx, rules, c) })
}

// noAlias is what somebody is told who writes to an address that stands for nobody.
func noAlias() error {
	return transports.NewError(transports.NotFound, "There is nobody here of this name.", nil)
}

// concerns reports whether a copy says anything about what is to be mailed.
func (r *RedirectRules) concerns(c *transports.Copy) bool {
	peer := c.Peer.Bare()
	switch {
	case c.User.Local == "" || peer == c.User:
		return false
	case slices.Contains(r.Gateways, peer.Domain): // it was mail before; this would go in circles
		return false
	case c.Sent:
		return peer != transports.Address{}
	}
	return c.Partial || c.More > 0 || c.Replaces != "" || c.Body != "" || len(c.Files) > 0 || c.Subject != "" && !c.Room || c.Encrypted != ""
}

// peerOf names a conversation, with who wrote or with who is in a room. What somebody there writes to the user alone is one of its own, and has his
// name there in its own.
func peerOf(peer transports.Address) string {
	if peer == (transports.Address{}) {
		return unknownPeer
	}
	return peer.String()
}

// talkOf names the conversation of a copy.
func talkOf(c *transports.Copy) string {
	if c.Room {
		return peerOf(c.Peer.Bare())
	}
	return peerOf(c.Peer)
}

// take writes down what a copy says, in a transaction.
func (t *Transport) take(tx *store.Tx, rules *RedirectRules, c transports.Copy) error {
	id := t.userID(c.User)
	r, ok, err := tx.Redirect(id)
	if err != nil {
		return err
	}
	if !ok || r.State != store.RedirectOn {
		if c.Way == transports.WayAlias {
			return transports.NewError(transports.Gone, "Messages to this address go nowhere at the moment.", nil)
		}
		return nil
	}
	now := t.opt.Now()
	if c.Time.IsZero() || c.Time.After(now) {
		c.Time = now
	}
	if c.Time.Before(now.Add(-maxLate)) {
		c.Time = now.Add(-maxLate)
	}
	talk, err := tx.RedirectTalk(id, talkOf(&c))
	if err != nil {
		return err
	}
	switch {
	case playedBack(&talk, &c):
		talk.Nick, talk.OwnID = cutText(c.Peer.Resource, maxName), ""
		return t.readUpTo(tx, &talk, 0, c.Time)
	case c.Sent && c.Room:
		talk.Known, talk.OwnID = true, cutID(c.ID)
		return t.readUpTo(tx, &talk, 0, c.Time)
	case c.Sent:
		if c.ID != "" {
			if _, ours, err := tx.MailMessage(id, store.MailKey{XMPPID: cutID(c.ID)}); err != nil || ours {
				return err // he has answered by mail, where he does not see what waits
			}
		}
		talk.Known = true
		return t.readUpTo(tx, &talk, 0, c.Time)
	case c.More > 0:
		talk.More += int64(min(c.More, maxMore))
		talk.Edits++
		if err := t.wind(tx, &talk, now.Add(redirect.Gather)); err != nil {
			return err
		}
		return tx.SetRedirectTalk(talk)
	case takesBack(&c):
		return t.takenBack(tx, &talk, &c)
	}
	l := lineOf(&talk, &c)
	if done, err := t.knownLine(tx, &talk, &l, &c); done || err != nil {
		return err
	}
	if c.Replaces != "" {
		if done, err := t.corrected(tx, &talk, l, &c); done || err != nil {
			return err
		}
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return err
	}
	set, peer := rulesOf(&r), peerOf(c.Peer.Bare())
	talk.Known = talk.Known || c.Contact || set.Names(peer)
	action := set.Match(redirect.Message{
		Peer: peer, Room: c.Room, Mentions: c.Room && mentions(cmp.Or(talk.Nick, transports.Unescape(c.User.Local)), c.Body), At: c.Time.In(s.zone()),
	}, s.Marks && c.Way != transports.WayAlias) // what came to the alias is nowhere that he could read it
	if !t.wants(action, &c) {
		return nil
	}
	if !talk.ReadAt.IsZero() && !c.Time.After(talk.ReadAt) {
		l.Copy = "" // he has been there since
		_, err := tx.AddRedirectLine(l)
		return err
	}
	due := action.Due(c.Time.In(s.zone()))
	if soonest := now.Add(redirect.Gather); due.Before(soonest) {
		due = soonest
	}
	return t.waitFor(tx, rules, &r, &talk, l, due, c.Way == transports.WayAlias)
}

// lineOf is a copy as it is kept.
func lineOf(talk *store.RedirectTalk, c *transports.Copy) store.RedirectLine {
	said := *c
	said.Body, said.Subject = cutText(said.Body, redirect.MaxBody), cutText(said.Subject, maxKeptSubject)
	if len(said.Body) < len(c.Body) {
		said.Spans = nil
	}
	if len(said.Spans) > transports.MaxSpans {
		said.Spans = said.Spans[:transports.MaxSpans]
	}
	if len(said.Files) > maxAttached {
		said.Files = said.Files[:maxAttached]
	}
	for i := range said.Files {
		said.Files[i] = transports.Attachment{URL: cutText(said.Files[i].URL, maxLink)}
	}
	said.Nick, said.Encrypted = cutText(said.Nick, maxName), cutText(said.Encrypted, maxName)
	if said.Encrypted != "" {
		said.Body, said.Subject, said.Spans, said.Files = "", "", nil, nil
	}
	author := ""
	if c.Room {
		author = c.Peer.Resource
	}
	return store.RedirectLine{
		UserID: talk.UserID, Peer: talk.Peer, Author: author, XMPPID: cutID(c.ID), ArchiveID: cutID(c.ArchiveID), Hash: digest(talk.Peer, author, c.Body),
		Partial: c.Partial, Copy: toJSON(said), SaidAt: c.Time,
	}
}

// maxLink is how long a link to a file may be, in bytes.
const maxLink = 2 << 10

// cutID is an id of a stranger, named by a hash where it is longer than the database takes.
func cutID(id string) string {
	if len(id) > 1000 {
		return digest(id)
	}
	return id
}

// knownLine notes what a copy adds to one that came before, and reports whether there is one.
func (t *Transport) knownLine(tx *store.Tx, talk *store.RedirectTalk, l *store.RedirectLine, c *transports.Copy) (known bool, err error) {
	old, ok := store.RedirectLine{}, false
	if l.ArchiveID != "" {
		if old, ok, err = tx.RedirectLine(talk.UserID, store.RedirectLineKey{ArchiveID: l.ArchiveID, Peer: talk.Peer}); err != nil {
			return false, err
		}
	}
	if !ok && l.XMPPID != "" {
		old, ok, err = tx.RedirectLine(talk.UserID, store.RedirectLineKey{XMPPID: l.XMPPID, Peer: talk.Peer, Author: l.Author})
		if err != nil {
			return false, err
		}
		// A client may call two messages the same. What one archive calls otherwise is another one.
		ok = ok && (old.Hash == l.Hash || old.Partial || l.Partial) && (old.ArchiveID == "" || l.ArchiveID == "" || old.ArchiveID == l.ArchiveID)
	}
	if !ok {
		key := store.RedirectLineKey{Hash: l.Hash, Since: t.opt.Now().Add(-sameCopyFor)}
		if !l.Partial { // the same words may be said again and again
			key.Since, key.Said, key.Near = t.opt.Now().Add(-partialFor), c.Time, sameTime
		}
		if old, ok, err = tx.RedirectLine(talk.UserID, key); err != nil {
			return false, err
		}
	}
	if !ok || !old.Partial || l.Partial {
		return ok, nil
	}
	l.ID = old.ID
	if old.Copy == "" { // it does not wait any more
		l.Copy = ""
	}
	talk.Edits++
	return true, errors.Join(tx.ChangeRedirectLine(*l), tx.SetRedirectTalk(*talk))
}

// corrected puts a correction in place of what it corrects, where that waits still, and reports whether it was so. Else it is a line that says what
// it is.
func (t *Transport) corrected(tx *store.Tx, talk *store.RedirectTalk, l store.RedirectLine, c *transports.Copy) (done bool, err error) {
	old, ok, err := tx.RedirectLine(talk.UserID, store.RedirectLineKey{XMPPID: cutID(c.Replaces), Peer: talk.Peer, Author: l.Author})
	if err != nil || !ok || old.Copy == "" {
		return false, err
	}
	before, err := fromJSON[transports.Copy](old.Copy)
	if err != nil {
		return false, err
	}
	now, err := fromJSON[transports.Copy](l.Copy)
	if err != nil {
		return false, err
	}
	now.Time, now.ID, now.Replaces = before.Time, before.ID, before.Replaces
	old.Copy = toJSON(now)
	if err := tx.ChangeRedirectLine(old); err != nil {
		return false, err
	}
	l.Copy = "" // it is known, and waits in its place
	if _, err := tx.AddRedirectLine(l); err != nil {
		return false, err
	}
	talk.Edits++
	return true, tx.SetRedirectTalk(*talk)
}

// takesBack reports whether a copy says that another message is taken back.
func takesBack(c *transports.Copy) bool {
	return c.Replaces != "" && c.Body == "" && len(c.Files) == 0 && c.Encrypted == "" && !c.Partial
}

// takenBack drops a message that waits and that who wrote it has taken back. What was mailed stays where it is.
func (t *Transport) takenBack(tx *store.Tx, talk *store.RedirectTalk, c *transports.Copy) error {
	author := ""
	if c.Room {
		author = c.Peer.Resource
	}
	old, ok, err := tx.RedirectLine(talk.UserID, store.RedirectLineKey{XMPPID: cutID(c.Replaces), Peer: talk.Peer, Author: author})
	if err != nil || !ok || old.Copy == "" {
		return err
	}
	old.Copy = ""
	if err := tx.ChangeRedirectLine(old); err != nil {
		return err
	}
	talk.Waiting--
	talk.Edits++
	if err := t.unwind(tx, talk); err != nil {
		return err
	}
	return tx.SetRedirectTalk(*talk)
}

// playedBack reports whether a room plays back to a user what he has said himself, under the name that he has there (XEP-0045 §7.4): nobody else
// there knows its id before.
func playedBack(talk *store.RedirectTalk, c *transports.Copy) bool {
	return c.Room && !c.Sent && c.ID != "" && cutID(c.ID) == talk.OwnID && c.Peer.Resource != ""
}

// mentions reports whether a name is in what was said in a room: the user's there, or where that is not known that of his account.
func mentions(name, body string) bool {
	name = strings.ToLower(name)
	if len(body) > redirect.MaxBody {
		body = body[:redirect.MaxBody]
	}
	rest := strings.ToLower(body)
	for {
		i := strings.Index(rest, name)
		if i < 0 || name == "" {
			return false
		}
		end := i + len(name)
		if !isWord(rest[:i], true) && !isWord(rest[end:], false) {
			return true
		}
		rest = rest[end:]
	}
}

// isWord reports whether a text ends, or begins, within a word.
func isWord(s string, ends bool) bool {
	if s == "" {
		return false
	}
	c := s[0]
	if ends {
		c = s[len(s)-1]
	}
	return c >= 0x80 || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z'
}

// wants reports whether a message is to be mailed at all, as far as is known now.
func (t *Transport) wants(a redirect.Action, c *transports.Copy) bool {
	switch {
	case a.Do == redirect.DoNever:
		return false
	case a.Do != redirect.DoOffline || c.Offline || c.Way == transports.WayAlias: // what came to the alias is nowhere else
		return true
	}
	if c.Way == transports.WayModule && t.opt.Now().Sub(c.Time) < liveFor {
		return false // his server has just said that he has a client
	}
	if t.follower == nil {
		return true
	}
	online, known := t.follower.Online(c.User)
	return !known || !online
}

// waitFor has a message wait until it is mailed.
func (t *Transport) waitFor(tx *store.Tx, rules *RedirectRules, r *store.Redirect, talk *store.RedirectTalk, l store.RedirectLine, due time.Time, alone bool) error {
	full := false
	if talk.Waiting < redirect.MaxLines {
		talks, lines, err := tx.CountRedirect(talk.UserID, talk.Known)
		if err != nil {
			return err
		}
		full = lines >= rules.Kept || talk.Waiting == 0 && talks >= maxTalks
	}
	switch {
	case full && alone: // it is nowhere else
		return transports.NewError(transports.Full, "There is no room for the message at the moment.", nil)
	case full && talk.Waiting == 0:
		r.Dropped++
		return tx.SetRedirect(*r)
	case full || talk.Waiting >= redirect.MaxLines:
		talk.More++
	default:
		if _, err := tx.AddRedirectLine(l); err != nil {
			return err
		}
		talk.Waiting++
	}
	talk.Edits++
	if err := t.wind(tx, talk, due); err != nil {
		return err
	}
	return tx.SetRedirectTalk(*talk)
}

// wind sets the clock of a conversation, unless it runs out before.
func (t *Transport) wind(tx *store.Tx, talk *store.RedirectTalk, due time.Time) (err error) {
	switch {
	case talk.Job == 0:
		talk.Due = due
		talk.Job, err = t.enqueue(tx, kindDue, digest(talk.JID, talk.Peer), "", due, task{User: talk.JID, Contact: talk.Peer})
	case due.Before(talk.Due):
		talk.Due = due
		_, err = tx.MoveJob(talk.Job, due)
	}
	return err
}

// readUpTo notes that a user has read a conversation: up to a line, or what was said by a time.
func (t *Transport) readUpTo(tx *store.Tx, talk *store.RedirectTalk, last int64, by time.Time) error {
	if by.After(talk.ReadAt) {
		talk.ReadAt = by
	}
	if talk.Waiting > 0 || talk.More > 0 {
		left, err := tx.EndRedirectLines(talk.UserID, talk.Peer, last, by)
		if err != nil {
			return err
		}
		talk.Edits++
		if talk.Waiting = left; left == 0 {
			talk.More = 0
		}
		if err := t.unwind(tx, talk); err != nil {
			return err
		}
	}
	return tx.SetRedirectTalk(*talk)
}

// unwind stops the clock of a conversation of which nothing waits. Where it has run out already, it finds nothing.
func (t *Transport) unwind(tx *store.Tx, talk *store.RedirectTalk) error {
	if talk.Waiting > 0 || talk.More > 0 || talk.Job == 0 {
		return nil
	}
	_, err := tx.DropJob(talk.Job)
	talk.Job = 0
	return err
}

// WasRead implements transports.Redirecting.
func (t *Transport) WasRead(ctx context.Context, m transports.ReadMark) error {
	if t.rules.Load().Redirect == nil {
		return nil
	}
	return t.write(ctx, func(tx *store.Tx) error { return t.read(tx, m) })
}

func (t *Transport) read(tx *store.Tx, m transports.ReadMark) error {
	id := t.userID(m.User.Bare())
	if _, ok, err := tx.Redirect(id); err != nil || !ok {
		return err
	}
	talk, err := tx.RedirectTalk(id, peerOf(m.Peer))
	if err != nil {
		return err
	}
	for _, key := range []store.RedirectLineKey{{ArchiveID: cutID(m.ArchiveID), Peer: talk.Peer}, {XMPPID: cutID(m.ID), Peer: talk.Peer}} {
		if key.ArchiveID == "" && key.XMPPID == "" {
			continue
		}
		l, ok, err := tx.RedirectLine(id, key)
		if err != nil {
			return err
		}
		if ok {
			talk.Known = true
			if l.SaidAt.After(talk.ReadAt) {
				talk.ReadAt = l.SaidAt
			}
			return t.readUpTo(tx, &talk, l.ID, time.Time{})
		}
	}
	if m.Time.IsZero() || !m.Time.After(talk.ReadAt) {
		return nil // it is about something that was never to be mailed
	}
	by := m.Time
	if now := t.opt.Now(); by.After(now) {
		by = now
	}
	talk.Known = true
	return t.readUpTo(tx, &talk, 0, by)
}

// WasPresent implements transports.Redirecting.
func (t *Transport) WasPresent(ctx context.Context, user transports.Address, online bool) error {
	if !online || t.rules.Load().Redirect == nil {
		return nil
	}
	id := t.userID(user)
	r, ok, err := t.opt.Store.Redirect(ctx, id)
	if err != nil || !ok {
		return busyOr(err)
	}
	if s, err := fromJSON[redirectSettings](r.Settings); err != nil || !s.Presence {
		return err
	}
	return t.write(ctx, func(tx *store.Tx) error {
		talks, err := tx.RedirectTalks(id, maxTalks)
		for i := 0; i < len(talks) && err == nil; i++ {
			err = t.readUpTo(tx, &talks[i], 0, t.opt.Now())
		}
		return err
	})
}

// AliasOf implements transports.Redirecting.
func (t *Transport) AliasOf(ctx context.Context, local string) (user transports.Address, ok bool, err error) {
	if t.rules.Load().Redirect == nil {
		return user, false, nil
	}
	r, ok, err := t.opt.Store.RedirectByAlias(ctx, t.opt.Domain, local)
	if err != nil || !ok || r.State == store.RedirectAsked {
		return user, false, busyOr(err)
	}
	user, err = transports.ParseAddress(r.JID)
	return user, err == nil, err
}

// WayLost implements transports.Redirecting.
func (t *Transport) WayLost(ctx context.Context, user transports.Address, w transports.Way, why error) {
	t.log.Warn("a way to learn of a user's messages was lost", "way", w, "error", why)
	id := t.userID(user)
	err := t.write(ctx, func(tx *store.Tx) error {
		if r, ok, err := tx.Redirect(id); err != nil || !ok || r.State != store.RedirectOn {
			return err
		}
		_, err := t.enqueue(tx, kindFollow, id.JID, "", time.Time{}, task{User: id.JID, Lost: w})
		return err
	})
	if err != nil {
		t.log.Error("nobody could look for another way to learn of a user's messages", "error", err)
	}
}

// sayWay names a way for its user.
func sayWay(lang string, w transports.Way) string {
	switch w {
	case transports.WayModule:
		return text.Say(lang, "a module on your server copies your messages to this gateway")
	case transports.WayPush:
		return text.Say(lang, "your server tells this gateway of your messages as it does your phone")
	case transports.WayLogin:
		return text.Say(lang, "this gateway logs in to your account and reads your archive, without being seen online")
	}
	return text.Say(lang, "only what is written to your address here")
}
