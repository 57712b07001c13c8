package mailbridge

import (
	"context"
	"errors"

	"passerelle/mailbridge/address"
	"passerelle/store"
)

// leaveLink is the link in a mail of a redirect by which its reader ends that; empty where there is no page for it.
func (t *Transport) leaveLink(row int64) string {
	r := t.rules.Load().Redirect
	if r == nil || r.LeaveURL == "" {
		return ""
	}
	return r.LeaveURL + t.opt.Tokens.Local(address.TokenLeave, row, t.opt.Now())[len("l+"):]
}

// leaving is the mail that a token of a link was made for. The link works for as long as the mail is known: who wants to leave is not late.
func (t *Transport) leaving(ctx context.Context, token string) (m store.RedirectMail, ok bool, err error) {
	kind, row, err := t.opt.Tokens.Row("l+"+token, t.opt.Now())
	if err != nil && !errors.Is(err, address.ErrExpired) || kind != address.TokenLeave {
		return m, false, nil
	}
	m, ok, err = t.opt.Store.RedirectMail(ctx, row)
	if err != nil {
		return m, false, busy(err)
	}
	return m, ok && m.Domain == t.opt.Domain, nil
}

// LeavesFrom says where the mails go that the link of a token ends; ok is false where it is none of this domain.
func (t *Transport) LeavesFrom(ctx context.Context, token string) (mailbox string, ok bool, err error) {
	m, ok, err := t.leaving(ctx, token)
	return m.Mailbox, ok, err
}

// Leave ends the redirect that has made the link of a token, and has its user told. To end what has ended is no error.
func (t *Transport) Leave(ctx context.Context, token string) error {
	m, ok, err := t.leaving(ctx, token)
	if err != nil || !ok {
		return err
	}
	return t.write(ctx, func(tx *store.Tx) error { return t.refuseRedirect(tx, &m) })
}
