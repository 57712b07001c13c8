package mailbridge

import (
	"context"
	"slices"

	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// standing is how a user stands towards a mail: what he has set, and what he has to do with those whom it is from. It is read once a mail and user.
type standing struct {
	prefs    preferences
	blocked  []string                     // JIDs that he has blocked with his client (XEP-0191)
	contacts map[string]store.MailContact // of some, State and Proof alone
}

// standing reads how a user stands towards a mail.
func (t *Transport) standing(ctx context.Context, user transports.Address, m *content.Message, what *came) (*standing, error) {
	read, err := t.opt.Store.MailStanding(ctx, t.userID(user), scope, [3]string{listOf(m).ID, writer(m).ID, contactOf(t.writerOf(m, what).Mailbox).ID})
	if err != nil {
		return nil, err
	}
	return &standing{prefs: t.preferencesOf(user, read.Settings), blocked: read.Blocked, contacts: read.Contacts}, nil
}

// blocks reports whether he has blocked who wrote a mail or its list.
func (t *Transport) blocks(s *standing, m *content.Message) bool {
	for _, who := range []transports.Target{listOf(m), writer(m)} {
		if s.contacts[who.ID].State == store.MailBlocked {
			return true
		}
	}
	if len(s.blocked) == 0 {
		return false
	}
	for _, p := range m.From {
		if p.Mailbox.IsZero() {
			continue
		}
		jid := transports.Address{Local: transports.Escape(contactOf(p.Mailbox).ID), Domain: t.opt.Domain}
		if slices.Contains(s.blocked, jid.String()) || slices.Contains(s.blocked, t.opt.Domain) {
			return true
		}
	}
	return false
}
