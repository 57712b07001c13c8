package postal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"passerelle/transports"
)

// maxRequests is how many requests of a session wait for the database; with one more its user is told to try again.
const maxRequests = 64

// requestTime is what a request may wait for the database.
const requestTime = 30 * time.Second

// session is a user on the network. It keeps nothing: a goroutine writes down what he wants, in order, and ends with nothing to do.
type session struct {
	desk *Desk
	user transports.Address // bare
	host transports.Host

	mu      sync.Mutex
	waiting []transports.Request
	working bool
	closed  bool
	done    sync.WaitGroup
}

var _ transports.Session = (*session)(nil)

// Desk is what requests of users are handed to. Its functions are called by many goroutines, for one user one after the other.
type Desk struct {
	NoNetworks, NoSuch string // what is said of a network that there is not, and of a request that this one does not take; sentences
	Post               func(ctx context.Context, user transports.Address, l transports.Letter) error
	React              func(ctx context.Context, user transports.Address, r transports.React) error
	Redact             func(ctx context.Context, user transports.Address, r transports.Redact) error
	Acknowledged       func(ctx context.Context, user transports.Address, a transports.Acknowledge)
	Log                *slog.Logger
}

// Open makes the session of a user, see transports.Transport.
func (d *Desk) Open(user transports.Address, network string, host transports.Host) (transports.Session, error) {
	if network != "" {
		return nil, transports.NewError(transports.NotFound, d.NoNetworks, nil)
	}
	return &session{desk: d, user: user.Bare(), host: host}, nil
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
		return transports.NewError(transports.Unsupported, s.desk.NoSuch, nil)
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
		s.answer(ctx, r.Ref, s.desk.Post(ctx, s.user, r.Letter))
	case transports.React:
		s.answer(ctx, r.Ref, s.desk.React(ctx, s.user, r))
	case transports.Redact:
		s.answer(ctx, r.Ref, s.desk.Redact(ctx, s.user, r))
	case transports.Acknowledge:
		s.desk.Acknowledged(ctx, s.user, r)
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
			s.desk.Log.Error("what a user wrote was not written down", "error", err)
		}
		err = e
	}
	_ = s.host.Emit(ctx, transports.Done{Ref: ref, Err: err}) // it fails where nobody is there to hear it
}
