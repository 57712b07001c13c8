package component

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Limits of the queue of stanzas that wait for the stream.
const (
	sendQueueBytes = 8 << 20          // more than this does not wait
	sendWait       = 10 * time.Second // for room in the queue, while the stream is up
	// pourBytes is how much may wait in the queue along with what is poured, for pourWait: others wait for no more than that.
	pourBytes = 32 << 10
	pourWait  = 200 * time.Millisecond
)

// Why a stanza was not queued.
var (
	errQueueFull   = errors.New("the stream's queue is full")
	errQueueClosed = errors.New("the stream is closed")
	errNoStream    = errors.New("there is no stream")
)

// sendQueue holds the stanzas of one domain that wait for its stream: one buffer that is filled while the writer writes the
// other. It outlives streams, so what is said while the link is down is sent when it is back, up to its limit. Safe to call from
// any goroutine.
type sendQueue struct {
	mu     sync.Mutex
	buf    []byte
	limit  int
	up     bool          // a stream is there: waiting for room makes sense
	closed bool          // for good
	space  chan struct{} // closed when room was made; nil while nobody waits
	wake   chan struct{} // tells the writer that there is something, capacity 1
	turn   chan struct{} // is held by whoever pours, capacity 1
	once   []span        // of buf: what goes with this stream or not at all
}

// span is the bytes from lo to hi.
type span struct{ lo, hi int }

func newSendQueue(limit int) *sendQueue {
	return &sendQueue{limit: limit, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// put queues whole stanzas. Where the queue is full it waits for room while the stream is up, up to sendWait.
func (q *sendQueue) put(ctx context.Context, p []byte) error {
	return q.putBelow(ctx, p, q.limit, sendWait)
}

// pour queues a piece of very many stanzas, such as the occupants of a large room, without others' having to wait for all of them: while
// the stream is up there is little in the queue before it, unless others keep it filled. Those who pour take turns.
func (q *sendQueue) pour(ctx context.Context, p []byte) error {
	select {
	case q.turn <- struct{}{}: // whoever has it waits for the stream alone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-q.turn }()
	if err := q.putBelow(ctx, p, min(q.limit, pourBytes), pourWait); !errors.Is(err, errQueueFull) {
		return err
	}
	return q.put(ctx, p)
}

// pourOnce is pour for what its sender will send anew when the stream is lost: what is still queued then is dropped, so that it does not
// overtake what was sent before and lost. Without a stream it is refused.
func (q *sendQueue) pourOnce(ctx context.Context, p []byte) error {
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-q.turn }()
	if err := q.queue(ctx, p, min(q.limit, pourBytes), pourWait, true); !errors.Is(err, errQueueFull) {
		return err
	}
	return q.queue(ctx, p, q.limit, sendWait, true)
}

// putBelow queues whole stanzas once the queue has room for them below a limit, for which it waits while the stream is up. While it is
// down the limit is the queue's.
func (q *sendQueue) putBelow(ctx context.Context, p []byte, limit int, wait time.Duration) error {
	return q.queue(ctx, p, limit, wait, false)
}

// queue is putBelow, or with once for what goes with this stream or not at all.
func (q *sendQueue) queue(ctx context.Context, p []byte, limit int, wait time.Duration, once bool) error {
	var timeout <-chan time.Time
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return errQueueClosed
		}
		if once && !q.up {
			q.mu.Unlock()
			return errNoStream
		}
		if len(q.buf) == 0 || len(q.buf)+len(p) <= limit || !q.up && len(q.buf)+len(p) <= q.limit {
			if once {
				q.once = append(q.once, span{len(q.buf), len(q.buf) + len(p)})
			}
			q.add(p)
			return nil
		}
		if !q.up {
			q.mu.Unlock()
			return errQueueFull
		}
		if q.space == nil {
			q.space = make(chan struct{})
		}
		space := q.space
		q.mu.Unlock()
		if timeout == nil {
			t := time.NewTimer(wait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-space:
		case <-timeout:
			return errQueueFull
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// offer queues whole stanzas where there is room, and never waits.
func (q *sendQueue) offer(p []byte) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errQueueClosed
	}
	if len(q.buf) != 0 && len(q.buf)+len(p) > q.limit {
		q.mu.Unlock()
		return errQueueFull
	}
	q.add(p)
	return nil
}

// add appends and unlocks.
func (q *sendQueue) add(p []byte) {
	q.buf = append(q.buf, p...)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // the writer knows already
	}
}

// take swaps what is queued against an empty buffer.
func (q *sendQueue) take(empty []byte) []byte {
	q.mu.Lock()
	full := q.buf
	q.buf, q.once = empty[:0], q.once[:0]
	q.freed()
	q.mu.Unlock()
	return full
}

// freed wakes those who wait for room; the caller holds mu.
func (q *sendQueue) freed() {
	if q.space != nil {
		close(q.space)
		q.space = nil
	}
}

// setUp says whether there is a stream.
func (q *sendQueue) setUp(up bool) {
	q.mu.Lock()
	q.up = up
	for _, s := range slices.Backward(q.once) {
		q.buf = slices.Delete(q.buf, s.lo, s.hi)
	}
	q.once = nil
	q.freed()
	q.mu.Unlock()
}

// close refuses everything from now on; what is queued can still be taken.
func (q *sendQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.freed()
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// rest lets a buffer go that has become large, where nothing is queued. It reports whether nothing will be any more.
func (q *sendQueue) rest() (done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.buf) > 0 {
		return false
	}
	if cap(q.buf) > keptBuffer {
		q.buf = nil
	}
	return q.closed
}

func (q *sendQueue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.buf) == 0
}
