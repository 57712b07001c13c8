package xmpptest

import (
	"context"
	"errors"
	"sync"
)

// queueLimit is how many stanzas wait for one receiver. At the bound the sender waits, as behind a full socket; a real server
// buffers tens of megabytes before that, so the bound is far away.
const queueLimit = 1 << 16

// ErrClosed is what a client's methods return once the client or the server is gone.
var ErrClosed = errors.New("the connection is closed")

// queue is first in, first out, with any number of senders and one receiver.
type queue[T any] struct {
	mu       sync.Mutex
	items    []T
	closed   bool
	notEmpty chan struct{} // holds a token while the receiver may find something, or the end
	notFull  chan struct{} // holds a token while a sender may find room, or the end
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{notEmpty: make(chan struct{}, 1), notFull: make(chan struct{}, 1)}
}

// signal leaves a token, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds an item. It waits while the queue is full and fails once it is closed.
func (q *queue[T]) put(item T) error {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			signal(q.notFull) // for the next sender that waits
			return ErrClosed
		}
		if len(q.items) < queueLimit {
			q.items = append(q.items, item)
			if len(q.items) < queueLimit {
				signal(q.notFull)
			}
			q.mu.Unlock()
			signal(q.notEmpty)
			return nil
		}
		q.mu.Unlock()
		<-q.notFull
	}
}

// take returns the next item and waits for one. After the end of the queue it returns what is left, then ErrClosed.
func (q *queue[T]) take(ctx context.Context) (T, error) {
	var zero T
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			item := q.items[0]
			q.items[0] = zero
			q.items = q.items[1:]
			q.mu.Unlock()
			signal(q.notFull)
			return item, nil
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return zero, ErrClosed
		}
		select {
		case <-q.notEmpty:
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		}
	}
}

// close ends the queue, after some last items that never wait for room. It is safe to call twice; then there is nothing to add.
func (q *queue[T]) close(last ...T) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		q.items = append(q.items, last...)
	}
	q.mu.Unlock()
	signal(q.notEmpty)
	signal(q.notFull)
}
