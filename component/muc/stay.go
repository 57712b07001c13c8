package muc

import (
	"slices"

	"passerelle/transports"
)

// A user may stay in a room while none of his clients is in it: he hears on, for the archive.

// Stays reports whether the user stays in the room when his last client leaves it.
func (r *Room) Stays() bool { return r.stays }

// Alone reports whether none of the user's clients is in the room or on its way in.
func (r *Room) Alone() bool { return len(r.clients) == 0 }

// Stay has the user stay in a room that he has entered.
func (r *Room) Stay(out *Out) {
	if r.entered && !r.stays {
		r.stays = true
		r.recordStay(out)
	}
}

// howToLeave says how one leaves a room in which one stays.
func (r *Room) howToLeave() string {
	return r.opt.Host.Words("You stay in this room while you are away. To leave it for good, write “leave %s” to %s.", r.opt.Address, r.opt.Bot)
}

// Return enters a room in which the user stayed before the gateway was restarted, with whatever clients come meanwhile.
func (r *Room) Return(nick, password string, out *Out) {
	if r.stays {
		return
	}
	r.stays, r.wish = true, nick
	if r.entered {
		return
	}
	r.returns = true
	if password != "" {
		r.password = password
	}
	if slices.ContainsFunc(r.clients, func(c client) bool { return c.restored }) {
		return // for which it was asked already
	}
	out.Requests = append(out.Requests, Ask{Room: r, Request: transports.Join{Room: r.opt.Target, Nick: nick, Password: password, Lasting: true}})
}

// Unstay has the user leave the room with his last client, at once where none is in.
func (r *Room) Unstay(out *Out) {
	if !r.stays {
		return
	}
	r.stays = false
	out.Changes = append(out.Changes, Change{Room: r})
	r.leaveIfEmpty("", out)
}

// Leave takes the user and all of his clients out of the room, for good.
func (r *Room) Leave(reason string, out *Out) {
	for len(r.clients) > 0 {
		c := r.clients[0]
		r.sendRemoved(&c, r.nickFor(&c), 0, reason, out)
		r.drop(c.addr, out)
	}
	if r.stays {
		r.Unstay(out)
		return
	}
	r.leaveIfEmpty(reason, out)
}

// Moved tells the user's clients that the room goes on under another address (XEP-0045 §10.9), and takes them and him out of this one. Where
// he stays he is in next already, so that he hears all that is said there; nil where he is to enter it.
func (r *Room) Moved(to transports.Address, next *Room, why string, out *Out) {
	r.failPending(transports.NewError(transports.Gone, why, nil), out)
	for len(r.clients) > 0 {
		c := r.clients[0]
		if !c.in {
			r.refuse(c.addr, c.want, c.join, transports.NewError(transports.Gone, why, nil), out)
		} else {
			b := r.startPresence(out, c.addr, r.nick, "unavailable", "")
			b.StartNS("x", NSUser).Start("item").Attr("affiliation", "none").Attr("role", "none").End()
			b.Start("destroy").JID("jid", to).Start("reason").Text(why).End().End()
			b.Start("status").Int("code", statusSelf).End().End().End()
		}
		r.drop(c.addr, out)
	}
	if r.stays {
		out.Changes = append(out.Changes, Change{Room: r})
		if next != nil && r.entered {
			next.goOn(r, out)
		}
	}
	r.entered, r.stays = false, false
}

// goOn has the room be what another one was until now, for who stays in it. What was said there is not said here.
func (r *Room) goOn(old *Room, out *Out) {
	r.nick, r.password, r.wish, r.stays = old.nick, old.password, old.wish, true
	r.occupants, r.absent, r.modes = old.occupants, old.absent, old.modes
	r.subject = subject{text: old.subject.text, by: old.subject.by, time: old.subject.time}
	r.entered, r.enteredAt = true, r.opt.Now()
	r.recordStay(out)
}

// nickFor is the nick under which a client knows itself in the room.
func (r *Room) nickFor(c *client) string {
	if r.nick == "" || !c.in {
		return c.want
	}
	return r.nick
}

// recordStay notes that the user stays, with the nick that he wants rather than the one that he has got.
func (r *Room) recordStay(out *Out) {
	if r.stays {
		out.Changes = append(out.Changes, Change{Room: r, In: true, Nick: r.wish, Password: r.password})
	}
}

// shed forgets what is in the archive, once the last client of who stays has left.
func (r *Room) shed() {
	if r.opt.Archive != nil && r.opt.Archive.Keeps() {
		r.history.lines, r.forgot = nil, true
	}
}
