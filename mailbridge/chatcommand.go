package mailbridge

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/content"
	"passerelle/store"
	"passerelle/transports"
)

// What a user writes in a conversation to the gateway and not to the contact: a word behind a slash, alone or, of /all, in front of a message.
const (
	wordSend     = "/send"
	wordAll      = "/all"
	wordQuote    = "/quote"
	wordFull     = "/full"
	wordOriginal = "/original"
	wordBlock    = "/block"
	wordAccept   = "/accept"
	wordMute     = "/mute"
	wordUnmute   = "/unmute"
	wordHelp     = "/help"
)

// chatCommand does what a letter asks of the gateway, and reports whether it was that. /all makes it a letter to everybody.
func (t *Transport) chatCommand(ctx context.Context, user transports.Address, l *transports.Letter) (done bool, err error) {
	word, rest, more := strings.Cut(strings.TrimSpace(l.Body), " ")
	if !strings.HasPrefix(word, "/") || len(l.Files) > 0 || l.With.ID == "" {
		return false, nil
	}
	word = strings.ToLower(word)
	if !slices.Contains([]string{wordSend, wordAll, wordQuote, wordFull, wordOriginal, wordBlock, wordAccept, wordMute, wordUnmute, wordHelp}, word) ||
		more && word != wordAll && (word != wordOriginal || !strings.EqualFold(strings.TrimSpace(rest), "html")) {
		return false, nil
	}
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return true, busy(err)
	}
	key := store.MailKey{Contact: l.With.ID}
	if l.ReplyTo != "" {
		key = store.MailKey{XMPPID: l.ReplyTo}
	}
	call := transports.Call{User: user, On: l.With, Lang: prefs.Lang, Values: transports.Values{}}
	said := ""
	switch word {
	case wordAll:
		if rest = strings.TrimSpace(rest); rest == "" {
			said, err = t.sayAll(ctx, prefs.Lang, user, key)
			break
		}
		l.Body, l.Spans = rest, nil
		return false, t.toAll(ctx, user, l, key)
	case wordSend:
		said, err = t.runSend(ctx, call)
	case wordBlock:
		said, err = t.runBlock(ctx, call)
	case wordAccept:
		said, err = t.runAccept(ctx, call)
	case wordMute:
		said, err = t.runMute(ctx, call)
	case wordUnmute:
		said, err = t.runUnmute(ctx, call)
	case wordQuote, wordFull:
		said, err = t.unfolded(ctx, prefs.Lang, user, key, word == wordFull)
	case wordOriginal:
		said, err = t.original(ctx, prefs.Lang, user, key, more)
	case wordHelp:
		said = text.Say(prefs.Lang, "%s sends what you have written now; %s before a message sends it to everybody who got the last mail; %s shows what the last mail repeats, %s all of its text, %s the mail as it came, with “html” behind it how it was meant to look; %s and %s say whether you want mail of this contact, %s and %s whether it is shown to you.",
			wordSend, wordAll, wordQuote, wordFull, wordOriginal, wordAccept, wordBlock, wordUnmute, wordMute)
	}
	if err != nil {
		return true, err
	}
	t.gateway.Tell(user, l.With, said)
	return true, nil
}

// toAll makes a letter one to everybody who got the last mail.
func (t *Transport) toAll(ctx context.Context, user transports.Address, l *transports.Letter, key store.MailKey) error {
	o, err := t.everybody(ctx, user, key)
	if err != nil {
		return err
	}
	for _, list := range []struct {
		kind transports.RecipientKind
		who  []person
	}{{transports.RecipientTo, o.To}, {transports.RecipientCc, o.Cc}} {
		for _, p := range list.who {
			if target := contactOf(p.Mailbox); target != l.With && len(l.Others) < transports.MaxRecipients {
				l.Others = append(l.Others, transports.Recipient{Kind: list.kind, Who: target, Name: p.Name})
			}
		}
	}
	return nil
}

func (t *Transport) everybody(ctx context.Context, user transports.Address, key store.MailKey) (o others, err error) {
	m, ok, err := t.opt.Store.MailMessage(ctx, t.userID(user), key)
	if err != nil || !ok {
		return o, err
	}
	return fromJSON[others](m.Others)
}

// sayAll names those to whom an answer to all goes.
func (t *Transport) sayAll(ctx context.Context, lang string, user transports.Address, key store.MailKey) (string, error) {
	o, err := t.everybody(ctx, user, key)
	if err != nil {
		return "", busy(err)
	}
	var names []string
	for _, p := range append(o.To, o.Cc...) {
		names = append(names, p.Mailbox.String())
	}
	if len(names) == 0 {
		return text.Say(lang, "The last mail of this conversation was for nobody else."), nil
	}
	return text.Say(lang, "“%s your message” goes to %s as well.", wordAll, strings.Join(names, ", ")), nil
}

// came finds the mail of a letter, as it came.
func (t *Transport) lastMail(ctx context.Context, lang string, user transports.Address, key store.MailKey) (raw []byte, at time.Time, err error) {
	gone := transports.NewError(transports.NotFound, text.Say(lang, "There is no mail in this conversation that is still kept."), nil)
	id := t.userID(user)
	m, ok, err := t.opt.Store.MailMessage(ctx, id, key)
	if err != nil {
		return nil, at, busy(err)
	}
	if ok && m.Outward && key.Contact != "" {
		m, ok, err = t.opt.Store.LastMailFrom(ctx, id, key.Contact)
		if err != nil {
			return nil, at, busy(err)
		}
	}
	if !ok || m.Outward {
		return nil, at, gone
	}
	in, ok, err := t.opt.Store.MailIn(ctx, m.Mail)
	switch {
	case err != nil:
		return nil, at, busy(err)
	case !ok:
		return nil, at, gone
	}
	return in.Raw, in.ReceivedAt, nil
}

// unfolded is what the last mail repeats of others, or all of its text.
func (t *Transport) unfolded(ctx context.Context, lang string, user transports.Address, key store.MailKey, full bool) (string, error) {
	raw, _, err := t.lastMail(ctx, lang, user, key)
	if err != nil {
		return "", err
	}
	m, err := content.Read(raw, content.Limits{Size: len(raw)})
	if err != nil {
		return "", transports.NewError(transports.Internal, "", err)
	}
	said := m.Quote
	if full {
		said = strings.Join(slices.DeleteFunc([]string{m.Text, m.Quote, m.Signature}, func(s string) bool { return s == "" }), "\n\n")
	}
	if said == "" {
		return text.Say(lang, "That mail has nothing that was left out."), nil
	}
	if len(said) <= maxBody {
		return said, nil
	}
	link, err := t.gateway.Upload(ctx, user, transports.File{Name: "message.txt", Type: "text/plain; charset=utf-8", Size: int64(len(said))}, strings.NewReader(said))
	if err != nil {
		return cutLines(said, maxBody) + "\n[…]", nil
	}
	return link, nil
}

// original hands a user the last mail as it came, or the page that it has (HTML).
func (t *Transport) original(ctx context.Context, lang string, user transports.Address, key store.MailKey, page bool) (string, error) {
	data, at, err := t.lastMail(ctx, lang, user, key)
	if err != nil {
		return "", err
	}
	f := transports.File{Name: "mail-" + at.UTC().Format("2006-01-02-150405"), Type: "message/rfc822"}
	if page {
		html, ok := content.HTML(data, content.Limits{Size: len(data)})
		if !ok {
			return text.Say(lang, "That mail is text alone, and has no HTML."), nil
		}
		data, f.Type, f.Name = html, "text/html", f.Name+".html"
	} else {
		f.Name += ".eml"
	}
	f.Size = int64(len(data))
	link, err := t.gateway.Upload(ctx, user, f, bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	return link, nil
}

func sayTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 MST") }

func sortRows(table *transports.Table) {
	slices.SortFunc(table.Rows, func(a, b transports.Row) int { return strings.Compare(a.Key, b.Key) })
}
