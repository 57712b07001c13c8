package lane

import (
	"context"
	"errors"
	"sync"

	"passerelle/transports"
)

// Limits of lanes.
const (
	maxErrands    = 512     // that wait, an address
	maxErrandSize = 4 << 20 // of what they hold, in bytes, an address; one may be larger where nothing waits
	maxLanes      = 50_000
)

// Lanes run errands, those of one address one after the other and those of others beside them. An address at rest costs nothing. Its methods are safe to
// call from any goroutine.
type Lanes struct {
	// Guard runs an errand: one that panics must harm nobody else. It is set before the first one is posted.
	Guard func(func())

	mu    sync.Mutex
	m     map[transports.Address]*lane
	ended bool
	wg    sync.WaitGroup
}

// lane is what waits for one address.
type lane struct {
	errands []errand
	size    int
}

type errand struct {
	size int
	do   func()
}

// Post has something done. It never waits, and reports false where too much waits, or the lanes have ended: it is not done then.
func (l *Lanes) Post(a transports.Address, size int, do func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if w := l.m[a]; w != nil {
		if len(w.errands) >= maxErrands || len(w.errands) > 0 && w.size+size > maxErrandSize {
			return false
		}
		w.errands, w.size = append(w.errands, errand{size, do}), w.size+size
		return true
	}
	if len(l.m) >= maxLanes {
		return false
	}
	if l.m == nil {
		l.m = make(map[transports.Address]*lane)
	}
	w := &lane{errands: []errand{{size, do}}, size: size}
	l.m[a] = w
	l.wg.Go(func() { l.run(a, w) })
	return true
}

// errNotRunning says that nothing runs in lanes.
var errNotRunning = errors.New("nothing is done in lanes yet, or any more, or too much waits")

// Wait has something done and waits for it. Life is the context of what is done, nil where nothing runs.
func (l *Lanes) Wait(ctx, life context.Context, a transports.Address, do func(ctx context.Context) error) error {
	done := make(chan error, 1)
	if life == nil || !l.Post(a, 0, func() { done <- do(life) }) {
		return transports.NewError(transports.Busy, "", errNotRunning)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return transports.NewError(transports.Offline, "", context.Cause(ctx))
	}
}

// run does what waits for an address until nothing does.
func (l *Lanes) run(a transports.Address, w *lane) {
	for {
		l.mu.Lock()
		if len(w.errands) == 0 {
			delete(l.m, a)
			l.mu.Unlock()
			return
		}
		e := w.errands[0]
		w.errands = w.errands[1:]
		l.mu.Unlock()
		l.Guard(e.do)
		l.mu.Lock()
		w.size -= e.size
		l.mu.Unlock()
	}
}

// End takes no more and waits for what is there.
func (l *Lanes) End() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.wg.Wait()
}
