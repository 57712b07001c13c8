package ircbridge

import (
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// roomState is where a channel stands.
type roomState uint8

const (
	roomLost     roomState = iota // to be joined once the network is there
	roomJoining                   // JOIN is on its way
	roomEntering                  // the network echoed JOIN and is telling who is there
	roomIn
	roomLeaving // PART is on its way
)

// room is a channel that the user is in, or on the way in or out. There is no list of its members here: component keeps one.
type room struct {
	target            transports.Target
	name              string // as the network writes it
	key               string
	state             roomState
	entered           bool      // the host was told so: after a lost link it is joined again
	lasting           bool      // so it is if he was not told yet
	askModes          bool      // how it is set up is still to be asked
	askWho            bool      // and who is away
	small             bool      // enough to ask that
	noColour, noCodes bool      // modes c and S: what has codes is refused there, or loses them
	parts             int       // answers to earlier PARTs that are still to come
	enter             *entering // what was told so far, while somebody waits for Entered
	banned            *lastBan
	catch             *catching // its past, while that is being asked for

	again   time.Time // when to try again to get back in; zero for not
	rejoins int       // how often that was tried on this connection

	syncAt time.Time // when to ask what people say of themselves; zero for not
	syncs  int       // how often that was put off
}

// Bounds of what is collected while a channel is entered.
const (
	maxMembers = 200_000 // of all channels of a session that are being entered
	maxHeld    = 256
	maxHeldFor = 256 << 10 // bytes of messages among that
	maxWaiting = 8         // requests that wait for the same answer
)

// entering collects what the network tells of a channel until the end of NAMES (RFC 2812 §3.2.1).
type entering struct {
	refs    []transports.Ref
	by      time.Time // zero until JOIN is about to be written
	label   string    // of the JOIN; empty where the network knows no labels
	along   bool      // there are other channels in it
	members []transports.Member
	index   map[string]int // of members, by folded nick
	topic   string
	topicBy string
	topicAt time.Time
	held    []transports.Event   // that happened in the channel meanwhile
	heldFor int                  // bytes of messages among that
	named   bool                 // everybody is named; its past is still being asked for
	missed  *transports.Missed   // that
	played  []transports.Message // of that, what was said without being asked for
}

// add takes a member, where there are fewer than most; the first word about somebody counts.
func (n *entering) add(m casemap, member transports.Member, most int) bool {
	key := m.fold(member.Person.Nick)
	if _, known := n.index[key]; known {
		return true
	}
	if len(n.members) >= most {
		return false
	}
	if n.index == nil {
		n.index = make(map[string]int)
	}
	n.index[key] = len(n.members)
	n.members = append(n.members, member)
	return true
}

// rename follows somebody who changed nick after he was named.
func (n *entering) rename(m casemap, old string, person *transports.Person) {
	if i, ok := n.index[m.fold(old)]; ok {
		n.members[i].Person = person
		delete(n.index, m.fold(old))
		n.index[m.fold(person.Nick)] = i
	}
}

// remove takes out somebody who left the network after he was named.
func (n *entering) remove(m casemap, nick string) {
	key := m.fold(nick)
	if i, ok := n.index[key]; ok {
		last := len(n.members) - 1
		n.members[i] = n.members[last]
		n.index[m.fold(n.members[i].Person.Nick)] = i
		n.members = n.members[:last]
		delete(n.index, key)
	}
}

// fail answers those who wait with the error.
func (n *entering) fail(s *session, err *transports.Error) {
	for _, ref := range n.refs {
		s.post(transports.Done{Ref: ref, Err: err})
	}
}

// selfJoined handles the network's word that we are in a channel.
func (s *session) selfJoined(c *conn, e *girc.Event, name string) {
	if e.Source.Ident != "" && e.Source.Host != "" {
		c.ident, c.hostname = intern(e.Source.Ident), intern(e.Source.Host) // as others see us
	}
	if !c.ready && c.registered {
		s.ready(c) // what comes behind the greeting: a bouncer that forgot to end it
	}
	r := s.lookup(name)
	if r == nil {
		s.ledElsewhere(c, e, name)
	}
	switch {
	case r == nil && c.bouncer:
		// The channel is the user's, PART would take it from him everywhere.
		if c.forgetElsewhere(name); len(c.elsewhere) < maxRooms {
			c.elsewhere = append(c.elsewhere, strings.Clone(name))
		}
	case r == nil:
		// Forced by the network, or forwarded to from another channel: nobody here would see it, so we leave.
		if !c.answer("PART " + name) {
			s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
		}
		s.startWriter(c)
	case r.state == roomJoining && r.parts == 0: // else it answers the JOIN before a PART
		r.state = roomEntering
		if r.name != name {
			r.name = strings.Clone(name)
		}
		s.beginPast(c, r)
	}
}

// forgetElsewhere drops a channel that the user is in through a bouncer only, and reports whether it was one.
func (c *conn) forgetElsewhere(name string) bool {
	n := len(c.elsewhere)
	c.elsewhere = slices.DeleteFunc(c.elsewhere, func(known string) bool { return c.isup.casemap.equal(known, name) })
	return len(c.elsewhere) < n
}

// past is what was said before in a channel, and not heard meanwhile as well; nil where the network did not say.
func (n *entering) past(room transports.Target) *transports.Missed {
	if n.missed == nil && len(n.played) == 0 {
		return nil
	}
	missed := transports.Missed{Room: room}
	known := make(map[uint64]bool)
	for _, e := range n.held {
		if m, ok := e.(transports.Message); ok {
			known[pastKey(&m)] = true
		}
	}
	if n.missed != nil {
		missed.Complete = n.missed.Complete
		n.played = append(n.played, n.missed.Messages...)
	}
	for _, m := range n.played {
		if key := pastKey(&m); !known[key] {
			known[key] = true
			missed.Messages = append(missed.Messages, m)
		}
	}
	return &missed
}

// names takes a line of NAMES (RFC 2812 §5.1, 353).
func (s *session) names(c *conn, params []string) {
	if len(params) < 2 {
		return
	}
	r := s.lookup(params[len(params)-2])
	if r == nil || r.enter == nil || r.state != roomEntering && r.state != roomIn {
		return
	}
	if !r.enter.by.IsZero() {
		r.enter.by = time.Now().Add(joinTimeout) // a large channel takes its time
	}
	most := maxMembers
	for _, other := range s.rooms {
		if other.enter != nil && other != r {
			most -= len(other.enter.members)
		}
	}
	for name := range fields(params[len(params)-1]) {
		role, name := c.isup.cutRanks(name)
		source := girc.ParseSource(name) // userhost-in-names: "nick!user@host"
		if !validNick(source.Name) {
			continue
		}
		person := s.t.people.intern(transports.Person{Nick: source.Name, Ident: plain(source.Ident), Host: plain(source.Host)})
		if !r.enter.add(c.isup.casemap, transports.Member{Person: person, Role: role}, most) {
			s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
			return
		}
	}
}

// namesEnd takes the end of NAMES (366): the channel is entered.
func (s *session) namesEnd(c *conn, name string) {
	r := s.lookup(name)
	if r == nil || r.enter == nil || r.state != roomEntering && r.state != roomIn {
		return
	}
	if r.catch != nil && r.state == roomEntering {
		if !r.enter.named {
			r.enter.named, r.enter.by = true, time.Now().Add(pastWait)
			s.wakeBy(c, r.enter.by)
		}
		return
	}
	s.enter(c, r)
}

// enter tells the host that the user is in a channel, or who is there.
func (s *session) enter(c *conn, r *room) {
	n := r.enter
	n.add(c.isup.casemap, transports.Member{Person: s.self(c)}, maxMembers+1) // a network that leaves us out of NAMES
	event := transports.Entered{
		Room: r.target, Nick: s.nick, Members: n.members,
		Subject: n.topic, SubjectBy: n.topicBy, SubjectTime: n.topicAt, Missed: n.past(r.target),
	}
	if r.catch != nil {
		r.catch.late, event.Awaited = true, true
	}
	if len(n.refs) == 0 {
		s.post(event)
	}
	for _, ref := range n.refs {
		event.Ref = ref
		s.post(event)
	}
	r.askModes = r.state == roomEntering
	r.small = len(n.members) <= maxWho
	r.askWho = r.small && r.state == roomEntering
	r.state, r.entered, r.enter, r.rejoins = roomIn, true, nil, 0
	for _, e := range n.held {
		s.post(e)
	}
	s.startWriter(c)
}

// refuse ends the attempt to enter a channel.
func (s *session) refuse(r *room, err *transports.Error) {
	if r.enter != nil {
		r.enter.fail(s, err)
		r.enter = nil
	}
	if r.state == roomIn {
		return // it was only asked again who is there
	}
	if s.conn != nil && s.rejoinLater(s.conn, r, err) {
		return
	}
	if r.entered || r.lasting {
		s.post(transports.Parted{Room: r.target, Nick: s.nick, Self: true, How: transports.PartLost, Err: err})
	}
	s.removeRoom(r)
}

// joinTimedOut gives up a channel whose network does not say who is there.
func (s *session) joinTimedOut(c *conn, r *room) {
	why := refused(transports.Offline, "%s did not answer the request to join %s: try again later.", s.net.Name, r.name)
	if r.state == roomIn {
		s.refuse(r, why)
		return
	}
	// The answer may still come: it must find a room that we are leaving.
	c.enqueue(outLine{text: "PART " + r.name})
	s.startWriter(c)
	r.parts++
	if s.refuse(r, why); r.state != roomLost { // it is not tried again
		r.parts--
		r.state, r.entered, r.lasting = roomLeaving, false, false
		s.rooms = append(s.rooms, r)
	}
}

// self is the user as the network knows him.
func (s *session) self(c *conn) *transports.Person {
	me := transports.Person{Nick: s.nick, Ident: c.ident, Host: c.hostname, Account: c.account}
	if c.me == nil || *c.me != me {
		c.me = s.t.people.intern(me)
	}
	return c.me
}

// fields splits at single spaces only: strings.Fields would also split at the no-break space, which is part of some names.
func fields(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := -1
		for i := 0; i <= len(s); i++ {
			if i < len(s) && s[i] != ' ' {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && !yield(s[start:i]) {
				return
			}
			start = -1
		}
	}
}
