package component

import (
	"context"
	"errors"
	"time"

	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

// Who is in which room is written down, so that after a crash of the process its users are back in their rooms without their
// clients, which know of no crash, doing anything; and those who stay in rooms are back in them after any end of it.

// occupancyQueue bounds the changes that wait to be written. Live traffic never waits for the disk: what does not fit is lost for
// the next crash, and logged.
const occupancyQueue = 4096

// occupied is a change of who is in.
type occupied struct {
	user     transports.Address
	client   transports.Address
	room     string
	nick     string
	password string
	in       bool
	// write is done instead, where something else of the user is to be written in the same order.
	write func(tx *store.Tx, id store.UserID) error
	// done is told once that is written, or what it was that went wrong; nil where nobody waits.
	done chan<- error
}

// record notes that a client entered or left a room.
func (u *user) record(c muc.Change) {
	u.moved = true
	if !c.In && !c.Client.IsZero() {
		u.saw() // he was there until now
	}
	if u.g.opt.Store == nil {
		return
	}
	o := &occupied{user: u.jid, client: c.Client, room: c.Room.Address().Local, nick: c.Nick, password: c.Password, in: c.In}
	select {
	case u.g.occupancy <- o:
	default:
		u.g.metrics.dropped.Inc()
		u.g.log.Warn("a change of room is not remembered: the database is too slow", u.logID())
	}
}

// seenEvery is how often it is written down that a user does something.
const seenEvery = time.Hour

// saw notes that a user who is connected to a network does something. Others come and go unnoticed.
func (u *user) saw() {
	if !u.idleness.warned.IsZero() && !u.attended() {
		u.unwarn()
	}
	if u.g.opt.Store == nil || len(u.networks) == 0 || now().Sub(u.idleness.seen) < seenEvery {
		return
	}
	u.idleness.seen = now()
	u.note((*store.Tx).SawUser) // else the next hour tells
}

// note writes something of the user down beside the changes of rooms, if there is room in their queue.
func (u *user) note(write func(tx *store.Tx, id store.UserID) error) {
	if u.g.opt.Store == nil {
		return
	}
	select {
	case u.g.occupancy <- &occupied{user: u.jid, write: write}:
	default:
		u.g.metrics.dropped.Inc()
	}
}

// recordOccupancy writes the changes down, as many at once as wait, until stop is closed and nothing waits. At the end of ctx nothing is
// written any more.
func (g *Gateway) recordOccupancy(ctx context.Context, stop <-chan struct{}) {
	for {
		var batch []*occupied
		select {
		case o := <-g.occupancy:
			batch = append(batch, o)
		case <-stop:
		}
		for more := true; more && len(batch) < 256; {
			select {
			case o := <-g.occupancy:
				batch = append(batch, o)
			default:
				more = false
			}
		}
		if len(batch) == 0 {
			return // stopped, and nothing waits
		}
		err := g.insistOccupancy(ctx, batch)
		if err != nil {
			g.log.Error("who is in which room could not be written", "error", err)
		}
		for _, o := range batch {
			if o.done != nil {
				o.done <- err // capacity 1, sent once
			}
		}
	}
}

// insistOccupancy writes changes, and tries again for as long as a database takes that is started again.
func (g *Gateway) insistOccupancy(ctx context.Context, batch []*occupied) error {
	for begun := time.Now(); ; {
		err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return g.writeOccupancy(tx, batch) })
		if err == nil || errors.Is(err, store.ErrClosed) || time.Since(begun) > keepTrying {
			return err
		}
		g.log.Warn("who is in which room is not written yet", "error", err)
		select {
		case <-time.After(keepAgain):
		case <-ctx.Done():
			return err
		}
	}
}

func (g *Gateway) writeOccupancy(tx *store.Tx, batch []*occupied) error {
	for _, o := range batch {
		id := g.userID(o.user)
		var err error
		switch {
		case o.write != nil:
			err = o.write(tx, id)
		case o.in:
			err = tx.Occupy(store.Occupancy{
				UserID: id, Resource: o.client.Resource, Room: o.room, Nick: o.nick, Password: store.Secret(o.password),
			})
		default:
			err = tx.Vacate(id, o.client.Resource, o.room)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remembered reads who was in which room when an earlier process died. It is read before the first stream stands, so that nobody is
// taken for restored who has just joined.
func (g *Gateway) remembered(ctx context.Context) (back []restoring, known map[transports.Address]idleness) {
	if g.opt.Store == nil {
		return nil, nil
	}
	known = g.idleUsers(ctx)
	all, err := g.opt.Store.Occupancies(ctx, g.opt.Domain)
	if err != nil {
		g.log.Error("not all rooms of before the restart could be read", "error", err)
	}
	for _, o := range all {
		user, err := transports.ParseAddress(o.JID)
		if err != nil || o.Resource == "" && g.absent[user].gone {
			continue
		}
		back = append(back, restoring{client: user.WithResource(o.Resource), room: o.Room, nick: o.Nick, password: o.Password.Reveal()})
	}
	return back, known
}

// restoreSpread lies between two rooms that are entered again: 500 a second. How many a network sees at once is the bridge's business.
const restoreSpread = 2 * time.Millisecond

// restoring is a client on its way back into a room.
type restoring struct {
	client         transports.Address // bare where the user stays in the room
	room           string             // local part
	nick, password string
}

// restore brings everybody back. First each client gets a message without words; where it is gone, its server returns that and the client
// is forgotten before anything is done for it.
func (g *Gateway) restore(all []restoring, known map[transports.Address]idleness) {
	if len(all) > 0 {
		g.log.Info("bringing users back into their rooms", "rooms", len(all))
	}
	for i, r := range all {
		u, ok := g.user(r.client.Bare())
		if !ok {
			return
		}
		u.post(func() {
			if i, first := known[u.jid], u.idleness.seen.IsZero(); first {
				u.idleness = i
			}
			u.announceRestore(r)
		})
		u.after(g.opt.Timing.RestoreWait+time.Duration(i)*restoreSpread, func() { u.restore(r) })
	}
	for jid := range known {
		if u, ok := g.user(jid); ok {
			u.post(u.checkIdle)
		}
	}
}

func (u *user) announceRestore(r restoring) {
	if u.restoring == nil {
		u.restoring = make(map[restoring]struct{})
	}
	u.restoring[r] = struct{}{}
	if r.client.IsBare() {
		return
	}
	u.out.Stanzas.Start("message").JID("from", u.roomAddress(r)).JID("to", r.client).Attr("type", "groupchat").Attr("id", newID()).End()
}

// returning reports whether a client is on its way back into a room.
func (u *user) returning(client, room transports.Address) bool {
	for r := range u.restoring {
		if r.client == client && r.room == room.Local {
			return true
		}
	}
	return false
}

func (u *user) roomAddress(r restoring) transports.Address {
	return transports.Address{Local: r.room, Domain: u.g.domain.Domain}
}

// restore takes a client back in, unless its server said meanwhile that it is gone.
func (u *user) restore(r restoring) {
	if _, there := u.restoring[r]; !there || u.stopped {
		return // the next start tries again
	}
	if _, unread := u.related(); unread != nil {
		u.after(relationsAgain, func() { u.restore(r) })
		return
	}
	delete(u.restoring, r)
	addr := u.roomAddress(r)
	e, err := u.g.entity(addr)
	if err == nil && e.kind != entityRoom {
		err = errors.New("it is no room any more")
	}
	if r.client.IsBare() && err == nil && !u.persists(e.target) {
		u.forgetOccupancy(r) // he has changed his mind, or the operator
		return
	}
	var room *muc.Room
	if err == nil {
		room, err = u.openRoom(e.target, addr)
	}
	switch {
	case r.client.IsBare():
		u.returnTo(r, room, transports.AsError(err))
		return
	case err != nil:
		u.g.log.Warn("a user could not be brought back into a room", u.logID(), "error", err)
		u.forgetOccupancy(r)
		u.sayNotBack(r, transports.AsError(err))
		return
	}
	room.Restore(r.client, r.nick, r.password, u.out)
}

// sayNotBack tells a client that it is not in the room any more that it was in before the restart (XEP-0045 §9.3, as the gateway's
// own doing).
func (u *user) sayNotBack(r restoring, why *transports.Error) {
	from := u.roomAddress(r).WithResource(r.nick)
	b := u.out.Stanzas.Start("presence").JID("from", from).JID("to", r.client).Attr("type", "unavailable")
	if why.Text != "" {
		b.Start("status").Text(u.inWords("", why).Text).End()
	}
	b.StartNS("x", muc.NSUser).Start("item").Attr("affiliation", "none").Attr("role", "none").End()
	for _, code := range []string{"110", "333"} { // removed by an error, XEP-0045 §15.6.2
		b.Start("status").Attr("code", code).End()
	}
	b.End().End()
}

// gone stops bringing a client back into a room where it left it, or its server says that it is not there.
func (u *user) gone(client, room transports.Address) {
	for r := range u.restoring {
		if r.client == client && r.room == room.Local {
			delete(u.restoring, r)
			u.forgetOccupancy(r)
		}
	}
}

func (u *user) forgetOccupancy(r restoring) {
	select {
	case u.g.occupancy <- &occupied{user: u.jid, client: r.client, room: r.room}:
	default: // the next start tries again
	}
}
