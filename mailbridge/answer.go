package mailbridge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/mailbridge/judge"
	"passerelle/mailbridge/receive"
	"passerelle/store"
	"passerelle/transports"
)

// A mail of a redirect has an address of its own for answers. Who answers speaks in the name of a user, so that he has to have the address, which
// nobody else was told, and to prove that he writes from the mailbox which the mail went to. What is refused is refused while the mail is handed over:
// a forger gets that answer, and whose name he used hears nothing.

// maxSaid bounds an answer, in bytes: more is no line of a conversation.
const maxSaid = 16 << 10

// A program that answers each mail with the same words, and does not say that it is one, answers for ever where another one answers it.
const (
	sameAnswers   = 3 // that are taken to one conversation,
	sameAnswerFor = 24 * time.Hour
	shortAnswer   = 30 // bytes, which people say again and again
)

// mayAnswer says why a mail is no answer to a mail of a redirect. The errors are for people, whom their mail servers show them.
func (t *Transport) mayAnswer(ctx context.Context, to destination, at address.Mailbox, in *receive.Incoming, m *content.Message) (store.RedirectMail, error) {
	sent, ok, err := t.opt.Store.RedirectMail(ctx, to.answered)
	if err != nil {
		return sent, busy(err)
	}
	if !ok || sent.Domain != t.opt.Domain {
		return sent, transports.NewError(transports.NotFound, "The conversation that this address was made for is not known any more. Its next message has a new address", nil)
	}
	if err := fromOwner(&sent, at, in, m); err != nil {
		return sent, err
	}
	redirect, ok, err := t.opt.Store.Redirect(ctx, sent.UserID)
	said := saidIn(m)
	switch {
	case err != nil:
		return sent, busy(err)
	case sent.Peer == "" && wantsOut(m):
		return sent, nil // however far that is by now, he is never asked again
	case !ok || redirect.State == store.RedirectAsked || !sameMailbox(redirect.Mailbox, sent.Mailbox) || t.mayAnswerStill(&sent) != nil && !wantsOut(m):
		return sent, transports.NewError(transports.NotFound, "The messages of this user do not go to this mailbox any more", nil)
	case to.stale:
		return sent, transports.NewError(transports.NotFound, "This address was for answers within a month. The next message of the conversation has a new one", nil)
	case wantsOut(m):
		return sent, nil
	case sent.Peer == "":
		return sent, transports.NewError(transports.Policy, "Nobody reads what is answered to a code. Write it to the gateway with your XMPP client, or answer with nothing but “stop”", nil)
	case sent.Peer == unknownPeer:
		return sent, transports.NewError(transports.Unsupported, "It is not known who wrote this message. Answer with your XMPP client", nil)
	case sent.Room || inRoom(&sent):
		return sent, transports.NewError(transports.Unsupported, "What is said in a room can only be answered there, with your XMPP client: you are not in it from here", nil)
	case m.Encrypted != "":
		return sent, transports.NewError(transports.Unsupported, "The answer is encrypted, and the gateway cannot read it. Send it as plain mail", nil)
	case said == "" && len(answeredFiles(m)) == 0:
		return sent, transports.NewError(transports.BadRequest, "There is nothing in this answer but what it repeats. Write above the quote", nil)
	case len(said) > maxSaid:
		return sent, transports.NewError(transports.TooLarge, "The answer is too long for a chat", nil)
	}
	if len(said) <= shortAnswer {
		return sent, nil
	}
	switch n, err := t.opt.Store.CountAnswers(ctx, sent.UserID, answerHash(&sent, said), t.opt.Now().Add(-sameAnswerFor)); {
	case err != nil:
		return sent, busy(err)
	case n >= sameAnswers:
		return sent, transports.NewError(transports.Policy, "The same was answered several times today, as programs do that answer by themselves. Say it with other words", nil)
	}
	return sent, nil
}

// answerHash names what is said to somebody.
func answerHash(sent *store.RedirectMail, said string) string { return digest("said", sent.Peer, said) }

// inRoom reports whether a mail had what somebody in a room wrote to the user alone (XEP-0045 §7.5). Rooms take an answer from those alone who are in
// them, with that very client of theirs; to enter them from here would show everybody there that the user has come.
func inRoom(sent *store.RedirectMail) bool {
	peer, err := transports.ParseAddress(sent.Peer)
	return err == nil && peer.Resource != ""
}

// mayAnswerStill says why a user may have no redirect any more.
func (t *Transport) mayAnswerStill(sent *store.RedirectMail) error {
	user, err := transports.ParseAddress(sent.JID)
	if err != nil {
		return err
	}
	return t.mayRedirect("", user)
}

// fromOwner says why a mail is not proven to be from the mailbox that a mail of a redirect went to.
func fromOwner(sent *store.RedirectMail, at address.Mailbox, in *receive.Incoming, m *content.Message) error {
	switch {
	case !wantsOut(m) && (in.From.IsZero() || m.Auto || m.Reply || m.Report != nil || m.List != nil || m.Bulk):
		return transports.NewError(transports.Policy, "This address takes what a person answers, and no automatic mail", nil)
	case len(m.From) != 1 || !sameMailbox(m.From[0].Mailbox.String(), sent.Mailbox):
		return transports.NewError(transports.Denied, "This address takes answers only from the mailbox that its message was mailed to", nil)
	case undecided(&in.Verdict) && !in.Verdict.Proven():
		return transports.NewError(transports.Busy, "It cannot be found out at the moment whether this mail is from whom it says", nil)
	case !in.Verdict.Proven():
		return transports.NewError(transports.Denied, "Nothing proves that this mail is from whom it says: its domain has no SPF or DKIM that speaks for it", nil)
	case m.Repeated || !in.Verdict.Covers(fieldsOf(m)...):
		return transports.NewError(transports.Denied, "Nothing proves that this mail was written to this address: the signature of its domain does not cover it, and it comes from elsewhere", nil)
	case !named(at, m.To) && !named(at, m.Cc):
		// Who has got another mail of the user cannot bring it here.
		return transports.NewError(transports.Denied, "The address for answers has to stand in the header of the answer", nil)
	}
	return nil
}

// fieldsOf are those above a mail that say whom it is for and which one it is.
func fieldsOf(m *content.Message) []string {
	fields := []string{"to", "message-id"}
	if len(m.Cc) > 0 {
		fields = append(fields, "cc")
	}
	if len(m.To) == 0 {
		fields = fields[1:]
	}
	return fields
}

// sameMailbox compares addresses as people mean them: hardly any server tells letters apart by their case (RFC 5321 §2.4).
func sameMailbox(a, b string) bool { return strings.EqualFold(a, b) }

func named(at address.Mailbox, people []content.Person) bool {
	return slices.ContainsFunc(people, func(p content.Person) bool { return sameMailbox(p.Mailbox.String(), at.String()) })
}

// undecided reports whether the DNS did not answer.
func undecided(v *judge.Verdict) bool {
	return v.DMARC == judge.TempError || v.SPF == judge.TempError || slices.ContainsFunc(v.DKIM, func(s judge.Signature) bool { return s.Result == judge.TempError })
}

// saidIn is what an answer says. A reaction (RFC 9078) is one.
func saidIn(m *content.Message) string {
	if len(m.Reactions) > 0 && m.Text == "" {
		return strings.Join(m.Reactions, " ")
	}
	return m.Answer(address.MentionsToken)
}

// answeredFiles are those that a person has put into an answer.
func answeredFiles(m *content.Message) (files []content.Part) {
	for _, f := range m.Files {
		if !f.Original {
			files = append(files, f)
		}
	}
	return files
}

// wantsOut reports whether an answer says that its user wants no more mails: in its text, or as mail programs say it (RFC 2369 §3.2).
func wantsOut(m *content.Message) bool {
	said := saidIn(m)
	if said == "" {
		said = m.Subject
	}
	switch strings.ToLower(strings.Trim(said, " \t\n.!\"“”«»")) {
	case "stop", "unsubscribe", "arrêt", "désabonner", "désinscription":
		return true
	}
	return false
}

// answer has a user say what he has answered by mail.
func (t *Transport) answer(ctx context.Context, what task) jobs.Outcome {
	release, err := t.roomFor(ctx, what)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	defer release()
	in, ok, err := t.opt.Store.MailIn(ctx, what.Mail)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	sent, known, err := t.opt.Store.RedirectMail(ctx, what.Answered)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || !known {
		return jobs.Outcome{Verdict: jobs.Done} // he has left meanwhile
	}
	m, err := content.Read(in.Raw, content.Limits{Size: len(in.Raw)})
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err} // it was read before it was taken
	}
	user, err := transports.ParseAddress(sent.JID)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	if wantsOut(m) {
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return errors.Join(tx.CloseMailIn(in.ID), t.refuseRedirect(tx, &sent)) }}
	}
	if err := t.mayAnswerStill(&sent); err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	said := saidIn(m)
	a := arrival{what: what, in: in, m: m, user: user, id: sent.UserID}
	s, err := t.speech(ctx, &a, &sent, said)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		if err := tx.CloseMailIn(in.ID); err != nil {
			return err
		}
		_, again, err := tx.MailMessage(sent.UserID, store.MailKey{XMPPID: s.ID})
		if err != nil || again {
			return err // the same mail, sent once more by whoever has it
		}
		row := store.MailMessage{
			UserID: sent.UserID, Outward: true, XMPPID: s.ID, MessageID: messageIDOf(m), Mail: in.ID, Others: toJSON(others{Answered: sent.Mail}),
			Hash: answerHash(&sent, said),
		}
		if err := tx.AddMailMessage(row); err != nil {
			return err
		}
		if err := t.nowKnown(tx, &sent); err != nil {
			return err
		}
		err = t.speak(tx, user, s)
		if e := transports.AsError(err); err != nil && !e.Kind.Temporary() {
			t.log.Warn("what a user has answered by mail is not said", "error", err)
			return t.unsaid(tx, user, &row, e)
		}
		return err
	}}
}

// nowKnown notes that a user knows whom he has answered.
func (t *Transport) nowKnown(tx *store.Tx, sent *store.RedirectMail) error {
	talk, err := tx.RedirectTalk(sent.UserID, sent.Peer)
	if err != nil || talk.Known {
		return err
	}
	talk.Known = true
	return tx.SetRedirectTalk(talk)
}

// messageIDOf is the Message-ID of a mail as it can be kept.
func messageIDOf(m *content.Message) string {
	if len(m.MessageID) > 998 {
		return ""
	}
	return m.MessageID
}

// speech is what a user says by an answer. Its files are uploaded meanwhile.
func (t *Transport) speech(ctx context.Context, a *arrival, sent *store.RedirectMail, said string) (transports.Speech, error) {
	peer, err := transports.ParseAddress(sent.Peer)
	if err != nil {
		return transports.Speech{}, err
	}
	redirect, _, err := t.opt.Store.Redirect(ctx, a.id)
	if err != nil {
		return transports.Speech{}, err
	}
	prefs, err := t.preferences(ctx, a.user)
	if err != nil {
		return transports.Speech{}, err
	}
	s := transports.Speech{
		// The same mail is the same message, for each whom it answers.
		ID: digest("answer", cmp.Or(a.m.MessageID, said+a.m.Date.String()), sent.Peer, a.id.JID),
		To: peer, Room: sent.Room, Body: said, Thread: sent.Thread, ReplyTo: sent.XMPPID, Alias: redirect.Alias, Name: prefs.Name,
	}
	files := answeredFiles(a.m)
	for _, f := range files[:min(len(files), maxFiles)] {
		file, err := t.upload(ctx, a, f.Name, f.Type, f.Data)
		switch {
		case err != nil && t.again(a, err):
			return s, err
		case err != nil:
			s.Body = join(s.Body, "["+text.Say(prefs.Lang, "The file %s (%s) could not be handed over: %s", f.Name, transports.FormatSize(f.Size()), transports.AsError(err).Text)+"]")
		default:
			s.Files = append(s.Files, file)
		}
	}
	return s, nil
}

// errNoFollower says that nobody speaks for users here.
var errNoFollower = errors.New("the gateway speaks for nobody")

// speak hands to the XMPP side what a user says.
func (t *Transport) speak(tx *store.Tx, user transports.Address, s transports.Speech) error {
	if t.follower == nil {
		return errNoFollower
	}
	_, err := t.follower.Speak(tx, user, s)
	return err
}

// notAnswered tells a user that what he has answered by mail was not said.
func (t *Transport) notAnswered(tx *store.Tx, what task) error {
	sent, ok, err := tx.RedirectMail(what.Answered)
	if err != nil || !ok {
		return errors.Join(err, tx.CloseMailIn(what.Mail))
	}
	user, err := transports.ParseAddress(sent.JID)
	if err != nil {
		return tx.CloseMailIn(what.Mail)
	}
	said := text.Say(t.langOf(tx, user), "What you answered to %s by mail did not arrive. Please say it again.", cmp.Or(sent.Name, sent.Peer))
	return errors.Join(tx.CloseMailIn(what.Mail), t.gateway.Deliver(tx, user, transports.Remark{ID: digest("unsaid", what.User, sent.XMPPID), Text: said}))
}
