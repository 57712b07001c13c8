package muc

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Host is who has the room, and all that is asked of him. The rooms of a network have one, so that a room at rest does not cost what it
// takes to ask.
type Host interface {
	// RealJID is the address of a person outside the room, for the item's jid attribute; the zero Address hides it.
	RealJID(*transports.Person) transports.Address
	// OccupantID is the opaque name of somebody in a room (XEP-0421), empty where there are none.
	OccupantID(room transports.Target, p *transports.Person) string
	// Picture is the hash of somebody's picture, empty where he has none.
	Picture(nick string) (hash string)
	// Whom says whom an address outside the room means: a nick in any case, or a pattern of people. MaskJID is the address of a pattern.
	Whom(transports.Address) (nick, mask string)
	MaskJID(mask string) transports.Address
	// History is how many messages a client gets that enters a room and does not ask for a number, and the time before which it gets none.
	History(room transports.Target) (messages int, since time.Time)
	// Formatting is what the user wants of how text looks in a room.
	Formatting(room transports.Target) markup.Settings
	// MayShow reports whether a client may be sent the presence of so many occupants once more.
	MayShow(occupants int) bool
	// Space is how many more people the rooms of the user may have, all of them together.
	Space() int
	// Features is what the network can carry in a room. MayType reports whether it may be told there that the user writes.
	Features(room transports.Target) transports.Features
	MayType(room transports.Target) bool
	NextRef() transports.Ref
	// Words says a text of the catalogue in the user's language.
	Words(text string, args ...any) string
}

// Options are what a room is made of.
type Options struct {
	Address transports.Address // the room's bare JID as clients write it
	Target  transports.Target
	Host    Host
	Archive Archive // takes what the room shows; nil where nothing is kept
	Bot     string  // the address that commands are written to
	Now     func() time.Time
	NewID   func() string
}

// Out collects what a call gives: stanzas to send, requests to make, in order, and the changes of who is in.
type Out struct {
	Stanzas  stanza.Builder
	Requests []Ask
	Changes  []Change
}

// Ask is a request that a room makes of its network. Where it is refused, Room.Done takes Ref and the error.
type Ask struct {
	Room    *Room
	Ref     transports.Ref
	Request transports.Request
}

// Change says that a client entered the room or left it, for whoever remembers that over a crash; without a client, that the user stays in
// the room while none is there, or does not any more.
type Change struct {
	Room     *Room
	Client   transports.Address // full JID
	In       bool
	Nick     string
	Password string
}

// Reset empties o, keeping its memory.
func (o *Out) Reset() {
	o.Stanzas.Reset()
	clear(o.Requests)
	clear(o.Changes)
	o.Requests, o.Changes = o.Requests[:0], o.Changes[:0]
}

// Room is one room as one user sees it. All his clients in it share one nick.
type Room struct {
	opt       Options
	nick      string // own nick; empty until the room was entered
	password  string
	clients   []client
	occupants crowd             // includes the user himself
	named     named             // of whom something was shown last
	absent    map[string]string // what those who are away say of it, by nick; nil while nobody is
	subject   subject
	modes     Modes
	history   history
	buried    []string // stanza ids of lines that were taken back of late, of which the archive may not know yet
	older     []*line  // that somebody referred to, see refer.go
	entered   bool
	returns   bool   // he was in it when an earlier process of the gateway ended
	catching  bool   // heardLast is being asked for, so that it is there
	forgot    bool   // what was said before what history has is in the archive
	recalling bool   // it is being read; clients wait for it
	stays     bool   // the user stays in while none of his clients is
	wish      string // the nick that he would have then
	outage    outage
	owed      map[string]*owed // by nick; nil at rest
	split     netsplit
	changes   float64 // that clients were told of lately, by changedAt
	changedAt time.Time
	enteredAt time.Time
	heardLast []heardLine // what he heard last, for what the network tells of before
	awaited   string      // how a gap is marked of which it is not known yet what it was; empty for none
	readTo    string      // stanza id of what other clients of his on the network have shown him
	pending   map[transports.Ref]*pending
	taken     []transports.Ref // those of pending that are taken, oldest first
}

// client is one of the user's clients.
type client struct {
	addr  transports.Address // full JID
	want  string             // the nick it asked for
	join  string             // id of its join presence, while it is not in
	asked historyRequest
	in    bool // false while the network has not answered yet
	// restored clients believe that they are in the room, since the process that let them in died.
	restored bool
}

type subject struct {
	text string
	by   string
	time time.Time
	// stanzaID is that of the change, where it is in the archive.
	stanzaID string
}

// pending is a request of a client that the network has not answered.
type pending struct {
	kind   pendingKind
	client transports.Address
	id     string // of the client's stanza
	nick   string // that it asked for
	body   string
	text   downgrade.Text // what the network gets of it
	same   bool           // the network can carry all of it, see sameForAll
	// noStore says that its sender does not want it to be kept.
	noStore bool
	// payload is all that the message carries, as XML to be reflected.
	payload string
	part    int // of how many the network has
	of      int
	batch   *batch
	on      string   // stanza id of the line that it refers to
	netIDs  []string // that line's, and of what is sent those of the parts that the network has
	taken   bool     // the network has it and everybody saw it; it may still say that it could not deliver it
	kept    string   // its stanza id, once it is taken
	shared  bool     // it is kept as the line of the network, which others may hear
}

// Bounds of a room. Resources are the client's to choose, so somebody could come with any number of them, and have each line sent
// that many times.
const (
	maxClients   = 64
	maxOccupants = 50_000 // whoever comes then is not shown; the largest channels of today have some thousands
)

// keepTaken is how many messages that the network took are remembered: IRC says after the fact that one may not speak.
const keepTaken = 16

type pendingKind uint8

const (
	pendingJoin pendingKind = iota
	pendingSend
	pendingSubject
	pendingNick
	pendingAdmin
	pendingBans
	pendingTyped
	pendingRefer
	pendingModerate
)

// New makes a room that nobody is in.
func New(opt Options) *Room {
	return &Room{opt: opt, forgot: opt.Archive != nil}
}

// Address is the room's bare JID.
func (r *Room) Address() transports.Address { return r.opt.Address }

// Target is the room on the network.
func (r *Room) Target() transports.Target { return r.opt.Target }

// Nick is the user's own nick in the room, empty before it was entered.
func (r *Room) Nick() string { return r.nick }

// Empty reports whether nobody needs the room: no client is in it or on its way in, and the user does not stay.
func (r *Room) Empty() bool { return len(r.clients) == 0 && !r.stays }

// Has reports whether a client is in the room.
func (r *Room) Has(addr transports.Address) bool {
	c := r.client(addr)
	return c != nil && c.in
}

// Clients are the user's clients that are in the room.
func (r *Room) Clients() iter.Seq[transports.Address] {
	return func(yield func(transports.Address) bool) {
		for i := range r.clients {
			if c := &r.clients[i]; c.in && !yield(c.addr) {
				return
			}
		}
	}
}

// Resources are those of the user's clients that are in the room or on their way in.
func (r *Room) Resources() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range r.clients {
			if !yield(r.clients[i].addr.Resource) {
				return
			}
		}
	}
}

// Occupant finds somebody in the room by the resource of his occupant JID.
func (r *Room) Occupant(resource string) (*transports.Person, bool) {
	nick, ok := r.nickOf(resource)
	return r.occupants.get(nick).person, ok
}

// OccupantJID is the address of somebody in the room, and whether he is in it.
func (r *Room) OccupantJID(nick string) (transports.Address, bool) {
	_, ok := r.occupants.find(nick)
	return r.occupantJID(nick), ok
}

// Person finds somebody in the room by his nick in any case, as contact JIDs write it.
func (r *Room) Person(folded string) *transports.Person {
	if o, ok := r.occupants.find(folded); ok {
		return o.person
	}
	for nick, o := range r.occupants.all() {
		if len(nick) == len(folded) && strings.EqualFold(nick, folded) {
			return o.person
		}
	}
	return nil
}

// Subject is the room's subject.
func (r *Room) Subject() string { return r.subject.text }

// Owns reports whether ref is a request of this room that waits for its answer.
func (r *Room) Owns(ref transports.Ref) bool {
	_, ok := r.pending[ref]
	return ok
}

func (r *Room) client(addr transports.Address) *client {
	for i := range r.clients {
		if r.clients[i].addr == addr {
			return &r.clients[i]
		}
	}
	return nil
}

// drop forgets a client and reports whether it was there.
func (r *Room) drop(addr transports.Address, out *Out) bool {
	i := slices.IndexFunc(r.clients, func(c client) bool { return c.addr == addr })
	if i < 0 {
		return false
	}
	r.clients = slices.Delete(r.clients, i, i+1)
	out.Changes = append(out.Changes, Change{Room: r, Client: addr})
	return true
}

// ask makes a request and remembers who waits for its answer.
func (r *Room) ask(out *Out, p pending, request func(transports.Ref) transports.Request) {
	ref := r.opt.Host.NextRef()
	if r.pending == nil {
		r.pending = map[transports.Ref]*pending{}
	}
	kept := asked.Get().(*pending)
	*kept = p
	r.pending[ref] = kept
	out.Requests = append(out.Requests, Ask{Room: r, Ref: ref, Request: request(ref)})
}

// asked is the memory of requests that the network has not answered, and of messages that it took of late.
var asked = sync.Pool{New: func() any { return new(pending) }}

// forgetTaken drops a message that the network took so long ago that it will not say any more that it could not deliver it.
func (r *Room) forgetTaken(ref transports.Ref) {
	if p := r.pending[ref]; p != nil {
		r.forget(ref)
		*p = pending{}
		asked.Put(p)
	}
}

// forget drops a request that was answered. A room at rest keeps no map.
func (r *Room) forget(ref transports.Ref) {
	if delete(r.pending, ref); len(r.pending) == 0 {
		r.pending = nil
	}
}

// occupantJID is the address of an occupant.
func (r *Room) occupantJID(nick string) transports.Address {
	return r.opt.Address.WithResource(Resource(nick))
}

// Count is how many people are in the room.
func (r *Room) Count() int { return r.occupants.count }

// Occupants are the occupant JIDs of everybody in the room, sorted by nick.
func (r *Room) Occupants() []transports.Address {
	all := make([]transports.Address, 0, r.occupants.count)
	for nick := range r.occupants.all() {
		all = append(all, r.occupantJID(nick))
	}
	return all
}
