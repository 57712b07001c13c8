package mailbridge

import (
	"context"
	"runtime/debug"

	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// Most mails need nothing from elsewhere to become letters. Those are rendered before they are taken, and the commit that takes one hands it to
// the outbox: it costs no job, nor a second commit. A mail with files, one that waits until its user wants it, and one behind others of its
// user's that wait are rendered by jobs.

// maxStraight is for how many users a mail is rendered while its sender waits: as many as one mail may name where the operator has not set otherwise,
// and some who have the same address.
const maxStraight = 100

// ready is a mail with the letter that it becomes.
type ready struct {
	arrival
	letter *transports.Letter
}

// hasten renders a mail for those who can have it at once. Release is called when it is written down: until then what else comes for them
// waits its turn as jobs, for it may go on from this.
func (t *Transport) hasten(ctx context.Context, deliveries []delivery, m *content.Message, what came) (release func()) {
	var held []string
	release = func() {
		for _, jid := range held {
			t.coming.Delete(jid)
		}
	}
	if len(deliveries) > maxStraight || len(filesOf(m)) > 0 || len(m.Text) > maxBody/2 || m.Report != nil {
		return release
	}
	for i := range deliveries {
		d := &deliveries[i]
		jid := d.user.Bare().String()
		if _, taken := t.coming.LoadOrStore(jid, true); taken {
			continue
		}
		held = append(held, jid)
		d.ready = t.prepare(ctx, d, m, what)
	}
	return release
}

// prepare renders a mail for a user; it is nil where a job is to do that.
func (t *Transport) prepare(ctx context.Context, d *delivery, m *content.Message, what came) (r *ready) {
	defer func() {
		if p := recover(); p != nil {
			t.log.Error("a mail could not be rendered at once", "panic", p, "stack", string(debug.Stack()))
			r = nil
		}
	}()
	r = &ready{arrival: arrival{
		what: task{User: d.user.Bare().String(), Recipient: d.recipient.String(), Notify: d.notify, attempts: 1},
		in:   store.MailIn{Domain: t.opt.Domain, ReceivedAt: t.opt.Now()}, came: what, m: m, user: d.user.Bare(), stands: d.stands,
	}}
	if t.identify(ctx, &r.arrival) != nil {
		return nil
	}
	if gate, err := t.gate(ctx, &r.arrival); err != nil || gate != gateOpen {
		return nil
	}
	var err error
	if r.letter, err = t.letter(ctx, &r.arrival); err != nil {
		return nil
	}
	return r
}

// goesStraight reports whether a mail is handed over with the commit that takes it: not where others wait before it.
func (t *Transport) goesStraight(tx *store.Tx, d *delivery) (bool, error) {
	if d.ready == nil {
		return false, nil
	}
	wait, err := tx.JobsWait(t.lane(kindIn, d.user.Bare().String()))
	return !wait, err
}

// withoutReady has jobs render what was rendered, and reports whether there was any.
func withoutReady(deliveries []delivery) (any bool) {
	for i := range deliveries {
		any = any || deliveries[i].ready != nil
		deliveries[i].ready = nil
	}
	return any
}
