package socialbridge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/clean"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of a post.
const (
	maxMentions = 50
	maxTags     = 50
	maxFiles    = 20
	maxTitle    = 500 // bytes
	maxTag      = 100
	maxID       = 2000
	maxMarks    = 96 << 10 // of how a text looks, beside it
	maxSpan     = 64       // of how one span of it does
)

// note is what the database has of a post in one column. What it says is safe.
type note struct {
	Kind     activity.Kind     `json:"kind,omitempty"`
	Title    string            `json:"title,omitempty"`
	HTML     string            `json:"html,omitempty"` // empty where the text says all; of an account what others get
	Text     string            `json:"text"`
	Spans    []transports.Span `json:"spans,omitempty"`
	Page     string            `json:"page,omitempty"`
	Parent   string            `json:"parent_page,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Files    []activity.File   `json:"files,omitempty"`
	Mentions []mention         `json:"mentions,omitempty"`
	Author   *writtenBy        `json:"author,omitempty"` // of what is repeated
	Updated  time.Time         `json:"updated,omitzero"`
	Original time.Time         `json:"original,omitzero"` // when what is repeated was published
}

// mention is somebody whom a note names.
type mention struct {
	URI   string `json:"uri"`
	Acct  string `json:"acct,omitempty"` // as it was known when the note came
	Group bool   `json:"group,omitempty"`
}

// writtenBy is who wrote what somebody repeats, as far as who repeats it says.
type writtenBy struct {
	URI  string `json:"uri"`
	Acct string `json:"acct,omitempty"` // as far as it is known here
	Name string `json:"name,omitempty"`
	Page string `json:"page,omitempty"`
}

func toJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is in no page, and what is kept has a bound
	if err := e.Encode(v); err != nil {
		panic(err) // structs of ours
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// noteOf is what a post says; the zero note of one that is gone.
func noteOf(p *store.SocialPost) (n note) {
	_ = json.Unmarshal([]byte(p.Note), &n)
	return n
}

var names32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// itemOf is the id of a post in nodes and of its letters: a hash of what it is called everywhere.
func itemOf(uri string) string {
	sum := sha256.Sum256([]byte(uri))
	return strings.ToLower(names32.EncodeToString(sum[:]))[:26]
}

// newName is a name for something of ours that nobody guesses.
func newName() string {
	var b [17]byte
	rand.Read(b[:]) // never fails
	return strings.ToLower(names32.EncodeToString(b[:]))[:26]
}

// digest names something by what it is made of, so that a repeat is recognised.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// cutText is the beginning of a text, without half a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// busy is what a user is told where the database does not take what he wrote.
func busy(err error) error {
	if e, ok := errors.AsType[*transports.Error](err); ok {
		return e
	}
	return transports.NewError(transports.Busy, "This could not be written down. Try again in a moment.", err)
}

// write runs a transaction whose errors are for the user.
func (t *Transport) write(ctx context.Context, fn func(*store.Tx) error) error {
	if err := t.opt.Store.Write(ctx, fn); err != nil {
		return busy(err)
	}
	return nil
}

// noteFrom makes what a stranger has published fit to be kept and shown; whom it names is looked for later (named).
func noteFrom(n *activity.Note) note {
	piece := clean.Inward(n.HTML)
	out := note{
		Kind: n.Kind, Title: clean.Line(n.Title, maxTitle), HTML: piece.HTML, Text: piece.Text, Spans: piece.Spans, Page: httpURL(n.Page), Parent: httpURL(n.ReplyPage), Updated: n.Updated,
	}
	if n.Kind != activity.KindArticle && n.Kind != activity.KindBookmark {
		out.Title = "" // what others write there is what the note begins with, or "New note by alice"
	}
	for _, tag := range n.Tags {
		if tag = strings.ToLower(clean.Line(strings.TrimPrefix(tag, "#"), maxTag)); tag != "" && len(out.Tags) < maxTags {
			out.Tags = append(out.Tags, tag)
		}
	}
	for _, f := range n.Files {
		if u := httpURL(f.URL); u != "" && len(out.Files) < maxFiles {
			out.Files = append(out.Files, activity.File{URL: u, Type: clean.Line(f.Type, 100), Size: max(f.Size, 0), Title: clean.Line(f.Title, maxTitle)})
		}
	}
	for _, m := range n.Mentions {
		if len(m.URI) <= maxID && len(out.Mentions) < maxMentions {
			out.Mentions = append(out.Mentions, mention{URI: m.URI, Group: m.Group})
		}
	}
	if len(out.HTML)+maxSpan*len(out.Spans) > maxMarks { // the text says it as well, and all of it has to be kept
		out.HTML, out.Spans = "", nil
	}
	return out
}

// named says under which addresses those are known whom a note names.
func (t *Transport) named(tx *store.Tx, n *note) error {
	for i := range n.Mentions {
		row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: n.Mentions[i].URI})
		if err != nil {
			return err
		}
		n.Mentions[i].Acct = row.Acct
	}
	return nil
}

// html is what a note says as HTML.
func (n *note) html() string {
	if n.HTML != "" {
		return n.HTML
	}
	o := clean.Outward{Text: n.Text, Spans: n.Spans}
	return o.Render(nil)
}

// noteAs is a post as others and pages have it, of an author.
func noteAs(p *store.SocialPost, n *note, author activity.Actor) activity.Note {
	out := activity.Note{
		ID: p.URI, Kind: n.Kind, Author: author, Title: n.Title, HTML: n.html(), Page: n.Page, Published: p.Published, Updated: p.Published, ReplyTo: p.ReplyTo, ReplyPage: n.Parent,
		Conversation: p.Conversation, Tags: n.Tags, Files: n.Files, Public: p.Public,
	}
	for _, m := range n.Mentions {
		out.Mentions = append(out.Mentions, activity.Mention{URI: m.URI, Group: m.Group})
	}
	if p.RepeatOf != "" {
		out.ID, out.Page, out.ReplyTo, out.ReplyPage, out.Published, out.Updated = p.RepeatOf, n.Parent, "", "", n.Original, n.Original
		if n.Author != nil {
			out.Author = activity.Actor{URI: n.Author.URI, Acct: n.Author.Acct, Name: n.Author.Name, Page: n.Author.Page}
		}
	}
	return out
}

// activityOf is what an account has published, as the wire tells it.
func (t *Transport) activityOf(a *Account, p *store.SocialPost) activity.Activity {
	n := noteOf(p)
	notice := noteAs(p, &n, a.Actor)
	out := activity.Activity{ID: p.URI, Verb: activity.Post, Actor: a.Actor, Published: p.Published, Public: p.Public, Note: &notice}
	for _, m := range notice.Mentions {
		out.To = append(out.To, m.URI)
	}
	if p.RepeatOf != "" {
		out.Verb = activity.Share
		if notice.Author.URI != "" {
			out.To = append(out.To, notice.Author.URI)
		}
		out.Title = displayName(&a.Actor) + " repeated a note by " + displayName(&notice.Author)
		out.HTML = notice.HTML
	}
	return out
}

// Outbox implements Core.
func (t *Transport) Outbox(ctx context.Context, a *Account, before int64, n int) (all []activity.Activity, next int64, err error) {
	posts, err := t.opt.Store.SocialOutbox(ctx, a.ID, before, n+1)
	if err != nil {
		return nil, 0, busy(err)
	}
	for i := range posts {
		if i == n {
			return all, posts[n-1].ID, nil
		}
		all = append(all, t.activityOf(a, &posts[i]))
	}
	return all, 0, nil
}

// Note implements Core.
func (t *Transport) Note(ctx context.Context, name string) (*activity.Activity, *Account, error) {
	p, ok, err := t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{URI: t.base + pathNote + name})
	switch {
	case err != nil:
		return nil, nil, busy(err)
	case !ok || !p.Public:
		return nil, nil, transports.NewError(transports.NotFound, "There is no such post.", nil)
	case !p.DeletedAt.IsZero():
		return nil, nil, transports.NewError(transports.Gone, "This was taken back.", nil)
	}
	a, err := t.accountBy(ctx, store.SocialKey{ID: p.Actor})
	if err != nil {
		return nil, nil, err
	}
	out := t.activityOf(a, &p)
	return &out, a, nil
}
