package mailbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/mailbridge/redirect"
	"passerelle/store"
	"passerelle/transports"
)

// Names of kinds of jobs of redirects.
const (
	kindDue    = "redirect.due"    // what waits of a conversation is mailed
	kindFollow = "redirect.follow" // a way to learn of a user's messages is looked for, or given up
	kindUnsaid = "redirect.unsaid" // a user is told by mail that his answer was not taken
)

// redirected is a mail of a redirect that is being made.
type redirected struct {
	r     store.Redirect
	user  transports.Address
	prefs preferences
	s     redirectSettings
	talk  store.RedirectTalk
	lines []store.RedirectLine

	name     string // of who wrote, or of the room
	to, from address.Mailbox
}

// mailDue mails what waits of a conversation.
func (t *Transport) mailDue(ctx context.Context, what task) jobs.Outcome {
	rules := t.rules.Load().Redirect
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	id := t.userID(user)
	r, ok, err := t.opt.Store.Redirect(ctx, id)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	m := redirected{r: r, user: user}
	if m.s, err = fromJSON[redirectSettings](r.Settings); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	if !ok || rules == nil || r.State != store.RedirectOn || !t.targetOf(&m) {
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.forgetTalk(tx, id, what.Contact) }}
	}
	if err := t.completed(ctx, user, id, what.Contact, m.s.Whole); err != nil {
		return jobs.Outcome{Err: err}
	}
	if m.prefs, err = t.preferences(ctx, user); err == nil {
		m.talk, err = t.opt.Store.RedirectTalk(ctx, id, what.Contact)
	}
	if err == nil {
		m.lines, err = t.opt.Store.RedirectLines(ctx, id, what.Contact)
	}
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if len(m.lines) == 0 && m.talk.More == 0 {
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.rest(tx, &m.talk) }}
	}
	recent, err := t.opt.Store.RedirectMailTimes(ctx, id, t.opt.Now().Add(-24*time.Hour), max(rules.PerDay, rules.PerHour))
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if later := rules.later(recent, t.opt.Now(), m.talk.Known); !later.IsZero() {
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.postponeTalk(tx, &m.talk, later) }}
	}
	row, raw, messageID, err := t.composeRedirected(ctx, &m)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.mailed(tx, rules, &m, row, raw, messageID) }}
}

// targetOf finds where a redirect leads and which address of ours its mails come from; it is false where that leads back to us.
func (t *Transport) targetOf(m *redirected) bool {
	to, err := address.Parse(m.r.Mailbox)
	if err != nil || t.leadsBack(to) {
		return false
	}
	m.to = to
	m.from, err = t.redirectSender(m.user)
	return err == nil
}

// redirectSender is the address that mails of a user's redirect come from.
func (t *Transport) redirectSender(user transports.Address) (address.Mailbox, error) {
	r := t.rules.Load()
	own, ok := t.addressOf(user)
	switch {
	case r.Redirect == nil:
		return address.Mailbox{}, errors.New("redirects are not on any more")
	case !ok && (r.Redirect.Guest == nil || !r.Redirect.Guest(user.Bare())):
		return address.Mailbox{}, errors.New("the user has no address here any more")
	case !ok:
		own.Domain = r.Domains[0].Name
	}
	return address.New(r.Redirect.Sender, own.Domain)
}

// completed has it known before a mail is made what the user has read by now and, where his way brings messages as they are (whole), what else there
// is of those that are not. What cannot be known holds no mail up.
func (t *Transport) completed(ctx context.Context, user transports.Address, id store.UserID, peer string, whole bool) error {
	if t.follower == nil {
		return nil
	}
	marks, err := t.follower.ReadMarks(ctx, user)
	if err != nil {
		t.log.Debug("it is not known what a user has read", "error", err)
	}
	lines, err := t.opt.Store.RedirectLines(ctx, id, peer)
	if err != nil {
		return err
	}
	partial := false
	for i := range lines {
		partial = partial || whole && lines[i].Partial
	}
	before := t.opt.Now()
	filled := false
	if partial {
		err := t.follower.Fill(ctx, user)
		if filled = err == nil; !filled {
			t.log.Debug("messages of a user are not whole", "error", err)
		}
	}
	if len(marks) == 0 && !filled {
		return nil
	}
	return t.opt.Store.Write(ctx, func(tx *store.Tx) error {
		for _, m := range marks {
			if peerOf(m.Peer) == peer {
				m.User = user
				if err := t.read(tx, m); err != nil {
					return err
				}
			}
		}
		if !filled {
			return nil
		}
		// What the archive has came from there; what it has not was nothing that is said.
		talk, err := tx.RedirectTalk(id, peer)
		if err != nil {
			return err
		}
		if talk.Waiting, err = tx.EndPartialLines(id, peer, before); err != nil {
			return err
		}
		talk.Edits++
		return tx.SetRedirectTalk(talk)
	})
}

// later is when a user may get the next mail, of somebody whom he knows or of a stranger; zero for now. Recent are the times of the last ones, the
// last one first. Half of the mails are for those whom he knows alone.
func (r *RedirectRules) later(recent []time.Time, now time.Time, known bool) (at time.Time) {
	for _, limit := range []struct {
		mails int
		span  time.Duration
	}{{r.PerHour, time.Hour}, {r.PerDay, 24 * time.Hour}} {
		if !known {
			limit.mails = (limit.mails + 1) / 2
		}
		if limit.mails <= 0 || len(recent) < limit.mails {
			continue
		}
		if free := recent[limit.mails-1].Add(limit.span); free.After(now) && free.After(at) {
			at = free
		}
	}
	return at
}

// postponeTalk has a conversation wait until another time.
func (t *Transport) postponeTalk(tx *store.Tx, old *store.RedirectTalk, due time.Time) error {
	talk, err := tx.RedirectTalk(old.UserID, old.Peer)
	if err != nil {
		return err
	}
	talk.Job = 0
	if err := t.wind(tx, &talk, due); err != nil {
		return err
	}
	return tx.SetRedirectTalk(talk)
}

// rest notes that nothing waits in a conversation, unless something does.
func (t *Transport) rest(tx *store.Tx, old *store.RedirectTalk) error {
	talk, err := tx.RedirectTalk(old.UserID, old.Peer)
	if err != nil {
		return err
	}
	if talk.Edits != old.Edits {
		return t.postponeTalk(tx, &talk, t.opt.Now())
	}
	if talk.Job, talk.Waiting, talk.More = 0, 0, 0; talk.Edits == 0 {
		return nil // it is not kept
	}
	return tx.SetRedirectTalk(talk)
}

// forgetTalk drops what waits of a conversation.
func (t *Transport) forgetTalk(tx *store.Tx, id store.UserID, peer string) error {
	talk, err := tx.RedirectTalk(id, peer)
	if err != nil || talk.Edits == 0 {
		return err
	}
	if _, err := tx.EndRedirectLines(id, peer, 0, time.Time{}); err != nil {
		return err
	}
	talk.Job, talk.Waiting, talk.More = 0, 0, 0
	talk.Edits++
	return tx.SetRedirectTalk(talk)
}

// dueGivenUp notes that nobody mails what waits of a conversation; with the next message it is tried again.
func (t *Transport) dueGivenUp(tx *store.Tx, what task) error {
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return nil
	}
	talk, err := tx.RedirectTalk(t.userID(user), what.Contact)
	if err != nil || talk.Edits == 0 {
		return err
	}
	talk.Job = 0
	return tx.SetRedirectTalk(talk)
}

// composeRedirected writes the mail of a conversation, under an id of its own.
func (t *Transport) composeRedirected(ctx context.Context, m *redirected) (row int64, raw []byte, messageID string, err error) {
	if err := t.opt.Store.Write(ctx, func(tx *store.Tx) (err error) { row, err = tx.NextMailID(); return err }); err != nil {
		return 0, nil, "", err
	}
	out, err := t.redirectedMail(m, row)
	if err != nil {
		return 0, nil, "", err
	}
	raw, err = t.signed(&out)
	return row, raw, out.MessageID, err
}

// redirectedMail is the mail of a conversation, under the id of its row.
func (t *Transport) redirectedMail(m *redirected, row int64) (compose.Outgoing, error) {
	said, err := m.said()
	if err != nil {
		return compose.Outgoing{}, err
	}
	said.Leave = t.leaveLink(row)
	body, spans := said.Text()
	reply := address.Mailbox{Local: t.opt.Tokens.Local(address.TokenReply, row, t.opt.Now()), Domain: m.from.Domain}
	last := store.MailMessage{MessageID: m.talk.MessageID, Refs: m.talk.Refs}
	return compose.Outgoing{
		From:    compose.Person{Name: said.Name + " (XMPP)", Mailbox: m.from},
		ReplyTo: []compose.Person{{Name: said.Name, Mailbox: reply}}, To: []compose.Person{{Mailbox: m.to}},
		Subject: said.Subject(), MessageID: newMessageID(m.from.Domain), InReplyTo: last.MessageID, References: refsBehind(&last), Date: t.opt.Now().UTC(),
		Text: body, Spans: spans, HTML: true,
		Auto:  "auto-generated", // RFC 3834 §5
		Extra: t.redirectHeaders(row, reply),
	}, nil
}

// redirectHeaders are above each mail of a redirect.
func (t *Transport) redirectHeaders(row int64, reply address.Mailbox) []compose.Header {
	headers := []compose.Header{{Name: loopField, Value: t.loopMark()}}
	ways := "<mailto:" + reply.String() + "?subject=stop>" // RFC 2369 §3.2
	if link := t.leaveLink(row); strings.HasPrefix(link, "https://") {
		ways = "<" + link + ">, " + ways
		headers = append(headers, compose.Header{Name: "List-Unsubscribe-Post", Value: "List-Unsubscribe=One-Click"}) // RFC 8058 §3.1
	}
	return append(headers, compose.Header{Name: "List-Unsubscribe", Value: ways})
}

// signed writes a mail and signs it.
func (t *Transport) signed(out *compose.Outgoing) ([]byte, error) {
	raw, err := compose.Message(out)
	if err != nil || t.opt.Signer == nil {
		return raw, err
	}
	return t.opt.Signer.Sign(out.From.Mailbox.ASCIIDomain(), raw)
}

// said is what a mail says.
func (m *redirected) said() (redirect.Mail, error) {
	peer, _ := transports.ParseAddress(m.talk.Peer) // of one who is not known nothing
	said := redirect.Mail{
		Lang: m.prefs.Lang, User: m.r.JID, Peer: m.talk.Peer, More: m.talk.More, Dropped: m.r.Dropped,
		Mute: m.talk.Peer == unknownPeer,
	}
	zone, nick := m.s.zone(), ""
	for i := range m.lines {
		c, err := fromJSON[transports.Copy](m.lines[i].Copy)
		if err != nil {
			return said, err
		}
		said.Room = said.Room || c.Room
		if c.Nick != "" {
			nick = c.Nick
		}
		l := redirect.Line{At: m.lines[i].SaidAt.In(zone), Author: m.lines[i].Author, Copy: c, Late: c.Replaces != ""}
		said.Lines = append(said.Lines, l)
	}
	if said.Room {
		nick = "" // of a room it is that of an occupant
	}
	local := cmp.Or(peer.Local, m.talk.Peer)
	if said.Private = peer.Resource != ""; said.Private { // his name there is the one that the room vouches for
		nick, local = "", peer.Resource+" ("+transports.Unescape(peer.Local)+")"
	}
	said.Name = redirect.Name(nick, local)
	m.name = said.Name
	return said, nil
}

// mailed notes that a mail goes out, once, in place of what waited.
func (t *Transport) mailed(tx *store.Tx, rules *RedirectRules, m *redirected, row int64, raw []byte, messageID string) error {
	id := m.talk.UserID
	talk, err := tx.RedirectTalk(id, m.talk.Peer)
	if err != nil {
		return err
	}
	r, ok, err := tx.Redirect(id)
	switch {
	case err != nil:
		return err
	case !ok || r.Mailbox != m.r.Mailbox || r.State != store.RedirectOn || talk.Edits != m.talk.Edits || r.Dropped < m.r.Dropped:
		return t.postponeTalk(tx, &talk, tx.Now()) // it is made again of what there is now
	}
	recent, err := tx.RedirectMailTimes(id, tx.Now().Add(-24*time.Hour), max(rules.PerDay, rules.PerHour))
	if err != nil {
		return err
	}
	if later := rules.later(recent, tx.Now(), talk.Known); !later.IsZero() {
		return t.postponeTalk(tx, &talk, later)
	}
	var last store.RedirectLine
	if len(m.lines) > 0 {
		last = m.lines[len(m.lines)-1]
	}
	c, err := fromJSON[transports.Copy](last.Copy)
	if err != nil {
		return err
	}
	if err := t.sendRedirected(tx, m, row, raw, messageID, store.RedirectMail{
		Peer: talk.Peer, Room: c.Room, Name: m.name, Thread: cutID(c.Thread), XMPPID: last.XMPPID,
	}); err != nil {
		return err
	}
	if _, err := tx.EndRedirectLines(id, talk.Peer, 0, time.Time{}); err != nil {
		return err
	}
	talk.Refs = strings.Join(refsBehind(&store.MailMessage{MessageID: talk.MessageID, Refs: talk.Refs}), " ")
	talk.MessageID, talk.Job, talk.Waiting, talk.More = messageID, 0, 0, 0
	talk.Edits++
	if err := tx.SetRedirectTalk(talk); err != nil {
		return err
	}
	if r.Dropped == 0 {
		return nil
	}
	r.Dropped -= m.r.Dropped
	return tx.SetRedirect(r)
}

// sendRedirected has a mail brought to where a redirect leads.
func (t *Transport) sendRedirected(tx *store.Tx, m *redirected, row int64, raw []byte, messageID string, about store.RedirectMail) error {
	h := head{To: []person{{Mailbox: m.to}}, From: m.from}
	out := store.MailOut{ID: row, UserID: m.r.UserID, MessageID: messageID, Bundle: store.BundleRedirect, Head: toJSON(&h)}
	if _, err := tx.AddMailOut(out); err != nil {
		return err
	}
	if same, err := tx.ComposeMail(row, 0, raw, []string{m.to.String()}); err != nil || !same {
		return errors.Join(err, fmt.Errorf("the mail %d: composed is %v", row, same))
	}
	about.Mail, about.UserID, about.Mailbox = row, m.r.UserID, m.to.String()
	if err := tx.AddRedirectMail(about); err != nil {
		return err
	}
	tx.OnCommit(func() { count(t.metrics.out, outWritten) })
	return t.enqueueSend(tx, &out, h.recipients())
}
