package socialbridge

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/clean"
	"passerelle/store"
	"passerelle/transports"
)

// draft is something that a user wants to publish.
type draft struct {
	Title string            `json:"title,omitempty"`
	Text  string            `json:"text"`
	Spans []transports.Span `json:"spans,omitempty"`
	HTML  string            `json:"html,omitempty"` // in place of Text, as he wrote it
	Tags  []string          `json:"tags,omitempty"`
	Files []activity.File   `json:"files,omitempty"`

	ReplyTo string   `json:"reply_to,omitempty"` // the item of the post that it answers
	To      []string `json:"to,omitempty"`       // accts of those whom it is for, whether or not it names them
	Letter  string   `json:"letter,omitempty"`   // the id of the message that it was
	Client  string   `json:"client,omitempty"`   // that sent it
	Hash    string   `json:"hash,omitempty"`     // of what that, or the user's own node, said
	OwnItem string   `json:"own_item,omitempty"` // of his own node
	Show    bool     `json:"show,omitempty"`     // his own node does not have it yet
	// Published is when his node has it from; the zero Time for now.
	Published time.Time `json:"published,omitzero"`
}

// Bounds of what a user publishes, in bytes.
const (
	maxPost     = 64 << 10
	maxUnknown  = 10 // people in it of whom nothing is known yet
	sameFor     = 24 * time.Hour
	publishTime = 5 * time.Minute // for finding them
)

// check refuses what cannot be published.
func (d *draft) check(lang string) error {
	switch {
	case len(d.Text)+len(d.HTML) > maxPost:
		return transports.NewError(transports.TooLarge, text.Say(lang, "A post may have %s at most.", transports.FormatSize(maxPost)), nil)
	case strings.TrimSpace(d.Text) == "" && strings.TrimSpace(d.HTML) == "" && d.Title == "" && len(d.Files) == 0:
		return transports.NewError(transports.BadRequest, text.Say(lang, "There is nothing in it that could be published."), nil)
	}
	d.Files = d.Files[:min(len(d.Files), maxFiles)]
	return nil
}

// publish publishes a draft, or has whom it names be found first. The item is empty then, and of one that was published before.
func (t *Transport) publish(ctx context.Context, lang string, a *Account, d *draft) (item string, err error) {
	if err := d.check(lang); err != nil {
		return "", err
	}
	unknown, err := t.unknown(&outside{ctx: ctx, db: t.opt.Store}, d)
	if err != nil {
		return "", busy(err)
	}
	err = t.write(ctx, func(tx *store.Tx) (err error) {
		item, err = t.publishIn(tx, lang, a, d, unknown)
		return err
	})
	return item, err
}

// publishIn publishes a draft that was checked, once those are found of whom nothing is known.
func (t *Transport) publishIn(tx *store.Tx, lang string, a *Account, d *draft, unknown []string) (item string, err error) {
	if d.Letter != "" {
		l, ok, err := tx.SocialLetter(t.userID(a.User), d.Letter)
		if err != nil || ok && l.Hash == d.Hash && tx.Now().Sub(l.At) < sameFor {
			return "", err // a client sent it again
		}
	}
	if err := t.mayPublish(tx, lang, a); err != nil {
		return "", err
	}
	if len(unknown) > 0 {
		if d.Letter != "" {
			// It has no post yet; a client that sends it again does not publish it again.
			if err := tx.AddSocialLetter(store.SocialLetter{UserID: t.userID(a.User), Letter: d.Letter, Hash: d.Hash}); err != nil {
				return "", err
			}
		}
		return "", t.enqueue(tx, kindPublish, a.User.String(), task{User: a.User.String(), Lang: lang, Draft: d, Names: unknown, Expires: publishTime})
	}
	p, err := t.publishNow(tx, a, d)
	return p.Item, err
}

// mayPublish refuses what is more than an account may publish.
func (t *Transport) mayPublish(tx *store.Tx, lang string, a *Account) error {
	limit := t.rules.Load().PerHour
	if limit <= 0 {
		return nil
	}
	n, err := tx.CountSocialPosts(a.ID, tx.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	if n >= limit {
		return transports.NewError(transports.Policy, text.Say(lang, "You have published %d posts in the last hour, and no more are allowed. Try again later.", n), nil)
	}
	return nil
}

// unknown are those whom a draft names of whom nothing is known, and who could be found.
func (t *Transport) unknown(from finder, d *draft) (names []string, err error) {
	o := clean.Outward{Text: d.Text, Spans: d.Spans, HTML: d.HTML}
	found := o.Names()
	for _, name := range append(append(append([]string(nil), d.To...), found.People...), found.Groups...) {
		acct, ok := parseAcct(name)
		if !ok || strings.HasSuffix(acct, "@"+t.host) || len(names) >= maxUnknown {
			continue
		}
		_, known, err := from.SocialActor(t.opt.Domain, store.SocialKey{Acct: acct})
		if err != nil {
			return nil, err
		}
		if !known && t.Allowed(hostOfAcct(acct)) && !slices.Contains(names, acct) {
			names = append(names, acct)
		}
	}
	return names, nil
}

func hostOfAcct(acct string) string { return acct[strings.LastIndexByte(acct, '@')+1:] }

// errGone is that a post is not there any more.
func errGone(lang string) error {
	return transports.NewError(transports.NotFound, text.Say(lang, "That post is not known any more."), nil)
}

// publication is a post that is being published.
type publication struct {
	by     *Account
	post   store.SocialPost
	note   note
	parent *store.SocialPost // what it answers, if anything
	told   []store.SocialActor
}

// publishNow publishes a draft: those whom it names and does not know stay text.
func (t *Transport) publishNow(tx *store.Tx, a *Account, d *draft) (store.SocialPost, error) {
	pub := t.newPublication(tx, a, d)
	if d.ReplyTo != "" {
		if err := t.answer(tx, pub, d.ReplyTo); err != nil {
			return pub.post, err
		}
	}
	if err := t.setWords(tx, pub, d); err != nil {
		return pub.post, err
	}
	p := &pub.post
	var err error
	if p.ID, err = tx.AddSocialPost(*p); err != nil {
		return *p, err
	}
	if _, err := tx.AddSocialEntry(a.ID, p.ID, p.Published, 0); err != nil {
		return *p, err
	}
	if d.Letter != "" {
		if err := tx.AddSocialLetter(store.SocialLetter{UserID: t.userID(a.User), Letter: d.Letter, Post: p.ID, Hash: d.Hash}); err != nil {
			return *p, err
		}
	}
	out := t.activityOf(a, p)
	if err := t.send(tx, Sending{By: a, Activity: &out, Everybody: true}, pub.told); err != nil {
		return *p, err
	}
	if d.Show {
		if err := t.enqueue(tx, kindShow, a.User.String(), task{User: a.User.String(), Post: p.ID}); err != nil {
			return *p, err
		}
	}
	row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: a.ID})
	if err != nil {
		return *p, err
	}
	return *p, t.spread(tx, &spreading{post: p, note: &pub.note, actor: &row, parent: pub.parent})
}

// newPublication gives a draft its names, and the time that it says it is of, unless that is to come.
func (t *Transport) newPublication(tx *store.Tx, a *Account, d *draft) *publication {
	uri := t.base + pathNote + newName()
	pub := &publication{by: a, post: store.SocialPost{
		Domain: t.opt.Domain, URI: uri, Item: itemOf(uri), Actor: a.ID, Proven: true, Public: true, OwnItem: d.OwnItem, Published: tx.Now(), Conversation: uri,
	}, note: note{Kind: activity.KindNote, Title: d.Title, Page: uri, Files: d.Files}}
	p := &pub.post
	if d.OwnItem != "" {
		p.Hash = d.Hash
	}
	if p.OwnItem == "" && d.Show {
		p.OwnItem = p.Item
	}
	if !d.Published.IsZero() && d.Published.Before(p.Published) {
		p.Published = d.Published
	}
	if d.Title != "" {
		pub.note.Kind = activity.KindArticle
	}
	return pub
}

// address has somebody told of the post, who is also named in it or not.
func (t *Transport) address(pub *publication, row *store.SocialActor, named bool) {
	n := &pub.note
	if row.ID == pub.by.ID || len(n.Mentions) >= maxMentions {
		return
	}
	if named && !slices.ContainsFunc(n.Mentions, func(m mention) bool { return m.URI == row.URI }) {
		n.Mentions = append(n.Mentions, mention{URI: row.URI, Acct: row.Acct, Group: t.actor(row).Group})
	}
	if !slices.ContainsFunc(pub.told, func(b store.SocialActor) bool { return b.ID == row.ID }) {
		pub.told = append(pub.told, *row)
	}
}

// answer has the post answer another one, and its author told.
func (t *Transport) answer(tx *store.Tx, pub *publication, item string) error {
	lang := t.langOf(tx, pub.by.User)
	q, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{Item: item})
	switch {
	case err != nil:
		return err
	case !ok || !q.DeletedAt.IsZero():
		return errGone(lang)
	case !q.Public:
		return transports.NewError(transports.Unsupported, text.Say(lang, "That was not for everybody, and answers here are always public: it is not answered."), nil)
	}
	if q.RepeatOf != "" { // who answers a repeat answers what is repeated
		if original, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: q.RepeatOf}); err != nil {
			return err
		} else if ok && original.DeletedAt.IsZero() {
			q = original
		}
	}
	p := &pub.post
	pub.parent = &q
	pub.note.Kind = activity.KindComment
	p.ReplyTo, pub.note.Parent, p.Conversation = q.URI, noteOf(&q).Page, q.Conversation
	if q.RepeatOf != "" {
		p.ReplyTo = q.RepeatOf
	}
	if p.Conversation == "" {
		p.Conversation = q.URI
	}
	row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: q.Actor})
	if err == nil && ok {
		t.address(pub, &row, true)
	}
	return err
}

// setWords writes the words of the post, with links where it names somebody, who is told.
func (t *Transport) setWords(tx *store.Tx, pub *publication, d *draft) error {
	o := clean.Outward{Text: d.Text, Spans: d.Spans, HTML: d.HTML}
	links, err := t.links(tx, &o, pub.parent, func(row *store.SocialActor, named bool) { t.address(pub, row, named) })
	if err != nil {
		return err
	}
	for _, acct := range d.To {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{Acct: acct})
		if err != nil {
			return err
		}
		if ok && row.GoneAt.IsZero() {
			t.address(pub, &row, true)
		}
	}
	n := &pub.note
	n.HTML = o.Render(links)
	piece := clean.Inward(n.HTML)
	n.Text, n.Spans = piece.Text, piece.Spans
	for _, tag := range append(o.Names().Tags, d.Tags...) {
		if tag = strings.ToLower(clean.Line(strings.TrimPrefix(tag, "#"), maxTag)); tag != "" && !slices.Contains(n.Tags, tag) && len(n.Tags) < maxTags {
			n.Tags = append(n.Tags, tag)
		}
	}
	pub.post.Note = toJSON(n)
	return nil
}

// links says where the names in a text lead, and tells whom it names.
func (t *Transport) links(tx *store.Tx, o *clean.Outward, parent *store.SocialPost, tell func(*store.SocialActor, bool)) (clean.Links, error) {
	links := make(clean.Links)
	names := o.Names()
	// A name without a host is somebody of the conversation, or of this server.
	near := make(map[string]string)
	if parent != nil {
		for _, m := range noteOf(parent).Mentions {
			if name, _, ok := strings.Cut(m.Acct, "@"); ok {
				near[name] = m.Acct
			}
		}
		if row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: parent.Actor}); err != nil {
			return nil, err
		} else if name, _, has := strings.Cut(row.Acct, "@"); ok && has {
			near[name] = row.Acct
		}
	}
	for _, list := range []struct {
		sign  string
		names []string
	}{{"@", names.People}, {"!", names.Groups}} {
		for _, name := range list.names {
			acct, ok := parseAcct(name)
			if !ok && !strings.Contains(name, "@") {
				if acct = near[name]; acct == "" {
					acct = name + "@" + t.host
				}
			} else if !ok {
				continue
			}
			row, known, err := tx.SocialActor(t.opt.Domain, store.SocialKey{Acct: acct})
			if err != nil {
				return nil, err
			}
			if !known || !row.GoneAt.IsZero() {
				continue
			}
			links[list.sign+name] = row.URI
			tell(&row, true)
		}
	}
	for _, tag := range names.Tags {
		links["#"+tag] = t.base + pathTag + url.PathEscape(tag)
	}
	return links, nil
}

// send has others told of something that an account does; those of ours are told by who calls it.
func (t *Transport) send(tx *store.Tx, s Sending, to []store.SocialActor) error {
	for i := range to {
		if to[i].Name == "" && t.Allowed(hostOf(to[i].URI)) {
			s.To = append(s.To, *t.known(&to[i]))
		}
	}
	if !s.Everybody && len(s.To) == 0 || t.wire == nil {
		return nil
	}
	return t.wire.Send(tx, s)
}

// repeat publishes what somebody else has written.
func (t *Transport) repeat(tx *store.Tx, lang string, a *Account, q *store.SocialPost) error {
	if q.RepeatOf != "" { // who repeats a repeat repeats what is repeated
		original, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: q.RepeatOf})
		if err != nil {
			return err
		}
		if ok && original.DeletedAt.IsZero() {
			q = &original
		}
	}
	switch {
	case !q.DeletedAt.IsZero():
		return errGone(lang)
	case !q.Public:
		return transports.NewError(transports.Unsupported, text.Say(lang, "That was not for everybody: it is not repeated."), nil)
	case q.Actor == a.ID:
		return transports.NewError(transports.BadRequest, text.Say(lang, "This is of yourself already."), nil)
	}
	of := q.URI
	n := noteOf(q)
	if q.RepeatOf != "" {
		of = q.RepeatOf
	}
	if _, done, err := tx.SocialPost(t.opt.Domain, store.PostKey{RepeatOf: of, Actor: a.ID}); err != nil || done {
		return err
	}
	if err := t.mayPublish(tx, lang, a); err != nil {
		return err
	}
	author, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: q.Actor})
	if err != nil {
		return err
	}
	var told []store.SocialActor
	if q.RepeatOf == "" && ok {
		who := t.actor(&author)
		n.Author = &writtenBy{URI: author.URI, Acct: author.Acct, Name: displayName(&who), Page: who.Page}
		n.Original = q.Published
		told = append(told, author)
	}
	uri := t.base + pathNote + newName()
	n.Parent, n.Page, n.Mentions = n.Page, uri, nil
	p := store.SocialPost{Domain: t.opt.Domain, URI: uri, Item: itemOf(uri), Actor: a.ID, Proven: true, Public: true, RepeatOf: of, Published: tx.Now(), Conversation: q.Conversation, Note: toJSON(&n)}
	p.OwnItem = p.Item
	if p.ID, err = tx.AddSocialPost(p); err != nil {
		return err
	}
	if _, err := tx.AddSocialEntry(a.ID, p.ID, p.Published, 0); err != nil {
		return err
	}
	out := t.activityOf(a, &p)
	if err := t.send(tx, Sending{By: a, Activity: &out, Everybody: true}, told); err != nil {
		return err
	}
	if err := t.enqueue(tx, kindShow, a.User.String(), task{User: a.User.String(), Post: p.ID}); err != nil {
		return err
	}
	row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: a.ID})
	if err != nil {
		return err
	}
	return t.spread(tx, &spreading{post: &p, note: &n, actor: &row})
}

// takeBack deletes a post of an account.
func (t *Transport) takeBack(tx *store.Tx, a *Account, p *store.SocialPost) error {
	if !p.DeletedAt.IsZero() {
		return nil
	}
	if p.Actor != a.ID {
		return errors.New("the post is of somebody else")
	}
	if err := t.sayDeleted(tx, a, p); err != nil {
		return err
	}
	return t.withdraw(tx, p)
}

// sayDeleted has others told that a post of an account is gone.
func (t *Transport) sayDeleted(tx *store.Tx, a *Account, p *store.SocialPost) error {
	var told []store.SocialActor
	for _, m := range noteOf(p).Mentions {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: m.URI})
		if err != nil {
			return err
		}
		if ok {
			told = append(told, row)
		}
	}
	out := deleted(tx, a, p)
	for i := range told {
		out.To = append(out.To, told[i].URI)
	}
	return t.send(tx, Sending{By: a, Activity: &out, Everybody: true}, told)
}

// deleted is what says that a post of an account is gone.
func deleted(tx *store.Tx, a *Account, p *store.SocialPost) activity.Activity {
	return activity.Activity{ID: p.URI, Verb: activity.Delete, Actor: a.Actor, Published: tx.Now(), Object: p.URI, Owner: a.URI, Public: p.Public, Title: displayName(&a.Actor) + " deleted a note"}
}
