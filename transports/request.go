package transports

import "time"

// Ref ties the events that answer a request to it. Zero means that no answer is wanted.
type Ref uint64

// Request is something that a user wants of a network: one of the structs of this file.
type Request interface{ request() }

// Send says something to a room or a person. It is answered by Message events that carry its Ref, one for each part that it was
// split into, once the network echoed the part or, where the network echoes nothing, once it was written; or by Done with the
// error. A part that is answered is with the network; Done after some parts says that the rest is not, Done after the last one
// that the network took the message and then refused it.
type Send struct {
	Ref  Ref
	To   Target
	Body string // may have several lines
	// Styled says the same with how it looks, where the sender has set that and wants it to be seen: then it is said in place of Body wherever
	// that can be shown. Its text may lack the signs by which Body says it.
	Styled *Styled
	Action bool // "/me": the body is what the sender does
	// Receipt says that its sender waits to hear that the network has it: a session that could only say that it was written finds out
	// whether the network was content.
	Receipt bool
	// ReplyTo is the ID of the message that it answers. Where the conversation does not carry that, it goes out without.
	ReplyTo string
}

// Type says that the user writes something to a room or a person, or does not any more. Nothing answers it, and where the conversation does
// not carry it, nothing comes of it. The bridge tells the network as often as that wants to hear it, for as long as that is likely
// to be true: Send ends it.
type Type struct {
	To    Target
	State Composing
}

// React puts signs to a message, or takes away those that the user put there. It is answered by Done.
type React struct {
	Ref    Ref
	To     Target
	On     string // the ID of the message
	Add    []string
	Remove []string
}

// Redact takes back messages: parts of one that the user said or, where he may, what somebody else said. It is answered by Done.
type Redact struct {
	Ref      Ref
	To       Target
	Messages []string // their IDs
	Reason   string
}

// Join enters a room. Where the session is not connected yet, it connects first, with Nick. It is answered by Entered, or by
// Done with the error. Joining a room one is in again is answered by a fresh Entered.
//
// Lasting says that nobody waits for an answer who could ask again: where there is no network the session goes on trying, until it is in the
// room and says Entered, or is not let in and says Parted with PartLost.
type Join struct {
	Ref      Ref
	Room     Target
	Nick     string
	Password string
	Lasting  bool
}

// CatchUp answers a Behind: what was said since is wanted, or in any case where Since is zero, but no more than Max messages, of which the
// newest count; with Max 0 nothing is. Some of what was said before may come along, since clocks differ.
type CatchUp struct {
	Room  Target // as in Behind
	Since time.Time
	Max   int
}

// MarkRead says that the user has read a conversation up to a time, for other clients of his on the network. Nothing answers it.
type MarkRead struct {
	In   Target // a room or a contact
	Time time.Time
}

// Leave leaves a room, silently: no event answers it.
type Leave struct {
	Room   Target
	Reason string
}

// SetSubject changes a room's subject. It is answered by a Subject event for everybody, or by Done with the error.
type SetSubject struct {
	Ref     Ref
	Room    Target
	Subject string
}

// SetNick changes the user's nick on the network. It is answered by a Renamed event, or by Done with the error.
type SetNick struct {
	Ref  Ref
	Nick string
}

// Moderate changes what somebody may do in a room: his ranks there, whether he is in it, whether he may come. Everything that is
// asked is done, in the order of the fields. It is answered by Done.
type Moderate struct {
	Ref  Ref
	Room Target
	// Who has at least a nick. The rest makes a ban hold longer than the nick; what others in the room share with him is left out,
	// so that they are not banned as well.
	Who    Person
	Mask   string // in place of Who, to ban and to let in again: the network's pattern of people, as in BanList
	Grant  Role   // a rank that the network lacks becomes the one beside it that it has
	Revoke Role
	Ban    bool
	Unban  bool
	Kick   bool
	Reason string
}

// Inspect asks how a room is set up. It is answered by ModesChanged, or with Bans by BanList, or by Done with the error.
type Inspect struct {
	Ref  Ref
	Room Target
	Bans bool // asks who is banned instead
}

// Configure changes how a room is set up. It is answered by Done.
type Configure struct {
	Ref        Ref
	Room       Target
	Set, Unset Mode
	Key        string // the new one with ModeKey in Set, the present one with ModeKey in Unset
	Limit      int    // with ModeLimit in Set
}

// Invite asks somebody into a room. It is answered by Done.
type Invite struct {
	Ref  Ref
	Room Target
	Nick string
}

// Watch asks to be told whether people are on the network, from now on and whenever the session is connected, or with Stop not to be
// told any more. It may come before the session is connected. It is answered by Presence events where somebody is there, and whenever
// that changes: who is not heard of is not there, and nobody is while the session is not connected. Where a network has a limit, who
// is beyond it is asked for in turns or not at all.
type Watch struct {
	Who  []Target // contacts
	Stop bool
}

// SetAway says that the user is away, with what he says of it, or back. It may come before the session is connected, and counts whenever it
// is. Nothing answers it. The bridge tells the network when it sees fit: often changing one's mind is no flood.
type SetAway struct {
	Away bool
	Text string
}

// Question is what a client may ask that of somebody else.
type Question uint8

// The questions.
const (
	AskVersion Question = iota // which program it is
	AskPing                    // whether it is there at all
)

// Enquire asks the client of somebody on the network. It is answered by Told, or by Done with the error.
type Enquire struct {
	Ref      Ref
	Who      Target // a contact
	Question Question
}

// Tell answers an Enquired, where there is an answer. An empty Text leaves it to the bridge to say what the gateway is.
type Tell struct {
	Who      Target // a contact
	Question Question
	Token    string
	Text     string
}

// Raw gives the network a line in its own protocol, as the user wrote it. It is answered by RawAnswer once the network has said what it says
// to that, or by Done with the error. A line that asks for what another request is for is answered as that one.
type Raw struct {
	Ref  Ref
	Room Target // where it was typed as a command of a client, "mode +m"; the zero Target if it was written to the network itself
	Line string
}

// List asks for the network's public rooms, or for those that have Name somewhere in theirs. It is answered by one RoomList, or by Done
// with the error.
type List struct {
	Ref  Ref
	Name string
}

func (Send) request()       {}
func (Type) request()       {}
func (React) request()      {}
func (Redact) request()     {}
func (Join) request()       {}
func (CatchUp) request()    {}
func (MarkRead) request()   {}
func (Leave) request()      {}
func (SetSubject) request() {}
func (SetNick) request()    {}
func (Moderate) request()   {}
func (Inspect) request()    {}
func (Configure) request()  {}
func (Invite) request()     {}
func (Watch) request()      {}
func (SetAway) request()    {}
func (Enquire) request()    {}
func (Tell) request()       {}
func (Raw) request()        {}
func (List) request()       {}
