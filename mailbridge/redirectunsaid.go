package mailbridge

import (
	"context"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/store"
	"passerelle/transports"
)

// Who has answered by mail looks at his mailbox and not at his XMPP client: that nobody took his answer he is told there as well, once.

// maxWhy is how much of a reason is told, in bytes.
const maxWhy = 500

// refusedAnswer notes that the XMPP side has given back what a user answered by mail.
func (t *Transport) refusedAnswer(tx *store.Tx, user transports.Address, m *store.MailMessage, r *transports.Returned) error {
	o, err := fromJSON[others](m.Others)
	if err != nil || o.Unsaid {
		return err
	}
	if r.From != (transports.Address{}) {
		// Whoever has got it knows its id; who has not got it cannot refuse it.
		if sent, ok, err := tx.RedirectMail(o.Answered); err != nil || !ok || sent.Peer != r.From.Bare().String() {
			return err
		}
	}
	return t.unsaid(tx, user, m, r.Err)
}

// unsaid tells a user, on XMPP and by mail, that what he answered by mail was not taken.
func (t *Transport) unsaid(tx *store.Tx, user transports.Address, m *store.MailMessage, why *transports.Error) error {
	o, err := fromJSON[others](m.Others)
	if err != nil {
		return err
	}
	o.Unsaid, m.Others = true, toJSON(others{Answered: o.Answered, Unsaid: true})
	if err := tx.DropMailMessage(m.UserID, m.Mail, m.XMPPID); err != nil {
		return err
	}
	if err := tx.AddMailMessage(*m); err != nil {
		return err
	}
	said := text.Say(t.langOf(tx, user), "What you answered by mail was not taken: %s", why.Text)
	if err := t.gateway.Deliver(tx, user, transports.Remark{ID: digest("unsaid", m.XMPPID), Text: said}); err != nil || o.Answered == 0 {
		return err
	}
	_, err = t.enqueue(tx, kindUnsaid, m.JID, "", t.opt.Now(), task{User: m.JID, Answered: o.Answered, Reference: m.MessageID, Why: cutText(why.Text, maxWhy)})
	return err
}

// mailUnsaid mails that an answer was not taken to where it came from, unless his messages do not go there any more. It is answered as the mail that
// he has answered.
func (t *Transport) mailUnsaid(ctx context.Context, what task) jobs.Outcome {
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	sent, known, err := t.opt.Store.RedirectMail(ctx, what.Answered)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	m := redirected{user: user}
	var ok bool
	if m.r, ok, err = t.opt.Store.Redirect(ctx, t.userID(user)); err != nil {
		return jobs.Outcome{Err: err}
	}
	if !known || !ok || m.r.State != store.RedirectOn || !sameMailbox(m.r.Mailbox, sent.Mailbox) || !t.targetOf(&m) {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	if m.prefs, err = t.preferences(ctx, user); err != nil {
		return jobs.Outcome{Err: err}
	}
	row := int64(0)
	if err := t.opt.Store.Write(ctx, func(tx *store.Tx) (err error) { row, err = tx.NextMailID(); return err }); err != nil {
		return jobs.Outcome{Err: err}
	}
	lang, last := m.prefs.Lang, store.MailMessage{MessageID: what.Reference}
	reply := address.Mailbox{Local: t.opt.Tokens.Local(address.TokenReply, row, t.opt.Now()), Domain: m.from.Domain}
	out := compose.Outgoing{
		From:    compose.Person{Name: t.rules.Load().Name, Mailbox: m.from},
		ReplyTo: []compose.Person{{Name: sent.Name, Mailbox: reply}}, To: []compose.Person{{Mailbox: m.to}},
		Subject: text.Say(lang, "Your answer to %s did not arrive", sent.Name), MessageID: newMessageID(m.from.Domain), Date: t.opt.Now().UTC(),
		InReplyTo: last.MessageID, References: refsBehind(&last),
		Text:  text.Say(lang, "You answered to %s by mail. That was not taken: %s", sent.Name, what.Why) + "\n\n" + text.Say(lang, "Answer this mail to try it again.") + "\n",
		Auto:  "auto-replied", // RFC 3834 §5
		Extra: t.redirectHeaders(row, reply),
	}
	raw, err := t.signed(&out)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	about := store.RedirectMail{Peer: sent.Peer, Name: sent.Name, Thread: sent.Thread, XMPPID: sent.XMPPID}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.sendRedirected(tx, &m, row, raw, out.MessageID, about) }}
}
