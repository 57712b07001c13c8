package mailbridge

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/mailbridge/judge"
	"passerelle/mailbridge/receive"
	"passerelle/store"
	"passerelle/transports"
)

// keepOriginals is for how long a mail is kept as it came, for who wants to see the whole.
const keepOriginals = 30 * 24 * time.Hour

// roomTime is how long a mail waits until others are read. Then its server is told to try again: it would give up at some time itself (RFC 5321 §4.5.3.2.6).
const roomTime = time.Minute

// loopField marks mail that has been here (X-Loop): what comes back with it goes in circles.
const loopField = "X-Loop"

var _ receive.Backend = (*Transport)(nil)

// came is what is known of a mail that came beside its bytes, as the database has it.
type came struct {
	ID      string // in Received
	From    string // of its envelope; empty for what nobody is to answer
	Hash    string // of the mail as it came, the same each time that it comes
	EnvID   string `json:",omitempty"` // how its sender calls it in reports
	Suspect string `json:",omitempty"` // why a filter wants it kept apart
	Doubt   string `json:",omitempty"` // what a user is to know of who sent it; a text of the catalogue
	Whose   string `json:",omitempty"` // its argument
	Proven  bool   `json:",omitempty"` // it is from whom it says, and so is its envelope: a report about it reaches nobody else
	// Proof shows that it is from whom it says, and Lacks says which of the proofs that mail of his may have had before should have been there: from
	// lacksForged on none is needed.
	Proof judge.Proof `json:",omitempty"`
	Lacks lacking     `json:",omitempty"`
	size  int64       // of the mail
	// Passed are the domains that speak for it, nil where nobody has looked.
	Passed []string
}

// Rcpt implements receive.Backend.
func (t *Transport) Rcpt(ctx context.Context, _ receive.Envelope, to address.Mailbox) error {
	_, err := t.destinationOf(ctx, to)
	return err
}

// delivery is a mail for one user, by the address that it came to.
type delivery struct {
	user      transports.Address
	recipient address.Mailbox
	notify    bool // its sender wants to hear that it has arrived

	stands *standing
	ready  *ready // nil where a job is to render it
}

// Accept implements receive.Backend: the mail is written down with its letter or a job for each user who gets it.
func (t *Transport) Accept(ctx context.Context, in *receive.Incoming) []error {
	refused := t.accept(ctx, in)
	for i := range in.To {
		switch {
		case refused[i] == nil:
			count(t.metrics.in, inTaken)
		case transports.AsError(refused[i]).Kind.Temporary():
			count(t.metrics.in, inDelayed)
		default:
			count(t.metrics.in, inRefused)
		}
	}
	return refused
}

func (t *Transport) accept(ctx context.Context, in *receive.Incoming) []error {
	refused := make([]error, len(in.To))
	all := func(err error) []error {
		for i := range refused {
			refused[i] = err
		}
		return refused
	}
	w := weight(in.Body.Size())
	waiting, cancel := context.WithTimeout(ctx, roomTime)
	defer cancel()
	if err := t.memory.Acquire(waiting, w); err != nil {
		return all(transports.NewError(transports.Busy, "There is no room for the message now", err))
	}
	defer t.memory.Release(w)
	raw, err := in.Body.Bytes()
	if err != nil {
		return all(transports.NewError(transports.Busy, "There is no room for the message now", err))
	}
	m, err := content.Read(raw, content.Limits{Size: len(raw), Outline: true}) // a job reads the files
	if err != nil {
		return all(transports.NewError(transports.TooLarge, "The header of the message is too large", err))
	}
	if t.wasHere(m) {
		return all(transports.NewError(transports.Policy, "The message goes in circles: it has been here before", nil)) // 5.4.6
	}
	sum := in.Body.Sum()
	what := came{ID: in.ID, From: in.From.String(), Hash: hex.EncodeToString(sum[:16]), Suspect: in.Suspect, EnvID: in.EnvID, size: in.Body.Size()}
	what.judged(&in.Verdict, in.From)
	var deliveries []delivery
	var bounces []int64
	var answers []store.RedirectMail
	for i, to := range in.To {
		var answered store.RedirectMail
		var takers []delivery
		d, err := t.destinationOf(ctx, to.Mailbox)
		switch {
		case err != nil || d.bounced != 0:
		case d.answered != 0:
			answered, err = t.mayAnswer(ctx, d, to.Mailbox, in, m)
		default:
			takers, err = t.welcome(ctx, d.users, in, m, &what)
		}
		switch {
		case err != nil:
			refused[i] = err
		case d.bounced != 0:
			bounces = append(bounces, d.bounced)
		case d.answered != 0:
			answers = append(answers, answered)
		default:
			for _, d := range takers {
				d.recipient, d.notify = to.Mailbox, to.NotifySuccess && len(takers) == 1
				deliveries = append(deliveries, d)
			}
		}
	}
	if in.OneAnswer {
		if err := oneAnswer(refused); err != nil {
			return all(err)
		}
		clear(refused)
	}
	if len(deliveries)+len(bounces)+len(answers) == 0 {
		return refused
	}
	release := t.hasten(ctx, deliveries, m, what)
	defer release()
	err = t.opt.Store.Write(ctx, func(tx *store.Tx) error { return t.keep(tx, raw, what, deliveries, bounces, answers) })
	if err != nil && ctx.Err() == nil && withoutReady(deliveries) {
		t.log.Warn("a mail could not be handed over with the commit that takes it; a job does it", "error", err)
		err = t.opt.Store.Write(ctx, func(tx *store.Tx) error { return t.keep(tx, raw, what, deliveries, bounces, answers) })
	}
	if err != nil {
		err = t.notWritten(err)
		for i := range refused {
			if refused[i] == nil {
				refused[i] = err
			}
		}
	}
	return refused
}

// notWritten says what a peer is told of a mail that the database does not take. It brings it again.
func (t *Transport) notWritten(err error) error {
	switch {
	case errors.Is(err, store.ErrNoRoom):
		t.log.Error("the disk of the database is full: mail is refused for a time (452) until there is room", "error", err)
		err = errors.Join(receive.ErrNoRoom, err)
	case errors.Is(err, store.ErrReadOnly):
		t.log.Error("the database cannot be written: mail is refused for a time (451) until it can", "error", err)
	default:
		t.log.Error("a mail was not written down", "error", err)
	}
	return transports.NewError(transports.Busy, "The message could not be written down, try again later", err)
}

// oneAnswer is the answer for all recipients where there can be only one (RFC 5321 §4.2.5): a mail that somebody takes is taken, and who does not want
// it does not get it; unless it is not known yet who does.
func oneAnswer(refused []error) (first error) {
	taken := false
	for _, err := range refused {
		switch {
		case err == nil:
			taken = true
		case transports.AsError(err).Kind.Temporary():
			return err
		case first == nil:
			first = err
		}
	}
	if taken {
		return nil
	}
	return first
}

// keep writes a mail down with what is to be done with it.
func (t *Transport) keep(tx *store.Tx, raw []byte, what came, deliveries []delivery, bounces []int64, answers []store.RedirectMail) error {
	in := store.MailIn{Domain: t.opt.Domain, Envelope: toJSON(what), Raw: raw, Open: len(bounces) + len(answers), KeepUntil: t.opt.Now().Add(keepOriginals)}
	straight := make([]bool, len(deliveries))
	var err error
	for i := range deliveries {
		if straight[i], err = t.goesStraight(tx, &deliveries[i]); err != nil {
			return err
		}
		if !straight[i] {
			in.Open++
		}
	}
	id, err := tx.AddMailIn(in)
	if err != nil {
		return err
	}
	for i, d := range deliveries {
		if straight[i] {
			d.ready.in.ID = id
			if err := t.deliver(tx, &d.ready.arrival, d.ready.letter); err != nil {
				return err
			}
			continue
		}
		jid := d.user.Bare().String()
		if _, err := t.enqueue(tx, kindIn, jid, "", time.Time{}, task{Mail: id, Size: int64(len(raw)), User: jid, Recipient: d.recipient.String(), Notify: d.notify}); err != nil {
			return err
		}
	}
	for _, row := range bounces {
		// Each is for itself: who holds such an address could have one wait that all others wait for.
		if _, err := t.enqueue(tx, kindIn, fmt.Sprintf("bounce %d", row), "", time.Time{}, task{Mail: id, Size: int64(len(raw)), Bounced: row}); err != nil {
			return err
		}
	}
	for _, a := range answers {
		// What somebody answers to somebody is said in the order in which he wrote it.
		if _, err := t.enqueue(tx, kindAnswer, a.JID+" "+a.Peer, "", time.Time{}, task{Mail: id, User: a.JID, Answered: a.Mail}); err != nil {
			return err
		}
	}
	return nil
}

// wasHere reports whether a mail carries a mark of ours.
func (t *Transport) wasHere(m *content.Message) bool {
	for _, l := range m.Loops {
		if strings.EqualFold(strings.TrimSpace(l), t.loopMark()) {
			return true
		}
	}
	return false
}

// loopMark is what this gateway marks mail with that it sends for programs.
func (t *Transport) loopMark() string { return t.opt.Domain }

// welcome are those of some users who take a mail. It is an error where none of them does.
func (t *Transport) welcome(ctx context.Context, users []transports.Address, in *receive.Incoming, m *content.Message, what *came) ([]delivery, error) {
	if in.From.IsZero() && m.Report != nil && m.Report.Kind == content.ReportDelivery {
		// What we send has an address of its own for reports: this one is about mail that somebody else sent in a user's name.
		return nil, transports.NewError(transports.Policy, "No mail was sent from this address that a report could be about", nil)
	}
	var take []delivery
	var refusal error
	for _, u := range users {
		stands, err := t.takes(ctx, u, m, what)
		switch {
		case err == nil:
			take = append(take, delivery{user: u, stands: stands})
		case refusal == nil || !transports.AsError(err).Kind.Temporary():
			refusal = err
		}
		if err != nil && transports.AsError(err).Kind.Temporary() {
			return nil, err
		}
	}
	if len(take) == 0 {
		return nil, refusal
	}
	return take, nil
}

// takes says why a user does not take a mail, or how he stands towards it where he does.
func (t *Transport) takes(ctx context.Context, user transports.Address, m *content.Message, what *came) (*standing, error) {
	id := t.userID(user)
	who := gateOf(m, what)
	s, err := t.standing(ctx, user, m, what)
	switch {
	case err != nil:
		return nil, busy(err)
	case t.blocks(s, m):
		return nil, errNotTaken
	case t.limits.circles(id.JID, who.ID, m.Subject+"\x00"+m.Text):
		// Two programs that answer each other; a person does not say the same so often.
		return nil, transports.NewError(transports.Policy, "You have sent this message too often", nil)
	}
	c, known := s.contacts[who.ID]
	suspect := known && what.suspects(&c, who, writer(m))
	switch {
	case known && !c.Muted.IsZero() || !s.contacts[contactOf(t.writerOf(m, what).Mailbox).ID].Muted.IsZero():
		return s, nil
	case known && (c.State == store.MailKnown || s.prefs.Strangers == StrangersPass) && !suspect: // he may have written before
		return s, nil
	}
	return s, t.takesStranger(ctx, id, s, m, what, suspect)
}

// takesStranger says why a user does not take a mail of somebody unknown, or one that is likely not to be from whom it says.
func (t *Transport) takesStranger(ctx context.Context, id store.UserID, s *standing, m *content.Message, what *came, suspect bool) error {
	if !suspect {
		answers, err := t.answers(ctx, id, m)
		if err != nil || answers {
			return busyOr(err)
		}
		if s.prefs.Strangers == StrangersPass {
			if t.limits.stranger(id.JID, what.size, t.rules.Load().MaxSize) {
				return transports.NewError(transports.Full, "Too many people write to the recipient who are unknown there", nil)
			}
			return nil
		}
	}
	if s.prefs.Strangers == StrangersRefuse {
		return errNotTaken
	}
	n, size, err := t.opt.Store.CountMailWaiting(ctx, id)
	if err == nil && (n >= maxWaiting || size >= maxWaitingSize*t.rules.Load().MaxSize) {
		err = transports.NewError(transports.Full, "Too much mail waits for the recipient", nil)
	}
	return busyOr(err)
}

var errNotTaken = transports.NewError(transports.Denied, "The recipient does not take mail from you", nil)

// busyOr is busy of an error, nil without one.
func busyOr(err error) error {
	if err == nil {
		return nil
	}
	return busy(err)
}

// answers reports whether a mail answers one that a user wrote: its sender has got it, or was shown it.
func (t *Transport) answers(ctx context.Context, id store.UserID, m *content.Message) (bool, error) {
	for _, ref := range append(append([]string{}, m.InReplyTo...), m.References...) {
		if ref == "" || len(ref) > 998 {
			continue
		}
		old, ok, err := t.opt.Store.MailMessage(ctx, id, store.MailKey{MessageID: ref})
		if err != nil {
			return false, err
		}
		if ok && old.Outward {
			return true, nil
		}
	}
	return false, nil
}
