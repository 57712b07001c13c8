package ircbridge

import (
	"time"

	"passerelle/transports"
)

// A channel that the user was in before the link was lost may be closed to him for a while when he comes back: it is full of those who were
// faster, or lets in few at a time, or the network is too busy to answer. That is no reason to put him out.

const (
	maxRejoins  = 8 // about a quarter of an hour
	firstRejoin = 3 // the attempt of backoff that the first one waits for: 8 s
)

// rejoinLater tries again later to get back into a channel, where that may work, and reports whether it does.
func (s *session) rejoinLater(c *conn, r *room, why *transports.Error) bool {
	if !r.entered && !r.lasting || r.rejoins == maxRejoins || !why.Kind.Temporary() {
		return false
	}
	if r.rejoins == 0 {
		s.post(transports.NoticeOf(r.target, "%s You are out of it until then; it is tried again by itself.", why))
	}
	r.state, r.again = roomLost, time.Now().Add(backoff(firstRejoin+r.rejoins))
	r.rejoins++
	s.wakeBy(c, r.again)
	return true
}

// rejoin tries it.
func (s *session) rejoin(c *conn, r *room) {
	r.again = time.Time{}
	if r.enter == nil {
		r.enter = &entering{}
	}
	s.sendJoin(c, r)
}
