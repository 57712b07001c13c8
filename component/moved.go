package component

import (
	"context"
	"errors"
	"strings"
	"time"

	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// A room that has another name is another room to clients. They are told where it goes on (XEP-0045 §10.9), and what is the user's own moves
// along: his bookmark, what he has set for the room, and that he stays there.

// followTime is how long a client may take to follow. Then the room is left.
const followTime = 10 * time.Minute

// moved takes that a room has another name.
func (n *network) moved(e transports.Moved) {
	u, old := n.u, n.rooms.of(e.Room.ID)
	if old == nil {
		_ = n.session.Do(u.ctx, transports.Leave{Room: e.To}) // an error says that he is not in it, which was wanted
		return
	}
	addr := u.g.address(e.To)
	why := strings.TrimSpace(text.Say(u.lang, "This room is called %s now.", e.Name) + " " + e.Reason)
	back, stayed, alone := restoring{client: u.jid, room: addr.Local, nick: old.Nick(), password: old.Password()}, old.Stays(), old.Alone()
	var next *muc.Room
	if stayed && n.rooms.of(e.To.ID) == nil {
		next, _ = u.openRoom(e.To, addr) // an error is met again below
	}
	old.Moved(addr, next, why, u.out)
	if next != nil && next.Stays() {
		listen(next)
	}
	n.remove(old)
	n.linger(followTime)
	u.after(followTime, func() {
		if u.networks.of(n.id) == n && n.rooms.of(e.To.ID) == nil {
			_ = n.session.Do(u.ctx, transports.Leave{Room: e.To}) // as above
		}
	})
	u.background(func(ctx context.Context) func() {
		persists, err := u.g.moveOwn(ctx, u.jid, e)
		return func() {
			if err != nil {
				u.g.log.Warn("what a user has of a room that has another name did not move along", u.logID(), "error", err)
			}
			if r, errRead := u.related(); errRead == nil && persists != "" {
				r.persist(u.g.scope(e.To), persists)
			}
			if !stayed || u.networks.of(n.id) != n || u.stopped {
				return
			}
			if alone {
				s := saidTo(u.g.botAddress(), u.jid, u.lang)
				u.say(s, u.g.address(e.Room).String()+": "+why+" "+addr.String())
			}
			room, err := u.openRoom(e.To, addr)
			u.returnTo(back, room, transports.AsError(err))
		}
	})
}

// moveOwn moves what somebody has set for a room, and his bookmark of it. It returns whether he has set that he stays in it.
func (g *Gateway) moveOwn(ctx context.Context, user transports.Address, e transports.Moved) (persists string, err error) {
	if g.opt.Store != nil {
		id, from, to := g.userID(user), g.scope(e.Room), g.scope(e.To)
		set, err := g.opt.Store.Settings(ctx, id, from)
		if err != nil {
			return "", err
		}
		has, err := g.opt.Store.Settings(ctx, id, to)
		if err != nil {
			return "", err
		}
		persists = has[SettingPersistent]
		if len(set) > 0 && len(has) == 0 {
			if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error {
				for name, value := range set {
					if err := tx.Set(id, to, name, value); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return "", err
			}
			persists = set[SettingPersistent]
		}
	}
	m, err := g.bookmarked(ctx, user, g.address(e.Room))
	if err == nil && m.there && m.auto {
		if err = g.bookmark(ctx, user, e.To, m.key); err == nil {
			err = g.unbookmark(ctx, user, e.Room)
		}
	}
	if errors.Is(err, errNotGranted) {
		err = nil
	}
	return persists, err
}
