package safehttp

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"
)

// hosts keeps, for each server, how many requests there are at a time and whether it was away lately. It is safe to use from any goroutine.
type hosts struct {
	perHost int // requests of one server at a time; 0: any number
	breaks  bool
	now     func() time.Time

	mu    sync.Mutex
	known map[string]*host
}

// host is a server that is asked something, waited for, or was away lately.
type host struct {
	turns    chan struct{} // one for each request; nil where there may be any number
	using    int           // requests that are made or wait
	failures int           // one after the other, each without an answer
	closed   time.Time     // nobody asks it before that
	probing  bool          // somebody finds out whether it is back
}

// What is remembered of servers.
const (
	maxHosts    = 4096 // with more, some that were away are forgotten
	breakAfter  = 3    // failures
	closedFirst = 15 * time.Second
	closedMost  = 5 * time.Minute
)

var (
	errAway  = errors.New("the server did not answer a moment ago")
	errTurns = errors.New("there are too many requests to the server")
)

// enter waits for a turn with a server, until ctx ends. Leave must be called with whether there was an answer.
func (h *hosts) enter(ctx context.Context, u *url.URL) (leave func(answered bool), err *Error) {
	if h.perHost == 0 && !h.breaks {
		return func(bool) {}, nil
	}
	name := Origin(u)
	at, probe, err := h.use(name)
	if err != nil {
		return nil, err
	}
	if at.turns != nil {
		select {
		case at.turns <- struct{}{}:
		case <-ctx.Done():
			h.leave(name, at, probe, nil)
			return nil, newError(Slow, errTurns)
		}
	}
	return func(answered bool) {
		if at.turns != nil {
			<-at.turns
		}
		h.leave(name, at, probe, &answered)
	}, nil
}

// use finds a server, or says that it is away. The first who comes when it has been for long enough finds out.
func (h *hosts) use(name string) (at *host, probe bool, err *Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at = h.known[name]
	if at == nil {
		if len(h.known) >= maxHosts {
			h.forget()
		}
		at = &host{}
		if h.perHost > 0 {
			at.turns = make(chan struct{}, h.perHost)
		}
		h.known[name] = at
	}
	if h.breaks && at.failures >= breakAfter {
		if at.probing || h.now().Before(at.closed) {
			return nil, false, newError(Unreachable, errAway)
		}
		at.probing, probe = true, true
	}
	at.using++
	return at, probe, nil
}

// forget makes room: servers that nobody is asking now. Which of them is the map's choice; it costs them a few requests.
func (h *hosts) forget() {
	for name, at := range h.known {
		if at.using == 0 {
			delete(h.known, name)
		}
		if len(h.known) < maxHosts*3/4 {
			return
		}
	}
}

// leave notes what became of a request; answered is nil where none was made.
func (h *hosts) leave(name string, at *host, probe bool, answered *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at.using--; probe {
		at.probing = false
	}
	switch {
	case answered == nil:
	case *answered:
		at.failures = 0
	default:
		at.failures++
		if over := at.failures - breakAfter; over >= 0 {
			at.closed = h.now().Add(min(closedFirst<<min(over, 10), closedMost))
		}
	}
	if at.using == 0 && at.failures == 0 {
		delete(h.known, name)
	}
}
