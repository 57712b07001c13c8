package socialbridge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
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
	maxTagged  = 50
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
	e.Files = s.onPage(p, e.Files)
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

// shown reports whether a post of somebody else is shown beside one of an account's: it is his, and he is not somebody whom the account or the
// operator wants nothing of.
func (s site) shown(from *outside, p *store.SocialPost, unwanted map[string]bool) (bool, error) {
	row, ok, err := from.SocialActor(s.t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil || !ok || !row.GoneAt.IsZero() || row.Name != "" {
		return row.Name != "" && row.GoneAt.IsZero(), err
	}
	host := hostOf(row.URI)
	return p.Proven && s.t.Allowed(host) && !unwanted[row.URI] && !unwanted[host] && (row.Acct == "" || !unwanted[row.Acct]), nil
}

// maxUnwanted bounds whom somebody has blocked who is looked at.
const maxUnwanted = 1000

// unwanted are those whom a user has blocked.
func (s site) unwanted(ctx context.Context, user transports.Address) (map[string]bool, error) {
	blocks, err := s.t.opt.Store.SocialBlocks(ctx, s.t.userID(user), "", maxUnwanted)
	if err != nil {
		return nil, err
	}
	unwanted := make(map[string]bool, len(blocks))
	for _, b := range blocks {
		unwanted[b.Who] = b.Kind == store.SocialBlocked
	}
	return unwanted, nil
}

// Tagged implements pages.Source. Who does not want to be found is not, by what he says either.
func (s site) Tagged(ctx context.Context, tag string) (all []pages.Entry, err error) {
	posts, err := s.t.opt.Store.SocialPublished(ctx, s.t.opt.Domain)
	if err != nil {
		return nil, err
	}
	from := &outside{ctx: ctx, db: s.t.opt.Store}
	for i := range posts {
		p := &posts[i]
		if p.RepeatOf != "" || !slices.Contains(noteOf(p).Tags, tag) {
			continue
		}
		row, ok, err := from.SocialActor(s.t.opt.Domain, store.SocialKey{ID: p.Actor})
		if err != nil {
			return nil, err
		}
		if !ok || !row.GoneAt.IsZero() || row.Hidden {
			continue
		}
		e, err := s.entry(from, p)
		if err != nil {
			return nil, err
		}
		if all = append(all, *e); len(all) == maxTagged {
			break
		}
	}
	return all, nil
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
	unwanted, err := s.unwanted(ctx, a.User)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{p.URI: true}
	for at := p; at.ReplyTo != "" && !seen[at.ReplyTo] && len(out.Before) < maxBefore; {
		seen[at.ReplyTo] = true
		if at, ok, err = from.SocialPost(t.opt.Domain, store.PostKey{URI: at.ReplyTo}); err != nil {
			return nil, err
		}
		if !ok || !at.Public || !at.DeletedAt.IsZero() {
			break
		}
		if show, err := s.shown(from, &at, unwanted); err != nil {
			return nil, err
		} else if !show {
			continue
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
		if show, err := s.shown(from, &answers.Posts[i], unwanted); err != nil {
			return nil, err
		} else if !show {
			continue
		}
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
