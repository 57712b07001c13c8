package mailbridge

import (
	"context"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Mail of a contact or a list that its user has muted is taken and kept as other mail, and can be answered and asked for in the conversation. It is only
// not sent to him, until he unmutes it.

// maxUnmuted is how many letters come that were not shown, the last ones.
const maxUnmuted = 20

// mutedBy is whose being muted keeps a mail from being shown; empty where it is shown.
func (t *Transport) mutedBy(a *arrival) string {
	if a.what.Letter != "" {
		return ""
	}
	for _, who := range []transports.Target{gateOf(a.m, &a.came), contactOf(a.from.Mailbox)} {
		if !a.stands.contacts[who.ID].Muted.IsZero() {
			return who.ID
		}
	}
	return ""
}

func (t *Transport) runMute(ctx context.Context, call transports.Call) (string, error) {
	id, c, err := t.whoOf(ctx, &call)
	if err != nil {
		return "", err
	}
	if err := t.write(ctx, func(tx *store.Tx) error {
		if err := tx.MeetMailContact(c); err != nil {
			return err
		}
		return tx.MuteMailContact(id, c.Contact, t.opt.Now())
	}); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "What %s writes is not shown to you from now on, until you say “unmute %s”. It is taken and kept all the same.", c.Mailbox, c.Mailbox), nil
}

func (t *Transport) runUnmute(ctx context.Context, call transports.Call) (string, error) {
	id, c, err := t.whoOf(ctx, &call)
	if err != nil {
		return "", err
	}
	var came int64
	if err := t.write(ctx, func(tx *store.Tx) (err error) {
		came, err = t.unmute(tx, id, c.Contact)
		return err
	}); err != nil {
		return "", err
	}
	said := text.Say(call.Lang, "What %s writes is shown to you.", c.Mailbox)
	switch {
	case came > maxUnmuted:
		said += " " + text.Say(call.Lang, "%d mails came meanwhile. The last %d of them come now.", came, maxUnmuted)
	case came > 1:
		said += " " + text.Say(call.Lang, "%d mails came meanwhile, and come now.", came)
	case came == 1:
		said += " " + text.Say(call.Lang, "One mail came meanwhile, and comes now.")
	}
	return said, nil
}

// unmute has mail shown again, and what was not shown come. It returns how many that were.
func (t *Transport) unmute(tx *store.Tx, id store.UserID, contact string) (int64, error) {
	if err := tx.MuteMailContact(id, contact, time.Time{}); err != nil {
		return 0, err
	}
	last, came, err := tx.TakeMailMuted(id, contact, maxUnmuted)
	for i := 0; i < len(last) && err == nil; i++ {
		_, err = t.enqueue(tx, kindIn, id.JID, "", time.Time{}, task{Mail: last[i].Mail, User: id.JID, Wanted: true, Letter: last[i].XMPPID})
	}
	return came, err
}
