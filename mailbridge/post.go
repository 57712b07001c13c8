package mailbridge

import (
	"context"
	"errors"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/store"
	"passerelle/transports"
)

// sameFor is for how long a letter with the id and the words of another one is that one, sent again by a client that lost its connection.
const sameFor = 24 * time.Hour

// author is somebody who writes, with what he has set.
type author struct {
	user  transports.Address
	id    store.UserID
	from  address.Mailbox
	prefs preferences
}

// author says as whom a user sends.
func (t *Transport) author(ctx context.Context, user transports.Address) (author, error) {
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return author{}, busy(err)
	}
	from, err := t.sender(prefs.Lang, user)
	return author{user: user, id: t.userID(user), from: from, prefs: prefs}, err
}

// called has an author who has set no name be called as his client says (XEP-0172).
func (a *author) called(l *transports.Letter) {
	if l.Nick != "" && !a.prefs.Named {
		a.prefs.Name = cutText(l.Nick, maxName)
	}
}

// busy is what a user is told where the database does not take what he wrote.
func busy(err error) error {
	if e, ok := errors.AsType[*transports.Error](err); ok {
		return e
	}
	return transports.NewError(transports.Busy, "This could not be written down. Try again in a moment.", err)
}

// post writes down what a user writes to somebody.
func (t *Transport) post(ctx context.Context, user transports.Address, l transports.Letter) error {
	if done, err := t.chatCommand(ctx, user, &l); done || err != nil {
		return err
	}
	a, err := t.author(ctx, user)
	if err != nil {
		return err
	}
	if err := checkLetter(a.prefs.Lang, &l); err != nil {
		return err
	}
	a.called(&l)
	messageID := newMessageID(a.from.Domain)
	return t.write(ctx, func(tx *store.Tx) error {
		if l.Replaces != "" {
			if done, err := t.correct(tx, &a, &l); done || err != nil {
				return err
			}
		}
		return t.gather(tx, &a, &l, messageID)
	})
}

// write runs a transaction whose errors are for the user.
func (t *Transport) write(ctx context.Context, fn func(*store.Tx) error) error {
	if err := t.opt.Store.Write(ctx, fn); err != nil {
		return busy(err)
	}
	return nil
}

// checkLetter refuses what cannot be mailed.
func checkLetter(lang string, l *transports.Letter) error {
	l.Body = strings.TrimRight(l.Body, "\n ")
	if l.ID == "" {
		l.ID = newMessageID("")
	}
	switch {
	case l.Body == "" && len(l.Files) == 0 && l.Subject == "":
		return transports.NewError(transports.BadRequest, text.Say(lang, "There is nothing in this message that a mail could carry."), nil)
	case len(l.Others) > transports.MaxRecipients:
		return transports.NewError(transports.TooLarge, text.Say(lang, "A mail may go to %d people at most.", transports.MaxRecipients), nil)
	}
	return nil
}

// gather puts a letter into the mail that is being written to the same people, or begins one.
func (t *Transport) gather(tx *store.Tx, a *author, l *transports.Letter, messageID string) error {
	now := t.opt.Now()
	hash := letterHash(l)
	if m, ok, err := tx.MailMessage(a.id, store.MailKey{XMPPID: l.ID}); err != nil || ok && m.Outward && m.Hash == hash && m.Contact == l.With.ID && now.Sub(m.At) < sameFor {
		return err // it is written down already
	}
	h, news, err := t.addressed(tx, a, l)
	if err != nil {
		return err
	}
	parent, answers, err := above(tx, a.id, l, now)
	if err != nil {
		return err
	}
	open, ok, err := tx.GatheringMail(a.id, l.With.ID)
	if err != nil {
		return err
	}
	if ok {
		begun, err := fromJSON[head](open.Head)
		if err != nil {
			return err
		}
		if l.ReplyTo == "" || !answers {
			parent = store.MailMessage{}
		}
		if goesWith(&open, &begun, &h, l, &parent) {
			return t.addLine(tx, a, &open, &begun, l, hash)
		}
		if _, err := tx.MoveJob(open.Job, now); err != nil { // what was said before goes out before
			return err
		}
		if parent, answers, err = above(tx, a.id, l, now); err != nil {
			return err
		}
	}
	if err := t.limits.send(a.prefs.Lang, a.id.JID, t.rules.Load(), news); err != nil {
		return err
	}
	if err := t.daily(tx, a.prefs.Lang, a.id, t.rules.Load()); err != nil {
		return err
	}
	h.fill(a, l, &parent, answers, messageID)
	m := store.MailOut{UserID: a.id, Contact: l.With.ID, MessageID: messageID, Bundle: h.bundle(), Head: toJSON(&h)}
	if m.ID, err = tx.AddMailOut(m); err != nil {
		return err
	}
	if err := t.enqueueCompose(tx, a, &m, &h); err != nil {
		return err
	}
	tx.OnCommit(func() { count(t.metrics.out, outWritten) })
	for _, p := range append(append([]person{}, h.To...), h.Cc...) {
		c := contactOf(p.Mailbox).ID
		if err := tx.MeetMailContact(store.MailContact{UserID: a.id, Contact: c, Mailbox: p.Mailbox.String(), Name: p.Name, State: store.MailKnown}); err != nil {
			return err
		}
		if err := t.becomesKnown(tx, a.id, c); err != nil {
			return err
		}
	}
	m.BegunAt = now
	return t.addLine(tx, a, &m, &h, l, hash)
}

// goesWith reports whether a letter goes into a mail that is being written. Parent is what it says that it answers, if it says so.
func goesWith(m *store.MailOut, begun, h *head, l *transports.Letter, parent *store.MailMessage) bool {
	switch {
	case m.Edits >= maxLines:
		return false // the next mail counts for the limits of who sends
	case l.Formal || begun.Formal || begun.Reaction || begun.Notice != "" || m.Bundle != h.bundle():
		return false
	case l.Subject != "" && l.Subject != begun.Subject:
		return false
	case l.Thread != "" && l.Thread != begun.Client && l.Thread != begun.Thread:
		return false
	case parent.MessageID != "" && parent.MessageID != begun.Parent && parent.Mail != m.ID:
		return false
	}
	return true
}

// fill says what a mail is about and what it answers.
func (h *head) fill(a *author, l *transports.Letter, parent *store.MailMessage, answers bool, messageID string) {
	h.Formal, h.Client, h.Thread = l.Formal, l.Thread, l.Thread
	h.Subject, h.Named = l.Subject, l.Subject != ""
	if answers {
		h.Parent, h.Refs = parent.MessageID, refsBehind(parent)
		if h.Thread == "" {
			h.Thread = parent.Thread
		}
		if h.Subject == "" {
			h.Subject = answerTo(parent.Subject)
		}
	}
	if h.Subject == "" {
		h.Subject = text.Say(a.prefs.Lang, "Message from %s", a.prefs.Name)
	}
	if h.Thread == "" {
		h.Thread = threadOf(messageID)
	}
}

// addLine puts a letter into a mail, and has it composed once nothing more is written.
func (t *Transport) addLine(tx *store.Tx, a *author, m *store.MailOut, h *head, l *transports.Letter, hash string) error {
	line := store.MailLine{Mail: m.ID, XMPPID: l.ID, Client: l.Client.String(), Receipt: l.Receipt, Letter: toJSON(l)}
	if err := tx.AddMailLine(line); err != nil {
		return err
	}
	err := tx.AddMailMessage(store.MailMessage{
		UserID: a.id, Contact: m.Contact, Outward: true, XMPPID: l.ID, MessageID: m.MessageID, Thread: h.Thread, Subject: h.Subject,
		Refs: strings.Join(h.Refs, " "), Others: toJSON(others{To: h.To, Cc: h.Cc}), Hash: hash, Mail: m.ID,
	})
	if err != nil {
		return err
	}
	if l.Receipt && a.prefs.Receipts == receiptsQueued {
		if err := t.gateway.Deliver(tx, a.user, transports.Receipt{With: l.With, ID: l.ID, Client: l.Client}); err != nil {
			return err
		}
	}
	return t.postpone(tx, m, h, a.prefs.Quiet)
}

// addressed says whom a letter is for, and how many of them the user has not written to before.
func (t *Transport) addressed(tx *store.Tx, a *author, l *transports.Letter) (h head, news int, err error) {
	add := func(list *[]person, target transports.Target, name string) error {
		p, known, err := t.person(tx, a.id, target)
		if err != nil {
			return err
		}
		if !known && list != &h.Reply { // who gets nothing is nobody new
			news++
		}
		if p.Name == "" {
			p.Name = name
		}
		*list = append(*list, p)
		return nil
	}
	if l.With.ID != "" {
		if err := add(&h.To, l.With, ""); err != nil {
			return h, 0, err
		}
	}
	for _, o := range l.Others {
		list := &h.To
		switch {
		case o.Kind == transports.RecipientReplyTo:
			list = &h.Reply
		case o.Kind == transports.RecipientBcc && o.Delivered:
			continue
		case o.Kind == transports.RecipientBcc:
			list = &h.Bcc
		case o.Kind == transports.RecipientCc && o.Delivered:
			list = &h.ToldCc
		case o.Kind == transports.RecipientCc:
			list = &h.Cc
		case o.Delivered:
			list = &h.ToldTo
		}
		if o.Who.ID != "" {
			if o.Who == l.With && list != &h.Reply {
				continue
			}
			if err := add(list, o.Who, o.Name); err != nil {
				return h, 0, err
			}
			continue
		}
		// XEP-0033 §4: an account of XMPP. Whoever has no address with us is told of the mail by the sender's own server, not by us.
		m, ok := t.addressOf(o.User)
		if !ok {
			return h, 0, transports.NewError(transports.NotFound, text.Say(a.prefs.Lang, "%s has no email address here.", o.User.Bare().String()), nil)
		}
		*list = append(*list, person{Name: o.Name, Mailbox: m})
	}
	if len(h.recipients()) == 0 {
		return h, 0, transports.NewError(transports.BadRequest, text.Say(a.prefs.Lang, "This message is for nobody."), nil)
	}
	return h, news, nil
}

// person is a contact as mail names him: as he spelled himself last, if he is known.
func (t *Transport) person(tx *store.Tx, id store.UserID, target transports.Target) (p person, known bool, err error) {
	c, ok, err := tx.MailContact(id, target.ID)
	if err != nil {
		return p, false, err
	}
	if ok {
		p.Mailbox, err = address.ParseLoose(c.Mailbox)
		if m, strict := address.Parse(c.Mailbox); strict == nil {
			p.Mailbox, err = m, nil
		}
		p.Name = c.Name
		return p, c.State == store.MailKnown, err
	}
	if p.Mailbox, err = address.ParseLoose(target.ID); err != nil {
		return p, false, transports.NewError(transports.NotFound, "This address stands for somebody who has never written to you.", err)
	}
	return p, false, nil
}
