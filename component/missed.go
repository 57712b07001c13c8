package component

import (
	"context"
	"strconv"
	"time"

	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

// A network that keeps what was said is asked for what a user has missed: in rooms since what he heard last there, and of what was said to him
// alone since the last that reached him.

// behind answers a network that can tell what was said before.
func (n *network) behind(e transports.Behind) {
	if e.Room == (transports.Target{}) {
		n.behindPrivately()
		return
	}
	room, limit := n.room(e.Room.ID), n.u.g.rules().MissedLines
	if room == nil || limit == 0 {
		n.catchUp(transports.CatchUp{Room: e.Room})
		return
	}
	n.lastHeard(room, func(past []muc.Past, ok bool) {
		q := transports.CatchUp{Room: e.Room}
		if ok {
			q.Since, q.Max = room.CatchUp(past, limit)
		}
		n.catchUp(q)
	})
}

// catchUp asks. An error says that the link is gone, and what is missing is found out when it is back.
func (n *network) catchUp(q transports.CatchUp) { _ = n.session.Do(n.u.ctx, q) }

// lastHeard calls then with the last that the user heard in a room, as far as the room has forgotten it. It is not called for a room that he
// has left meanwhile.
func (n *network) lastHeard(room *muc.Room, then func(past []muc.Past, ok bool)) {
	u := n.u
	h, kept := room.Archive().(*hearer)
	if !kept || !room.Forgot() {
		then(nil, true)
		return
	}
	u.backgroundFor(u.g.opt.Timing.Recall, func(ctx context.Context) func() {
		page, err := u.g.readArchive(ctx, h.id, mamPlace{addr: h.addr, room: h.room.name}, store.Query{Max: muc.KeepHistory, Last: true, Bytes: maxRecalled})
		return func() {
			if n.rooms.of(room.Target().ID) != room || u.networks.of(n.id) != n {
				return
			}
			if err != nil {
				u.g.log.Warn("what a user heard last could not be read", u.logID(), "error", err)
			}
			past := make([]muc.Past, 0, len(page.Lines))
			for i := range page.Lines {
				if p, ok := pastMessage(&page.Lines[i], asKept); ok {
					past = append(past, p)
				}
			}
			then(past, err == nil)
		}
	})
}

// asKept leaves what was said as it is kept, to be compared with what the network tells.
func asKept() markup.Settings { return markup.Settings{Show: markup.ShowXHTML} }

// entered takes that the user is in a room, with what he missed there.
func (n *network) entered(e transports.Entered) {
	room := n.rooms.of(e.Room.ID)
	listen(room)
	var untold *transports.Missed
	if e.Missed != nil && room != nil {
		n.unforgotten(room, e.Missed)
		if !room.Caught() { // nobody asked the network
			untold, e.Missed, e.Awaited = e.Missed, nil, true
		}
		n.share(room, e.Missed)
	}
	n.toRoom(e.Room, e)
	n.settle(n.rooms.of(e.Room.ID))
	if untold != nil {
		n.missed(*untold)
	}
}

// missed takes what a user missed, where that comes by itself.
func (n *network) missed(e transports.Missed) {
	if e.Room == (transports.Target{}) {
		n.missedPrivately(e)
		return
	}
	room := n.rooms.of(e.Room.ID)
	if room == nil {
		return
	}
	n.unforgotten(room, &e)
	if !room.Caught() && n.u.awaited >= maxAwaited { // a network that says it again and again: then it may be heard twice
		room.CatchUp(nil, 0)
	}
	if room.Caught() {
		n.share(room, &e)
		n.toRoom(e.Room, e)
		return
	}
	n.lastHeard(room, func(past []muc.Past, _ bool) {
		room.CatchUp(past, 0)
		n.share(room, &e)
		n.toRoom(e.Room, e)
	})
}

// unforgotten leaves out what the user has forgotten, or does not want to be kept so long.
func (n *network) unforgotten(room *muc.Room, m *transports.Missed) {
	local, kept := room.Address().Local, m.Messages[:0:0]
	for i := range m.Messages {
		if !n.u.forgot(local, m.Messages[i].Time) {
			kept = append(kept, m.Messages[i])
		}
	}
	m.Messages = kept
}

// sharedFor is how long what one user missed is held for the others who missed it as well: after a restart all of them are told.
const sharedFor = 5 * time.Minute

// share has what comes now held for others, so that it is kept once.
func (n *network) share(room *muc.Room, m *transports.Missed) {
	h, ok := room.Archive().(*hearer)
	if !ok || m == nil || len(m.Messages) == 0 {
		return
	}
	h.room.mu.Lock()
	defer h.room.mu.Unlock()
	h.room.channel.Hold()
	h.room.held = now().Add(sharedFor)
}

// heardName is the setting of a network that says when what was last said to the user alone, in Unix milliseconds.
const heardName = "heard"

// heard is what a network that can tell it is asked for of private conversations.
type heard struct {
	told     bool      // the network can tell
	catching bool      // it is being asked
	last     time.Time // when what has reached the user was said
	meantime time.Time // of what reached him while the network was being asked
	known    []store.Line
}

// behindPrivately asks for what was said to the user alone since the last that reached him.
func (n *network) behindPrivately() {
	u, limit := n.u, n.u.g.rules().MissedLines
	n.heard.told = u.g.opt.Store != nil && limit > 0
	if !n.heard.told {
		n.catchUp(transports.CatchUp{})
		return
	}
	n.heard.catching = true
	id, scope := u.g.userID(u.jid), u.g.scope(transports.Target{Kind: transports.TargetNetwork, Network: n.id})
	u.backgroundFor(u.g.opt.Timing.Recall, func(ctx context.Context) func() {
		set, err := u.g.opt.Store.Settings(ctx, id, scope)
		var page store.Page
		if err == nil && u.g.archive != nil {
			page, err = u.g.readArchive(ctx, id, mamPlace{addr: u.jid}, store.Query{Max: muc.KeepHistory, Last: true, Bytes: maxRecalled})
		}
		return func() {
			if u.networks.of(n.id) != n {
				return
			}
			if err != nil {
				u.g.log.Warn("what was last said to a user could not be read", u.logID(), "error", err)
				n.heard.catching = false
				n.catchUp(transports.CatchUp{})
				return
			}
			if ms, err := strconv.ParseInt(set[heardName], 10, 64); err == nil {
				n.heard.last = later(n.heard.last, time.UnixMilli(ms))
			}
			n.heard.known = page.Lines
			for i := range page.Lines { // one that was kept, and this not written
				if with, err := u.g.opt.Transport.Parse(page.Lines[i].Who); err == nil && with.Network == n.id {
					n.heard.last = later(n.heard.last, page.Lines[i].Time)
				}
			}
			if n.heard.last.IsZero() { // of what was before he came here, nothing
				n.heard.catching = false
				n.heardAt(now())
				n.catchUp(transports.CatchUp{})
				return
			}
			n.catchUp(transports.CatchUp{Since: n.heard.last, Max: limit})
		}
	})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// heardAt notes when something was said that has reached the user.
func (n *network) heardAt(at time.Time) {
	h := &n.heard
	switch {
	case !h.told || at.IsZero():
	case h.catching:
		h.meantime = later(h.meantime, at)
	case at.After(h.last):
		h.last = at
		scope, value := n.u.g.scope(transports.Target{Kind: transports.TargetNetwork, Network: n.id}), strconv.FormatInt(at.UnixMilli(), 10)
		n.u.note(func(tx *store.Tx, id store.UserID) error { return tx.Set(id, scope, heardName, value) })
	}
}

// missedPrivately delivers what was said to the user alone while he was not there, each once.
func (n *network) missedPrivately(m transports.Missed) {
	asked, last := n.heard.catching, n.heard.last
	newest := n.heard.meantime
	for i := range m.Messages {
		e := m.Messages[i]
		if asked && !e.Time.After(last) || n.keptAlready(&e) {
			continue
		}
		n.privateMessage(e, true)
		newest = later(newest, e.Time)
	}
	n.heard.known = nil
	if asked {
		n.heard.catching, n.heard.meantime = false, time.Time{}
	}
	n.heardAt(newest)
}

// keptAlready reports whether a private message is in the archive: it reached the user, and that was not written down.
func (n *network) keptAlready(e *transports.Message) bool {
	if e.From == nil {
		return true
	}
	with, own := n.contactAddress(e.From.Nick).Local, e.To != transports.Target{}
	if own {
		with = n.u.g.address(e.To).Local
	}
	for i := range n.heard.known {
		l := &n.heard.known[i]
		if e.ID != "" && l.NetworkID == e.ID {
			return true
		}
		if l.Who == with && l.Outgoing == own && l.Time.Sub(e.Time).Abs() < time.Minute {
			if p, ok := pastMessage(l, asKept); ok && p.Body == muc.Prefix(e)+e.Body {
				return true
			}
		}
	}
	return false
}
