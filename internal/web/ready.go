package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkTimeout is how long a check may take before it counts as failed.
const checkTimeout = 2 * time.Second

// Check is something that must be well for the process to do its work, such as a stream that is up or a database that takes
// writes. Run is called by one goroutine at a time and returns when its context ends; its error is shown to the operator.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// readiness answers /readyz. It is safe to use from any goroutine.
type readiness struct {
	checks []*running
	ctx    context.Context // ends with stop; checks outlive the request that began them, because others may wait for them too
	cancel context.CancelCauseFunc
}

// running is a check that has at most one goroutine, however often it is asked and however long it takes.
type running struct {
	Check
	mu   sync.Mutex
	last *outcome // of the run that was begun last, nil before the first
}

// outcome is what a run came to: err may be read once done is closed.
type outcome struct {
	done chan struct{}
	err  error
}

var (
	errStopped  = errors.New("the process is stopping")
	errNoAnswer = fmt.Errorf("no answer in %v", checkTimeout)
)

func newReadiness(checks []Check) *readiness {
	r := &readiness{}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	for _, c := range checks {
		r.checks = append(r.checks, &running{Check: c})
	}
	return r
}

// ServeHTTP runs the checks concurrently and names those that failed, one a line.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), checkTimeout, errNoAnswer)
	defer cancel()
	outcomes := make([]*outcome, len(r.checks))
	for i, c := range r.checks {
		outcomes[i] = c.begin(r.ctx)
	}
	var failed strings.Builder
	for i, o := range outcomes {
		if err := o.wait(ctx); err != nil {
			// One line each, whatever the error says.
			fmt.Fprintf(&failed, "%s: %s\n", r.checks[i].Name, strings.Join(strings.Fields(err.Error()), " "))
		}
	}
	if failed.Len() > 0 {
		writeText(w, http.StatusServiceUnavailable, failed.String())
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

// begin starts a run, or joins the one that is under way.
func (c *running) begin(ctx context.Context) *outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && !c.last.ended() {
		return c.last
	}
	o := &outcome{done: make(chan struct{})}
	if ctx.Err() != nil {
		// Stopped: stop has looked at c.last or is about to, and must not miss a goroutine.
		o.err = context.Cause(ctx)
		close(o.done)
		return o
	}
	c.last = o
	go func() {
		defer close(o.done)
		ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errNoAnswer)
		defer cancel()
		o.err = c.Run(ctx)
		if o.err != nil && ctx.Err() != nil {
			o.err = context.Cause(ctx) // says more than "context deadline exceeded"
		}
	}()
	return o
}

func (o *outcome) ended() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// wait is what the run came to, or why that is not known.
func (o *outcome) wait(ctx context.Context) error {
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		if o.ended() {
			return o.err
		}
		return context.Cause(ctx)
	}
}

// stop ends the checks that run and waits for them, but not for ever: one that hangs must not keep the process from stopping.
func (r *readiness) stop() error {
	r.cancel(errStopped)
	ctx, cancel := context.WithTimeoutCause(context.Background(), checkTimeout, errNoAnswer)
	defer cancel()
	var errs []error
	for _, c := range r.checks {
		c.mu.Lock()
		last := c.last
		c.mu.Unlock()
		if last == nil {
			continue
		}
		select {
		case <-last.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("check %s does not end", c.Name))
		}
	}
	return errors.Join(errs...)
}
