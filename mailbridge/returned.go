package mailbridge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/mailbridge/content"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

// What the XMPP server of a user refuses after his mail was taken is reported to who sent it (RFC 3464), and what has arrived if he wants that; but only
// where it is proven that it was him: else somebody whose address was used would get it.

// relayedAfter is how long it is waited for a client to say that it has a letter.
const relayedAfter = 24 * time.Hour

// Returned implements transports.Postal.
func (t *Transport) Returned(tx *store.Tx, user transports.Address, r transports.Returned) error {
	m, ok, err := tx.MailMessage(t.userID(user), store.MailKey{XMPPID: r.ID})
	if err != nil {
		return err
	}
	t.log.Warn("the XMPP server of a user refuses a letter", "letter", r.ID, "error", r.Err)
	switch {
	case !ok:
		return nil // a remark of ours
	case m.Outward: // what he answered by mail
		return t.refusedAnswer(tx, user, &m, &r)
	}
	_, err = t.enqueue(tx, kindReport, r.ID, "", time.Time{}, task{Mail: m.Mail, User: m.JID, Action: "failed", Status: statusOf(r.Err.Kind)})
	return err
}

// acknowledged hears that a client of a user has a letter.
func (t *Transport) acknowledged(ctx context.Context, user transports.Address, r transports.Acknowledge) {
	id := t.userID(user)
	err := t.opt.Store.Write(ctx, func(tx *store.Tx) error {
		m, ok, err := tx.MailMessage(id, store.MailKey{XMPPID: r.ID})
		if err != nil || !ok || m.Outward {
			return err
		}
		o, err := fromJSON[others](m.Others)
		if err != nil || o.Report == 0 {
			return err
		}
		waited, err := tx.DropJob(o.Report)
		if err != nil || !waited {
			return err // it was told already
		}
		_, err = t.enqueue(tx, kindReport, r.ID, "", time.Time{}, task{Mail: m.Mail, User: m.JID, Action: "delivered", Status: "2.0.0"})
		return err
	})
	if err != nil {
		t.log.Warn("it is not noted that a letter has arrived", "error", err)
	}
}

// statusOf is what an error is in a report (RFC 3463).
func statusOf(k transports.Kind) string {
	switch k {
	case transports.NotFound:
		return "5.1.1"
	case transports.Gone:
		return "5.1.6"
	case transports.NoServer:
		return "5.1.2"
	case transports.TooLarge:
		return "5.3.4"
	case transports.Denied, transports.NotRegistered, transports.Policy, transports.Conflict:
		return "5.7.1"
	case transports.Full, transports.Busy:
		return "5.2.2"
	case transports.Offline:
		return "5.4.1"
	}
	return "5.0.0"
}

// reports are what people read of a report, by its action.
var reports = map[string]struct{ subject, text string }{
	"failed":    {"Undelivered mail", "Your mail to %s did not arrive: the recipient's server does not take it."},
	"delivered": {"Mail has arrived", "Your mail to %s has arrived."},
	"relayed":   {"Mail was handed on", "Your mail to %s was handed to the recipient's server, which does not say whether anybody looks there."},
}

// maxReportedHeader is how much of a mail's header goes into a report, in bytes.
const maxReportedHeader = 32 << 10

// report tells who sent a mail that it did not arrive.
func (t *Transport) report(ctx context.Context, what task) jobs.Outcome {
	done := jobs.Outcome{Verdict: jobs.Done}
	in, ok, err := t.opt.Store.MailIn(ctx, what.Mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || t.opt.Relay == nil {
		return done
	}
	came, err := fromJSON[came](in.Envelope)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	m, err := content.Read(in.Raw, content.Limits{Size: len(in.Raw), Outline: true})
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	to, err := address.Parse(came.From)
	if err != nil || !came.Proven || m.Auto || m.List != nil || m.Bulk || m.Quiet {
		t.log.Warn("a mail that was taken did not reach its user, and its sender is not told", "mail", came.ID)
		return done
	}
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	own, ok := t.addressOf(user)
	if !ok {
		own = address.Mailbox{Local: "postmaster", Domain: t.rules.Load().Domains[0].Name}
	}
	head, _, _ := strings.Cut(string(in.Raw), "\r\n\r\n")
	if len(head) > maxReportedHeader {
		head = head[:strings.LastIndex(head[:maxReportedHeader], "\r\n")+2]
	}
	out := compose.Outgoing{
		From: compose.Person{Name: "Mail Delivery System", Mailbox: address.Mailbox{Local: "postmaster", Domain: own.Domain}},
		To:   []compose.Person{{Mailbox: to}}, Subject: reports[what.Action].subject, Date: t.opt.Now().UTC(),
		MessageID: digest("report", came.ID, what.User) + "@" + own.Domain, Auto: "auto-replied", // RFC 3834 §5
		Extra: []compose.Header{{Name: loopField, Value: t.loopMark()}},
		Text:  fmt.Sprintf(reports[what.Action].text, own),
		Report: &compose.Report{
			MTA: t.opt.Hostname, Arrived: in.ReceivedAt, Envelope: came.EnvID, Original: []byte(head),
			Failed: []compose.Failed{{Mailbox: own, Action: what.Action, Status: what.Status}},
		},
	}
	if m.MessageID != "" {
		out.InReplyTo = m.MessageID
	}
	raw, err := compose.Message(&out)
	if err == nil && t.opt.Signer != nil {
		raw, err = t.opt.Signer.Sign(own.ASCIIDomain(), raw)
	}
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	for _, r := range t.opt.Relay.Send(ctx, relay.Envelope{To: []address.Mailbox{to}}, raw) { // RFC 5321 §4.5.5: nobody answers it
		switch r.Outcome {
		case relay.Temporary:
			return jobs.Outcome{Err: r.Err(), Away: r.Away}
		case relay.Permanent:
			return jobs.Outcome{Verdict: jobs.Failed, Err: r.Err()}
		}
	}
	return done
}
