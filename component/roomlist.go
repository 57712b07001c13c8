package component

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/transports"
)

// Bounds of one answer with a list; a server takes no larger stanza.
const (
	maxListBytes = 192 << 10
	maxListItems = 1000 // of a page
)

// keepList is how long a list is kept for those who go on with it.
const keepList = 2 * time.Minute

// listing is a list as a user saw it, such as that of a network's rooms, sorted by address.
type listing struct {
	items []listed
	cut   bool // there are more
}

type listed struct {
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
		u.sendList(r, l, page)
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
		u.sendList(r, u.keepListing(e.target.Network, list), page)
	})
	if n.idle() {
		n.close("")
	}
}

// keepListing sorts a list and remembers it.
func (u *user) keepListing(network string, e transports.RoomList) *listing {
	l := &listing{items: make([]listed, 0, len(e.Rooms)), cut: e.Cut}
	for _, r := range e.Rooms {
		l.items = append(l.items, listed{jid: u.g.address(r.Room).String(), name: fmt.Sprintf("%s (%d)", r.Name, r.Members)})
	}
	l.sort()
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

// sort puts a list in the order in which its pages follow.
func (l *listing) sort() {
	slices.SortFunc(l.items, func(a, b listed) int { return strings.Compare(a.jid, b.jid) })
	l.items = slices.CompactFunc(l.items, func(a, b listed) bool { return a.jid == b.jid })
}

// listOccupants answers with who is in a room, to whom is in it too (XEP-0045 §6.5), in pages like rooms: a channel of thousands fits
// into no stanza.
func (u *user) listOccupants(in *inbound, e entity) {
	page, bad := readPage(in.root().Child(nsDiscoItems, "query"), maxListItems)
	if bad != nil {
		u.refuse(in, bad)
		return
	}
	var l listing
	if room := u.networks.of(e.target.Network).room(e.target.ID); room != nil && room.Has(in.from) {
		for _, occupant := range room.Occupants() {
			l.items = append(l.items, listed{jid: occupant.String()})
		}
	}
	if !u.mayShow(min(page.max, len(l.items))) {
		u.refuse(in, transports.NewError(transports.Busy, "You have asked too often who is in your rooms. Try again in a minute.", nil))
		return
	}
	l.sort()
	u.sendList(reply{from: in.from, to: in.to, id: in.root().Attr("id")}, &l, page)
}

// sendList answers with a page of a list. Whoever did not ask for pages and does not get all of it is told so in the same way.
func (u *user) sendList(r reply, l *listing, page pageRequest) {
	from, to, err := page.cut(len(l.items), func(jid string) int {
		i, found := slices.BinarySearchFunc(l.items, jid, func(r listed, jid string) int { return strings.Compare(r.jid, jid) })
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
	for _, item := range l.items[from:to] {
		if b.Len()-start > maxListBytes {
			break
		}
		b.Start("item").Attr("jid", item.jid).Attr("name", item.name).End()
		if first == "" {
			first = item.jid
		}
		last = item.jid
		shown++
	}
	if page.asked || l.cut || shown < len(l.items) {
		count := len(l.items)
		if l.cut {
			count = -1 // nobody knows
		}
		appendSet(b, first, last, from, count)
	}
	b.End().End()
}
