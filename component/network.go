package component

import (
	"context"
	"slices"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

// network is a user's session on one network with its rooms. When the session is over it is thrown away; a later one is another
// network, so that late events of the first meet nobody. It belongs to the user's goroutine.
type network struct {
	u       *user
	id      string
	session transports.Session
	rooms   rooms
	private map[transports.Ref]privateSend
	held    map[transports.Target][]utterance // what waits for an upload that was said before it, see paste.go
	taken   []transports.Ref                  // those of private that are taken, oldest first
	// questions are what was asked for others than rooms.
	questions map[transports.Ref]question
	// via remembers in which room a private conversation is held, by nick: answers come from the occupant JID that the client
	// wrote to (XEP-0045 §7.5).
	via map[string]*muc.Room
	// online says that the network let the user in. While it did not, why is the last reason, empty for a first try.
	online    bool
	talking   bool // it was made to talk to somebody, and lasts as long as the transport finds that he may answer
	owing     bool // clients in rooms have still to be told of changes
	resting   bool // it is closed where nothing more is sent for a while, where it is of a Postal transport
	why       string
	lingering int             // reasons to keep a session that nothing needs
	slow      *time.Timer     // until the user is told that it takes long, see slow.go; nil once it does not
	nick      string          // that he is online by, and
	link      transports.Link // by what
	// away is what the network is to know of the user's being away.
	away transports.SetAway
	// present are those of the user's contacts who are there, by Target.ID.
	present map[string]transports.Presence
	heard   heard
	// details are what people and rooms say of themselves, nil while nobody does; itself is what the network says.
	details map[transports.Target]*details
	itself  details
	// talk is the end of the private conversations, for messages that refer to others.
	talk []talkLine
	// readTo are the private messages up to which the user's clients were told that he has read, by Target.ID.
	readTo map[string]string
	// posts are what clients sent that a Postal transport has not written down yet; lastUse is when something was sent.
	posts   map[transports.Ref]posted
	lastUse time.Time
	// buried are stanza ids of private messages that were taken back of late, of which the archive may not know yet.
	buried []string
}

// privateSend is a message to a person that the network has not taken yet.
type privateSend struct {
	from, to transports.Address
	id       string
	receipt  bool // the client wants to know when it was taken
	inRoom   bool // it was written to an occupant
	text     downgrade.Text
	netIDs   []string           // of the parts that the network has
	aside    bool               // it says nothing, but puts something to an earlier message or takes one back
	taken    bool               // the network has it; it may still say that it could not deliver it
	waits    bool               // for the connection
	lang     string             // in which it was said
	kept     *store.PrivateLine // for the archive, once it is taken; nil where it is not to be kept
}

// networks are those that a user is on, and rooms those of a network that he is in. There are few of them and many users: a map of one takes 256 bytes.
type (
	networks []*network
	rooms    []*muc.Room
)

// of finds a network by its id; nil where he is not on it.
func (all networks) of(id string) *network {
	for _, n := range all {
		if n.id == id {
			return n
		}
	}
	return nil
}

// of finds a room by its Target.ID; nil where he is not in it.
func (all rooms) of(id string) *muc.Room {
	for _, r := range all {
		if r.Target().ID == id {
			return r
		}
	}
	return nil
}

// without is a list without one of it. Whoever walks through all goes on with those that there were.
func without[S ~[]*T, T any](all S, one *T) S {
	return slices.DeleteFunc(slices.Clone(all), func(other *T) bool { return other == one })
}

// Emit takes an event of the session. It implements transports.Host.
func (n *network) Emit(ctx context.Context, e transports.Event) error {
	return n.u.emit(ctx, networkEvent{n: n, e: e})
}

var _ transports.Host = (*network)(nil)

// network finds the user's session on a network, or opens it.
func (u *user) network(id string) (*network, error) {
	if n := u.networks.of(id); n != nil {
		return n, nil
	}
	if err := u.mayOpen(); err != nil {
		return nil, err
	}
	known, unread := u.related()
	if unread != nil {
		return nil, unread
	}
	n := &network{u: u, id: id}
	s, err := u.g.opt.Transport.Open(u.ctx, u.jid, id, n)
	if err != nil {
		return nil, err
	}
	n.session = s
	u.networks = append(u.networks, n)
	u.g.sessions.Add(1)
	u.g.metrics.sessions.Inc()
	if u.g.postal == nil { // its contacts are always there, and it is not connected to
		n.watch(false, n.inList(known)...)
		n.tellSlow()
	}
	return n, nil
}

// close ends a session that nothing needs any more.
func (n *network) close(reason string) {
	n.session.Close(reason)
	n.failWaiting()
	n.failPosts(transports.NewError(transports.Busy, stoppingText, nil))
	n.forget()
}

// forget removes a session that is over.
func (n *network) forget() {
	n.notSlow()
	for _, room := range n.rooms {
		deafen(room)
	}
	if n.u.networks.of(n.id) == n {
		n.setOnline(false)
		n.u.networks = without(n.u.networks, n)
		n.u.g.sessions.Add(-1)
		n.u.g.metrics.sessions.Dec()
	}
}

// idle reports whether nothing needs the session.
func (n *network) idle() bool {
	return len(n.rooms) == 0 && len(n.questions) == 0 && len(n.posts) == 0 && n.lingering == 0 && !n.talks()
}

// linger keeps a session for a while though nothing needs it: networks do not like who comes and goes.
func (n *network) linger(d time.Duration) {
	n.lingering++
	n.u.after(d, func() {
		n.lingering--
		if n.u.networks.of(n.id) == n && n.idle() {
			n.close("")
		}
	})
}

// room finds a room that a client of the user is in or on its way to.
func (n *network) room(id string) *muc.Room {
	if n == nil {
		return nil
	}
	return n.rooms.of(id)
}

// person finds somebody by his folded nick in the rooms of the network.
func (n *network) person(id string) *transports.Person {
	if n == nil {
		return nil
	}
	for _, r := range n.rooms {
		if p := r.Person(id); p != nil {
			return p
		}
	}
	return nil
}

// request hands a request of a room to the session. Where the session refuses it, the room answers its client.
func (u *user) request(a muc.Ask) {
	n := u.networks.of(a.Room.Target().Network)
	if n == nil {
		return
	}
	if leave, ok := a.Request.(transports.Leave); ok {
		n.leave(leave)
		return
	}
	switch q := a.Request.(type) {
	case transports.Send:
		n.utter(utterance{in: q.To, ref: q.Ref, q: a.Request})
		return
	case transports.SetSubject:
		n.utter(utterance{in: q.Room, ref: q.Ref, q: a.Request})
		return
	}
	err := n.session.Do(u.ctx, a.Request)
	if err == nil {
		return
	}
	if join, ok := a.Request.(transports.Join); ok && join.Lasting {
		n.feed(a.Room, transports.Parted{Room: join.Room, Self: true, How: transports.PartLost, Err: err})
	} else {
		a.Room.Done(a.Ref, err, u.out)
	}
	n.tidy(a.Room)
}

// leave takes the user out of a room that none of his clients is in any more. With the last room the session ends.
func (n *network) leave(l transports.Leave) {
	room := n.rooms.of(l.Room.ID)
	if room == nil || !room.Empty() {
		return
	}
	n.remove(room)
	if n.idle() {
		n.close(l.Reason)
		return
	}
	// An error means that the session is not in the room any more, which is what was wanted.
	_ = n.session.Do(n.u.ctx, l)
}

// tidy removes a room that became empty without leaving (a refused join, a kick), and the session where nothing needs it.
func (n *network) tidy(room *muc.Room) {
	if room.Empty() {
		n.remove(room)
	}
	if n.idle() {
		n.close("")
	}
}

func (n *network) remove(room *muc.Room) {
	n.rooms = without(n.rooms, room)
	deafen(room)
	for nick, v := range n.via {
		if v == room {
			delete(n.via, nick)
		}
	}
}

// event takes an event of a network.
func (u *user) event(ev networkEvent) {
	n := ev.n
	if done, ok := ev.e.(transports.Done); ok && n.postDone(done) {
		return // also where its session was closed meanwhile: what is written down is not to be sent again
	}
	if u.networks.of(n.id) != n {
		return // of a session that was closed meanwhile
	}
	u.g.metrics.events.Inc()
	switch e := ev.e.(type) {
	case transports.Message:
		if e.Part == e.Of {
			n.answered(e.Ref, nil, nil) // a line of the user's own
		}
		if e.Room == (transports.Target{}) {
			n.privateMessage(e, false)
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.Typing:
		if e.Room == (transports.Target{}) {
			n.typing(e)
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.Reacted:
		if e.Room == (transports.Target{}) {
			n.reacted(e)
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.Redacted:
		if e.Room == (transports.Target{}) {
			n.redacted(e)
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.Told:
		n.answered(e.Ref, ev.e, nil)
	case transports.Enquired:
		n.enquired(e)
	case transports.RawAnswer:
		if !n.answered(e.Ref, ev.e, nil) { // typed in a room
			n.toOwner(e.Ref, ev.e)
			n.u.goWays(saidTo(n.u.g.botAddress(), n.u.jid, n.u.lang), e)
		}
	case transports.Done:
		n.done(e)
	case transports.Entered:
		n.entered(e)
	case transports.Behind:
		n.behind(e)
	case transports.Missed:
		n.missed(e)
	case transports.Read:
		n.read(e)
	case transports.Moved:
		n.moved(e)
	case transports.Joined:
		n.toRoom(e.Room, ev.e)
	case transports.Parted:
		if e.Room == (transports.Target{}) {
			delete(n.via, e.Nick) // who takes the nick next is somebody else
			n.movedOn(e.Nick, "")
			n.toRooms(ev.e)
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.Renamed:
		if v, ok := n.via[e.Old]; ok {
			delete(n.via, e.Old)
			n.via[e.New] = v
		}
		n.movedOn(e.Old, e.New)
		if e.Self {
			n.nick = e.New
		}
		n.answered(e.Ref, nil, nil) // a line of the user's own
		n.toRooms(ev.e)
	case transports.Described:
		n.described(e)
	case transports.Away, transports.PersonChanged:
		n.toRooms(ev.e)
	case transports.RoleChanged:
		n.toRoom(e.Room, ev.e)
	case transports.Subject:
		n.toRoom(e.Room, ev.e)
	case transports.Notice:
		if e.Room == (transports.Target{}) {
			n.notice(e.In(n.Words))
			return
		}
		n.toRoom(e.Room, ev.e)
	case transports.RoomList:
		n.answered(e.Ref, ev.e, nil)
	case transports.ModesChanged:
		n.toRoom(e.Room, ev.e)
		n.answered(e.Ref, ev.e, nil)
	case transports.BanList:
		n.toRoom(e.Room, ev.e)
	case transports.Presence:
		n.presence(e)
	case transports.Invited:
		n.invitedThere(e)
	case transports.State:
		n.state(e)
	}
}

func (n *network) toRoom(t transports.Target, e transports.Event) {
	if room := n.rooms.of(t.ID); room != nil {
		n.feed(room, e)
		if room.Empty() {
			n.tidy(room)
		}
	}
}

func (n *network) toRooms(e transports.Event) {
	for _, room := range n.rooms {
		room.Event(e, n.u.out)
		n.owe(room)
		if room.Empty() {
			n.remove(room)
		}
	}
	if n.idle() {
		n.close("")
	}
}

// done hands the outcome of a request to whoever made it.
func (n *network) done(e transports.Done) {
	if p, ok := n.private[e.Ref]; ok {
		delete(n.private, e.Ref)
		if e.Err == nil && p.aside {
			n.referred(p)
		}
		if err := transports.AsError(e.Err); err != nil {
			if p.taken && p.kept != nil { // nobody heard it
				n.u.g.archive.offer(keepItem{refused: p.kept.ID}, nil)
			}
			n.giveBack(p, "", err)
			if p.waits && n.talking {
				n.u.sayUnsaid(p, err)
			}
		}
		if n.u.networks.of(n.id) == n && n.idle() {
			n.close("")
		}
		return
	}
	if !n.answered(e.Ref, nil, transports.AsError(e.Err)) {
		n.toOwner(e.Ref, e)
	}
}

// toOwner hands an answer to the room that asked.
func (n *network) toOwner(ref transports.Ref, e transports.Event) {
	for _, room := range n.rooms {
		if room.Owns(ref) {
			room.Event(e, n.u.out)
			if room.Empty() {
				n.tidy(room)
			}
			return
		}
	}
}

// state tells every room that the link went or came back; with Retry zero the session is over.
func (n *network) state(e transports.State) {
	over := !e.Online && e.Retry == 0
	n.setOnline(e.Online)
	if e.Online {
		n.connected()
	} else {
		n.details, n.itself = nil, details{}
	}
	n.nick, n.link, n.why = e.Nick, e.Link, ""
	if e.Err != nil {
		n.why = transports.AsError(e.Err).In(n.Words)
	}
	lost := false
	for _, room := range n.rooms {
		if e.Online {
			n.rehear(room)
		}
		stayed := room.Stays()
		room.Event(e, n.u.out)
		lost = lost || stayed && !room.Stays()
		if room.Empty() {
			n.remove(room)
		}
	}
	if lost {
		n.sayLost(n.why)
	}
	if !e.Online {
		n.heard.catching = false
		err := transports.AsError(e.Err)
		if err == nil {
			err = transports.Errorf(transports.Offline, "The connection to %s was closed.", n.id)
		}
		for ref, p := range n.private {
			if !p.taken {
				n.done(transports.Done{Ref: ref, Err: err})
			}
		}
		clear(n.private)
		n.taken = nil
		if over {
			n.failPosts(err)
			n.failQuestions(err)
			n.session.Close("")
			n.forget()
		}
	}
}

// answerIQ answers a request with an error, or with an empty result where err is nil.
func (u *user) answerIQ(client, entity transports.Address, id string, err *transports.Error) {
	b := u.out.Stanzas.Start("iq").JID("from", entity).JID("to", client).Attr("id", id)
	if err == nil {
		b.Attr("type", "result").End()
		return
	}
	b.Attr("type", "error").Error(u.inWords("", err)).End()
}
