package mailbridge

import (
	"context"
	"slices"
	"strings"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// recipientShift is where in the row of an address for reports the recipient is whose mail it goes back from.
const recipientShift = 56

// reportRow is what an address for reports stands for: a mail, and which of its recipients has got it with that address, from 1 on; 0 where all
// have. Who has got a mail knows the address, and could write a report of his own: it is about nobody but him.
func reportRow(mail int64, recipient int) int64 { return mail | int64(recipient)<<recipientShift }

func splitReportRow(row int64) (mail int64, recipient int) {
	return row & (1<<recipientShift - 1), int(row >> recipientShift)
}

// bounced reads what came to the address of a mail of ours for reports. It is about that mail, whatever it says.
func (t *Transport) bounced(ctx context.Context, a *arrival) jobs.Outcome {
	mail, recipient := splitReportRow(a.what.Bounced)
	m, ok, err := t.opt.Store.MailOut(ctx, mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	closed := func(tx *store.Tx) error { return tx.CloseMailIn(a.in.ID) }
	if !ok {
		return jobs.Outcome{Verdict: jobs.Done, Then: closed}
	}
	if a.user, err = transports.ParseAddress(m.JID); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	if a.m.Report == nil || a.m.Report.Kind != content.ReportDelivery {
		if m.Bundle == store.BundleRedirect {
			return jobs.Outcome{Verdict: jobs.Done, Then: closed} // the user's own holiday answer to what others wrote to him
		}
		// Somebody's holiday answer (RFC 3834 §4), or a person who answers to the envelope: he has got the mail.
		a.what.User = m.JID
		return t.arrive(ctx, a)
	}
	prefs, err := t.preferences(ctx, a.user)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		if err := closed(tx); err != nil {
			return err
		}
		states, err := tx.MailRecipients(m.ID)
		if err == nil && recipient > 0 {
			states, err = statesOf(&m, states, recipient)
		}
		if err != nil {
			return err
		}
		for _, r := range a.m.Report.Recipients {
			if err := t.reported(tx, &m, a, prefs, states, &r); err != nil {
				return err
			}
		}
		return tx.EmptyMailOut(m.ID)
	}}
}

// statesOf is the state of one recipient of a mail.
func statesOf(m *store.MailOut, states []store.MailRecipient, recipient int) ([]store.MailRecipient, error) {
	h, err := fromJSON[head](m.Head)
	if err != nil {
		return nil, err
	}
	to := h.recipients()
	if recipient > len(to) {
		return nil, nil
	}
	return slices.DeleteFunc(states, func(s store.MailRecipient) bool { return s.Mailbox != to[recipient-1].String() }), nil
}

// reported notes what a report says of a recipient.
func (t *Transport) reported(tx *store.Tx, m *store.MailOut, a *arrival, prefs preferences, states []store.MailRecipient, r *content.Reported) error {
	to, ok := whoseReport(states, r)
	if !ok {
		return nil
	}
	f := fate{status: r.Status, text: r.Diagnostic}
	switch r.Action {
	case content.ActionFailed:
		f.kind = fatePermanent
		if strings.HasPrefix(f.status, "2.") || f.status == "" {
			f.status = "5.0.0"
		}
	case content.ActionDelivered:
		f.kind = fateDelivered
	case content.ActionRelayed, content.ActionExpanded:
		f.kind = fateSent
	case content.ActionDelayed:
		if m.Bundle == store.BundleRedirect {
			return nil
		}
		said := text.Say(prefs.Lang, "Your mail to %s has not arrived yet: a server on its way goes on trying.", to)
		if answer := oneLine(r.Diagnostic); answer != "" {
			said += " " + text.Say(prefs.Lang, "The server said: %s", answer)
		}
		return t.gateway.Deliver(tx, a.user, transports.Remark{ID: digest("delayed", m.MessageID, to.String()), With: withOf(m), Text: said})
	default:
		return nil
	}
	if f.kind == fateSent {
		return t.receipts(tx, m, a.user) // nothing more will be heard of it
	}
	return t.settle(tx, m, a.user, prefs, to, f)
}

// whoseReport finds the recipient that a report is about: the only one, where it names nobody of ours, as after forwarding.
func whoseReport(states []store.MailRecipient, r *content.Reported) (address.Mailbox, bool) {
	for _, named := range []address.Mailbox{r.Original, r.Final} {
		for _, s := range states {
			if m, err := address.Parse(s.Mailbox); err == nil && strings.EqualFold(m.String(), named.String()) {
				return m, true
			}
		}
	}
	if len(states) == 1 {
		m, err := address.Parse(states[0].Mailbox)
		return m, err == nil
	}
	return address.Mailbox{}, false
}
