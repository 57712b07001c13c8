package transports

// Ref ties the events that answer a request to it. Zero means that no answer is wanted.
type Ref uint64

// Request is something that a user wants of a network: one of the structs of this file.
type Request interface{ request() }

// Send says something to a room or a person. It is answered by Message events that carry its Ref, one for each part that it was
// split into, once the network echoed the part or, where the network echoes nothing, once it was written; or by Done with the
// error. A part that is answered is with the network; Done after some parts says that the rest is not, Done after the last one
// that the network took the message and then refused it.
type Send struct {
	Ref    Ref
	To     Target
	Body   string // may have several lines
	Action bool   // "/me": the body is what the sender does
}

// Join enters a room. Where the session is not connected yet, it connects first, with Nick. It is answered by Entered, or by
// Done with the error. Joining a room one is in again is answered by a fresh Entered.
type Join struct {
	Ref      Ref
	Room     Target
	Nick     string
	Password string
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

// Kick removes somebody from a room. It is answered by Done.
type Kick struct {
	Ref    Ref
	Room   Target
	Nick   string
	Reason string
}

// List asks for the network's public rooms. It is answered by one RoomList, or by Done with the error.
type List struct{ Ref Ref }

func (Send) request()       {}
func (Join) request()       {}
func (Leave) request()      {}
func (SetSubject) request() {}
func (SetNick) request()    {}
func (Kick) request()       {}
func (List) request()       {}
