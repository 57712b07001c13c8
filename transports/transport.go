package transports

import (
	"context"
	"strings"
)

// BotName is the local part of the help bot of each domain: no transport formats anything so.
const BotName = "help"

// Transport serves one virtual domain. Its methods are safe to call from any goroutine and never wait for a network.
type Transport interface {
	// Describe says what the domain is, for discovery and help texts.
	Describe() Description
	// Parse says what an unescaped local part stands for. The error is an *Error of kind BadRequest or NotFound.
	Parse(local string) (Target, error)
	// Format is the inverse of Parse: Parse(Format(t)) is t for every t that Parse returned.
	Format(Target) string
	// Find says what a person means who writes the name of a person, a room or a network in his own way, such as "#go libera". Wanted is
	// what he looks for, where he leaves that open; TargetDomain says nothing. Its errors are as Parse's, in his language.
	Find(lang, input string, wanted TargetKind) (Target, error)
	// Open makes the session of a user on a network. It connects when the first request needs it.
	Open(ctx context.Context, user Address, network string, host Host) (Session, error)
	// Commands are what users can run on the domain and on targets under it.
	Commands() []Command
}

// Session is one user on one network. Do is called by one goroutine, in order; Close by any.
type Session interface {
	// Do hands a request over and returns: nil (the outcome comes as an event), or an *Error (Busy when a bounded queue is
	// full, Unsupported, NotJoined, Offline …), after which no event answers the request.
	Do(ctx context.Context, r Request) error
	// Features says what a conversation can carry, as it is at the moment. It is safe to call from any goroutine.
	Features(t Target) Features
	// Close ends the session. No event is emitted after it returned. Reason is told to the network where it can be.
	Close(reason string)
}

// Features are what a conversation can carry. The zero value sets no bounds.
type Features struct {
	LineBytes int // of text that go into one line; where it is 0, a message is not cut into lines
	// What it carries beside text. Where it carries no reaction or no reply, that is said in words.
	Types, Reacts, Unreacts, Replies, Redacts bool
	// Marks says that how far one has read is between one's clients there.
	Marks bool
}

// Lines is about how many lines a body takes: a bridge cuts between words and may need a few more.
func (f Features) Lines(body string) int {
	if f.LineBytes <= 0 {
		return 1
	}
	lines := 0
	for line := range strings.Lines(body) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines += (len(line) + f.LineBytes - 1) / f.LineBytes
		}
	}
	return lines
}

// Host takes a session's events. Emit blocks while the user's queue is full: that is the back-pressure on the network's reader.
// It fails only when ctx ended or the host is gone.
type Host interface {
	Emit(ctx context.Context, e Event) error
}

// Description is what a transport says of itself.
type Description struct {
	Kind     string    // "irc", "smtp", "ostatus": the type of its gateway identity
	Name     string    // for people, such as "IRC gateway"
	Rooms    bool      // it has rooms: the domain is a MUC service too
	Networks []Network // the networks that the operator named, in his order
	Fixed    string    // the only network, by its ID, which the domain itself stands for; empty where there may be others
	Prompt   Prompt
	// Hints are lines for the help bot, each telling some things that a user can do; DOMAIN in them stands for the domain, NETWORK for a network.
	Hints []string
}

// Prompt is how to ask somebody whom or what he looks for, and into which room he wants; texts of the catalogue.
type Prompt struct {
	Description, Label string
	Room               RoomPrompt
}

// RoomPrompt is how to ask somebody into which room he wants, and what to call a search for rooms; texts of the catalogue.
type RoomPrompt struct{ Title, Description, Label, Search string }

// Network is one network that an operator named.
type Network struct {
	ID   string // as in Target.Network
	Name string // for people
}
