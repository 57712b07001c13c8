package mailbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

// enqueueSend has a composed mail brought to its recipients, to each site for itself.
func (t *Transport) enqueueSend(tx *store.Tx, m *store.MailOut, to []address.Mailbox) error {
	seen := make(map[string]bool)
	for _, r := range to {
		site := t.siteOf(r)
		if seen[site] {
			continue
		}
		seen[site] = true
		// Mails of somebody to somebody arrive in the order in which he wrote them.
		_, err := t.enqueue(tx, kindSend, m.JID+" "+m.Contact+" "+site, site, time.Time{}, task{Mail: m.ID, User: m.JID, Contact: m.Contact, Site: site})
		if err != nil {
			return err
		}
	}
	return nil
}

// siteOf is what mail for somebody depends on.
func (t *Transport) siteOf(to address.Mailbox) string {
	if t.opt.Relay == nil {
		return "nowhere"
	}
	return t.opt.Relay.Site(to)
}

// send brings a mail to those at a site who have not got it.
func (t *Transport) send(ctx context.Context, what task) jobs.Outcome {
	m, ok, err := t.opt.Store.MailOut(ctx, what.Mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || len(m.Raw) == 0 {
		return jobs.Outcome{Verdict: jobs.Done} // its user was removed, or nobody is to get it any more
	}
	h, err := fromJSON[head](m.Head)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	open, err := t.open(ctx, &m, &h, what.Site)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if len(open) == 0 {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	if t.opt.Relay == nil {
		return jobs.Outcome{Err: errors.New("no server is known that sends mail")}
	}
	user, err := transports.ParseAddress(m.JID)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	from := h.From
	if m.Bundle != store.BundleRedirect {
		own, ok := t.addressOf(user)
		if !ok {
			return jobs.Outcome{Verdict: jobs.Failed, Err: errors.New("its sender has no address here any more")}
		}
		from = own
	}
	e := relay.Envelope{From: from, Notify: prefs.Receipts == receiptsDelivered, EnvID: fmt.Sprint(m.ID), UTF8: h.needsUTF8(from)}
	return t.sent(&m, user, prefs, t.sendEach(ctx, &m, &h, e, open))
}

// maxCopies bounds the bytes of a mail that is sent to each recipient with an address for reports of his own. A larger one is sent once for all.
const maxCopies = 8 << 20

// sendEach sends a mail to some recipients.
func (t *Transport) sendEach(ctx context.Context, m *store.MailOut, h *head, e relay.Envelope, to []address.Mailbox) (results []relay.Result) {
	all := h.recipients()
	send := func(to []address.Mailbox, recipient int) []relay.Result {
		e.From.Local, e.To = t.opt.Tokens.Local(address.TokenBounce, reportRow(m.ID, recipient), t.opt.Now()), to
		return t.opt.Relay.Send(ctx, e, m.Raw)
	}
	if len(all) > 1 && len(to)*len(m.Raw) > maxCopies {
		return send(to, 0)
	}
	for i := range to {
		results = append(results, send(to[i:i+1], 1+slices.Index(all, to[i]))...)
		if last := results[len(results)-1]; last.Away {
			for _, r := range to[i+1:] { // who come to the same server
				last.To = r
				results = append(results, last)
			}
			break
		}
	}
	return results
}

// open are those at a site of whom it is not known what became of a mail.
func (t *Transport) open(ctx context.Context, m *store.MailOut, h *head, site string) ([]address.Mailbox, error) {
	states, err := t.opt.Store.MailRecipients(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	waits := make(map[string]bool)
	for _, s := range states {
		waits[s.Mailbox] = s.State == store.MailQueued || s.State == store.MailDelayed
	}
	var open []address.Mailbox
	for _, r := range h.recipients() {
		// The operator may have changed the way since; then the job goes to whoever is left.
		if waits[r.String()] && (t.siteOf(r) == site || !t.isSite(h, site)) {
			open = append(open, r)
		}
	}
	return open, nil
}

// isSite reports whether a mail has recipients at a site.
func (t *Transport) isSite(h *head, site string) bool {
	for _, r := range h.recipients() {
		if t.siteOf(r) == site {
			return true
		}
	}
	return false
}

// sent notes what became of a mail.
func (t *Transport) sent(m *store.MailOut, user transports.Address, prefs preferences, results []relay.Result) jobs.Outcome {
	out := jobs.Outcome{Verdict: jobs.Done}
	for _, r := range results {
		if r.Outcome == relay.Temporary {
			out.Verdict, out.Err, out.Away = jobs.Retry, r.Err(), out.Away || r.Away
		}
	}
	out.Then = func(tx *store.Tx) error {
		for i := range results {
			if err := t.settle(tx, m, user, prefs, results[i].To, fateOf(&results[i])); err != nil {
				return err
			}
		}
		return tx.EmptyMailOut(m.ID)
	}
	return out
}

// settle notes what became of a mail for one recipient and tells its user.
func (t *Transport) settle(tx *store.Tx, m *store.MailOut, user transports.Address, prefs preferences, to address.Mailbox, f fate) error {
	if f.kind == fateTemporary {
		tx.OnCommit(func() { count(t.metrics.out, outAgain) })
		return tx.DelayMailRecipient(m.ID, to.String(), oneLine(f.text))
	}
	state := store.MailQueued
	switch f.kind {
	case fateSent:
		state = store.MailSent
	case fateDelivered:
		state = store.MailDelivered
	case fatePermanent:
		state = store.MailFailed
	}
	news, err := tx.SetMailRecipient(m.ID, to.String(), state, f.text)
	if err != nil || !news {
		return err
	}
	switch state {
	case store.MailFailed:
		tx.OnCommit(func() { count(t.metrics.out, outFailed) })
		return t.failed(tx, m, user, prefs, to, f)
	case store.MailSent, store.MailDelivered:
		if state == store.MailSent {
			tx.OnCommit(func() { count(t.metrics.out, outSent) })
		}
		if prefs.Receipts == receiptsQueued || prefs.Receipts == receiptsDelivered && state == store.MailSent && f.willTell {
			return nil
		}
		return t.receipts(tx, m, user)
	}
	return nil
}

// receipts tells the clients of a user that his letters have arrived, once they have for everybody.
func (t *Transport) receipts(tx *store.Tx, m *store.MailOut, user transports.Address) error {
	all, err := tx.MailRecipients(m.ID)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.State != store.MailSent && r.State != store.MailDelivered {
			return nil
		}
	}
	return t.eachLine(tx, m, func(l *store.MailLine, client transports.Address) error {
		if !l.Receipt {
			return nil
		}
		return t.gateway.Deliver(tx, user, transports.Receipt{With: withOf(m), ID: l.XMPPID, Client: client})
	})
}

// eachLine calls do for each letter that went into a mail.
func (t *Transport) eachLine(tx *store.Tx, m *store.MailOut, do func(l *store.MailLine, client transports.Address) error) error {
	lines, err := tx.MailLines(m.ID)
	if err != nil {
		return err
	}
	for i := range lines {
		client, err := transports.ParseAddress(lines[i].Client)
		if err != nil {
			continue // nobody waits
		}
		if err := do(&lines[i], client); err != nil {
			return err
		}
	}
	return nil
}

// withOf is the contact that a mail was written to.
func withOf(m *store.MailOut) transports.Target {
	if m.Contact == "" {
		return transports.Target{}
	}
	return contact(m.Contact)
}

// failed tells a user that a mail did not reach somebody: his letters are marked by errors, and since clients show late ones badly, it is said as well.
func (t *Transport) failed(tx *store.Tx, m *store.MailOut, user transports.Address, prefs preferences, to address.Mailbox, f fate) error {
	if m.Bundle == store.BundleRedirect {
		return t.redirectFailed(tx, m, user, prefs.Lang, to, f)
	}
	said := t.sayFailure(prefs.Lang, to, f)
	err := t.eachLine(tx, m, func(l *store.MailLine, client transports.Address) error {
		return t.gateway.Deliver(tx, user, transports.Failure{
			With: withOf(m), ID: l.XMPPID, Client: client, Err: transports.NewError(f.errorKind(), said, nil),
		})
	})
	if err != nil {
		return err
	}
	return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("failed", fmt.Sprint(m.ID), to.String()), With: withOf(m), Text: said})
}

// sayFailure says why a mail did not arrive.
func (t *Transport) sayFailure(lang string, to address.Mailbox, f fate) string {
	said := ""
	switch f.errorKind() {
	case transports.NotFound:
		said = text.Say(lang, "Your mail to %s did not arrive: there is no such address.", to)
	case transports.NoServer:
		said = text.Say(lang, "Your mail to %s did not arrive: its domain takes no mail.", to)
	case transports.Full:
		said = text.Say(lang, "Your mail to %s did not arrive: the mailbox is full.", to)
	case transports.TooLarge:
		said = text.Say(lang, "Your mail to %s did not arrive: it is too large.", to)
	case transports.Offline:
		said = text.Say(lang, "Your mail to %s did not arrive: its server could not be reached for days.", to)
	case transports.Denied:
		said = text.Say(lang, "Your mail to %s did not arrive: its server refused it.", to)
	default:
		said = text.Say(lang, "Your mail to %s did not arrive.", to)
	}
	if answer := oneLine(f.text); answer != "" {
		said += " " + text.Say(lang, "The server said: %s", answer)
	}
	return said
}

// late tells a user that a mail is still on its way.
func (t *Transport) late(tx *store.Tx, j jobs.Job, what task) error {
	return t.eachOpen(tx, what, func(m *store.MailOut, user transports.Address, to address.Mailbox, _ string) error {
		news, err := tx.SetMailRecipient(m.ID, to.String(), store.MailDelayed, "")
		if err != nil || !news {
			return err
		}
		if m.Bundle == store.BundleRedirect {
			return nil // nobody has written it who would wait
		}
		said := text.Say(t.langOf(tx, user), "Your mail to %s has not arrived yet: its server does not take it at the moment. It is tried until %s.", to,
			j.Expires.UTC().Format("2006-01-02 15:04 MST"))
		return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("late", fmt.Sprint(m.ID), to.String()), With: withOf(m), Text: said})
	})
}

// gaveUp tells a user that nobody tries any more.
func (t *Transport) gaveUp(tx *store.Tx, _ jobs.Job, what task) error {
	return t.eachOpen(tx, what, func(m *store.MailOut, user transports.Address, to address.Mailbox, last string) error {
		return t.settle(tx, m, user, preferences{Lang: t.langOf(tx, user)}, to, fate{kind: fatePermanent, status: "4.4.7", text: last})
	})
}

// eachOpen calls do for each recipient at a site who has not got a mail, with what was said of him last.
func (t *Transport) eachOpen(tx *store.Tx, what task, do func(m *store.MailOut, user transports.Address, to address.Mailbox, last string) error) error {
	m, ok, err := tx.MailOut(what.Mail)
	if err != nil || !ok {
		return err
	}
	user, err := transports.ParseAddress(m.JID)
	if err != nil {
		return nil
	}
	h, err := fromJSON[head](m.Head)
	if err != nil {
		return err
	}
	states, err := tx.MailRecipients(m.ID)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.State != store.MailQueued && s.State != store.MailDelayed {
			continue
		}
		for _, r := range h.recipients() {
			if r.String() == s.Mailbox && (t.siteOf(r) == what.Site || !t.isSite(&h, what.Site)) {
				if err := do(&m, user, r, s.Note); err != nil {
					return err
				}
			}
		}
	}
	return tx.EmptyMailOut(m.ID)
}
