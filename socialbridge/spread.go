package socialbridge

import (
	"path"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// spreading is a post on its way to users here.
type spreading struct {
	post   *store.SocialPost
	note   *note
	actor  *store.SocialActor // who wrote or repeated it
	parent *store.SocialPost  // what it answers, if that is known
	group  *store.SocialActor // in whose feed it came, where that is not the actor's: its readers are told
	// only is the account whom alone it is for, where it is not for everybody.
	only *Account
	// quiet says that nobody is told of it who has not to do with it: it is from before anybody followed.
	quiet bool
}

// reader is a user who is told of a post.
type reader struct {
	user    transports.Address
	feed    bool // it is in a feed that he follows
	named   bool // it names him
	answers bool // it answers him
}

// maxComments bounds who hears of an answer because he wants to hear of all of them.
const maxComments = 1000

// deliver has a user told something. What the gateway cannot show is nothing that would keep the rest back.
func (t *Transport) deliver(tx *store.Tx, user transports.Address, e transports.Event) error {
	err := t.gateway.Deliver(tx, user, e)
	if err != nil && transports.AsError(err).Kind == transports.Unsupported {
		return nil
	}
	return err
}

// spread tells users here of a post: those who follow its actor, those whom it names, and who wrote what it answers; each of them once.
func (t *Transport) spread(tx *store.Tx, s *spreading) error {
	var all []*reader
	by := map[string]*reader{}
	get := func(user transports.Address) *reader {
		r := by[user.String()]
		if r == nil {
			r = &reader{user: user}
			by[user.String()] = r
			all = append(all, r)
		}
		return r
	}
	if !s.quiet && s.post.Public {
		for _, feed := range []*store.SocialActor{s.actor, s.group} {
			if feed == nil {
				continue
			}
			if err := t.eachReader(tx, feed.ID, func(user transports.Address) error { get(user).feed = true; return nil }); err != nil {
				return err
			}
		}
	}
	for _, m := range s.note.Mentions {
		if !strings.HasPrefix(m.URI, t.base+pathUser) || s.post.RepeatOf != "" {
			continue
		}
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: m.URI})
		if err != nil {
			return err
		}
		if ok && row.JID != "" && (s.only == nil || s.only.ID == row.ID) {
			get(userOf(row.JID)).named = true
		}
	}
	if s.only != nil && !s.only.User.IsZero() {
		get(s.only.User).named = true
	}
	if s.parent != nil {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: s.parent.Actor})
		if err != nil {
			return err
		}
		if ok && row.JID != "" && (s.only == nil || s.only.ID == row.ID) {
			get(userOf(row.JID)).answers = true
		}
		if err := t.comment(tx, s, &row); err != nil {
			return err
		}
	}
	for _, r := range all {
		if s.actor.JID != "" && r.user == userOf(s.actor.JID) {
			continue // who wrote it knows
		}
		if err := t.tell(tx, s, r); err != nil {
			return err
		}
	}
	return nil
}

// tell tells one user of a post.
func (t *Transport) tell(tx *store.Tx, s *spreading, r *reader) error {
	id := t.userID(r.user)
	muted, err := t.muted(tx, id, s.actor)
	if muted || err != nil {
		return err
	}
	if by := s.note.Author; s.post.RepeatOf != "" && by != nil { // of whom he wants to hear nothing he does not by others either
		muted, err := t.muted(tx, id, &store.SocialActor{Acct: by.Acct, URI: by.URI})
		if muted || err != nil {
			return err
		}
	}
	if !r.feed {
		wanted, err := t.wantsStranger(tx, id, s, r)
		if !wanted || err != nil {
			return err
		}
		known := false
		if !s.post.Public { // of one that is public its readers are told, and this is none
			if known, err = tx.FollowsSocial(id, s.actor.ID); err != nil {
				return err
			}
		}
		if !known {
			if many, err := t.tooMany(tx, r.user, s.actor); many || err != nil {
				return err
			}
		}
	}
	if r.feed {
		of := s.actor
		if follows, err := tx.FollowsSocial(id, s.actor.ID); err != nil {
			return err
		} else if !follows && s.group != nil {
			of = s.group
		}
		e, err := t.entry(tx, s.post, s.note, s.actor)
		if err != nil {
			return err
		}
		if target := targetOf(of); target.ID != "" {
			if err := t.deliver(tx, r.user, transports.EntryPublished{Of: target, Node: transports.NodeFeed, Entry: *e}); err != nil {
				return err
			}
		}
		if !r.named && !r.answers {
			how, err := tx.Setting(id, scope, SettingPosts)
			switch {
			case err != nil || how == postsFeed:
				return err
			case how == postsDigest:
				return t.digestLater(tx, r.user)
			}
		}
	}
	l, err := t.letter(tx, s, r)
	if err != nil {
		return err
	}
	return t.deliver(tx, r.user, *l)
}

// comment tells those of an answer who want to hear of answers to its parent, and who wrote that.
func (t *Transport) comment(tx *store.Tx, s *spreading, author *store.SocialActor) error {
	of := targetOf(author)
	if of.ID == "" || !s.post.Public {
		return nil
	}
	jids, err := tx.SocialSubscribers(t.opt.Domain, s.parent.ID, maxComments)
	if err != nil {
		return err
	}
	if author.JID != "" && !slices.Contains(jids, author.JID) {
		jids = append(jids, author.JID)
	}
	for _, jid := range jids {
		if jid == s.actor.JID {
			continue
		}
		muted, err := t.muted(tx, store.UserID{Domain: t.opt.Domain, JID: jid}, s.actor)
		if err != nil {
			return err
		}
		if muted {
			continue
		}
		if follows, err := tx.FollowsSocial(store.UserID{Domain: t.opt.Domain, JID: jid}, s.actor.ID); err != nil {
			return err
		} else if !follows {
			if much, err := t.tooMuch(tx, userOf(jid), s.actor, s.parent.URI); err != nil {
				return err
			} else if much {
				continue
			}
		}
		e, err := t.entry(tx, s.post, s.note, s.actor)
		if err != nil {
			return err
		}
		if err := t.deliver(tx, userOf(jid), transports.EntryPublished{Of: of, Node: transports.NodeComments + s.parent.Item, Entry: *e}); err != nil {
			return err
		}
	}
	return nil
}

// letter is a post as a message to a user.
func (t *Transport) letter(tx *store.Tx, s *spreading, r *reader) (*transports.Letter, error) {
	lang := t.langOf(tx, r.user)
	who := t.actor(s.actor)
	l := &transports.Letter{ID: s.post.Item, With: targetOf(s.actor), Nick: displayName(&who), Time: s.post.Published}
	var head string
	switch {
	case s.post.RepeatOf != "":
		head = "♻ " + sayAuthor(s.note.Author) + "\n"
	case l.With.ID == "":
		head = displayName(&who) + " (" + who.URI + ")\n"
	}
	if s.group != nil && !r.named && !r.answers && s.group.Acct != "" {
		l.With = targetOf(s.group)
		head = displayName(&who) + " (" + handle(s.actor) + ")\n"
	}
	if s.note.Title != "" {
		head += s.note.Title + "\n"
	}
	l.Body = head + s.note.Text
	l.Spans = transports.CutSpans(s.note.Spans, 0, len(s.note.Text), len(head))
	hidden := slices.Contains(s.note.Tags, "nsfw")
	for _, f := range s.note.Files {
		if hidden { // a picture that nobody has asked for is not shown at once
			l.Body += "\n" + text.Say(lang, "Sensitive: %s", f.URL)
			continue
		}
		l.Files = append(l.Files, attachment(f))
	}
	if page := s.note.Page; page != "" && !strings.Contains(l.Body, page) {
		l.Body += "\n" + page
	}
	if !s.post.Public {
		l.Body = text.Say(lang, "(not for everybody)") + "\n" + l.Body
		l.Spans = nil
	}
	if s.post.Conversation != "" {
		l.Thread = digest("thread", s.post.Conversation)
	}
	if s.parent != nil {
		switch {
		case r.answers:
			own, err := tx.LetterOfPost(t.userID(r.user), s.parent.ID)
			if err != nil {
				return nil, err
			}
			if l.ReplyTo = own; own == "" {
				l.ReplyTo = s.parent.Item
			}
		default:
			follows, err := tx.FollowsSocial(t.userID(r.user), s.parent.Actor)
			if err != nil {
				return nil, err
			}
			if follows {
				l.ReplyTo = s.parent.Item
				l.Continues = s.parent.Actor == s.post.Actor
			}
		}
	}
	return l, nil
}

// sayAuthor names who wrote what somebody repeats.
func sayAuthor(a *writtenBy) string {
	switch {
	case a == nil:
		return ""
	case a.Name != "" && a.Acct != "":
		return a.Name + " (" + a.Acct + ")"
	case a.Name != "":
		return a.Name + " (" + a.URI + ")"
	}
	return a.URI
}

func attachment(f activity.File) transports.Attachment {
	name := f.Title
	if name == "" {
		if name = path.Base(f.URL); strings.ContainsAny(name, "?/") {
			name, _, _ = strings.Cut(name, "?")
		}
	}
	return transports.Attachment{File: transports.File{Name: name, Type: f.Type, Size: f.Size}, URL: f.URL, Description: f.Title}
}

// shownAt is a place where somebody may have a post.
type shownAt struct {
	user transports.Address
	of   transports.Target
	node string
}

// withdraw has a post be gone, and tells users here who could have it.
func (t *Transport) withdraw(tx *store.Tx, p *store.SocialPost) error {
	actor, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil {
		return err
	}
	places, err := t.placesOf(tx, p, &actor)
	if err != nil {
		return err
	}
	if err := tx.DeleteSocialPost(p.ID); err != nil {
		return err
	}
	letters := map[string]bool{} // whose letter was taken back
	for _, at := range places {
		if actor.JID == at.user.String() {
			continue
		}
		e := transports.EntryWithdrawn{Of: at.of, Node: at.node, Item: p.Item}
		if !letters[at.user.String()] {
			letters[at.user.String()] = true
			e.Letter = p.Item
		}
		if err := t.deliver(tx, at.user, e); err != nil {
			return err
		}
	}
	return nil
}

// placesOf are where users here may have a post: in feeds, of its author and of others who have repeated it, which they read; where it names them; and
// among what answers something, for those who follow that.
func (t *Transport) placesOf(tx *store.Tx, p *store.SocialPost, actor *store.SocialActor) (all []shownAt, err error) {
	seen := map[string]bool{}
	add := func(jid string, of transports.Target, node string) {
		if key := jid + " " + node; jid != "" && of.ID != "" && !seen[key] {
			seen[key] = true
			all = append(all, shownAt{userOf(jid), of, node})
		}
	}
	feeds, err := tx.SocialFeeds(p.ID)
	if err != nil {
		return nil, err
	}
	for _, feed := range feeds {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: feed})
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if err := t.eachReader(tx, feed, func(user transports.Address) error {
			add(user.String(), targetOf(&row), transports.NodeFeed)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	for _, m := range noteOf(p).Mentions {
		if !strings.HasPrefix(m.URI, t.base+pathUser) {
			continue
		}
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: m.URI})
		if err != nil {
			return nil, err
		}
		if ok {
			add(row.JID, targetOf(actor), transports.NodeFeed)
		}
	}
	if p.ReplyTo == "" {
		return all, nil
	}
	parent, ok, err := tx.SocialPost(t.opt.Domain, store.PostKey{URI: p.ReplyTo})
	if err != nil || !ok {
		return all, err
	}
	author, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: parent.Actor})
	if err != nil || !ok {
		return all, err
	}
	jids, err := tx.SocialSubscribers(t.opt.Domain, parent.ID, maxComments)
	if err != nil {
		return nil, err
	}
	for _, jid := range append(jids, author.JID) {
		add(jid, targetOf(&author), transports.NodeComments+parent.Item)
	}
	return all, nil
}
