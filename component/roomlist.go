package component

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/transports"
)

// Bounds of one answer with the rooms of a network; a server takes no larger stanza.
const (
	maxListBytes = 192 << 10
	maxListItems = 1000 // of a page
)

// keepList is how long a list is kept for those who go on with it.
const keepList = 2 * time.Minute

// listing is a network's list of rooms as a user saw it, sorted by address.
type listing struct {
	rooms []listedRoom
	cut   bool // the network has more
}

type listedRoom struct {
	jid  string
	name string
}

// listRooms answers with the rooms of a network (XEP-0045 §6.3), in pages where the client wants it so (XEP-0059). Networks list
// seldom and slowly, so the list is kept for a while for the pages that follow.
func (u *user) listRooms(in *inbound, e entity) {
	page, bad := readPage(in.root().Child(nsDiscoItems, "query"), maxListItems)
	if bad != nil {
		u.refuse(in, bad)
		return
	}
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	if l := u.listings[e.target.Network]; l != nil && page.later() {
		u.sendRooms(r, l, page)
		return
	}
	n, err := u.network(e.target.Network)
	if err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	n.ask(func(ref transports.Ref) transports.Request { return transports.List{Ref: ref} }, func(ev transports.Event, err *transports.Error) {
		list, ok := ev.(transports.RoomList)
		if !ok {
			if err == nil {
				err = transports.NewError(transports.Internal, "", nil)
			}
			u.answerIQ(r.from, r.to, r.id, err)
			return
		}
		u.sendRooms(r, u.keepListing(e.target.Network, list), page)
	})
	if n.idle() {
		n.close("")
	}
}

// keepListing sorts a list and remembers it.
func (u *user) keepListing(network string, e transports.RoomList) *listing {
	l := &listing{rooms: make([]listedRoom, 0, len(e.Rooms)), cut: e.Cut}
	for _, r := range e.Rooms {
		l.rooms = append(l.rooms, listedRoom{jid: u.g.address(r.Room).String(), name: fmt.Sprintf("%s (%d)", r.Name, r.Members)})
	}
	byJID := func(a, b listedRoom) int { return strings.Compare(a.jid, b.jid) }
	slices.SortFunc(l.rooms, byJID)
	l.rooms = slices.CompactFunc(l.rooms, func(a, b listedRoom) bool { return a.jid == b.jid })
	if u.listings == nil {
		u.listings = make(map[string]*listing)
	}
	u.listings[network] = l
	u.after(keepList, func() {
		if u.listings[network] == l {
			delete(u.listings, network)
		}
	})
	return l
}

// sendRooms answers with a page of a list. Whoever did not ask for pages and does not get all of it is told so in the same way.
func (u *user) sendRooms(r reply, l *listing, page pageRequest) {
	from, to, err := page.cut(len(l.rooms), func(jid string) int {
		i, found := slices.BinarySearchFunc(l.rooms, jid, func(r listedRoom, jid string) int { return strings.Compare(r.jid, jid) })
		if !found {
			return -1
		}
		return i
	})
	if err != nil {
		u.answerIQ(r.from, r.to, r.id, err)
		return
	}
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsDiscoItems)
	start, first, last, shown := b.Len(), "", "", 0
	for _, room := range l.rooms[from:to] {
		if b.Len()-start > maxListBytes {
			break
		}
		b.Start("item").Attr("jid", room.jid).Attr("name", room.name).End()
		if first == "" {
			first = room.jid
		}
		last = room.jid
		shown++
	}
	if page.asked || l.cut || shown < len(l.rooms) {
		count := len(l.rooms)
		if l.cut {
			count = -1 // nobody knows
		}
		appendSet(b, first, last, from, count)
	}
	b.End().End()
}
