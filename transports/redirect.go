package transports

import (
	"context"
	"time"

	"passerelle/store"
)

// Way is how the gateway learns of messages of a user which were not for it. The higher one knows more and needs less of him.
type Way uint8

// The ways.
const (
	WayNone   Way = iota
	WayAlias      // only what is written to an address of ours that stands for him
	WayLogin      // the gateway logs in as he does, without a presence, and reads his archive
	WayPush       // his server pushes to us (XEP-0357), enabled by privilege (XEP-0356)
	WayModule     // a module of ours on his server copies to us (XEP-0297)
)

// Following is which messages of a user the gateway is to learn of.
type Following uint8

// The kinds.
const (
	FollowNothing Following = iota
	FollowOffline           // those that came while he was offline
	FollowAll               // those too that he got and wrote, and what he read
	FollowRooms             // and those of rooms
)

// Copy is a message which a user got or wrote, as far as the gateway has learnt of it. The same one may come several times, by several ways.
type Copy struct {
	Way  Way
	User Address // whose it is, bare
	// Peer is who wrote it, or whom he wrote to: a bare JID, or that of somebody in a room (XEP-0045). The zero Address where a push does not say.
	Peer Address
	Sent bool // he wrote it
	Room bool // it was said in a room (XEP-0045), by an occupant

	ID        string // of its stanza
	ArchiveID string // by which his server's archive knows it (XEP-0359); empty where that is not known
	Nick      string // what who wrote it calls himself (XEP-0172)
	Subject   string
	Thread    string
	Body      string
	Spans     []Span // how pieces of Body look
	Files     []Attachment
	// Replaces is the ID of the message of the same author that this one corrects (XEP-0308); where there is neither Body nor Files, that it takes
	// back (XEP-0424).
	Replaces string
	// Encrypted is what it is encrypted with (XEP-0380), of which the Body says nothing; empty for nothing.
	Encrypted string
	Time      time.Time // when it was sent
	// Offline says that he had no client that could get it; Contact that who wrote it is in his contact list, as far as the way knows that.
	Offline, Contact bool
	// Partial says that a push told of it, with less of it than there is, or with nothing but that it came.
	Partial bool
	// More is of how many messages it is known that they came, and nothing else: it stands alone, for those of a time when the gateway was away.
	More int
}

// ReadMark says that a user has read a conversation up to a message.
type ReadMark struct {
	User Address
	Peer Address // a bare JID, or that of somebody in a room who writes to him alone
	// ID and ArchiveID name the message, where they are known; without any it is everything that came before Time.
	ID, ArchiveID string
	Time          time.Time
}

// Offer is a way that a user's server allows.
type Offer struct {
	Way Way
	// Speaks says that the gateway may write in his name; Marks that it can learn what he has read; Whole that it gets messages as they are.
	Speaks, Marks, Whole bool
	// Note says what this way lacks and who could change that, in the user's language; empty for nothing.
	Note string
}

// Speech is something that a user says by way of the gateway to somebody on XMPP.
type Speech struct {
	ID      string // of its stanza, stable, so that a repeat is recognised
	To      Address
	Room    bool // it is for a room
	Body    string
	Thread  string
	ReplyTo string // the ID of the message that it answers (XEP-0461)
	Files   []Attachment
	// Alias is the local part of the address of ours which it comes from where the gateway may not write in his name, and Name his.
	Alias, Name string
}

// Redirecting is a Postal transport that brings users' messages elsewhere. All of its methods may be called from any goroutine.
type Redirecting interface {
	Postal
	// Copied takes a message. When it returns nil the message is written down, or is none that anybody wants: only then who brought it is
	// answered. Its errors are *Errors; a temporary one is answered so that the message comes again, where its way allows that.
	Copied(ctx context.Context, c Copy) error
	// WasRead says what a user has read elsewhere.
	WasRead(ctx context.Context, m ReadMark) error
	// WasPresent says that a user has come online or has gone offline, where he lets the gateway know.
	WasPresent(ctx context.Context, user Address, online bool) error
	// AliasOf is the user whom a local part of an address of ours stands for; ok is false where there is none.
	AliasOf(ctx context.Context, local string) (user Address, ok bool, err error)
	// WayLost says that a way to learn of a user's messages was lost and could not be had again. The next best one is the transport's to choose.
	WayLost(ctx context.Context, user Address, w Way, err error)
}

// Follower is what component offers a Redirecting transport beside Gateway: learning of what users get elsewhere, and speaking for them. Its
// errors are *Errors, with texts for the user.
type Follower interface {
	// Offers are the ways that a user's server allows, the best first. The alias is always among them, the login where his server can be reached.
	Offers(ctx context.Context, user Address, lang string) ([]Offer, error)
	// Follow begins to learn of a user's messages by a way, or changes which. Password is for WayLogin, tried at once, and kept sealed. What is
	// followed is remembered, taken up again after a restart, and caught up with from the archive as far as the way allows.
	Follow(ctx context.Context, user Address, w Way, f Following, password string) error
	// Unfollow ends it, at the user's server too, and forgets the password.
	Unfollow(ctx context.Context, user Address) error
	// Followed is by which way a user is followed just now.
	Followed(ctx context.Context, user Address) (Way, Following, error)
	// ReadMarks are what a user has read by now (XEP-0490), where the way allows to ask. The zero result with nil error says that nothing is known.
	ReadMarks(ctx context.Context, user Address) ([]ReadMark, error)
	// Fill completes copies of a user that were partial, from his archive, where the way allows that: they come by Copied.
	Fill(ctx context.Context, user Address) error
	// Speak has a user say something. It is written down in the caller's transaction and sent once that is committed, until the XMPP server
	// has it; own reports whether it goes out from the user himself, else it does from the alias. What cannot be delivered is Returned.
	Speak(tx *store.Tx, user Address, s Speech) (own bool, err error)
	// Online reports whether the user has a client that could get messages, and whether the gateway knows.
	Online(user Address) (online, known bool)
}
