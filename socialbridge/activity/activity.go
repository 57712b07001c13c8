package activity

import "time"

// Verb is what somebody does.
type Verb uint8

// The verbs. Unknown is one that nobody here knows: such an activity is nothing to anybody.
const (
	Unknown Verb = iota
	Post
	Share
	Favorite
	Unfavorite
	Follow
	Unfollow
	Join  // a group
	Leave // it
	Delete
	Update // of the actor's profile
)

// Activity is that somebody does something. Which fields there are depends on the verb:
//
//	Post                       Note, whose author is the actor or, in the feed of a group, somebody else
//	Share                      Note, of its author
//	Favorite, Unfavorite       Object, the id of a note, and Owner where it is said whose
//	Follow, Unfollow           Object, the URI of an actor
//	Join, Leave                Object, the URI of a group
//	Delete                     Object, the id of a note
//	Update                     nothing: Actor says it
type Activity struct {
	ID        string // of the activity itself; that of a post is its note's
	Verb      Verb
	Actor     Actor
	Published time.Time // the zero Time where it does not say
	Object    string
	Owner     string // the URI of whose Object is; empty where it does not say
	Note      *Note
	// To are the URIs of the actors whom it is for. Those of people whom a note mentions are in Note.Mentions as well.
	To     []string
	Public bool   // it is for everybody
	Title  string // for people, such as "alice favorited something by bob"
	HTML   string // the same, marked up; empty for a post, whose note says it
	Page   string // URL for people; that of a post is its note's
	Self   string // URL of the activity as a wire writes it; empty where there is none
}

// Kind is what a note is.
type Kind uint8

// The kinds of notes.
const (
	KindNote    Kind = iota
	KindComment      // a reply, as GNU social calls it
	KindArticle      // it has a title of its own
	KindPicture
	KindVideo
	KindBookmark
)

// Note is something that somebody has published.
type Note struct {
	ID        string // never changes: a tag: URI or a URL
	Kind      Kind
	Author    Actor
	Title     string
	HTML      string // what it says
	Page      string // URL for people
	Self      string // of one that is shared: its URL as a wire writes it; empty where that is not known
	Published time.Time
	Updated   time.Time
	ReplyTo   string // the id of the note that it answers
	ReplyPage string // URL of that for people
	// Conversation names the conversation that it is part of, the same for all of its notes.
	Conversation string
	Mentions     []Mention
	Tags         []string // lower case, without "#"
	Files        []File
	Public       bool
}

// Sensitive reports whether pictures of the note should not be shown to somebody who has not asked.
func (n *Note) Sensitive() bool {
	for _, t := range n.Tags {
		if t == "nsfw" {
			return true
		}
	}
	return false
}

// Mention is an actor whom a note is about or for.
type Mention struct {
	URI   string
	Group bool
}

// File is something that stands beside a note.
type File struct {
	URL   string
	Type  string // media type; empty if unknown
	Size  int64  // bytes; 0 if unknown
	Title string
}
