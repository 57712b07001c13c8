package mailbridge

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/compose"
	"passerelle/store"
	"passerelle/transports"
)

// Nothing is sent to a mailbox before its owner has shown that he reads it: he gets a code, and writes that to the gateway on XMPP.

// Bounds of codes.
const (
	codeFor   = 24 * time.Hour
	maxTries  = 5 // wrong ones
	askedFor  = 24 * time.Hour
	askedUser = 5  // codes in askedFor that a user may ask for,
	askedBox  = 3  // that go to a mailbox,
	askedSite = 50 // and to a domain
)

// codeLetters are those of codes: without those that look alike. 8 of them are 39 bits.
const codeLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// nobodyReads are names of mailboxes that are not of a person who could say no.
var nobodyReads = []string{
	"abuse", "postmaster", "hostmaster", "webmaster", "root", "mailer-daemon", "noreply", "no-reply", "donotreply", "do-not-reply", "security", "noc",
	"bounce", "bounces", "listserv", "majordomo", "mailman", "owner",
}

// newCode makes a code, as people write it.
func newCode() string {
	b := make([]byte, 0, 9)
	for len(b) < 9 {
		if len(b) == 4 {
			b = append(b, '-')
		}
		var one [1]byte
		rand.Read(one[:]) // never fails
		// What is above the last multiple would make some letters likelier.
		if n := int(one[0]); n < 256/len(codeLetters)*len(codeLetters) {
			b = append(b, codeLetters[n%len(codeLetters)])
		}
	}
	return string(b)
}

// hashCode is a code as it is kept.
func hashCode(jid, code string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ' || r == '\u2011':
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, code)
	return digest("code", jid, plain)
}

// leadsBack reports whether mail to an address comes to us again.
func (t *Transport) leadsBack(m address.Mailbox) bool {
	r := t.rules.Load()
	if _, ours := r.ours(m.Domain); ours || m.Domain == t.opt.Domain || m.Domain == t.opt.Hostname {
		return true
	}
	return r.Redirect != nil && slices.Contains(r.Redirect.Gateways, m.Domain)
}

// mayRedirect says why a user may not.
func (t *Transport) mayRedirect(lang string, user transports.Address) error {
	r := t.rules.Load().Redirect
	if r == nil {
		return transports.NewError(transports.Unsupported, text.Say(lang, "The operator of this gateway has not turned redirects on."), nil)
	}
	_, err := t.sender(lang, user)
	if err != nil && transports.AsError(err).Kind == transports.NotRegistered && r.Guest != nil && r.Guest(user.Bare()) && t.opt.Relay != nil {
		return nil
	}
	return err
}

// readMailbox reads an address that messages are to go to.
func (t *Transport) readMailbox(lang, said string) (address.Mailbox, error) {
	m, err := address.Parse(strings.TrimSpace(said))
	switch local := strings.ToLower(m.Local); {
	case err != nil:
		return m, transports.NewError(transports.BadRequest, text.Say(lang, "Write an email address, for instance bob@example.com."), err)
	case t.leadsBack(m):
		return m, transports.NewError(transports.BadRequest, text.Say(lang, "Mail to this address comes to you on XMPP: your messages would go in circles."), nil)
	case slices.Contains(nobodyReads, local) || address.HasToken(local):
		return m, transports.NewError(transports.BadRequest, text.Say(lang, "This is not the mailbox of a person."), nil)
	}
	return m, nil
}

// redirectTo has a code mailed to where a user wants his messages to go.
func (t *Transport) redirectTo(ctx context.Context, lang string, user transports.Address, said string) (string, error) {
	if err := t.mayRedirect(lang, user); err != nil {
		return "", err
	}
	to, err := t.readMailbox(lang, said)
	if err != nil {
		return "", err
	}
	code := newCode()
	m := redirected{user: user.Bare(), to: to}
	if m.from, err = t.redirectSender(user); err != nil {
		return "", err
	}
	row, raw, messageID, err := t.composeCode(ctx, lang, &m, code)
	if err != nil {
		return "", busy(err)
	}
	id := t.userID(user)
	stays := false
	err = t.write(ctx, func(tx *store.Tx) error {
		r, ok, err := tx.Redirect(id)
		if err != nil {
			return err
		}
		if !ok {
			r = store.Redirect{UserID: id}
			if r.Alias, err = freeAlias(tx, user, t.opt.Domain); err != nil {
				return err
			}
		}
		s, err := fromJSON[redirectSettings](r.Settings)
		if err != nil {
			return err
		}
		on := ok && r.State == store.RedirectOn
		if stays = on && r.Mailbox == to.String(); stays {
			return t.keepMailbox(tx, &r, &s)
		}
		if err := t.mayAsk(tx, lang, id, to); err != nil {
			return err
		}
		r.Code, r.CodedAt, r.Tries = hashCode(id.JID, code), t.opt.Now(), 0
		if on { // the one that he has goes on until then
			s.Next = to.String()
		} else {
			r.Mailbox, r.State, r.Failures = to.String(), store.RedirectAsked, 0
		}
		r.Settings = toJSON(s)
		if err := tx.SetRedirect(r); err != nil {
			return err
		}
		m.r = r
		return t.sendRedirected(tx, &m, row, raw, messageID, store.RedirectMail{})
	})
	switch {
	case err != nil:
		return "", err
	case stays:
		return "", transports.NewError(transports.Conflict, text.Say(lang, "Your messages go to %s already.", to), nil)
	}
	return text.Say(lang, "A mail with a code goes to %s. Write “redirect code” with the code behind it within a day. Until then nothing else is sent there.", to), nil
}

// keepMailbox has messages go on to where they go, whatever other mailbox a code was mailed to.
func (t *Transport) keepMailbox(tx *store.Tx, r *store.Redirect, s *redirectSettings) error {
	if s.Next == "" {
		return nil
	}
	r.Code, s.Next = "", ""
	r.Settings = toJSON(s)
	return tx.SetRedirect(*r)
}

// mayAsk says why no code goes to a mailbox, and counts the one that does.
func (t *Transport) mayAsk(tx *store.Tx, lang string, id store.UserID, to address.Mailbox) error {
	box := hashMailbox(to)
	for _, name := range []string{box, digest("mailbox", strings.ToLower(to.String()))} { // the latter is how it was noted once
		if refused, err := tx.RefusesRedirect(name); err != nil {
			return err
		} else if refused {
			return transports.NewError(transports.Denied, text.Say(lang, "The owner of %s wants no such mail.", to), nil)
		}
	}
	user, site := digest("user", id.Domain, id.JID), digest("site", address.Organisation(to.ASCIIDomain()))
	for who, most := range map[string]int{user: askedUser, box: askedBox, site: askedSite} {
		n, err := tx.CountRedirectAsked(who, t.opt.Now().Add(-askedFor))
		if err != nil {
			return err
		}
		if n >= most {
			return transports.NewError(transports.Busy, text.Say(lang, "Too many codes were asked for. Try again tomorrow."), nil)
		}
	}
	return tx.AskRedirect(user, box, site)
}

// hashMailbox names whose mailbox it is, by whichever of his names it was written, without saying which it is.
func hashMailbox(m address.Mailbox) string { return digest("mailbox", m.Owner()) }

// freeAlias makes a name that stands for a user, which nobody guesses: who has not been told of it does not learn by it that there is a redirect.
func freeAlias(tx *store.Tx, user transports.Address, domain string) (string, error) {
	for {
		name := transports.Unescape(user.Local)
		if i := strings.IndexAny(name, "@%"); i >= 0 {
			name = name[:i]
		}
		alias := strings.ToLower(cutText(name, 100) + "-" + newMessageID("")[:8])
		if _, taken, err := tx.RedirectByAlias(domain, alias); err != nil || !taken {
			return alias, err
		}
	}
}

// composeCode writes the mail that has a code. Nothing in it but the user's address is his: it is no way to send mail to anybody.
func (t *Transport) composeCode(ctx context.Context, lang string, m *redirected, code string) (row int64, raw []byte, messageID string, err error) {
	if err := t.opt.Store.Write(ctx, func(tx *store.Tx) (err error) { row, err = tx.NextMailID(); return err }); err != nil {
		return 0, nil, "", err
	}
	reply := address.Mailbox{Local: t.opt.Tokens.Local(address.TokenReply, row, t.opt.Now()), Domain: m.from.Domain}
	out := compose.Outgoing{
		From: compose.Person{Name: t.rules.Load().Name, Mailbox: m.from}, ReplyTo: []compose.Person{{Mailbox: reply}}, To: []compose.Person{{Mailbox: m.to}},
		Subject: text.Say(lang, "Your code for messages from XMPP"), MessageID: newMessageID(m.from.Domain), Date: t.opt.Now().UTC(),
		Text: text.Say(lang, "The user %s of XMPP wants his messages to come to this mailbox.", m.user.String()) + "\n\n" +
			text.Say(lang, "If that is you, write this to %s with your XMPP client:", t.opt.Domain) + "\n\nredirect code " + code + "\n\n" +
			text.Say(lang, "If it is not you, do nothing: no mail comes then. Answer with nothing but “stop”, and nobody can ask again."),
		Auto:  "auto-generated",
		Extra: t.redirectHeaders(row, reply),
	}
	raw, err = t.signed(&out)
	return row, raw, out.MessageID, err
}

// confirmRedirect takes a code.
func (t *Transport) confirmRedirect(ctx context.Context, lang string, user transports.Address, code string) (said string, err error) {
	if err := t.mayRedirect(lang, user); err != nil {
		return "", err
	}
	id := t.userID(user)
	var wrong error // which is counted
	err = t.write(ctx, func(tx *store.Tx) error {
		wrong = nil
		r, ok, err := tx.Redirect(id)
		if err != nil {
			return err
		}
		old := r.CodedAt.Before(t.opt.Now().Add(-codeFor))
		if !ok || r.Code == "" || old || r.Tries >= maxTries {
			return transports.NewError(transports.NotFound, text.Say(lang, "No code waits to be written here. Begin with “redirect to” and your email address."), nil)
		}
		if subtle.ConstantTimeCompare([]byte(hashCode(id.JID, code)), []byte(r.Code)) != 1 {
			r.Tries++
			wrong = transports.NewError(transports.NeedPassword, text.Say(lang, "This is not the code that was mailed. You may try %d more times.", maxTries-r.Tries), nil)
			return tx.SetRedirect(r)
		}
		s, err := fromJSON[redirectSettings](r.Settings)
		if err != nil {
			return err
		}
		if s.Next != "" {
			r.Mailbox, s.Next = s.Next, ""
		}
		r.State, r.Code, r.Tries, r.Failures, r.Settings = store.RedirectOn, "", 0, 0, toJSON(s)
		if err := tx.SetRedirect(r); err != nil {
			return err
		}
		said = text.Say(lang, "Your messages go to %s from now on. In a moment you are told how they are learnt of.", r.Mailbox)
		_, err = t.enqueue(tx, kindFollow, id.JID, "", time.Time{}, task{User: id.JID, Notify: true})
		return err
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return "", err
	}
	return said, nil
}

// endRedirect ends the redirect of a user with all that waits, and has it no more learnt of what he gets. It reports whether there was one.
func (t *Transport) endRedirect(tx *store.Tx, id store.UserID) (was bool, err error) {
	if was, err = tx.DropRedirect(id); err != nil || !was {
		return was, err
	}
	for _, name := range []string{redirectPassword} {
		if err := tx.Unset(id, scope, name); err != nil {
			return was, err
		}
	}
	if _, err = t.enqueue(tx, kindFollow, id.JID, "", time.Time{}, task{User: id.JID}); err != nil {
		return was, fmt.Errorf("end a redirect: %w", err)
	}
	return was, nil
}

// refuseRedirect notes that the owner of a mailbox wants none of this: nobody can ask him again, and what went there ends.
func (t *Transport) refuseRedirect(tx *store.Tx, about *store.RedirectMail) error {
	m, err := address.Parse(about.Mailbox)
	if err != nil {
		return nil
	}
	if about.Peer == "" {
		if err := tx.RefuseRedirect(hashMailbox(m)); err != nil {
			return err
		}
	}
	r, ok, err := tx.Redirect(about.UserID)
	if err != nil || !ok {
		return err
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return err
	}
	user, err := transports.ParseAddress(about.JID)
	if err != nil {
		return nil
	}
	said := ""
	switch lang := t.langOf(tx, user); about.Mailbox {
	case s.Next:
		said = text.Say(lang, "The owner of %s wants no such mail.", about.Mailbox) + " " + text.Say(lang, "Your messages go on to %s.", r.Mailbox)
		err = t.keepMailbox(tx, &r, &s)
	case r.Mailbox:
		said = text.Say(lang, "Your messages go to %s no more: that was asked for from there.", about.Mailbox)
		_, err = t.endRedirect(tx, about.UserID)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return t.gateway.Deliver(tx, user, transports.Remark{ID: digest("left", fmt.Sprint(about.Mail)), Text: said})
}
