package ircbridge

import (
	"time"

	"passerelle/transports"
)

// pace remembers of a session that is over how soon the user may connect to the network again. Without it a client that joins
// and leaves in a loop would make a connection each time, and networks ban addresses for that.
type pace struct {
	attempts int // that did not last
	next     time.Time
	why      *transports.Error // what ended the last one
}

// minPaces keeps small tables from being swept at every other insertion.
const minPaces = 256

// notePace keeps the session's attempts for the next session of the same user. It is called with the session's mutex held.
func (t *Transport) notePace(s *session, next time.Time, why *transports.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.attempts == 0 {
		delete(t.paces, s.key())
		return
	}
	if t.paces == nil {
		t.paces = make(map[sessionKey]pace)
		t.sweepAt = minPaces
	}
	if len(t.paces) >= t.sweepAt {
		for key, p := range t.paces {
			if time.Since(p.next) > maxRetry {
				delete(t.paces, key)
			}
		}
		t.sweepAt = max(minPaces, 2*len(t.paces))
	}
	t.paces[s.key()] = pace{s.attempts, next, why}
}

// takeTurn waits until the user's last session on this network has hung up, so that its nick is free, and until the network
// may be tried again. It says why not where that would take long, and reports false when the session is closed meanwhile.
func (s *session) takeTurn() (why *transports.Error, ok bool) {
	if s.previous != nil {
		<-s.previous // within quitTimeout, whatever the network does
		s.previous = nil
	}
	s.t.mu.Lock()
	p := s.t.paces[s.key()]
	s.t.mu.Unlock()
	wait := time.Until(p.next)
	if wait < -maxRetry {
		return nil, true
	}
	s.mu.Lock()
	s.attempts = p.attempts
	s.mu.Unlock()
	if wait > joinAgainAfter {
		why = refused(transports.Offline, "%s was tried too often.", s.net.Name)
		if p.why != nil && p.why.Kind != transports.Gone {
			why = p.why
		}
		return refused(why.Kind, "%s Join again in %d s.", why, int(wait.Seconds())+1), true
	}
	return nil, wait <= 0 || s.pause(wait)
}

// turnedAway ends a session that may not connect yet.
func (s *session) turnedAway(err *transports.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failAll(nil, err)
	s.rooms = nil
	s.post(transports.State{Err: err})
	s.over()
}
