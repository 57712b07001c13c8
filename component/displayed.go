package component

import (
	"context"
	"errors"
	"strings"
	"time"

	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// How far a user has read is between all of his clients: those on a network by themselves, which tell each other there, and those on XMPP, which
// have it in a node of his (XEP-0490). Where his server lets the gateway, what is read at one side is read at the other. The node tells nobody
// but his own clients of changes, so it is looked at when the network says something, and when one of his clients comes, goes or is away.
//
// In private conversations that node has ids of his own server, which a gateway does not learn. There the clients see that he has displayed a
// message, as if another one of them had said so (XEP-0333).

// nsDisplayed is the namespace of what a user has displayed, and the name of the node.
const nsDisplayed = "urn:xmpp:mds:displayed:0"

const (
	// displayedWait is how long what is read is gathered for one look at the node.
	displayedWait = time.Second

	// maxDisplayed bounds what is read of the node.
	maxDisplayed = 10_000

	// readLines is how many lines are looked at for one that is a message.
	readLines = 20
)

// displayed is how far a user has read his rooms, as far as that is to be made known.
type displayed struct {
	looking bool
	read    map[transports.Target]time.Time // what networks have said since the last look
	known   map[string]string               // what the node said then, or was told: stanza ids by JID
}

// readRoom is a room in which the user may have read something.
type readRoom struct {
	room  transports.Target
	jid   transports.Address // as his clients write it
	place mamPlace
	known string    // the stanza id that the node had
	read  time.Time // up to when the network says that he has read; zero where it has said nothing new
}

// read takes that the user has read a conversation with another client of his on the network.
func (n *network) read(e transports.Read) {
	if e.In.Kind == transports.TargetContact {
		n.readPrivately(e)
		return
	}
	if n.rooms.of(e.In.ID) == nil {
		return
	}
	n.toRoom(e.In, e)
	d := &n.u.displayed
	if d.read == nil {
		d.read = make(map[transports.Target]time.Time)
	}
	d.read[e.In] = later(d.read[e.In], e.Time)
	n.u.lookDisplayed()
}

// lookDisplayed looks at the user's node soon.
func (u *user) lookDisplayed() {
	d := &u.displayed
	if d.looking || u.stopped || u.g.archive == nil || !u.g.grants.of(u.jid.Domain).publish {
		return
	}
	d.looking = true
	u.after(displayedWait, u.compareDisplayed)
}

// sharesDisplayed reports whether a network shares how far the user has read.
func (u *user) sharesDisplayed() bool {
	for _, n := range u.networks {
		if len(n.rooms) > 0 && n.session.Features(n.rooms[0].Target()).Marks { // which is the same for all of them
			return true
		}
	}
	return false
}

// compareDisplayed compares what is read on networks with the node, and tells each what only the other knows.
func (u *user) compareDisplayed() {
	d := &u.displayed
	var rooms []readRoom
	known := make(map[string]string)
	for _, n := range u.networks {
		for _, room := range n.rooms {
			h, kept := room.Archive().(*hearer)
			if !kept || !n.session.Features(room.Target()).Marks {
				continue
			}
			r := readRoom{room: room.Target(), jid: room.Address().Bare(), place: mamPlace{addr: h.addr, room: h.room.name}, read: d.read[room.Target()]}
			if r.known = d.known[r.jid.String()]; r.known != "" {
				known[r.jid.String()] = r.known
			}
			rooms = append(rooms, r)
		}
	}
	d.read, d.known = nil, known
	if len(rooms) == 0 || u.stopped || u.awaited >= maxAwaited {
		d.looking = false
		return
	}
	u.background(func(ctx context.Context) func() {
		elsewhere, err := u.g.matchDisplayed(ctx, u.jid, rooms)
		return func() {
			if err != nil && !errors.Is(err, errNotGranted) {
				u.g.log.Warn("what a user has displayed could not be compared", u.logID(), "error", err)
			}
			d.looking = false
			for i := range rooms {
				if r := &rooms[i]; r.known != "" {
					d.known[r.jid.String()] = r.known
				}
			}
			for _, q := range elsewhere {
				if n := u.networks.of(q.In.Network); n.room(q.In.ID) != nil {
					_ = n.session.Do(u.ctx, q) // nothing depends on it
				}
			}
			if len(d.read) > 0 {
				u.lookDisplayed()
			}
		}
	})
}

// matchDisplayed publishes what is read further on networks, and returns what is read further on XMPP. It notes what the node has then.
func (g *Gateway) matchDisplayed(ctx context.Context, user transports.Address, rooms []readRoom) ([]transports.MarkRead, error) {
	node, err := g.displayedBy(ctx, user)
	if err != nil {
		return nil, err
	}
	var elsewhere []transports.MarkRead
	id := g.userID(user)
	for i := range rooms {
		r := &rooms[i]
		has := node[r.jid]
		if has == r.known && r.read.IsZero() {
			continue
		}
		r.known = has
		var at time.Time
		if has != "" {
			if err := g.syncArchive(ctx, id); err != nil {
				return elsewhere, err
			}
			switch l, err := g.opt.Store.RoomLine(ctx, id, r.place.room, store.LineKey{ID: has}); {
			case err == nil:
				at = l.Time
			case !errors.Is(err, store.ErrNoSuchLine):
				return elsewhere, err
			}
		}
		if !r.read.After(at) {
			if at.After(r.read) {
				elsewhere = append(elsewhere, transports.MarkRead{In: r.room, Time: at})
			}
			continue
		}
		l, ok, err := g.lastReadBy(ctx, id, r.place, store.Query{End: r.read})
		if err != nil {
			return elsewhere, err
		}
		if !ok || !l.Time.After(at) || l.ID == has { // XEP-0490 §6.1: it only moves forward
			continue
		}
		if err := g.publishAs(ctx, user, nsDisplayed, r.jid, func(b *stanza.Builder) {
			b.StartNS("displayed", nsDisplayed).StartNS("stanza-id", nsSID).JID("by", r.jid).Attr("id", l.ID).End().End() // XEP-0490 §4.2
		}); err != nil {
			return elsewhere, err
		}
		r.known = l.ID
	}
	return elsewhere, nil
}

// displayedBy is what a user has displayed in our rooms: stanza ids by JID.
func (g *Gateway) displayedBy(ctx context.Context, user transports.Address) (map[transports.Address]string, error) {
	found := make(chan map[transports.Address]string, 1)
	err := g.askAs(ctx, "get", user, func(b *stanza.Builder) {
		b.Start("items").Attr("node", nsDisplayed).End()
	}, func(pubsub *stanza.Element) {
		ours := make(map[transports.Address]string)
		n := 0
		for item := range pubsub.Child(nsPubSub, "items").Children() {
			if n++; n > maxDisplayed {
				break
			}
			id := item.Child(nsDisplayed, "displayed").Child(nsSID, "stanza-id").Attr("id")
			if jid, err := transports.ParseAddress(item.Attr("id")); err == nil && jid.Domain == g.domain.Domain && jid.Resource == "" && id != "" {
				ours[jid] = strings.Clone(id)
			}
		}
		found <- ours
	})
	if isMissing(err) { // no client of his has displayed anything
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return <-found, nil
}

// lastReadBy is the last message of a page's end that somebody else, or in a room anybody, has said.
func (g *Gateway) lastReadBy(ctx context.Context, id store.UserID, p mamPlace, q store.Query) (store.Line, bool, error) {
	q.Max, q.Last = readLines, true
	page, err := g.readArchive(ctx, id, p, q)
	if err != nil {
		return store.Line{}, false, err
	}
	for i := len(page.Lines) - 1; i >= 0; i-- {
		l := &page.Lines[i]
		if past, ok := pastMessage(l, asKept); ok && past.Body != "" && !l.Outgoing {
			return *l, true, nil
		}
	}
	return store.Line{}, false, nil
}

// maxReadTo bounds the private conversations of which it is known how far they are read, per session.
const maxReadTo = 1000

// readPrivately shows the user's clients what he has read of a private conversation.
func (n *network) readPrivately(e transports.Read) {
	u := n.u
	contact := u.g.address(e.In)
	if e.Time.IsZero() || !u.saysAs() || u.blocks(contact) {
		return
	}
	for i := len(n.talk) - 1; i >= 0; i-- {
		// The network's time has milliseconds.
		if l := &n.talk[i]; l.with == contact.Local && !l.Own && !l.at.IsZero() && !l.at.Truncate(time.Millisecond).After(e.Time) {
			n.showRead(e.In, l.id)
			return
		}
	}
	if u.g.archive == nil || u.awaited >= maxAwaited {
		return
	}
	id := u.g.userID(u.jid)
	u.backgroundFor(u.g.opt.Timing.Recall, func(ctx context.Context) func() {
		l, ok, err := u.g.lastReadBy(ctx, id, mamPlace{addr: u.jid}, store.Query{End: e.Time, With: contact.Local})
		return func() {
			if err != nil {
				u.g.log.Warn("what a user has read could not be looked up", u.logID(), "error", err)
			}
			if past, message := pastMessage(&l, asKept); ok && message && u.networks.of(n.id) == n {
				n.showRead(e.In, past.ID)
			}
		}
	})
}

// showRead has the user's clients see that he has displayed a private message, each once.
func (n *network) showRead(with transports.Target, id string) {
	if _, known := n.readTo[with.ID]; id == "" || n.readTo[with.ID] == id || !known && len(n.readTo) >= maxReadTo {
		return
	}
	if n.readTo == nil {
		n.readTo = make(map[string]string)
	}
	n.readTo[with.ID] = id
	nick := with.ID
	if p := n.person(nick); p != nil {
		nick = p.Nick
	}
	to, room := n.partner(nick)
	n.u.sayAs(to, newID(), func(b *stanza.Builder) {
		b.StartNS("displayed", nsMarkers).Attr("id", id).End() // XEP-0333 §4.2
		if room != nil {
			b.StartNS("x", muc.NSUser).End() // XEP-0045 §7.5
		}
		b.StartNS("store", nsHints).End()
	})
}
