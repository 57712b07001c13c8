package transports

import (
	"context"
	"io"
	"time"

	"passerelle/store"
)

// Letter is a message of a network that stores and forwards, as email does: it needs nobody to be there, and what became of it may be known
// days later. As a request (Post) the user wrote it, as an event somebody wrote it to him.
//
// Letters are named by the ids of XMPP, since a client, a server's archive and the network must agree on them across restarts: one that the
// user wrote by the id of its stanza, one that was written to him by an ID which its transport makes of what the network calls it, so that
// a letter that comes twice is recognised.
type Letter struct {
	ID string
	// With is the contact that it comes from or goes to: the zero Target of one that the user wrote to the domain, for all of its Others alike.
	With Target
	Nick string // what who wrote it calls himself
	// Message names what several users get as one, such as a mail to all of them: those letters are delivered together, and a crash repeats what
	// is of one message at most. Empty where it stands for itself.
	Message string

	Subject string
	Thread  string // the same for all letters of a thread
	ReplyTo string // the ID of the letter that it answers, where it answers one
	// Continues says of a letter to the user that the one which it answers came from the contact as well.
	Continues bool
	// Replaces is the ID of a letter of the user's that this one corrects. Letters to him correct nothing.
	Replaces string
	Body     string
	Spans    []Span // how pieces of Body look; nil for plain text
	// Quoted is how many bytes at the beginning of Body repeat what ReplyTo says.
	Quoted int
	// Reactions are signs that a letter to the user puts to the one that it answers; Body says them for clients that show none.
	Reactions []string
	Files     []Attachment
	// Others are who gets it beside the user and the contact, or is to get an answer in place of the contact.
	Others []Recipient
	// Headers are what else stands above it and a client may show (XEP-0131), such as Message-ID.
	Headers []Header
	Formal  bool      // it stands for itself (type normal), and is no line of a conversation
	Time    time.Time // when it came; the zero Time for now

	Receipt bool    // who wrote it waits to hear that it has arrived
	Client  Address // of one that the user wrote, which errors go to
}

// Attachment is a file that everybody who has the URL can get.
type Attachment struct {
	File
	URL         string
	Description string
}

// RecipientKind says what somebody is to a letter (XEP-0033 §3).
type RecipientKind uint8

// The kinds of recipients. Hidden ones are only of letters that the user wrote, and nobody else is told of them.
const (
	RecipientTo RecipientKind = iota
	RecipientCc
	RecipientBcc
	RecipientReplyTo // answers go to him in place of who wrote it
)

// Recipient is somebody else whom a letter is for. Of one that the user wrote either Who or User is set.
type Recipient struct {
	Kind RecipientKind
	Who  Target  // as a contact of the transport; the zero Target where he is none
	User Address // of XMPP; the zero Address where he is none
	Name string
	// Delivered says that he has it by another way: he is named, and nothing is sent to him (XEP-0033 §4.4).
	Delivered bool
}

// MaxRecipients is how many others a letter may have.
const MaxRecipients = 50

// Header is one line above a letter.
type Header struct{ Name, Value string }

// Post sends a letter. It is answered by Done once it is written down where no crash takes it back, or with the error. What becomes of it
// after that is a Receipt or a Failure, which are delivered like letters.
type Post struct {
	Ref    Ref
	Letter Letter
}

// Acknowledge says that a client of the user has a letter, or that he has read it. Nothing answers it.
type Acknowledge struct {
	With Target
	ID   string
	Read bool
}

// Receipt says that a letter of the user's has arrived as far as his network can tell.
type Receipt struct {
	With   Target
	ID     string
	Client Address // as in the letter
}

// Failure says that a letter of the user's, accepted before, did not arrive or not everywhere. Err is an *Error.
type Failure struct {
	With   Target
	ID     string
	Client Address // as in the letter
	Err    error
}

// Remark is a sentence for the user about a conversation, from the contact's address (With) or, with the zero Target, from the domain.
type Remark struct {
	ID   string // stable, so that a repeat is recognised
	With Target
	Text string
}

func (Post) request()        {}
func (Acknowledge) request() {}
func (Letter) event()        {}
func (Receipt) event()       {}
func (Failure) event()       {}
func (Remark) event()        {}

// Gateway is what component offers a whole transport, for users who are not talking to it just now. Safe to call from any goroutine.
type Gateway interface {
	// Deliver has a user told something: a Letter, a Receipt, a Failure, a Remark. It is written down in the caller's transaction and sent
	// once that is committed, until the XMPP server has it. What cannot be delivered is Returned to the transport.
	Deliver(tx *store.Tx, user Address, e Event) error
	// Exists reports whether there is such a user on the XMPP side. Its error is an *Error, Offline where nobody can say at the moment.
	Exists(ctx context.Context, user Address) (bool, error)
	// Upload puts a file where everybody who has its URL can get it, and returns that. It reads f.Size bytes, again for another try.
	Upload(ctx context.Context, owner Address, f File, content io.ReaderAt) (url string, err error)
	// Tell says something to a user now, from the bot of the domain or in the conversation with a contact; it is lost with a crash.
	Tell(user Address, with Target, said string)
}

// Postal is a transport whose network stores and forwards. It is one network, whose ID is empty, without rooms, and its contacts are always
// there.
//
// Its sessions serve requests at any time, without a connection, and keep nothing that a crash could take: the host opens one for a request and
// closes it soon after. What is being written down when a session is closed is finished first, and its Done emitted before Close returns. They
// take Post, Acknowledge, Redact by the IDs of letters, and React, of which Add are all signs that the user has put to a letter by now and Remove
// is empty.
type Postal interface {
	Transport
	// Returned says that an event that was to be delivered to a user came back: his server refuses it (err, an *Error). It is called in the
	// transaction that forgets the event, so it must be quick. A server far away may say so only later, when the event is forgotten. Where it
	// fails it is called again, and given up after some times.
	Returned(tx *store.Tx, user Address, e Returned) error
	// Card is what is known of a contact for a user. It may read the database.
	Card(ctx context.Context, user Address, t Target) (Card, error)
	// SearchCards finds contacts of a user by what he wrote, at most limit.
	SearchCards(ctx context.Context, user Address, query string, limit int) ([]Card, error)
}

// Returned is something that was not delivered.
type Returned struct {
	ID  string // of the Letter or Remark
	Err *Error
	// From is who says so, where that is not the user's own server: whoever has got something can claim that he has not.
	From Address
}

// Card is what is known of a contact.
type Card struct {
	Target Target
	Name   string // for people
	Email  string
	Note   string
	Page   string // URL of his page for people
}
