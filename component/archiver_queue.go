package component

import (
	"log/slog"
	"slices"
	"sync"

	"passerelle/store"
	"passerelle/transports"
)

const (
	// maxKeeping bounds the items that wait to be written, and the bytes of their messages.
	maxKeeping      = 65_536
	maxKeepingBytes = 32 << 20

	// maxKept and maxKeptBytes are how many lines share a write: everybody else's writes wait for it, so it is some milliseconds' work.
	// Items that are no new lines, but say that others heard them too, cost it less.
	maxKept      = 256
	maxKeptBytes = 1 << 20
	maxKeptItems = 16 * maxKept

	// maxSpare is for how many items the memory of a batch is kept.
	maxSpare = 4 * maxKept
)

// keepItem is a line to be written, or something to be done in between.
type keepItem struct {
	hearer  *hearer
	number  int64              // of the line in its channel; 0 of one that is for the user alone
	room    bool               // it is a new line of a room, the next of the batch's; false for one that another user heard before
	heard   bool               // the user may read it
	private *store.PrivateLine // instead of all that
	retract *store.Retraction  // a line that was queued before, or long ago, which was taken back
	refused string             // id of one that was queued before, which the network did not deliver after all: it goes
	share   *keptShare         // of the user in what waits; nil where that is next to nothing
	size    int                // of its message, in bytes
}

// barrier is done when all that was queued before it is written.
type barrier struct {
	user   store.UserID // whose readable lines are to be written too
	forget bool         // rather not
	then   func()       // is called by the archiver's goroutine once they are; nil for nothing
	failed bool         // they could not be written
	done   chan struct{}
}

// keepBatch is items that share a write, and what is to be done behind them.
type keepBatch struct {
	items   []keepItem
	rooms   []store.RoomLine // those of the items that are new lines of rooms, in their order
	lines   int              // new ones
	bytes   int              // of messages
	barrier *barrier         // nil for none
}

func (b *keepBatch) full() bool {
	return b.barrier != nil || b.lines >= maxKept || b.bytes >= maxKeptBytes || len(b.items) >= maxKeptItems
}

// keepQueue is what waits to be written to the archive. Safe to call from any goroutine.
type keepQueue struct {
	wake chan struct{} // says that there is something, capacity 1
	pool sync.Pool     // of *keepBatch

	daily func() int // how many bytes of one user are kept in a day; 0 for any number
	log   *slog.Logger

	mu      sync.Mutex
	batches []*keepBatch // the last of which is being filled
	items   int          // of all
	bytes   int
	limit   int                               // of items
	shares  map[transports.Address]*keptShare // of users who have said something lately, or a lot today
	sweepAt int                               // number of them at which those that nobody needs are looked for
}

func newKeepQueue(daily func() int, log *slog.Logger) *keepQueue {
	return &keepQueue{
		limit: maxKeeping, wake: make(chan struct{}, 1), pool: sync.Pool{New: func() any { return new(keepBatch) }},
		daily: daily, log: log, shares: map[transports.Address]*keptShare{}, sweepAt: minShares,
	}
}

// add queues an item, with its line where it is a new one of a room, and reports whether there was room.
func (q *keepQueue) add(item keepItem, line *store.RoomLine) bool {
	size := item.bytes(line)
	q.mu.Lock()
	defer q.mu.Unlock()
	items, bytes := q.limit-q.items, maxKeepingBytes-q.bytes
	if items <= 0 || bytes < size || !item.share.fits(items, bytes) || !q.mayKeep(item.share, size) {
		return false
	}
	item.size = size
	item.share.add(1, size)
	b := q.last()
	if item.room = line != nil; item.room {
		b.rooms = append(b.rooms, *line)
	}
	if item.room || item.private != nil {
		b.lines++
	}
	b.items, b.bytes = append(b.items, item), b.bytes+size
	q.items, q.bytes = q.items+1, q.bytes+size
	return true
}

// addBarrier queues a barrier, for which there is always room: who waits for it is one of few.
func (q *keepQueue) addBarrier(barrier *barrier) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last().barrier = barrier
}

// last is the batch that is being filled; the caller holds mu and adds something to it.
func (q *keepQueue) last() *keepBatch {
	n := len(q.batches)
	if n == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	if n == 0 || q.batches[n-1].full() {
		q.batches = append(q.batches, q.pool.Get().(*keepBatch))
		n++
	}
	return q.batches[n-1]
}

// take takes the first batch; nil where nothing is queued.
func (q *keepQueue) take() *keepBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil
	}
	b := q.batches[0]
	q.batches = slices.Delete(q.batches, 0, 1)
	q.count(b, -1)
	return b
}

// putBack queues a batch again that was taken, in front of all others.
func (q *keepQueue) putBack(b *keepBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = slices.Insert(q.batches, 0, b)
	q.count(b, 1)
}

// count adds a batch to what waits, or with -1 takes it off; the caller holds mu.
func (q *keepQueue) count(b *keepBatch, sign int) {
	q.items, q.bytes = q.items+sign*len(b.items), q.bytes+sign*b.bytes
	for i := range b.items {
		b.items[i].share.add(sign, sign*b.items[i].size)
	}
}

// reuse takes back the memory of a batch that is done.
func (q *keepQueue) reuse(b *keepBatch) {
	if cap(b.items) > maxSpare {
		return
	}
	clear(b.items)
	clear(b.rooms)
	*b = keepBatch{items: b.items[:0], rooms: b.rooms[:0]}
	q.pool.Put(b)
}

// bytes is how many bytes of messages an item holds.
func (i *keepItem) bytes(line *store.RoomLine) int {
	switch {
	case line != nil:
		return len(line.Stanza)
	case i.private != nil:
		return len(i.private.Stanza)
	case i.retract != nil:
		return len(i.retract.Stanza)
	}
	return 0
}

// check reports why the database would not take an item.
func (i *keepItem) check(line *store.RoomLine) error {
	switch {
	case line != nil:
		return line.Check()
	case i.private != nil:
		return i.private.Check()
	case i.retract != nil:
		return i.retract.Check()
	}
	return nil
}
