package mailbridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// seenFor is for how long a mail that comes again is recognised: by several ways, or from a server that did not hear the answer.
const seenFor = 7 * 24 * time.Hour

// arrival is a mail on its way to a user.
type arrival struct {
	what  task
	in    store.MailIn
	came  came
	m     *content.Message
	user  transports.Address
	id    store.UserID
	prefs preferences
	from  person
	// Stands is how the user stands towards it, nil where that was not read yet.
	stands *standing
	// ID names its letter: the same each time that it comes.
	letterID string
}

// inward renders a mail for a user and hands it to his outbox.
func (t *Transport) inward(ctx context.Context, what task) jobs.Outcome {
	release, err := t.roomFor(ctx, what)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	defer release()
	in, ok, err := t.opt.Store.MailIn(ctx, what.Mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	a := arrival{what: what, in: in}
	if a.m, err = content.Read(in.Raw, content.Limits{Size: len(in.Raw)}); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err} // it was read before it was taken
	}
	a.in.Raw = nil // its files are uploaded now, which takes longer than all the rest
	if a.came, err = fromJSON[came](in.Envelope); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	if what.Bounced != 0 {
		return t.bounced(ctx, &a)
	}
	if a.user, err = transports.ParseAddress(what.User); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	return t.arrive(ctx, &a)
}

// roomFor waits until there is room to read the mail of a task.
func (t *Transport) roomFor(ctx context.Context, what task) (release func(), err error) {
	size := what.Size
	if size == 0 {
		size = t.rules.Load().MaxSize
	}
	w := weight(size)
	if err := t.rendering.Acquire(ctx, w); err != nil {
		return nil, err
	}
	return func() { t.rendering.Release(w) }, nil
}

// arrive brings a mail to a user, or has it wait until he wants it.
func (t *Transport) arrive(ctx context.Context, a *arrival) jobs.Outcome {
	if err := t.identify(ctx, a); err != nil {
		return jobs.Outcome{Err: err}
	}
	close := func(tx *store.Tx) error {
		if a.what.Letter != "" {
			return nil // it was closed when it came
		}
		return tx.CloseMailIn(a.in.ID)
	}
	if a.m.Report != nil && a.m.Report.Kind == content.ReportDisposition {
		return jobs.Outcome{Verdict: jobs.Done, Then: close} // RFC 8098 §4: nobody has asked for it
	}
	gate, err := t.gate(ctx, a)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	switch gate {
	case gateShut:
		return jobs.Outcome{Verdict: jobs.Done, Then: close}
	case gateWaits:
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.waits(tx, a) }}
	}
	l, err := t.letter(ctx, a)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		if err := close(tx); err != nil {
			return err
		}
		return t.deliver(tx, a, l)
	}}
}

// identify finds out who a mail is for and from, and names its letter.
func (t *Transport) identify(ctx context.Context, a *arrival) (err error) {
	a.id = t.userID(a.user)
	if a.stands == nil {
		if a.stands, err = t.standing(ctx, a.user, a.m, &a.came); err != nil {
			return err
		}
	}
	a.prefs = a.stands.prefs
	a.from = t.writerOf(a.m, &a.came)
	a.letterID = digest(a.m.MessageID, a.came.Hash, a.id.JID)
	if a.m.MessageID != "" {
		a.letterID = digest(a.m.MessageID, a.id.JID)
	}
	return nil
}

// writerOf is who a mail is from, for the conversation that it goes to.
func (t *Transport) writerOf(m *content.Message, what *came) person {
	if len(m.From) > 0 && !m.From[0].Mailbox.IsZero() {
		return person{Name: m.From[0].Name, Mailbox: m.From[0].Mailbox}
	}
	if box, err := address.Parse(what.From); err == nil {
		return person{Mailbox: box}
	}
	return person{Mailbox: address.Mailbox{Local: "mailer-daemon", Domain: t.rules.Load().Domains[0].Name}}
}

// deliver hands a letter to the outbox of its user and notes what it and its mail are called.
func (t *Transport) deliver(tx *store.Tx, a *arrival, l *transports.Letter) error {
	if a.what.Letter != "" {
		l.ID = a.what.Letter
		return t.gateway.Deliver(tx, a.user, *l)
	}
	if a.what.Wanted {
		if err := tx.DropMailWaiting(a.id, a.in.ID); err != nil {
			return err
		}
	}
	seen, taken, err := tx.MailCame(a.id, a.m.MessageID, a.came.Hash, t.opt.Now().Add(-seenFor), l.ID)
	if err != nil || seen {
		tx.OnCommit(func() { count(t.metrics.in, inDuplicate) })
		return err
	}
	// A Message-ID is its sender's, who may use it again for something else: that is a letter of its own.
	if taken {
		l.ID = digest(a.m.MessageID, a.came.Hash, a.id.JID)
	}
	if err := tx.MeetMailContact(store.MailContact{UserID: a.id, Contact: l.With.ID, Mailbox: a.from.Mailbox.String(), Name: l.Nick, Proof: int(a.came.Proof)}); err != nil {
		return err
	}
	o := t.othersOf(a)
	if a.what.Notify {
		// RFC 3461 §5.2.2: until a client says that it has the letter it is relayed, to where nobody may ever look.
		o.Report, err = t.enqueue(tx, kindReport, l.ID, "", t.opt.Now().Add(relayedAfter), task{
			Mail: a.in.ID, User: a.id.JID, Recipient: a.what.Recipient, Action: "relayed", Status: "2.0.0",
		})
		if err != nil {
			return err
		}
	}
	message := store.MailMessage{
		UserID: a.id, Contact: l.With.ID, XMPPID: l.ID, MessageID: a.m.MessageID, Thread: l.Thread, Subject: cutText(a.m.Subject, maxKeptSubject),
		Refs: strings.Join(refsOf(a.m), " "), Others: toJSON(o), Hash: a.came.Hash, Mail: a.in.ID,
		Muted: t.mutedBy(a),
	}
	if len(message.MessageID) > 998 {
		message.MessageID = ""
	}
	if err := tx.AddMailMessage(message); err != nil {
		return err
	}
	if message.Muted != "" {
		tx.OnCommit(func() { count(t.metrics.in, inMuted) })
		return nil
	}
	tx.OnCommit(func() { count(t.metrics.in, inDelivered) })
	return t.gateway.Deliver(tx, a.user, *l)
}

// maxKeptSubject bounds a subject, in bytes.
const maxKeptSubject = 1000

// refsOf are the mails before one in its thread, as it says.
func refsOf(m *content.Message) []string {
	refs := m.References
	if len(refs) == 0 {
		refs = m.InReplyTo
	}
	var all []string
	for _, r := range refs {
		if r != "" && len(r) <= 250 && !strings.ContainsAny(r, " \t") {
			all = append(all, r)
		}
	}
	return all[:min(len(all), maxRefs)]
}

// othersOf are all who got a mail beside its user, and who gets an answer.
func (t *Transport) othersOf(a *arrival) others {
	own, _ := t.addressOf(a.user)
	skip := map[string]bool{strings.ToLower(own.String()): true, strings.ToLower(a.what.Recipient): true, strings.ToLower(a.from.Mailbox.String()): true}
	pick := func(from []content.Person) (list []person) {
		for _, p := range from {
			key := strings.ToLower(p.Mailbox.String())
			if p.Mailbox.IsZero() || skip[key] || len(list) >= transports.MaxRecipients/2 {
				continue
			}
			skip[key] = true
			list = append(list, person{Name: cutText(p.Name, maxName), Mailbox: p.Mailbox})
		}
		return list
	}
	o := others{To: pick(a.m.To), Cc: pick(a.m.Cc)}
	for _, p := range a.m.ReplyTo {
		if !p.Mailbox.IsZero() && p.Mailbox != a.from.Mailbox && len(o.Reply) < 5 {
			o.Reply = append(o.Reply, person{Name: cutText(p.Name, maxName), Mailbox: p.Mailbox})
		}
	}
	return o
}

// letter renders a mail for a user. Its files are uploaded meanwhile.
func (t *Transport) letter(ctx context.Context, a *arrival) (*transports.Letter, error) {
	l := &transports.Letter{
		ID: a.letterID, Message: a.came.ID, With: contactOf(a.from.Mailbox), Nick: nickOf(a), Time: a.in.ReceivedAt,
		Receipt: a.what.Notify,
		Formal:  a.prefs.Type == typeNormal || a.m.List != nil || a.m.Bulk,
	}
	if err := t.place(ctx, a, l); err != nil {
		return nil, err
	}
	o := t.othersOf(a)
	for _, list := range []struct {
		kind transports.RecipientKind
		who  []person
	}{{transports.RecipientTo, o.To}, {transports.RecipientCc, o.Cc}, {transports.RecipientReplyTo, o.Reply}} {
		for _, p := range list.who {
			l.Others = append(l.Others, transports.Recipient{
				Kind: list.kind, Who: contactOf(p.Mailbox), Name: p.Name, Delivered: list.kind != transports.RecipientReplyTo,
			})
		}
	}
	if a.m.MessageID != "" {
		l.Headers = append(l.Headers, transports.Header{Name: "Message-ID", Value: "<" + a.m.MessageID + ">"})
	}
	if list := a.m.List; list != nil {
		if list.ID != "" {
			l.Headers = append(l.Headers, transports.Header{Name: "List-Id", Value: "<" + list.ID + ">"})
		}
		if len(list.Unsubscribe) > 0 {
			l.Headers = append(l.Headers, transports.Header{Name: "List-Unsubscribe", Value: "<" + list.Unsubscribe[0] + ">"})
		}
	}
	if t.mutedBy(a) != "" {
		return l, nil // what it says nobody is shown
	}
	if err := t.fill(ctx, a, l); err != nil {
		return nil, err
	}
	return l, nil
}

// nickOf is what somebody calls himself; not one who calls himself by another address than his.
func nickOf(a *arrival) string {
	name := cutText(a.from.Name, maxName)
	if strings.Contains(name, "@") && !strings.EqualFold(name, a.from.Mailbox.String()) {
		return a.from.Mailbox.String()
	}
	return name
}

// place says in which thread a letter stands, which letter it answers, and whether its subject is to be said.
func (t *Transport) place(ctx context.Context, a *arrival, l *transports.Letter) error {
	refs := refsOf(a.m)
	var above *store.MailMessage
	for i := len(a.m.InReplyTo) - 1; i >= 0 && above == nil; i-- {
		m, ok, err := t.known(ctx, a.id, a.m.InReplyTo[i])
		if err != nil {
			return err
		}
		if ok {
			l.ReplyTo, l.Continues, above = m.XMPPID, !m.Outward, &m
		}
	}
	for i := len(refs) - 1; i >= 0 && above == nil; i-- {
		m, ok, err := t.known(ctx, a.id, refs[i])
		if err != nil {
			return err
		}
		if ok {
			above = &m
		}
	}
	switch {
	case above != nil:
		l.Thread = above.Thread
	case len(refs) > 0:
		l.Thread = threadOf(refs[0])
	case a.m.MessageID != "":
		l.Thread = threadOf(a.m.MessageID)
	default:
		l.Thread = threadOf(a.came.Hash)
	}
	if above == nil && len(refs) > 0 {
		m, ok, err := t.opt.Store.MailMessage(ctx, a.id, store.MailKey{Thread: l.Thread})
		if err != nil {
			return err
		}
		if ok {
			above = &m
		}
	}
	if l.Formal || above == nil {
		l.Subject = a.m.Subject
	} else if base := baseSubject(a.m.Subject); base != "" && base != baseSubject(above.Subject) {
		l.Body = cutText(base, maxKeptSubject) + "\n"
		l.Spans = transports.AppendSpan(nil, 0, len(l.Body)-1, transports.Look{Style: transports.StyleBold})
	}
	return nil
}

func (t *Transport) known(ctx context.Context, id store.UserID, messageID string) (store.MailMessage, bool, error) {
	if messageID == "" || len(messageID) > 998 {
		return store.MailMessage{}, false, nil
	}
	return t.opt.Store.MailMessage(ctx, id, store.MailKey{MessageID: messageID})
}

// upload puts a file where the user's clients can get it.
func (t *Transport) upload(ctx context.Context, a *arrival, name, kind string, data []byte) (transports.Attachment, error) {
	f := transports.File{Name: name, Type: kind, Size: int64(len(data))}
	link, err := t.gateway.Upload(ctx, a.user, f, bytes.NewReader(data))
	if err != nil {
		return transports.Attachment{}, fmt.Errorf("upload a file: %w", err)
	}
	return transports.Attachment{File: f, URL: link}, nil
}

// notRendered tells a user of a mail that could not be shown.
func (t *Transport) notRendered(tx *store.Tx, what task) error {
	if what.Letter != "" {
		return nil // it stays where the mails of its conversation are
	}
	user, err := transports.ParseAddress(what.User)
	if err != nil {
		return tx.CloseMailIn(what.Mail)
	}
	said := textNotRendered(t.langOf(tx, user))
	return errors.Join(tx.CloseMailIn(what.Mail), t.gateway.Deliver(tx, user, transports.Remark{ID: digest("unreadable", fmt.Sprint(what.Mail), what.User), Text: said}))
}
