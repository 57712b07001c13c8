package socialbridge

import (
	"context"
	"sync"
	"time"

	"passerelle/transports"
)

// maxRequests is how many requests of a session wait for the database; with one more its user is told to try again.
const maxRequests = 64

// requestTime is what a request may wait for the database.
const requestTime = 30 * time.Second

// session is a user on the network that the social web is. It keeps nothing: a goroutine writes down what he wants, in order, and ends with nothing to do.
type session struct {
	t    *Transport
	user transports.Address // bare
	host transports.Host

	mu      sync.Mutex
	waiting []transports.Request
	working bool
	closed  bool
	done    sync.WaitGroup
}

var _ transports.Session = (*session)(nil)

// Open implements transports.Transport.
func (t *Transport) Open(_ context.Context, user transports.Address, network string, host transports.Host) (transports.Session, error) {
	if network != "" {
		return nil, transports.NewError(transports.NotFound, "There are no networks of the social web.", nil)
	}
	return &session{t: t, user: user.Bare(), host: host}, nil
}

// Features implements transports.Session.
func (s *session) Features(transports.Target) transports.Features {
	return transports.Features{Reacts: true, Replies: true, Redacts: true}
}

// Do implements transports.Session.
func (s *session) Do(_ context.Context, r transports.Request) error {
	switch r.(type) {
	case transports.Post, transports.React, transports.Redact, transports.Acknowledge:
	default:
		return transports.NewError(transports.Unsupported, "The social web has no such thing.", nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return transports.NewError(transports.Offline, "The gateway is being stopped.", nil)
	case len(s.waiting) >= maxRequests:
		return transports.NewError(transports.Busy, "You write faster than it can be written down. Try again in a moment.", nil)
	}
	s.waiting = append(s.waiting, r)
	if !s.working {
		s.working = true
		s.done.Go(s.work)
	}
	return nil
}

// Close implements transports.Session: what waits is finished first.
func (s *session) Close(string) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.done.Wait()
}

func (s *session) work() {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.waiting, s.working = nil, false
			s.mu.Unlock()
			return
		}
		r := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.mu.Unlock()
		s.serve(r)
	}
}

func (s *session) serve(r transports.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	switch r := r.(type) {
	case transports.Post:
		s.answer(ctx, r.Ref, s.t.post(ctx, s.user, r.Letter))
	case transports.React:
		s.answer(ctx, r.Ref, s.t.react(ctx, s.user, r))
	case transports.Redact:
		s.answer(ctx, r.Ref, s.t.redact(ctx, s.user, r))
	case transports.Acknowledge:
		s.t.acknowledged(ctx, s.user, r)
	}
}

// answer says what became of a request.
func (s *session) answer(ctx context.Context, ref transports.Ref, err error) {
	if ref == 0 {
		return
	}
	if err != nil {
		e := transports.AsError(err)
		if e.Kind == transports.Internal || e.Kind == transports.Busy {
			s.t.log.Error("what a user wrote was not written down", "error", err)
		}
		err = e
	}
	_ = s.host.Emit(ctx, transports.Done{Ref: ref, Err: err}) // it fails where nobody is there to hear it
}
