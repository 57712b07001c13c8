package transports

import (
	"context"
	"time"
)

// Nodes that everybody on a Social transport has.
const (
	NodeFeed = "urn:xmpp:microblog:0" // what somebody publishes (XEP-0277 §2)
	// NodeComments and the id of an item of NodeFeed is where others answer that (XEP-0277 §3).
	NodeComments = "urn:xmpp:microblog:0:comments/"
)

// Entry is an item of a feed: something that somebody publishes for everybody who reads him (XEP-0277, XEP-0472). Of an entry of a user, what
// it says came from him; of one of a contact, the transport has made it fit to be shown.
type Entry struct {
	Item   string // the id of its item in the node; never changes
	ID     string // by which it is known everywhere (atom:id); of a new entry of a user it may be empty
	Author Author
	Title  string // empty where there is none of its own
	Body   string // what it says, as text
	// HTML is the same as a piece of well-formed XHTML, without the elements around; empty where the text says all. Of a user's entry it is
	// as he wrote it, and not safe.
	HTML      string
	Tags      []string
	Files     []Attachment
	Mentions  []Target // contacts whom it names
	Page      string   // URL for people
	Published time.Time
	Updated   time.Time
	ReplyTo   *EntryRef // what it answers
	Via       *EntryRef // what it repeats: then Author is who wrote that, and who repeats it has the node
	// Fresh is when a user's server told of his entry, where that was not in his node before; the zero Time where that is not known.
	Fresh time.Time
	// Private says of a user's entry that not everybody may read it, as far as its node tells.
	Private bool
}

// Author is who wrote an entry. Either Who, User or neither is set.
type Author struct {
	Name string
	Who  Target  // a contact of the transport
	User Address // a user of XMPP
	URI  string  // of his profile
}

// EntryRef names an entry: by its ID, or by the node and item that have it, of a contact (Of) or of a user.
type EntryRef struct {
	ID   string
	Of   Target
	User Address
	Node string
	Item string
	Page string // URL for people
}

// Node is what somebody has a list of items in.
type Node struct {
	Name  string
	Title string
	Items int // how many; -1 where that is not known
}

// ItemQuery says which items of a node are asked for (XEP-0060 §6.5). Pages are those of XEP-0059.
type ItemQuery struct {
	Node          string
	IDs           []string // these alone; nil for a page
	Max           int      // of a page
	After, Before string   // an item, in the order of the answer: the newest first
	Last          bool     // the last page
}

// ItemPage is what is found, the newest first.
type ItemPage struct {
	Entries []Entry
	Count   int // of all; -1 where that is not known
	First   int // the place of the first of these among all; -1 where that is not known
}

// Regard is what a user thinks of an entry (XEP-0470): whether he likes it, and signs.
type Regard struct {
	By        Author
	Noticed   bool
	Reactions []string
	Time      time.Time
}

// Social is a Postal transport whose contacts publish, and whose users do if they want. For clients that show no feeds all of it is told in
// letters too, by the ids of items.
//
// Its methods may be called from any goroutine, and may read the database. Their errors are *Errors with texts for the user.
type Social interface {
	Postal
	// Published takes an entry of a user's own node, new or once more: which it is the transport tells by its item. When it returns nil it is
	// written down, or nobody's business.
	Published(ctx context.Context, user Address, e Entry) error
	// Withdrawn says that a user took back an item of his node. That one is not there any more says nothing: nodes keep few.
	Withdrawn(ctx context.Context, user Address, item string) error
	// Watching are users whose nodes are to be watched, a page of them in order.
	Watching(ctx context.Context, after Address, n int) ([]Address, error)
	// Profiled says what a user tells everybody of himself.
	Profiled(ctx context.Context, user Address, p Profile) error

	// Nodes are those of a contact. They are read with Items, whoever he is: what is there is public.
	Nodes(ctx context.Context, user Address, of Target) ([]Node, error)
	Items(ctx context.Context, user Address, of Target, q ItemQuery) (ItemPage, error)
	// Subscribe has a user told of what comes into a node (or not any more); of NodeFeed, he follows the contact. It is what presence does too.
	Subscribe(ctx context.Context, user Address, of Target, node string, on bool) error
	// Subscribed are nodes of a contact, or of all with the zero Target, that a user is subscribed to.
	Subscribed(ctx context.Context, user Address, of Target) ([]EntryRef, error)
	// Comment publishes an answer of a user's in a node of comments of a contact, and says as which item.
	Comment(ctx context.Context, user Address, of Target, node string, e Entry) (item string, err error)
	// Uncomment takes it back.
	Uncomment(ctx context.Context, user Address, of Target, node, item string) error
	// Regards are what is thought of an entry of a contact's node, and Regarded is what a user thinks of it from now on.
	Regards(ctx context.Context, user Address, of Target, item string) ([]Regard, error)
	Regarded(ctx context.Context, user Address, of Target, item string, r Regard) error
	// Picture is the avatar of a contact as an image of one of the types that clients show; nil where there is none.
	Picture(ctx context.Context, of Target) ([]byte, error)
	// Followers and Followees are those of a contact, or of the user himself with the zero Target, as far as they want that to be known (XEP-0465).
	Followers(ctx context.Context, user Address, of Target) ([]Author, error)
	Followees(ctx context.Context, user Address, of Target) ([]Author, error)
}

// Profile is what a user tells everybody of himself. Nil fields are those that nothing is known of.
type Profile struct {
	Nick, Name, Note, Home, Place *string
	Picture                       []byte // as he published it, any image; empty and not nil where he has taken it away
}

// Feeds is what component offers a Social transport beside Gateway: the nodes of users. Its errors are *Errors with texts for the user.
type Feeds interface {
	// Watch has the gateway learn from now on of what a user publishes, in each way that his server allows, and Unwatch ends it. It is
	// remembered by the transport (Watching).
	Watch(ctx context.Context, user Address) error
	Unwatch(ctx context.Context, user Address)
	// CatchUp reads a user's node as it is now: what is in it comes by Published, before it returns.
	CatchUp(ctx context.Context, user Address) error
	// Publish has a user's node show something that he published here, where his server lets the gateway do that (XEP-0356). Own reports whether it does.
	Publish(ctx context.Context, user Address, e Entry) (own bool, err error)
}

// The events of a Social transport, delivered as letters are (Gateway.Deliver).
type (
	// EntryPublished is a new item of a node that the user is subscribed to.
	EntryPublished struct {
		Of    Target
		Node  string
		Entry Entry
	}
	// EntryWithdrawn says that an item is gone. Letter is the ID of the letter that told of it, to be taken back too; empty for none.
	EntryWithdrawn struct {
		Of         Target
		Node, Item string
		Letter     string
	}
	// EntryRegarded says what somebody thinks of an entry of the user's own, or of one of a node that he is subscribed to; Letter is the ID of a
	// letter, or of a message of the user's, that has it, on which the signs are shown.
	EntryRegarded struct {
		Of     Target // whose node it is in; the zero Target for the user's own
		Item   string
		By     Target
		Regard Regard
		Letter string
	}
	// FollowedBy says that a contact follows the user, or does not any more: he asks for his presence.
	FollowedBy struct {
		With Target
		On   bool
	}
	// ProfileChanged says that a contact has another name or picture.
	ProfileChanged struct{ With Target }
)

func (EntryPublished) event() {}
func (EntryWithdrawn) event() {}
func (EntryRegarded) event()  {}
func (FollowedBy) event()     {}
func (ProfileChanged) event() {}

// SocialGateway is what a Social transport is served by.
type SocialGateway interface {
	Gateway
	Feeds
}
