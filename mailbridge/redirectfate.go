package mailbridge

import (
	"fmt"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of mails of redirects that come back.
const (
	maxFailures = 3                  // one after the other; then nothing goes out until the mailbox is confirmed anew
	failureFor  = 7 * 24 * time.Hour // behind which they are not one after the other
)

// redirectFailed notes that a mail of a redirect did not arrive, and tells its user on XMPP.
func (t *Transport) redirectFailed(tx *store.Tx, m *store.MailOut, user transports.Address, lang string, to address.Mailbox, f fate) error {
	r, ok, err := tx.Redirect(m.UserID)
	if err != nil || !ok {
		return err
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil || to.String() != r.Mailbox && to.String() != s.Next {
		return err // it leads elsewhere by now
	}
	about, _, err := tx.RedirectMail(m.ID)
	if err != nil {
		return err
	}
	lang = text.Known(lang)
	said := t.sayFailure(lang, to, f)
	if about.Peer != "" {
		if r.Failures++; t.opt.Now().Sub(r.FailedAt) > failureFor {
			r.Failures = 1
		}
		r.FailedAt = t.opt.Now()
		said = text.Say(lang, "A mail with messages of %s did not reach you.", about.Name) + " " + said
		if r.Failures >= maxFailures && r.State == store.RedirectOn {
			r.State = store.RedirectPaused
			said += "\n" + text.Say(lang, "Your messages go there no more, since mails came back. Once your mailbox takes mail again, write “redirect to %s”.", to)
			if _, err := t.enqueue(tx, kindFollow, m.JID, "", time.Time{}, task{User: m.JID}); err != nil {
				return err
			}
			if err := t.forgetTalks(tx, m.UserID); err != nil {
				return err
			}
		}
		if err := tx.SetRedirect(r); err != nil {
			return err
		}
	}
	return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("failed", fmt.Sprint(m.ID), to.String()), Text: said})
}

// forgetTalks drops what waits of all conversations of a user.
func (t *Transport) forgetTalks(tx *store.Tx, id store.UserID) error {
	talks, err := tx.RedirectTalks(id, maxTalks)
	for i := 0; i < len(talks) && err == nil; i++ {
		err = t.forgetTalk(tx, id, talks[i].Peer)
	}
	return err
}
