package transports

import "time"

// Event is something that happened on a network, or what became of a request: one of the structs of this file.
type Event interface{ event() }

// Message was said in a room or to the user. An own message that the network took carries the Ref of its Send and says which
// part of how many it is.
type Message struct {
	Ref      Ref
	Part, Of int     // 1 ≤ Part ≤ Of where Ref is set
	Room     Target  // the zero Target if it was said to the user alone
	From     *Person // the user himself where Ref is set
	To       Target  // of an own message that went to a person
	Body     string
	Spans    []Span // how pieces of Body look; nil for plain text
	Action   bool   // "/me"
	Notice   bool   // to be shown as an announcement, never to be answered by a program
	Time     time.Time
	// What tells that two sessions heard the same line. ID is the network's, unique within it, and empty where it gives none. Clocked
	// says that Time is of the network's clock. Unplaced is an own message that was told when it was written, since the network
	// does not echo: where it stands among the others is unknown.
	ID       string
	Clocked  bool
	Unplaced bool
	// ReplyTo is the ID of the message that it answers, where it answers one.
	ReplyTo string
	// Services says that it went to services of the network or came from them, or was among what is said after connecting: passwords are said
	// there, so nothing of it is kept.
	Services bool
}

// Composing is how far somebody is with something that he has not said yet.
type Composing uint8

// The states of something unsaid.
const (
	ComposingNot    Composing = iota // he said it, or he will not
	ComposingActive                  // he is writing
	ComposingPaused                  // he stopped, and has not thrown it away
)

// Typing says that somebody writes something in a room, or to the user, or does not any more. It is of the moment: nothing of it is kept,
// and who leaves writes nothing. A bridge says when what it heard of it holds no longer.
type Typing struct {
	Room  Target // the zero Target if it is for the user alone
	Nick  string
	State Composing
}

// Reacted says that somebody put signs to a message or took them away: the difference to before. Signs are short texts, emoji mostly.
// The user himself may be From, also where it is a request of his that the network took.
type Reacted struct {
	Room   Target // the zero Target if it was said to the user alone
	From   *Person
	To     Target // of an own one in a private conversation
	On     string // the ID of the message
	Add    []string
	Remove []string
	ID     string // the network's, of this; empty where it gives none
	Time   time.Time
	// Clocked says that Time is of the network's clock.
	Clocked bool
}

// Redacted says that a message, or a reaction, was taken back: by who wrote it or by somebody who may. The user himself may be By.
type Redacted struct {
	Room    Target // the zero Target in a private conversation
	By      *Person
	To      Target // of the user's own in a private conversation
	Message string // its ID
	Reason  string
	ID      string // the network's, of this; empty where it gives none
	Time    time.Time
	Clocked bool
}

// Done answers the request Ref: it succeeded where Err is nil, and where the request has no event of its own. Err is an *Error.
type Done struct {
	Ref Ref
	Err error
}

// Entered says that the user is in a room now: on his own request (Ref) or again after the link came back (Ref zero).
// Members includes the user himself, under Nick. No event names a room before its Entered, but for the refusal of the Join.
type Entered struct {
	Ref     Ref
	Room    Target
	Nick    string
	Members []Member
	Subject string
	// SubjectBy and SubjectTime are empty where the network does not tell.
	SubjectBy   string
	SubjectTime time.Time
	// Missed is what was said before, where the host asked for that. Awaited says that it takes longer: a Missed follows.
	Missed  *Missed
	Awaited bool
}

// Behind says that the network can tell what was said in a room that is being entered, before its Entered, or to the user alone while
// he was not there. The host answers it with CatchUp.
type Behind struct {
	Room Target // the zero Target of what was said to the user alone
}

// Missed is what was said while the user did not hear it, oldest first. What he hears from then on is not in it. It stands in
// Entered, or comes by itself: where it was said to the user alone (a zero Room), took long, or nobody asked for it.
type Missed struct {
	Room     Target
	Messages []Message
	Complete bool // nothing is missing any more
}

// Read says up to when the user has read a conversation, with another client of his on the network.
type Read struct {
	In   Target    // a room or a contact
	Time time.Time // zero where he has read nothing of it there
}

// Joined says that somebody else entered a room that the user is in.
type Joined struct {
	Room   Target
	Member Member
}

// PartKind says how somebody left.
type PartKind uint8

// The ways to leave.
const (
	PartLeft   PartKind = iota // of his own will
	PartQuit                   // left the network
	PartKicked                 // removed by somebody
	PartLost                   // the user: could not be let in again after the link came back; others: the network fell apart
	PartBanned                 // removed by somebody, for good
)

// Parted says that somebody left a room, or with a zero Room every room of the network.
type Parted struct {
	Room   Target
	Nick   string
	Self   bool // it is the user who left
	How    PartKind
	By     string // who kicked or banned
	Reason string
	Err    error // with PartLost, why
}

// Moved says that a room that the user is in has another name, and so is another room to the host. The user is in that, and the host leaves
// it where nobody follows.
type Moved struct {
	Room, To Target
	Name     string // as the network writes it
	By       string
	Reason   string
}

// Renamed says that somebody has another nick in every room of the network.
type Renamed struct {
	Ref      Ref
	Old, New string
	Self     bool
}

// PersonChanged says what is known by now of somebody who may be in rooms of the network: the nick of Who, and his fields that are Known. The
// others are as they were.
type PersonChanged struct {
	Who   *Person
	Known PersonFields
}

// Described says what somebody, a room or the network says of itself. It replaces what was said before; an empty Value takes it back. Nothing of
// it holds any more once the session is not connected, or somebody has left the network.
type Described struct {
	Of    Target // a contact, a room or the network
	What  Detail
	Value string
}

// Detail is what one may say of oneself.
type Detail uint8

// The details.
const (
	DetailName     Detail = iota // what it is called, for people
	DetailPicture                // the URL of a picture, which may lead anywhere
	DetailHomepage               // a URL
	DetailPronouns
	DetailStatus // what one does
	Details      // how many there are
)

// RoleChanged says that somebody's ranks in a room changed.
type RoleChanged struct {
	Room          Target
	Nick          string
	Grant, Revoke Role
	By            string
}

// ModesChanged says that how a room is set up has changed or, with the Ref of an Inspect and once after Entered, how it is: then all
// modes are in one of the sets.
type ModesChanged struct {
	Ref        Ref
	Room       Target
	Set, Unset Mode
	Key        string // with ModeKey in Set; empty where the network does not tell
	Limit      int    // with ModeLimit in Set
}

// BanList answers an Inspect. Cut says that there are more.
type BanList struct {
	Ref  Ref
	Room Target
	Bans []Ban
	Cut  bool
}

// Invited says that somebody asks the user into a room that he is not in.
type Invited struct {
	Room Target
	From *Person
}

// Presence says whether somebody whom the session watches is on the network.
type Presence struct {
	Who    Target // as in Watch
	Online bool
	Away   bool
	Text   string // of who is away, where the network tells
}

// Away says that somebody who may be in rooms of the network is away or back.
type Away struct {
	Nick string
	Away bool
	Text string // what he says of it, where the network tells
}

// Subject says that a room's subject changed.
type Subject struct {
	Ref  Ref
	Room Target
	Text string
	By   string // nick, or the server's name
	Time time.Time
}

// Notice is text from the network to be read by the user, without an author that one could answer.
type Notice struct {
	Room  Target // the zero Target if it concerns no single room
	Text  string
	words *Words // of which Text was made, where the gateway says it itself
}

// NoticeOf is what the gateway says itself.
func NoticeOf(room Target, text string, args ...any) Notice {
	w := &Words{text, args}
	return Notice{Room: room, Text: w.In(inEnglish), words: w}
}

// In is Text, in the language of say where the gateway says it itself.
func (n Notice) In(say Say) string {
	if n.words == nil {
		return n.Text
	}
	return n.words.In(say)
}

// Told answers an Enquire. Text is empty of a ping.
type Told struct {
	Ref  Ref
	Text string
}

// Enquired says that somebody asks the user's client, who lets him. It may be answered by Tell, with the Token.
type Enquired struct {
	From     *Person
	Question Question
	Token    string
}

// RawAnswer answers a Raw.
type RawAnswer struct {
	Ref   Ref
	Lines []string // what the network said, for people
	Cut   bool     // there was more
	// Refused says that the network does not do it.
	Refused bool
	// Join and Leave are what the line asks of the host, who knows which of the user's clients are where; the network was asked nothing.
	Join  []Join
	Leave []Target
}

// RoomInfo is a line of a room list.
type RoomInfo struct {
	Room    Target
	Name    string // as the network writes it
	Members int
	Subject string
}

// RoomList answers List. Cut says that the network had more rooms than the bridge keeps.
type RoomList struct {
	Ref   Ref
	Rooms []RoomInfo
	Cut   bool
}

// State says that the session is connected to its network (Online, as Nick, by Link) or not. Where it is not, Err says why and Retry
// when it will try again; with Retry zero the session is over, takes no further requests and emits no further events.
type State struct {
	Online bool
	Nick   string
	Link   Link
	Err    error
	Retry  time.Duration
}

// Link is a connection to a network.
type Link struct {
	Address     string // of the server: host and port
	TLS         string // version and cipher for people; empty where the connection is not encrypted
	Fingerprint string // of the server's certificate: SHA-256 in hexadecimal
	Since       time.Time
	// Origin tells connections apart that go by the name of one network, and lead to different servers, since a user may have any behind a
	// name: of two that have the same it is sure that it is one network. It is empty where that is the one of the name.
	Origin string
}

func (Message) event()       {}
func (Typing) event()        {}
func (Reacted) event()       {}
func (Redacted) event()      {}
func (Done) event()          {}
func (Entered) event()       {}
func (Behind) event()        {}
func (Missed) event()        {}
func (Read) event()          {}
func (Joined) event()        {}
func (Parted) event()        {}
func (Moved) event()         {}
func (Renamed) event()       {}
func (PersonChanged) event() {}
func (Described) event()     {}
func (RoleChanged) event()   {}
func (ModesChanged) event()  {}
func (BanList) event()       {}
func (Invited) event()       {}
func (Presence) event()      {}
func (Away) event()          {}
func (Subject) event()       {}
func (Notice) event()        {}
func (Told) event()          {}
func (Enquired) event()      {}
func (RawAnswer) event()     {}
func (RoomList) event()      {}
func (State) event()         {}
