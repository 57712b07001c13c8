package socialbridge

import (
	"bytes"
	"context"
	"errors"
	"html"
	"slices"
	"strings"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/pages"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of a page for people.
const (
	pagePosts   = 20 // of a profile
	pageBefore  = 5  // posts that a post answers, one the other
	pageAnswers = 50 // to a post
)

// site is what pages for people show.
type site struct{ t *Transport }

// Pages are what the pages of users are made of.
func (t *Transport) Pages() pages.Source { return site{t} }

// pageError is an error as a page says it.
func pageError(err error) error {
	e := transports.AsError(err)
	switch {
	case e == nil:
		return nil
	case e.Kind == transports.NotFound:
		return pages.ErrNotFound
	case e.Kind == transports.Gone:
		return pages.ErrGone
	case e.Text != "":
		return errors.Join(pages.Refusal(e.Text), e.Err)
	}
	return err
}

// Person implements pages.Source.
func (s site) Person(ctx context.Context, name string, before int64) (*pages.Person, error) {
	a, err := s.t.Account(ctx, name)
	if err != nil {
		return nil, pageError(err)
	}
	row, ok, err := s.t.opt.Store.SocialActor(ctx, s.t.opt.Domain, store.SocialKey{ID: a.ID})
	if err != nil || !ok {
		return nil, orBusy(err)
	}
	posts, err := s.t.opt.Store.SocialOutbox(ctx, a.ID, before, pagePosts+1)
	if err != nil {
		return nil, busy(err)
	}
	p := &pages.Person{Actor: a.Actor, Hidden: a.Hidden}
	if p.Followers, p.Following, err = s.t.opt.Store.CountSocialFollowers(ctx, &row); err != nil {
		return nil, busy(err)
	}
	if len(posts) > pagePosts {
		posts = posts[:pagePosts]
		p.Next = posts[pagePosts-1].ID
	}
	for i := range posts {
		e, err := s.entry(ctx, &posts[i], &row)
		if err != nil {
			return nil, err
		}
		p.Posts = append(p.Posts, e)
	}
	return p, nil
}

// entry is a post with what became of it.
func (s site) entry(ctx context.Context, p *store.SocialPost, actor *store.SocialActor) (e pages.Entry, err error) {
	by := s.t.actor(actor)
	if actor.Name != "" {
		by = s.t.account(actor).Actor
	}
	n := noteOf(p)
	e.Note = activity.Note{
		ID: p.URI, Kind: n.Kind, Author: by, Title: n.Title, HTML: n.HTML, Page: n.Page, Published: p.Published, Updated: n.Updated, ReplyTo: p.ReplyTo, ReplyPage: n.Parent,
		Conversation: p.Conversation, Tags: n.Tags, Files: n.Files, Public: p.Public,
	}
	if e.HTML == "" {
		e.HTML = paragraphs(n.Text)
	}
	if p.RepeatOf != "" {
		e.By, e.At = &by, p.Published
		e.ID, e.Page, e.ReplyTo, e.ReplyPage, e.Published = p.RepeatOf, n.Parent, "", "", n.Original
		if n.Author != nil {
			e.Author = activity.Actor{URI: n.Author.URI, Acct: n.Author.Acct, Name: n.Author.Name, Page: n.Author.Page}
		}
	}
	counts, err := s.t.opt.Store.CountsOfPost(ctx, p)
	e.Likes, e.Repeats, e.Answers = counts.Likes, counts.Repeats, counts.Answers
	return e, orBusy(err)
}

// paragraphs is text as markup.
func paragraphs(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(html.EscapeString(s), "\n\n", "</p><p>")
	return "<p>" + strings.ReplaceAll(s, "\n", "<br>") + "</p>"
}

// Thread implements pages.Source.
func (s site) Thread(ctx context.Context, name string) (*pages.Thread, error) {
	_, a, err := s.t.Note(ctx, name)
	if err != nil {
		return nil, pageError(err)
	}
	p, ok, err := s.t.opt.Store.SocialPost(ctx, s.t.opt.Domain, store.PostKey{URI: s.t.base + pathNote + name})
	if err != nil || !ok {
		return nil, orBusy(err)
	}
	thread := &pages.Thread{Hidden: a.Hidden}
	if thread.Entry, _, err = s.shown(ctx, &p); err != nil {
		return nil, err
	}
	if err := s.before(ctx, thread, p.ReplyTo); err != nil {
		return nil, err
	}
	return thread, s.answers(ctx, thread, p.URI)
}

// shown is a post that everybody may see; ok is false of others, and of those whose author nobody knows.
func (s site) shown(ctx context.Context, p *store.SocialPost) (e pages.Entry, ok bool, err error) {
	if !p.Public || !p.DeletedAt.IsZero() {
		return e, false, nil
	}
	row, ok, err := s.t.opt.Store.SocialActor(ctx, s.t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil || !ok || !row.GoneAt.IsZero() {
		return e, false, orBusy(err)
	}
	e, err = s.entry(ctx, p, &row)
	return e, true, err
}

// before adds what a post answers, as far as it is known.
func (s site) before(ctx context.Context, thread *pages.Thread, uri string) error {
	for range pageBefore {
		if uri == "" {
			break
		}
		p, ok, err := s.t.opt.Store.SocialPost(ctx, s.t.opt.Domain, store.PostKey{URI: uri})
		if err != nil {
			return busy(err)
		}
		if !ok {
			break
		}
		e, ok, err := s.shown(ctx, &p)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		thread.Before = append(thread.Before, e)
		uri = p.ReplyTo
	}
	slices.Reverse(thread.Before)
	return nil
}

// answers adds what answers a post.
func (s site) answers(ctx context.Context, thread *pages.Thread, uri string) error {
	found, err := s.t.opt.Store.SocialAnswers(ctx, s.t.opt.Domain, uri, store.PostQuery{Max: pageAnswers, Last: true})
	if err != nil {
		return busy(err)
	}
	for i := range found.Posts {
		e, ok, err := s.shown(ctx, &found.Posts[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		thread.Replies = append(thread.Replies, e)
	}
	slices.Reverse(thread.Replies)
	thread.More = found.Count - len(found.Posts)
	return nil
}

// Find implements pages.Source.
func (s site) Find(ctx context.Context, who string) (*pages.Found, error) {
	a, err := s.t.wire.Find(ctx, who)
	if err != nil {
		return nil, pageError(err)
	}
	found := &pages.Found{Actor: *a}
	if a.Acct != "" {
		found.JID = transports.Escape(a.Acct) + "@" + s.t.opt.Domain
	}
	return found, nil
}

// FollowPage implements pages.Source.
func (s site) FollowPage(ctx context.Context, address string) (string, error) {
	a, err := s.t.wire.Find(ctx, address)
	if err != nil {
		return "", pageError(err)
	}
	return a.Routes.Subscribe, nil
}

// Avatar implements pages.Source.
func (s site) Avatar(ctx context.Context, name, file string) (*pages.File, error) {
	hash, ext, _ := strings.Cut(file, ".")
	img, err := s.t.Avatar(ctx, name, hash)
	if err != nil {
		return nil, pageError(err)
	}
	typ := "image/png"
	if ext == "jpg" {
		typ = "image/jpeg"
	}
	return &pages.File{Type: typ, Content: inMemory{bytes.NewReader(img)}}, nil
}

// Media implements pages.Source: what users publish beside a post stays where they have put it.
func (s site) Media(context.Context, string) (*pages.File, error) { return nil, pages.ErrNotFound }

// inMemory is a file that needs no end.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
