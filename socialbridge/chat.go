package socialbridge

import (
	"context"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// post publishes what a user writes to a contact: an answer, or something in which he is named. All of it is public, of which its user is told first.
func (t *Transport) post(ctx context.Context, user transports.Address, l transports.Letter) error {
	lang := t.lang(ctx, user)
	l.Body = strings.TrimRight(l.Body, "\n ")
	if l.Body == "" && len(l.Files) == 0 && l.Subject == "" {
		return transports.NewError(transports.BadRequest, text.Say(lang, "There is nothing in it that could be published."), nil)
	}
	if done, err := t.chatCommand(ctx, lang, user, &l); done || err != nil {
		return err
	}
	switch {
	case l.With.ID == "":
		return transports.NewError(transports.BadRequest, text.Say(lang, "Write “post” and your text to publish something, or write to somebody."), nil)
	case l.Replaces != "":
		return transports.NewError(transports.Unsupported, text.Say(lang, "OStatus cannot change a post. Take it back and post again."), nil)
	case slices.ContainsFunc(l.Others, func(o transports.Recipient) bool { return o.Kind == transports.RecipientBcc && !o.Delivered }):
		return transports.NewError(transports.Unsupported, text.Say(lang, "Everything here is public, so nobody can get it in secret."), nil)
	}
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return err
	}
	if l.ID == "" {
		l.ID = newName()
	}
	d := t.draftOf(&l)
	if l.ReplyTo != "" {
		err := t.write(ctx, func(tx *store.Tx) error {
			p, ok, err := t.anyPost(tx, user, l.ReplyTo)
			if ok && err == nil && p.DeletedAt.IsZero() {
				d.ReplyTo = p.Item
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if d.ReplyTo == "" {
		if public, err := t.mayMention(ctx, lang, user, &l); !public || err != nil {
			return err
		}
	}
	_, err = t.publish(ctx, lang, a, d)
	return err
}

// draftOf is a message as something to publish.
func (t *Transport) draftOf(l *transports.Letter) *draft {
	body, spans := l.Body, l.Spans
	if l.ReplyTo != "" && l.Quoted > 0 && l.Quoted <= len(body) { // what it answers is known
		spans = transports.CutSpans(spans, l.Quoted, len(body), 0)
		body = body[l.Quoted:]
	}
	d := &draft{Title: l.Subject, Text: body, Spans: spans, Letter: l.ID, Client: l.Client.String(), Hash: digest("letter", l.With.ID, l.Body, l.Subject, l.ReplyTo)}
	if l.With.ID != "" {
		d.To = append(d.To, l.With.ID)
	}
	for _, o := range l.Others {
		if o.Who.ID != "" && len(d.To) < maxMentions {
			d.To = append(d.To, o.Who.ID)
		}
	}
	for _, f := range l.Files {
		if u := httpURL(f.URL); u != "" {
			d.Files = append(d.Files, activity.File{URL: u, Type: f.Type, Size: f.Size, Title: f.Description})
		}
		if strings.TrimSpace(d.Text) == f.URL { // many clients write the link of a file and nothing else
			d.Text, d.Spans = "", nil
		}
	}
	return d
}

// mayMention reports whether a message to somebody, which answers nothing, may become a post. The first one waits until its user has said so.
func (t *Transport) mayMention(ctx context.Context, lang string, user transports.Address, l *transports.Letter) (bool, error) {
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return false, busy(err)
	}
	switch prefs.Mention {
	case mentionPublic:
		return true, nil
	case mentionNever:
		return false, transports.NewError(transports.Policy, text.Say(lang, "This was not sent: you have set that messages to people are not published, and there are no private ones on the social web. Answers are."), nil)
	}
	err = t.write(ctx, func(tx *store.Tx) error { return tx.HoldSocialLetter(t.userID(user), toJSON(l)) })
	if err != nil {
		return false, err
	}
	return false, transports.NewError(transports.Policy, text.Say(lang, "This was not sent: on the social web there are no private messages. It would be a post that everybody can read, in which %s is named. Write “public” to publish it, and whatever you write to people here from now on; “configure mention=never” if you never want that.", l.With.ID), nil)
}

// heldFor is how long a message waits for its user to say that it may be public.
const heldFor = 24 * time.Hour

// publishHeld publishes what waited for a user to say that it may be public. Where it cannot be published, it waits on, and nothing has changed.
func (t *Transport) publishHeld(ctx context.Context, lang string, user transports.Address) (string, error) {
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return "", err
	}
	var held string
	err = t.write(ctx, func(tx *store.Tx) error {
		var at time.Time
		var err error
		if held, at, err = tx.HeldSocialLetter(t.userID(user)); err != nil {
			return err
		}
		if tx.Now().Sub(at) > heldFor { // he does not think of that one
			held = ""
		}
		if err := tx.HoldSocialLetter(t.userID(user), ""); err != nil {
			return err
		}
		if err := tx.Set(t.userID(user), scope, SettingMention, mentionPublic); err != nil || held == "" {
			return err
		}
		l, err := fromJSON[transports.Letter](held)
		if err != nil {
			return transports.NewError(transports.Internal, "", err)
		}
		d := t.draftOf(&l)
		if err := d.check(lang); err != nil {
			return err
		}
		unknown, err := t.unknown(tx, d)
		if err != nil {
			return err
		}
		_, err = t.publishIn(tx, lang, a, d, unknown)
		return err
	})
	if err != nil {
		return "", err
	}
	if held == "" {
		return text.Say(lang, "What you write to people here is published from now on. “configure mention=ask” takes that back."), nil
	}
	return text.Say(lang, "It is published, and so is what you write to people here from now on. “configure mention=ask” takes that back."), nil
}

// react has a user like what he puts a heart to.
func (t *Transport) react(ctx context.Context, user transports.Address, r transports.React) error {
	lang := t.lang(ctx, user)
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return err
	}
	return t.write(ctx, func(tx *store.Tx) error {
		p, ok, err := t.anyPost(tx, user, r.On)
		if err != nil {
			return err
		}
		if !ok || !p.DeletedAt.IsZero() {
			return errGone(lang)
		}
		return t.like(tx, lang, a, &p, r.Add)
	})
}

// redact takes back what a user has published.
func (t *Transport) redact(ctx context.Context, user transports.Address, r transports.Redact) error {
	lang := t.lang(ctx, user)
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return err
	}
	return t.write(ctx, func(tx *store.Tx) error {
		found := false
		for _, id := range r.Messages {
			p, ok, err := t.ownPost(tx, a, id)
			if err != nil {
				return err
			}
			if !ok {
				// It may wait for those whom it names to be found: it is not published then.
				waits, err := t.forgetDraft(tx, a, id)
				if err != nil {
					return err
				}
				found = found || waits
				continue
			}
			found = true
			if err := t.takeBack(tx, a, &p); err != nil {
				return err
			}
		}
		if !found {
			return transports.NewError(transports.NotFound, text.Say(lang, "What you take back is nothing that you have published."), nil)
		}
		return nil
	})
}

// forgetDraft has a message of a user's that waits not be published, and reports whether there is one.
func (t *Transport) forgetDraft(tx *store.Tx, a *Account, letter string) (waits bool, err error) {
	l, ok, err := tx.SocialLetter(t.userID(a.User), letter)
	if err != nil || !ok || l.Post != 0 {
		return false, err
	}
	return true, tx.DropSocialLetter(t.userID(a.User), letter)
}

// acknowledged is told that a user has a letter: nobody of the social web waits for that.
func (t *Transport) acknowledged(context.Context, transports.Address, transports.Acknowledge) {}

// Returned implements transports.Postal: what a user's server does not take is in the feeds all the same.
func (t *Transport) Returned(*store.Tx, transports.Address, transports.Returned) error { return nil }
