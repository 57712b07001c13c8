package socialbridge

import (
	"context"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// cutNode is the item that a node has comments of.
func cutNode(node string) (item string, ok bool) {
	return strings.CutPrefix(node, transports.NodeComments)
}

// Published implements transports.Social.
func (t *Transport) Published(ctx context.Context, user transports.Address, e transports.Entry) error {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	if err != nil {
		return busy(err)
	}
	if !ok || e.Item == "" {
		return nil
	}
	a := t.account(&row)
	prefs, err := t.preferences(ctx, user)
	if err != nil {
		return busy(err)
	}
	switch {
	case e.Private && prefs.OnlyOpen, prefs.NoFeed:
		return nil
	case publishedAt(&e).Before(a.Since):
		return nil // it is from before he wanted to take part, or nobody says from when: nodes show what is old as what is new
	}
	files := ""
	for _, f := range e.Files {
		files += " " + f.URL
	}
	hash := digest("entry", e.Title, e.Body, files)
	p, ok, err := t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{OwnItem: e.Item, Actor: a.ID})
	if err != nil {
		return busy(err)
	}
	if ok {
		return t.publishedAgain(ctx, prefs.Lang, a, &p, hash)
	}
	d := &draft{Title: e.Title, Text: e.Body, HTML: e.HTML, Tags: e.Tags, OwnItem: e.Item, Hash: hash, Published: e.Published}
	if d.Title == d.Text || strings.TrimSpace(d.Text) == "" && d.HTML == "" {
		d.Text, d.Title = e.Title, "" // many clients have a title and nothing else
	}
	for _, f := range e.Files {
		if u := httpURL(f.URL); u != "" {
			d.Files = append(d.Files, activity.File{URL: u, Type: f.Type, Size: f.Size, Title: f.Description})
		}
	}
	for _, m := range e.Mentions {
		d.To = append(d.To, m.ID)
	}
	d.To = d.To[:min(len(d.To), maxMentions)]
	switch {
	case e.Via != nil:
		return t.repeatedEntry(ctx, prefs.Lang, a, &e, hash)
	case e.ReplyTo != nil:
		q, ok, err := t.referred(ctx, e.ReplyTo)
		if err != nil {
			return busy(err)
		}
		if ok {
			d.ReplyTo = q.Item
		}
	}
	_, err = t.publish(ctx, prefs.Lang, a, d)
	if err != nil && !transports.AsError(err).Kind.Temporary() {
		// He does not wait for an answer: he is told.
		return t.write(ctx, func(tx *store.Tx) error {
			return t.deliver(tx, user.Bare(), transports.Remark{
				ID:   digest("not published", a.URI, e.Item, hash),
				Text: text.Say(prefs.Lang, "What you published in your feed is not on the social web: %s", transports.AsError(err).Text),
			})
		})
	}
	return err
}

// publishedAt is when an item of a user's own node was published: where it does not say, when his server told that it is new, and the zero Time where
// nobody did. Most say it in whole seconds: one that may be from the second's end is.
func publishedAt(e *transports.Entry) time.Time {
	at := e.Published
	if at.IsZero() {
		at = e.Updated
	}
	if at.IsZero() {
		at = e.Fresh
	}
	if !at.IsZero() && at.Nanosecond() == 0 {
		at = at.Add(time.Second - time.Nanosecond)
	}
	return at
}

// publishedAgain takes an item that was published before. One that says something else cannot be changed where others have it: its user is told, once.
func (t *Transport) publishedAgain(ctx context.Context, lang string, a *Account, p *store.SocialPost, hash string) error {
	if p.Hash == hash || p.Hash == "" || !p.DeletedAt.IsZero() {
		return nil
	}
	return t.write(ctx, func(tx *store.Tx) error {
		p.Hash = hash
		if err := tx.SetSocialPost(*p); err != nil {
			return err
		}
		return t.deliver(tx, a.User, transports.Remark{
			ID:   digest("changed", p.URI, hash),
			Text: text.Say(lang, "You have changed a post in your feed. Others keep it as it was: OStatus cannot change a post. Take it back and post again if it matters."),
		})
	})
}

// repeatedEntry publishes that a user repeats something.
func (t *Transport) repeatedEntry(ctx context.Context, lang string, a *Account, e *transports.Entry, hash string) error {
	q, ok, err := t.referred(ctx, e.Via)
	if err != nil {
		return busy(err)
	}
	if !ok {
		return nil // it is of nobody whom anybody here reads
	}
	err = t.write(ctx, func(tx *store.Tx) error {
		if err := t.repeat(tx, lang, a, &q); err != nil {
			return err
		}
		of := q.URI
		if q.RepeatOf != "" {
			of = q.RepeatOf
		}
		p, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{RepeatOf: of, Actor: a.ID})
		if err != nil || !ok {
			return err
		}
		p.OwnItem, p.Hash = e.Item, hash
		return tx.SetSocialPost(p)
	})
	if err != nil && !transports.AsError(err).Kind.Temporary() {
		return nil
	}
	return err
}

// referred is the post that an entry refers to.
func (t *Transport) referred(ctx context.Context, ref *transports.EntryRef) (p store.SocialPost, ok bool, err error) {
	for _, key := range []store.PostKey{{URI: ref.ID}, {Item: ref.Item}, {Item: ref.ID}} {
		if key == (store.PostKey{}) {
			continue
		}
		if p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, key); ok || err != nil {
			return p, ok && p.DeletedAt.IsZero(), err
		}
	}
	if ref.Item == "" || ref.User.IsZero() {
		return p, false, nil
	}
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: ref.User.Bare().String()})
	if err != nil || !ok {
		return p, false, err
	}
	p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{OwnItem: ref.Item, Actor: row.ID})
	return p, ok && p.DeletedAt.IsZero(), err
}

// Withdrawn implements transports.Social.
func (t *Transport) Withdrawn(ctx context.Context, user transports.Address, item string) error {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	if err != nil || !ok || item == "" {
		return orBusy(err)
	}
	return t.write(ctx, func(tx *store.Tx) error {
		p, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{OwnItem: item, Actor: row.ID})
		if err != nil {
			return err
		}
		if !ok {
			return t.neverPublished(tx, &row, item)
		}
		return t.takeBack(tx, t.account(&row), &p)
	})
}

// neverPublished notes that an item was taken back which may wait for those whom it names to be found.
func (t *Transport) neverPublished(tx *store.Tx, row *store.SocialActor, item string) error {
	waits, err := tx.JobsWait(t.lane(kindPublish, row.JID))
	if err != nil || !waits {
		return err
	}
	uri := t.base + pathNote + newName()
	_, err = tx.AddSocialPost(store.SocialPost{
		Domain: t.opt.Domain, URI: uri, Item: itemOf(uri), Actor: row.ID, Proven: true, OwnItem: item, Published: tx.Now(), DeletedAt: tx.Now(),
	})
	return err
}

// orBusy is nil, or busy.
func orBusy(err error) error {
	if err == nil {
		return nil
	}
	return busy(err)
}

// Watching implements transports.Social.
func (t *Transport) Watching(ctx context.Context, after transports.Address, n int) ([]transports.Address, error) {
	from := ""
	if !after.IsZero() {
		from = after.Bare().String()
	}
	rows, err := t.opt.Store.SocialAccounts(ctx, t.opt.Domain, from, n)
	if err != nil {
		return nil, busy(err)
	}
	all := make([]transports.Address, len(rows))
	for i := range rows {
		all[i] = userOf(rows[i].JID)
	}
	return all, nil
}

// Comment implements transports.Social.
func (t *Transport) Comment(ctx context.Context, user transports.Address, of transports.Target, node string, e transports.Entry) (string, error) {
	lang := t.lang(ctx, user)
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return "", err
	}
	row, err := t.actorOf(ctx, user, of)
	if err != nil {
		return "", err
	}
	p, ok, err := t.commented(ctx, &row, node)
	if err != nil {
		return "", busy(err)
	}
	if !ok {
		return "", transports.NewError(transports.NotFound, text.Say(lang, "There is no such node."), nil)
	}
	d := &draft{Text: e.Body, HTML: e.HTML, Tags: e.Tags, ReplyTo: p.Item}
	if d.Text == "" && d.HTML == "" {
		d.Text = e.Title
	}
	for _, f := range e.Files {
		if u := httpURL(f.URL); u != "" {
			d.Files = append(d.Files, activity.File{URL: u, Type: f.Type, Size: f.Size, Title: f.Description})
		}
	}
	if e.Item != "" { // a client that sends it again
		d.Letter, d.Hash = e.Item, digest("comment", p.Item, e.Body, e.HTML)
	}
	item, err := t.publish(ctx, lang, a, d)
	if err == nil && item == "" {
		item = e.Item
		if d.Letter != "" {
			err = t.write(ctx, func(tx *store.Tx) error {
				l, ok, err := tx.SocialLetter(t.userID(user), d.Letter)
				if err != nil || !ok || l.Post == 0 {
					return err
				}
				q, _, err := tx.SocialPost(t.opt.Domain, store.PostKey{ID: l.Post})
				item = q.Item
				return err
			})
		}
	}
	return item, err
}

// Uncomment implements transports.Social.
func (t *Transport) Uncomment(ctx context.Context, user transports.Address, _ transports.Target, _, item string) error {
	lang := t.lang(ctx, user)
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return err
	}
	return t.write(ctx, func(tx *store.Tx) error {
		p, ok, err := t.ownPost(tx, a, item)
		if err != nil {
			return err
		}
		if !ok {
			return transports.NewError(transports.NotFound, text.Say(lang, "What you take back is nothing that you have published."), nil)
		}
		return t.takeBack(tx, a, &p)
	})
}

// ownPost is a post of an account by the id of a message, of an item of its own node, or of one here.
func (t *Transport) ownPost(tx *store.Tx, a *Account, id string) (p store.SocialPost, ok bool, err error) {
	l, ok, err := tx.SocialLetter(t.userID(a.User), id)
	if err != nil {
		return p, false, err
	}
	keys := []store.PostKey{{Item: id}, {OwnItem: id, Actor: a.ID}}
	if ok && l.Post != 0 {
		keys = []store.PostKey{{ID: l.Post}}
	}
	for _, key := range keys {
		if p, ok, err = tx.SocialPost(t.opt.Domain, key); err != nil {
			return p, false, err
		} else if ok && p.Actor == a.ID {
			return p, true, nil
		}
	}
	return p, false, nil
}

// anyPost is a post by the id of a letter: of the user's own messages, or of what came to him.
func (t *Transport) anyPost(tx *store.Tx, user transports.Address, id string) (p store.SocialPost, ok bool, err error) {
	l, ok, err := tx.SocialLetter(t.userID(user), id)
	if err != nil {
		return p, false, err
	}
	if ok && l.Post != 0 {
		return tx.SocialPost(t.opt.Domain, store.PostKey{ID: l.Post})
	}
	if p, ok, err = tx.SocialPost(t.opt.Domain, store.PostKey{Item: id}); ok || err != nil {
		return p, ok, err
	}
	row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	if err != nil || !ok {
		return p, false, err
	}
	return tx.SocialPost(t.opt.Domain, store.PostKey{OwnItem: id, Actor: row.ID})
}
