package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// A user of whom nothing is seen for long does not stay on the networks for ever, and where the operator wants it so, neither does one whose clients
// sit in rooms while he says nothing. He is told a day before, and when it happens. Once something of him comes he is taken back into the
// rooms where he stays.

const (
	// warnBefore is how long before it is told. Nobody is taken off who was not told so long before.
	warnBefore = 24 * time.Hour

	// idleCheck is how often it is looked for who is idle.
	idleCheck = time.Hour
)

// watchIdle looks now and then for who is idle, until ctx ends.
func (g *Gateway) watchIdle(ctx context.Context) {
	t := time.NewTicker(g.opt.Timing.IdleCheck)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			for _, u := range g.everybody() {
				u.post(u.checkIdle)
			}
		}
	}
}

// idleness is since when a user does nothing.
type idleness struct {
	seen   time.Time // that something of him came, as it was last written down
	acted  time.Time // that he did something himself, as it was last written down
	warned time.Time // that he was told of it; zero where he was not
	busy   bool      // what he is to be told is being written down
}

// act notes that the user does something himself. What his clients do by themselves is no sign of him.
func (u *user) act() {
	if u.g.rules().AlwaysOn.Idle == 0 || now().Sub(u.idleness.acted) < seenEvery {
		return
	}
	u.idleness.acted = now()
	u.note((*store.Tx).Acted)
	u.unwarn()
}

// unwarn notes that a user who was told that he is idle is not any more.
func (u *user) unwarn() {
	if !u.idleness.warned.IsZero() {
		u.idleness.warned = time.Time{}
		u.note((*store.Tx).Returned)
	}
}

// attended reports whether a client of the user is in a room or on its way in.
func (u *user) attended() bool {
	for r := range u.restoring {
		if !r.client.IsBare() {
			return true
		}
	}
	for _, n := range u.networks {
		for _, room := range n.rooms {
			if !room.Alone() {
				return true
			}
		}
	}
	return false
}

// checkIdle warns the user or takes him off the networks, where it is time to.
func (u *user) checkIdle() {
	networks := u.stayingOn()
	if u.stopped || u.idleness.busy || len(networks) == 0 {
		return
	}
	rules, i := u.g.rules().AlwaysOn, &u.idleness
	unset := func(t *time.Time) {
		if t.IsZero() {
			*t = now() // it is not known since when; it begins now
		}
	}
	unset(&i.seen)
	unset(&i.acted)
	since, limit, attended := i.seen, rules.Unseen, u.attended()
	if attended {
		u.saw() // a client of his is there
		since, limit = i.acted, rules.Idle
	}
	idle := now().Sub(since)
	switch {
	case limit == 0 || idle < limit-warnBefore:
		u.unwarn()
	case i.warned.IsZero():
		u.sayOnceNoted((*store.Tx).Warned, func() {
			i.warned = now()
			u.sayIdle(attended, false, idle, networks)
		})
	case idle >= limit && now().Sub(i.warned) >= warnBefore:
		u.sayOnceNoted((*store.Tx).Gone, func() { u.takeOff(attended, idle, networks) })
	}
}

// sayOnceNoted writes down what the user is about to be told, so that he is told once, whatever happens to the process. Where he comes
// meanwhile he is told nothing.
func (u *user) sayOnceNoted(write func(tx *store.Tx, id store.UserID) error, say func()) {
	before := u.idleness
	u.idleness.busy = true
	u.background(func(ctx context.Context) func() {
		err := u.g.recorded(ctx, &occupied{user: u.jid, write: write})
		return func() {
			u.idleness.busy = false
			switch {
			case err != nil: // it is tried again with the next look
				u.g.log.Error("that a user is idle could not be written", u.logID(), "error", err)
			case u.stopped:
			case u.idleness != before:
				u.note((*store.Tx).Returned)
			default:
				say()
			}
		}
	})
}

// stayingOn are the networks that the user is on or on his way back to.
func (u *user) stayingOn() []string {
	var on []string
	for _, n := range u.networks {
		on = append(on, n.id)
	}
	for r := range u.restoring {
		if e, err := u.g.entity(u.roomAddress(r)); err == nil {
			on = append(on, e.target.Network)
		}
	}
	slices.Sort(on)
	return slices.Compact(on)
}

// sayIdle tells the user that he will be taken off the networks, or is.
func (u *user) sayIdle(attended, gone bool, idle time.Duration, networks []string) {
	s := saidTo(u.g.botAddress(), u.jid, u.lang)
	days, on := int(idle/(24*time.Hour)), strings.Join(networks, ", ")
	var body string
	switch {
	case attended && gone:
		body = text.Say(s.lang, "You have said nothing here for %d days, so you are not connected to %s any more.", days, on)
	case gone:
		body = text.Say(s.lang, "You have not been here for %d days, so you are not connected to %s any more.", days, on)
	case attended:
		body = text.Say(s.lang, "You have said nothing here for %d days. In a day you are taken off %s, unless you do: a message to this address is enough.", days, on)
	default:
		body = text.Say(s.lang, "You have not been here for %d days. In a day you are taken off %s, unless something comes from you: a message to this address is enough.", days, on)
	}
	if gone {
		body += " " + text.Say(s.lang, "The rooms where you stay while you are away are kept for you: once you are back, so are you in them.")
	}
	u.say(s, body)
}

// takeOff ends the user's sessions. Where he stays he comes back to.
func (u *user) takeOff(attended bool, idle time.Duration, networks []string) {
	u.sayIdle(attended, true, idle, networks)
	u.idleness.warned = time.Time{}
	reason := fmt.Sprintf("idle for %d days", int(idle/(24*time.Hour)))
	for r := range u.restoring {
		delete(u.restoring, r)
		if !r.client.IsBare() {
			u.forgetOccupancy(r)
			u.sayNotBack(r, transports.NewError(transports.Gone, reason, nil))
		}
	}
	for _, n := range u.networks {
		for _, room := range n.rooms {
			room.Shutdown(reason, u.out)
		}
		n.failQuestions(transports.NewError(transports.Gone, reason, nil))
		n.close(reason)
	}
	u.beAbsent(absence{gone: true})
}

// sayBack tells somebody who was taken off the networks that he is back.
func (u *user) sayBack(stays []store.Occupancy) {
	if len(stays) == 0 {
		return
	}
	s := saidTo(u.g.botAddress(), u.jid, u.lang)
	var rooms []string
	for i, o := range stays {
		if i == maxNamed {
			rooms = append(rooms, "…")
			break
		}
		rooms = append(rooms, o.Room)
	}
	u.say(s, text.Say(s.lang, "You are back, and so you go back into the rooms where you stay while you are away: %s", strings.Join(rooms, ", ")))
}

// maxNamed is how many rooms are named in one message.
const maxNamed = 20

// idleUsers reads how it is with those who stay in rooms. Who was taken off the networks is absent until something of him comes.
func (g *Gateway) idleUsers(ctx context.Context) map[transports.Address]idleness {
	all, err := g.opt.Store.Idle(ctx, g.opt.Domain)
	if err != nil {
		g.log.Error("it could not be read who is idle", "error", err)
	}
	known := make(map[transports.Address]idleness, len(all))
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, i := range all {
		jid, err := transports.ParseAddress(i.JID)
		if err != nil {
			continue
		}
		known[jid] = idleness{seen: i.Seen, acted: i.Acted, warned: i.Warned}
		if !i.Gone.IsZero() {
			g.absent[jid] = absence{gone: true}
		}
	}
	return known
}
