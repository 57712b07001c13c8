package transports

import "time"

// TargetKind says what a target is.
type TargetKind uint8

// The kinds of targets. TargetDomain is that of the zero Target, which no local part names.
const (
	TargetDomain  TargetKind = iota // the domain itself
	TargetNetwork                   // the network itself, a server to talk to
	TargetContact                   // a person of the network
	TargetRoom                      // a room of the network (on IRC a channel)
)

// Target is what a local part under a transport's domain names. Network is empty where the transport is one network.
// Targets are comparable: a transport gives equal targets for local parts that mean the same.
type Target struct {
	Kind    TargetKind
	Network string
	ID      string // unique within Kind and Network; empty for the network itself
}

// Person is somebody of a network as far as the network told. A Person is immutable once it was sent in an event, so that a
// bridge may intern people and everybody may keep the pointer.
type Person struct {
	Nick     string // unique in the network while the person is connected
	Ident    string // user name as the network reports it, empty if unknown
	Host     string // empty if unknown
	Account  string // services account, empty if none or unknown
	RealName string
	Bot      bool // the network says that it is a program
}

// PersonFields says what of a Person is known.
type PersonFields uint8

// The fields, beside the nick.
const (
	KnownUser    PersonFields = 1 << iota // Ident and Host
	KnownAccount                          // that there is none too
	KnownRealName
	KnownBot
)

// With is what is known of somebody with the fields of now that are known. It is p or now itself where that says all.
func (p *Person) With(now *Person, known PersonFields) *Person {
	q := *p
	if known&KnownUser != 0 {
		q.Ident, q.Host = now.Ident, now.Host
	}
	if known&KnownAccount != 0 {
		q.Account = now.Account
	}
	if known&KnownRealName != 0 {
		q.RealName = now.RealName
	}
	if known&KnownBot != 0 {
		q.Bot = now.Bot
	}
	switch q {
	case *p:
		return p
	case *now:
		return now
	}
	return &q
}

// Role is what somebody may do in a room: the ranks held, as a set.
type Role uint8

// The ranks of a room, lowest first.
const (
	RoleVoice Role = 1 << iota
	RoleHalfOp
	RoleOp
	RoleAdmin
	RoleOwner
)

// Has reports whether r holds the rank.
func (r Role) Has(rank Role) bool { return r&rank != 0 }

// Mode is how a room is set up, as a set.
type Mode uint8

// The modes of a room.
const (
	ModeModerated   Mode = 1 << iota // only who has a rank may speak
	ModeInviteOnly                   // only who was invited may enter
	ModeKey                          // a password is needed
	ModeLimit                        // only so many people may enter
	ModeSubjectLock                  // only operators may change the subject
	ModeNoOutside                    // only who is in may write to it
	ModeSecret                       // it is not listed
	ModePrivate                      // it is listed without its name
)

// Has reports whether m has one of the modes.
func (m Mode) Has(mode Mode) bool { return m&mode != 0 }

// Ban is somebody who may not come into a room.
type Ban struct {
	Mask string // the network's pattern of people
	By   string // empty if unknown
	Time time.Time
}

// Member is somebody in a room.
type Member struct {
	Person *Person
	Role   Role
}
