package component

import (
	"context"
	"time"

	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

// Who is in which room is written down, so that after a crash of the process its users are back in their rooms without their
// clients, which know of no crash, doing anything.

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
}

// record notes that a client entered or left a room.
func (u *user) record(c muc.Change) {
	if u.g.opt.Store == nil {
		return
	}
	o := occupied{user: u.jid, client: c.Client, room: c.Room.Address().Local, nick: c.Nick, password: c.Password, in: c.In}
	select {
	case u.g.occupancy <- o:
	default:
		u.g.metrics.dropped.Inc()
		u.g.log.Warn("a change of room is not remembered: the database is too slow", u.logID())
	}
}

// recordOccupancy writes the changes down, as many at once as wait, until stop is closed and nothing waits.
func (g *Gateway) recordOccupancy(stop <-chan struct{}) {
	for {
		var batch []occupied
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
		// The write must not be cut off by the end of the process's context: it is the last thing that users leave behind.
		if err := g.opt.Store.Write(context.Background(), func(tx *store.Tx) error { return g.writeOccupancy(tx, batch) }); err != nil {
			g.log.Error("who is in which room could not be written", "error", err)
		}
	}
}

func (g *Gateway) writeOccupancy(tx *store.Tx, batch []occupied) error {
	for _, o := range batch {
		id := store.UserID{Domain: g.opt.Domain, JID: o.user.String()}
		var err error
		if o.in {
			err = tx.Occupy(store.Occupancy{
				UserID: id, Resource: o.client.Resource, Room: o.room, Nick: o.nick, Password: store.Secret(o.password),
			})
		} else {
			err = tx.Vacate(id, o.client.Resource, o.room)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restore brings back everybody who was in a room when an earlier process died. First each client is told; where it is gone, its
// server returns the message and the client is forgotten before anything is done for it.
func (g *Gateway) restore(ctx context.Context) {
	if g.opt.Store == nil {
		return
	}
	all, err := g.opt.Store.Occupancies(ctx, g.opt.Domain)
	if err != nil {
		g.log.Error("not all rooms of before the restart could be read", "error", err)
	}
	if len(all) > 0 {
		g.log.Info("bringing users back into their rooms", "rooms", len(all))
	}
	for i, o := range all {
		user, err := transports.ParseAddress(o.JID)
		if err != nil {
			continue
		}
		u, ok := g.user(user)
		if !ok {
			return
		}
		back := restoring{client: user.WithResource(o.Resource), room: o.Room, nick: o.Nick, password: o.Password.Reveal()}
		u.post(func() { u.announceRestore(back) })
		// Spread, so that a network does not see everybody at once.
		wait := g.opt.Timing.RestoreWait + time.Duration(i)*restoreSpread
		u.after(wait, func() { u.restore(back) })
	}
}

// restoreSpread lies between two users who are brought back: 50 a second.
const restoreSpread = 20 * time.Millisecond

// restoring is a client on its way back into a room.
type restoring struct {
	client         transports.Address
	room           string
	nick, password string
}

func (u *user) announceRestore(r restoring) {
	if u.restoring == nil {
		u.restoring = make(map[transports.Address]int)
	}
	u.restoring[r.client]++
	u.out.Stanzas.Start("message").JID("from", transports.Address{Local: r.room, Domain: u.g.domain.Domain}).JID("to", r.client).
		Attr("type", "groupchat").Attr("id", newID()).
		Start("body").Text("The gateway was restarted. Going back into this room.").End().
		End()
}

// restore takes the client back in, unless its server said meanwhile that it is gone.
func (u *user) restore(r restoring) {
	if _, there := u.restoring[r.client]; !there {
		if u.g.opt.Store != nil {
			u.forgetOccupancy(r)
		}
		return
	}
	if u.restoring[r.client]--; u.restoring[r.client] == 0 {
		delete(u.restoring, r.client)
	}
	addr := transports.Address{Local: r.room, Domain: u.g.domain.Domain}
	e, err := u.g.entity(addr)
	if err != nil || e.kind != entityRoom {
		u.forgetOccupancy(r)
		return
	}
	room, err := u.openRoom(e.target, addr)
	if err != nil {
		u.forgetOccupancy(r)
		u.g.log.Warn("a user could not be brought back into a room", u.logID(), "error", err)
		return
	}
	room.Restore(r.client, r.nick, r.password, u.out)
}

func (u *user) forgetOccupancy(r restoring) {
	select {
	case u.g.occupancy <- occupied{user: u.jid, client: r.client, room: r.room}:
	default: // the next start tries again
	}
}
