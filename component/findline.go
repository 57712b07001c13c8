package component

import (
	"context"
	"errors"
	"time"

	"passerelle/component/muc"
	"passerelle/store"
	"passerelle/transports"
)

// A message that refers to one which is not in memory any more finds it in the archive. It is waited for, so that everything stays in its
// order; but not long, and seldom: whoever names what there is not must not cost much.

const (
	findWait  = 250 * time.Millisecond
	findAgain = 5 * time.Second // after one that failed
	// maxFinds look-ups of a user are made in findEvery; beyond that nothing is found.
	maxFinds  = 20
	findEvery = time.Second
)

// find makes a look-up, and reports whether it found something.
func (u *user) find(look func(ctx context.Context) (store.Line, error)) (store.Line, bool) {
	if u.g.archive == nil || now().Before(u.findAt) || !u.finds.take(1, maxFinds, findEvery) {
		return store.Line{}, false
	}
	ctx, cancel := context.WithTimeout(u.ctx, findWait)
	defer cancel()
	l, err := look(ctx)
	if err == nil {
		return l, true
	}
	if !errors.Is(err, store.ErrNoSuchLine) {
		u.findAt = now().Add(findAgain)
		u.g.log.Warn("a message that another one refers to could not be looked up", u.logID(), "error", err)
	}
	return store.Line{}, false
}

// Find implements muc.Archive.
func (h *hearer) Find(stanzaID, networkID string) (muc.Past, bool) {
	l, ok := h.u.find(func(ctx context.Context) (store.Line, error) {
		return h.a.db.RoomLine(ctx, h.id, h.room.name, store.LineKey{ID: stanzaID, NetworkID: networkID})
	})
	if !ok || h.u.tooOld(h.addr, l.Time) {
		return muc.Past{}, false
	}
	return pastMessage(&l, h.u.formattingAt(h.addr))
}

// tooOld reports whether the user does not want what was said at an address and a time to be kept any more.
func (u *user) tooOld(a transports.Address, at time.Time) bool {
	e, err := u.g.entity(a.Bare())
	return err != nil || at.Before(u.archivedSince(e.target))
}
