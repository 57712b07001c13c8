package mailbridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Chat lines become one mail: those to the same people until nothing was written for a while (SettingCoalesce), but for no longer than
// maxGather. Until then what is corrected or taken back never goes out as it was.

// maxGather is how long lines are gathered at most, where a user has not set a longer quiet.
const maxGather = 2 * time.Minute

// maxLines is how many lines are gathered at most, with corrections: they are in memory at once when the mail is composed.
const maxLines = 200

// Names of kinds of jobs. Their lanes begin with them.
const (
	kindCompose = "mail.compose" // a mail is composed of its lines
	kindSend    = "mail.send"    // it is brought to those at one site
	kindIn      = "mail.in"      // what came is rendered for a user
	kindAsk     = "mail.ask"     // a user is asked about strangers
	kindReport  = "mail.report"  // who sent a mail is told that it did not arrive
	kindAnswer  = "mail.answer"  // somebody who answers a mail of a redirect says that on XMPP
)

// task is the payload of a job.
type task struct {
	Domain  string // the virtual domain of the gateway whose job it is
	Mail    int64
	Size    int64  `json:",omitempty"` // of a mail that came, in bytes; 0 where that is not known
	User    string `json:",omitempty"` // bare JID
	Contact string `json:",omitempty"`
	// Site is the domain of the recipients that it is about; empty for all.
	Site string `json:",omitempty"`
	// Recipient is the address that a mail came to; Wanted says that its sender does not wait any more.
	Recipient string `json:",omitempty"`
	Wanted    bool   `json:",omitempty"`
	// Letter is what one is called that was not shown when it came, since its contact was muted.
	Letter string `json:",omitempty"`
	// Bounced is what a report is about, see reportRow.
	Bounced int64 `json:",omitempty"`
	// Answered is the row of the mail of a redirect that somebody has answered.
	Answered int64 `json:",omitempty"`
	// Reference is the Message-ID of an answer that was not taken, and Why the reason.
	Reference string `json:",omitempty"`
	Why       string `json:",omitempty"`
	// Action and Status are what a report says (RFC 3464 §2.3.3, RFC 3463).
	Action string `json:",omitempty"`
	Status string `json:",omitempty"`
	Notify bool   `json:",omitempty"` // who sent it wants to hear that it has arrived
	// Lost is a way to learn of a user's messages that is open no more.
	Lost transports.Way `json:",omitempty"`

	attempts int // of the job, with this one
}

// lane is what a job waits in.
func (t *Transport) lane(kind, name string) string { return kind + " " + t.opt.Domain + " " + name }

func (t *Transport) enqueue(tx *store.Tx, kind, lane, site string, notBefore time.Time, what task) (int64, error) {
	what.Domain = t.opt.Domain
	return jobs.Enqueue(tx, jobs.NewJob{
		Lane: t.lane(kind, lane), Site: site, Kind: kind, Payload: []byte(toJSON(what)), NotBefore: notBefore,
	})
}

// enqueueCompose has a mail composed, once it is time.
func (t *Transport) enqueueCompose(tx *store.Tx, a *author, m *store.MailOut, h *head) (err error) {
	due := t.opt.Now()
	if h.gathers() {
		due = due.Add(a.prefs.Quiet)
	}
	if m.Job, err = t.enqueue(tx, kindCompose, a.id.JID+" "+m.Contact, "", due, task{Mail: m.ID, User: a.id.JID}); err != nil {
		return err
	}
	return tx.SetMailJob(m.ID, m.Job)
}

// gathers reports whether further lines may go into a mail.
func (h *head) gathers() bool { return !h.Formal && !h.Reaction && h.Notice == "" }

// postpone has a mail wait until nothing was written for a while.
func (t *Transport) postpone(tx *store.Tx, m *store.MailOut, h *head, quiet time.Duration) error {
	if !h.gathers() {
		return nil
	}
	now := t.opt.Now()
	due := now.Add(quiet)
	if last := m.BegunAt.Add(max(maxGather, quiet)); due.After(last) {
		due = last
	}
	_, err := tx.MoveJob(m.Job, due)
	return err
}

// correct replaces a letter that has not gone out, and reports whether that was so. One that has gone out is answered by a mail that says so.
func (t *Transport) correct(tx *store.Tx, a *author, l *transports.Letter) (done bool, err error) {
	old, ok, err := tx.MailMessage(a.id, store.MailKey{XMPPID: l.Replaces})
	if err != nil {
		return false, err
	}
	if !ok || !old.Outward || old.Contact != l.With.ID {
		return false, transports.NewError(transports.NotFound, text.Say(a.prefs.Lang, "The message that this corrects is not known any more."), nil)
	}
	if hash := letterHash(l); hash == old.Hash {
		return true, nil
	}
	m, ok, err := tx.GatheringMail(a.id, l.With.ID)
	if err != nil {
		return false, err
	}
	if ok && m.ID == old.Mail {
		found, _, err := tx.ChangeMailLine(m.ID, l.Replaces, toJSON(l))
		if err != nil || !found {
			return false, err
		}
		h, err := fromJSON[head](m.Head)
		if err != nil {
			return false, err
		}
		return true, t.postpone(tx, &m, &h, a.prefs.Quiet)
	}
	l.ReplyTo = l.Replaces
	l.Body = text.Say(a.prefs.Lang, "Correction: %s", l.Body)
	l.Spans = nil // they are of other bytes now
	return false, nil
}

// redact takes back letters that have not gone out.
func (t *Transport) redact(ctx context.Context, user transports.Address, r transports.Redact) error {
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return busy(err)
	}
	id := t.userID(user)
	return t.write(ctx, func(tx *store.Tx) error {
		for _, letter := range r.Messages {
			old, ok, err := tx.MailMessage(id, store.MailKey{XMPPID: letter})
			switch {
			case err != nil:
				return err
			case !ok || !old.Outward:
				return transports.NewError(transports.NotFound, text.Say(prefs.Lang, "The message that you take back is none that you sent."), nil)
			}
			m, ok, err := tx.GatheringMail(id, old.Contact)
			if err != nil {
				return err
			}
			if !ok || m.ID != old.Mail {
				return transports.NewError(transports.Unsupported, text.Say(prefs.Lang, "This has gone out as a mail, and mails cannot be taken back."), nil)
			}
			_, left, err := tx.ChangeMailLine(m.ID, letter, "")
			if err == nil {
				err = tx.DropMailMessage(id, m.ID, letter)
			}
			if err == nil && left == 0 {
				_, err = tx.DropJob(m.Job)
				err = errors.Join(err, tx.DropMailOut(m.ID))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// flush has what is being written to somebody go out now, or to everybody where contact is empty. It returns how many mails that are.
func (t *Transport) flush(ctx context.Context, user transports.Address, contact string) (n int, err error) {
	id := t.userID(user)
	err = t.write(ctx, func(tx *store.Tx) error {
		n = 0
		all, err := tx.GatheringMails(id)
		for i := 0; i < len(all) && err == nil; i++ {
			if contact == "" || all[i].Contact == contact {
				n++
				_, err = tx.MoveJob(all[i].Job, t.opt.Now())
			}
		}
		return err
	})
	return n, err
}

// react sends the signs that a user has put to a letter, where he has set that he wants that.
func (t *Transport) react(ctx context.Context, user transports.Address, r transports.React) error {
	a, err := t.author(ctx, user)
	if err != nil {
		return err
	}
	switch {
	case !a.prefs.Reactions:
		return transports.NewError(transports.Unsupported, text.Say(a.prefs.Lang, "Reactions are not sent as mails unless you turn that on: write “configure %s=true” to %s.", SettingReactions, t.opt.Domain), nil)
	case len(r.Add) == 0:
		return transports.NewError(transports.Unsupported, text.Say(a.prefs.Lang, "This has gone out as a mail, and mails cannot be taken back."), nil)
	}
	messageID := newMessageID(a.from.Domain)
	return t.write(ctx, func(tx *store.Tx) error {
		on, ok, err := tx.MailMessage(a.id, store.MailKey{XMPPID: r.On})
		if err != nil {
			return err
		}
		if !ok || on.MessageID == "" {
			return transports.NewError(transports.NotFound, text.Say(a.prefs.Lang, "The message that you react to is not known any more."), nil)
		}
		l := transports.Letter{With: r.To, ID: messageID}
		h, news, err := t.addressed(tx, &a, &l)
		if err == nil {
			err = t.limits.send(a.prefs.Lang, a.id.JID, t.rules.Load(), news)
		}
		if err != nil {
			return err
		}
		h.fill(&a, &l, &on, true, messageID)
		h.Reaction = true
		for i, sign := range r.Add {
			if i > 0 {
				l.Body += " " // RFC 9078 §2: several are apart
			}
			l.Body += sign
		}
		m := store.MailOut{UserID: a.id, Contact: r.To.ID, MessageID: messageID, Bundle: h.bundle(), Head: toJSON(&h)}
		if m.ID, err = tx.AddMailOut(m); err != nil {
			return err
		}
		if err := tx.AddMailLine(store.MailLine{Mail: m.ID, XMPPID: l.ID, Letter: toJSON(&l)}); err != nil {
			return fmt.Errorf("react: %w", err)
		}
		return t.enqueueCompose(tx, &a, &m, &h)
	})
}
