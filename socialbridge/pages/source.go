package pages

import (
	"context"
	"errors"
	"io"
	"time"

	"passerelle/socialbridge/activity"
)

// Source knows what is on the pages. Its errors are ErrNotFound, ErrGone, Refusals and what visitors are not told. Safe to use from any goroutine.
type Source interface {
	// Person is a user of ours by the name in his URLs, with what he has published before the post with a number, or the newest where that is 0.
	Person(ctx context.Context, name string, before int64) (*Person, error)
	// Thread is a post of ours by the name in its URL, with what it answers and what answers it.
	Thread(ctx context.Context, name string) (*Thread, error)
	// Tagged are posts of users of ours with a tag, the newest first.
	Tagged(ctx context.Context, tag string) ([]Entry, error)
	// Find asks other servers for somebody, by anything that people write. It waits for networks.
	Find(ctx context.Context, who string) (*Found, error)
	// FollowPage asks the server of somebody, by his address, for the template of the page on which he follows others. It waits for networks.
	FollowPage(ctx context.Context, address string) (template string, err error)
	// Avatar is a picture of a user of ours, and Media is what he has published beside a post, by their names in URLs: what is under one never changes.
	Avatar(ctx context.Context, name, file string) (*File, error)
	Media(ctx context.Context, file string) (*File, error)
}

// Errors of a Source.
var (
	ErrNotFound = errors.New("there is no such page")
	ErrGone     = errors.New("what was on the page is gone")
)

// Refusal is an error that the visitor is told, a text of the catalogue.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Person is a user of ours as everybody sees him.
type Person struct {
	activity.Actor
	XMPP   string // his address on XMPP, where everybody may know it
	Hidden bool   // from search engines
	// Followers and Following are how many there are, -1 where that is nobody's business.
	Followers, Following int
	Posts                []Entry   // the newest first
	Next                 int64     // the number to go on before; 0 at the end
	Changed              time.Time // the last of all that is here; the zero Time where nobody knows
}

// Entry is a post as everybody sees it. Its HTML has been cleaned, and goes into a page as it is.
type Entry struct {
	activity.Note
	By                      *activity.Actor // who repeats it; nil if nobody does
	At                      time.Time       // when he did
	Likes, Repeats, Answers int
}

// Thread is a post of ours and what is around it.
type Thread struct {
	Entry
	Before  []Entry // what it answers, the first one first
	Replies []Entry // what answers it, the first one first
	More    int     // how many answers are not among these
	Hidden  bool    // from search engines
	Changed time.Time
}

// Found is somebody of another server.
type Found struct {
	activity.Actor
	JID string // of the contact that he is on XMPP; empty for somebody whose address nobody has confirmed
}

// File is a picture, a video or something else that somebody has published.
type File struct {
	Type    string // media type
	Changed time.Time
	Content io.ReadSeekCloser
}
