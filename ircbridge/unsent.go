package ircbridge

import (
	"time"

	"passerelle/transports"
)

// What a user says to somebody while he is not connected waits for the connection, which is made for it: as he has set the network up, and
// only once he is logged in to his account there, if he set one. It goes out once, or comes back with the reason why it could not.

const (
	// maxUnsent bounds what waits, for a session.
	maxUnsent = 20
	// unsentTimeout is how long the first of it waits; then all of it comes back.
	unsentTimeout = 90 * time.Second
	// talkTimeout takes the place of idleTimeout where something was said to somebody: he may need some time for his answer.
	talkTimeout = 30 * time.Minute
)

// unsent is what waits for a connection.
type unsent struct {
	sends []transports.Send
	timer *time.Timer
}

// hold keeps a message until the user is connected, and sees to it that he will be.
func (s *session) hold(q transports.Send) *transports.Error {
	switch {
	case s.phase == phaseWaiting && time.Until(s.nextTry) > unsentTimeout && (s.patient || time.Since(s.lastTry) < joinAgainAfter):
		return s.offline()
	case len(q.Body) > maxBody:
		return transports.AsError(tooLong())
	case s.unsent != nil && len(s.unsent.sends) >= maxUnsent:
		return s.busy()
	}
	if s.unsent == nil {
		s.unsent = &unsent{timer: time.AfterFunc(unsentTimeout, s.expireUnsent)}
	}
	s.unsent.sends = append(s.unsent.sends, q)
	switch {
	case s.phase == phaseIdle:
		s.start(s.user.Local)
	case s.phase == phaseWaiting && !s.patient && time.Since(s.lastTry) >= joinAgainAfter:
		s.hurryUp()
	}
	return nil
}

// takeUnsent is what waited, which does not wait any more.
func (s *session) takeUnsent() []transports.Send {
	u := s.unsent
	if u == nil {
		return nil
	}
	s.unsent = nil
	u.timer.Stop()
	return u.sends
}

// sendUnsent says what waited, now that the user is connected and logged in.
func (s *session) sendUnsent() {
	for _, q := range s.takeUnsent() {
		if err := s.send(q); err != nil {
			s.post(transports.Done{Ref: q.Ref, Err: err})
		}
	}
}

// expireUnsent gives back what has waited too long.
func (s *session) expireUnsent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.unsent == nil {
		return
	}
	for _, q := range s.takeUnsent() {
		s.post(transports.Done{Ref: q.Ref, Err: refused(transports.Offline,
			"You could not be connected to %s in time, so your message was not sent. Try again later.", s.net.Name)})
	}
	s.flushLater()
}
