package mailbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// Mail from somebody unknown waits, where its user has not set otherwise, until he says that he wants it. He is asked with one message about all
// of them, and not again for a while.

// Times and bounds of asking.
const (
	askAfter   = 10 * time.Second // of the first mail, so that several are asked about at once
	askAgain   = time.Hour        // while an answer is awaited
	maxAsked   = 10               // people in one message
	waitsFor   = 30 * 24 * time.Hour
	maxWaiting = 1000 // mails of a user; the next are refused
	// maxWaitingSize bounds their bytes: as many as so many of the largest mails that are taken.
	maxWaitingSize = 10
)

// gate is whether a mail may come to a user.
type gate uint8

const (
	gateOpen gate = iota
	gateWaits
	gateShut // it is blocked
)

// gateOf is who has to be known for a mail to come: its list, or else who wrote it. Everybody can write the name of a list above a mail, so that one
// counts only where its domain speaks for the mail.
func gateOf(m *content.Message, what *came) transports.Target {
	if list := listOf(m); list.ID != "" && what.speaks(list) {
		return list
	}
	return writer(m)
}

// listOf is the list that a mail says it came by.
func listOf(m *content.Message) transports.Target {
	if m.List != nil {
		if box, err := address.Parse(m.List.Post); err == nil {
			return contactOf(box)
		}
	}
	return transports.Target{}
}

// writer is who wrote a mail, as it says.
func writer(m *content.Message) transports.Target {
	if len(m.From) > 0 && !m.From[0].Mailbox.IsZero() {
		return contactOf(m.From[0].Mailbox)
	}
	return transports.Target{}
}

// gate decides.
func (t *Transport) gate(ctx context.Context, a *arrival) (gate, error) {
	if a.what.Wanted {
		return gateOpen, nil
	}
	if t.blocks(a.stands, a.m) {
		return gateShut, nil
	}
	if t.mutedBy(a) != "" {
		return gateOpen, nil // and nobody is asked about it
	}
	for _, who := range []transports.Target{gateOf(a.m, &a.came), contactOf(a.from.Mailbox)} {
		c, met := a.stands.contacts[who.ID]
		switch {
		case met && c.State == store.MailBlocked:
			return gateShut, nil
		case met && a.came.suspects(&c, who, writer(a.m)):
			return gateWaits, nil // whatever he has set of strangers
		case met && c.State == store.MailKnown:
			return gateOpen, nil
		}
	}
	if a.prefs.Strangers != StrangersAsk || a.what.Bounced != 0 { // who has got a mail of the user's answers
		return gateOpen, nil
	}
	answers, err := t.answers(ctx, a.id, a.m)
	if err != nil || answers {
		return gateOpen, err
	}
	return gateWaits, nil
}

// waits has a mail wait, and its user asked.
func (t *Transport) waits(tx *store.Tx, a *arrival) error {
	tx.OnCommit(func() { count(t.metrics.in, inWaits) })
	who := gateOf(a.m, &a.came)
	if who.ID == "" {
		who = contactOf(a.from.Mailbox)
	}
	asked, err := t.isAsked(tx, a.id)
	if err != nil {
		return err
	}
	if err := tx.MeetMailContact(store.MailContact{UserID: a.id, Contact: who.ID, Mailbox: a.from.Mailbox.String(), Name: nickOf(a)}); err != nil {
		return err
	}
	if err := tx.AddMailWaiting(store.MailWaiting{
		UserID: a.id, Mail: a.in.ID, Contact: who.ID, Recipient: a.what.Recipient, Subject: cutText(a.m.Subject, maxKeptSubject),
	}); err != nil {
		return err
	}
	c, ok, err := tx.MailContact(a.id, who.ID)
	if err != nil || !ok || c.Number != 0 || asked == askComes {
		return err
	}
	due := t.opt.Now().Add(askAfter)
	if asked == askAnswerAwaited {
		due = t.opt.Now().Add(askAgain)
	}
	_, err = t.enqueue(tx, kindAsk, a.id.JID, "", due, task{User: a.id.JID})
	return err
}

// asking says how far a user has been asked.
type asking uint8

const (
	askNothing       asking = iota
	askComes                // a question is on its way
	askAnswerAwaited        // he has been asked
)

func (t *Transport) isAsked(tx *store.Tx, id store.UserID) (asking, error) {
	waiting, err := tx.MailWaiting(id, "", maxAsked)
	if err != nil || len(waiting) == 0 {
		return askNothing, err
	}
	for _, w := range waiting {
		if c, ok, err := tx.MailContact(id, w.Contact); err != nil || ok && c.Number == 0 {
			return askComes, err
		}
	}
	return askAnswerAwaited, nil
}

// ask asks a user about everybody whose mail waits.
func (t *Transport) ask(ctx context.Context, what task) jobs.Outcome {
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	id := t.userID(user)
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		waiting, err := tx.MailWaiting(id, "", maxWaiting)
		if err != nil {
			return err
		}
		var lines []string
		seen := make(map[string]bool)
		asked, last, suspect := 0, 0, 0
		for _, w := range waiting {
			if seen[w.Contact] {
				continue
			}
			seen[w.Contact] = true
			if err := tx.NumberMailContact(id, w.Contact); err != nil {
				return err
			}
			c, ok, err := tx.MailContact(id, w.Contact)
			if err != nil {
				return err
			}
			if ok && asked < maxAsked {
				asked++
				lines = append(lines, fmt.Sprintf("%d. %s", c.Number, describe(prefs.Lang, &c, w.Subject)))
				if c.State == store.MailKnown {
					lines = append(lines, "⚠ "+text.Say(prefs.Lang, "You know this contact, and nothing shows that this mail is from there. It may be forged."))
					suspect = c.Number
				} else {
					last = c.Number
				}
			}
		}
		if len(lines) == 0 {
			return nil // he has answered meanwhile
		}
		if more := len(seen) - asked; more > 0 {
			lines = append(lines, text.Say(prefs.Lang, "… and %d more: “queue” shows them.", more))
		}
		begin := text.Say(prefs.Lang, "Mail of people whom you do not know waits for you:")
		if suspect > 0 {
			begin = text.Say(prefs.Lang, "Mail waits for you:")
		}
		said := begin + "\n" + strings.Join(lines, "\n")
		if last > 0 {
			said += "\n" + text.Say(prefs.Lang, "Answer “accept %d” or “block %d”. With “configure strangers=pass” such mail always comes.", last, last)
		}
		if suspect > 0 {
			said += "\n" + text.Say(prefs.Lang, "If a mail is from your contact after all, answer “accept %d”; else leave it.", suspect)
		}
		return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("ask", id.JID, fmt.Sprint(waiting[len(waiting)-1].Mail)), Text: said})
	}}
}

// describe names somebody with the subject of his mail.
func describe(lang string, c *store.MailContact, subject string) string {
	who := c.Mailbox
	if c.Name != "" && c.Name != c.Mailbox {
		who = c.Name + " <" + c.Mailbox + ">"
	}
	if subject == "" {
		return text.Say(lang, "%s, without a subject", who)
	}
	return text.Say(lang, "%s: “%s”", who, cutText(subject, 100))
}

// becomesKnown notes that a user writes to somebody, and so knows him from now on; what waited of him comes. Of one whom he knew before something may
// wait that seems to be from somebody else: writing to him says nothing of that.
func (t *Transport) becomesKnown(tx *store.Tx, id store.UserID, who string) error {
	c, ok, err := tx.MailContact(id, who)
	if err != nil || !ok || c.State == store.MailKnown {
		return err
	}
	return t.acceptMail(tx, id, who)
}

// acceptMail notes that a user wants mail of somebody, however little shows that it is from him; what waited of him comes.
func (t *Transport) acceptMail(tx *store.Tx, id store.UserID, who string) error {
	if err := tx.AcceptMailContact(id, who); err != nil {
		return err
	}
	waiting, err := tx.MailWaiting(id, who, maxWaiting)
	for i := 0; i < len(waiting) && err == nil; i++ {
		w := &waiting[i]
		if err = tx.DropMailWaiting(id, w.Mail); err == nil {
			_, err = t.enqueue(tx, kindIn, id.JID, "", time.Time{}, task{Mail: w.Mail, User: id.JID, Recipient: w.Recipient, Wanted: true})
		}
	}
	return err
}

// block notes that a user wants nothing of somebody. What waits of him is dropped.
func (t *Transport) block(tx *store.Tx, id store.UserID, c store.MailContact) error {
	c.UserID, c.State = id, store.MailBlocked
	if err := tx.MeetMailContact(c); err != nil {
		return err
	}
	if err := tx.SetMailContact(id, c.Contact, store.MailBlocked); err != nil {
		return err
	}
	waiting, err := tx.MailWaiting(id, c.Contact, maxWaiting)
	for i := 0; i < len(waiting) && err == nil; i++ {
		err = errors.Join(tx.DropMailWaiting(id, waiting[i].Mail), tx.CloseMailIn(waiting[i].Mail))
	}
	return err
}
