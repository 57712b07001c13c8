package socialbridge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/pages"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of pages.
const (
	perPage    = 20
	maxBefore  = 10 // posts above one
	maxReplies = 100
)

// Site is what the pages of everybody are made of.
func (t *Transport) Site() pages.Source { return site{t} }

type site struct{ t *Transport }

// pageError is an error as pages know it.
func pageError(err error) error {
	if err == nil {
		return nil
	}
	switch e := transports.AsError(err); e.Kind {
	case transports.NotFound, transports.BadRequest:
		return pages.ErrNotFound
	case transports.Gone:
		return pages.ErrGone
	default:
		return err
	}
}

// Person implements pages.Source.
func (s site) Person(ctx context.Context, name string, before int64) (*pages.Person, error) {
	t := s.t
	a, err := t.Account(ctx, name)
	if err != nil {
		return nil, pageError(err)
	}
	p := &pages.Person{Actor: a.Actor, Hidden: a.Hidden, Followers: -1, Following: -1}
	set, err := t.opt.Store.Settings(ctx, t.userID(a.User), scope)
	if err != nil {
		return nil, err
	}
	if set[SettingJID] == "true" {
		p.XMPP = a.User.String()
	}
	if !a.Hidden {
		if p.Followers, p.Following, err = t.opt.Store.CountSocialFollowers(ctx, &store.SocialActor{ID: a.ID, Domain: t.opt.Domain, JID: a.User.String()}); err != nil {
			return nil, err
		}
	}
	posts, err := t.opt.Store.SocialOutbox(ctx, a.ID, before, perPage+1)
	if err != nil {
		return nil, err
	}
	if len(posts) > perPage {
		posts = posts[:perPage]
		p.Next = posts[perPage-1].ID
	}
	from := &outside{ctx: ctx, db: t.opt.Store}
	for i := range posts {
		e, err := s.entry(from, &posts[i])
		if err != nil {
			return nil, err
		}
		p.Posts = append(p.Posts, *e)
	}
	return p, nil
}

// entry is a post as a page has it.
func (s site) entry(from *outside, p *store.SocialPost) (*pages.Entry, error) {
	row, _, err := from.SocialActor(s.t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil {
		return nil, err
	}
	actor := s.t.actor(&row)
	if row.JID != "" {
		actor = s.t.account(&row).Actor
	}
	n := noteOf(p)
	e := &pages.Entry{Note: noteAs(p, &n, actor)}
	if p.RepeatOf != "" {
		e.By, e.At = &actor, p.Published
		return e, nil
	}
	counts, err := from.db.CountsOfPost(from.ctx, p)
	if err != nil {
		return nil, err
	}
	e.Likes, e.Repeats, e.Answers = counts.Likes, counts.Repeats, counts.Answers
	return e, nil
}

// Thread implements pages.Source.
func (s site) Thread(ctx context.Context, name string) (*pages.Thread, error) {
	t := s.t
	uri := t.base + pathNote + name
	_, a, err := t.Note(ctx, name)
	if err != nil {
		return nil, pageError(err)
	}
	from := &outside{ctx: ctx, db: t.opt.Store}
	p, ok, err := from.SocialPost(t.opt.Domain, store.PostKey{URI: uri})
	if err != nil || !ok {
		return nil, err
	}
	out := &pages.Thread{Hidden: a.Hidden}
	e, err := s.entry(from, &p)
	if err != nil {
		return nil, err
	}
	out.Entry = *e
	seen := map[string]bool{p.URI: true}
	for at := p; at.ReplyTo != "" && !seen[at.ReplyTo] && len(out.Before) < maxBefore; {
		seen[at.ReplyTo] = true
		if at, ok, err = from.SocialPost(t.opt.Domain, store.PostKey{URI: at.ReplyTo}); err != nil {
			return nil, err
		}
		if !ok || !at.Public || !at.DeletedAt.IsZero() {
			break
		}
		above, err := s.entry(from, &at)
		if err != nil {
			return nil, err
		}
		out.Before = append([]pages.Entry{*above}, out.Before...)
	}
	answers, err := t.opt.Store.SocialAnswers(ctx, t.opt.Domain, p.URI, store.PostQuery{Max: maxReplies, Last: true})
	if err != nil {
		return nil, err
	}
	out.More = answers.Count - len(answers.Posts)
	for i := len(answers.Posts) - 1; i >= 0; i-- {
		reply, err := s.entry(from, &answers.Posts[i])
		if err != nil {
			return nil, err
		}
		out.Replies = append(out.Replies, *reply)
	}
	return out, nil
}

// Find implements pages.Source.
func (s site) Find(ctx context.Context, who string) (*pages.Found, error) {
	found, err := s.find(ctx, who)
	if err != nil {
		return nil, err
	}
	f := &pages.Found{Actor: *found}
	if found.Acct != "" {
		f.JID = transports.Address{Local: transports.Escape(found.Acct), Domain: s.t.opt.Domain}.String()
	}
	return f, nil
}

func (s site) find(ctx context.Context, who string) (*activity.Actor, error) {
	if acct, ok := readAcct(who); ok && !s.t.Allowed(hostOfAcct(acct)) {
		return nil, pages.ErrNotFound
	}
	found, err := s.t.wire.Find(ctx, who)
	return found, pageError(err)
}

// FollowPage implements pages.Source.
func (s site) FollowPage(ctx context.Context, address string) (string, error) {
	found, err := s.find(ctx, address)
	if err != nil {
		return "", err
	}
	return found.Routes.Subscribe, nil
}

// Avatar implements pages.Source.
func (s site) Avatar(ctx context.Context, name, file string) (*pages.File, error) {
	row, ok, err := s.t.opt.Store.SocialActor(ctx, s.t.opt.Domain, store.SocialKey{Name: name})
	if err != nil {
		return nil, err
	}
	hash, _, _ := strings.Cut(file, ".")
	var p store.SocialPicture
	if ok {
		if p, err = s.t.opt.Store.SocialPicture(ctx, row.ID); err != nil {
			return nil, err
		}
	}
	if len(p.Image) == 0 || p.Hash != hash {
		return nil, pages.ErrNotFound
	}
	return &pages.File{Type: http.DetectContentType(p.Image), Changed: time.Time{}, Content: inMemory{bytes.NewReader(p.Image)}}, nil
}

// inMemory is a file that nobody has to close.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

var _ io.ReadSeekCloser = inMemory{}

// Media implements pages.Source: files of posts are where users have put them.
func (site) Media(context.Context, string) (*pages.File, error) { return nil, pages.ErrNotFound }
