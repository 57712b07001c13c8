package store

import (
	"context"
	"database/sql"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Of everybody who comes the database is asked the same few things, and after a restart a thousand come at once. Those who ask the same
// while an answer is on its way are asked for together, which costs little more than one question. And the stacks of those who wait do not
// grow by what it takes to ask.

const (
	// maxGathered bounds those who are asked for together; others wait for the next question. maxAskers is how many of a kind are under way.
	maxGathered = 64
	maxAskers   = 2
)

// gatherer asks questions of one kind, each about a key. Safe to call from any goroutine.
type gatherer[K comparable, V any] struct {
	ask func(keys []K, answers []V) error // fills in an answer for each key

	mu      sync.Mutex
	waiting []*wanted[K, V] // one for each goroutine that waits
	comes   *sync.Cond      // somebody waits, or the end
	idle    int             // askers that have nothing to do
	asking  int             // all askers
	closed  bool
	askers  sync.WaitGroup // they stay to the end: their stacks have grown to what it takes
}

// wanted is a key that somebody asks about.
type wanted[K comparable, V any] struct {
	key    K
	answer V
	err    error
	done   chan struct{} // closed when it is answered
}

func newGatherer[K comparable, V any](ask func(keys []K, answers []V) error) *gatherer[K, V] {
	g := &gatherer[K, V]{ask: ask}
	g.comes = sync.NewCond(&g.mu)
	return g
}

// find asks about a key. What was committed before it is called is in the answer.
func (g *gatherer[K, V]) find(ctx context.Context, key K) (answer V, err error) {
	w := &wanted[K, V]{key: key, done: make(chan struct{})}
	if err := g.add(w); err != nil {
		return answer, err
	}
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

func (g *gatherer[K, V]) add(w *wanted[K, V]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.waiting = append(g.waiting, w)
	switch {
	case g.idle > 0:
		g.comes.Signal()
	case g.asking < maxAskers:
		g.asking++
		g.askers.Go(g.run)
	}
	return nil
}

// run is an asker. It ends when the gatherer is closed and nobody waits.
func (g *gatherer[K, V]) run() {
	for {
		some := g.take()
		if len(some) == 0 {
			return
		}
		g.answer(some)
	}
}

// take waits for somebody who waits, and gives some of them; none at the end.
func (g *gatherer[K, V]) take() []*wanted[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) == 0 && !g.closed {
		g.idle++
		g.comes.Wait()
		g.idle--
		g.mu.Unlock()
		runtime.Gosched() // whoever is about to ask does so first
		g.mu.Lock()
	}
	some := g.waiting
	if g.waiting = nil; len(some) > maxGathered {
		some, g.waiting = slices.Clone(some[:maxGathered]), some[maxGathered:]
	}
	return some
}

func (g *gatherer[K, V]) answer(some []*wanted[K, V]) {
	keys, answers := make([]K, len(some)), make([]V, len(some))
	for i, w := range some {
		keys[i] = w.key
	}
	err := g.ask(keys, answers)
	for i, w := range some {
		if w.answer, w.err = answers[i], err; err != nil {
			w.answer = *new(V)
		}
		close(w.done)
	}
}

// close refuses what is asked from now on, and waits until what is under way is answered.
func (g *gatherer[K, V]) close() {
	g.mu.Lock()
	g.closed = true
	g.comes.Broadcast()
	g.mu.Unlock()
	g.askers.Wait()
}

// gatheredSizes are about how many keys there are statements, which are compiled once.
var gatheredSizes = [...]int{1, 4, 16, maxGathered}

// keyed begins a statement about keys of some columns, which it calls "asked" and numbers in the column n from 0. The arguments are filled up
// to the size of the statement with keys that no row has.
func (d dialect) keyed(columns []string, keys int, args []any) (with string, all []any) {
	i := slices.IndexFunc(gatheredSizes[:], func(size int) bool { return size >= keys })
	var b strings.Builder
	b.WriteString("WITH asked (n, " + strings.Join(columns, ", ") + ") AS (VALUES ")
	for n := range gatheredSizes[i] {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + strconv.Itoa(n))
		for c := range columns {
			b.WriteString(", ")
			if d.remote {
				b.WriteString("$" + strconv.Itoa(n*len(columns)+c+1))
			} else {
				b.WriteString("?") // it looks for each name in the list of all of them
			}
		}
		b.WriteString(")")
	}
	b.WriteString(") ")
	for len(args) < gatheredSizes[i]*len(columns) {
		args = append(args, "")
	}
	return b.String(), args
}

// findUser is find for a user; of one whose name no row may have, which would spoil the question for the others, nothing is known.
func findUser[V any](ctx context.Context, g *gatherer[UserID, V], id UserID) (answer V, err error) {
	if !storable(id.Domain, id.JID) {
		return answer, nil
	}
	return g.find(ctx, id)
}

// aboutUsers asks a question about users, and calls scan for each row, whose first column is the number of the user.
func (db *DB) aboutUsers(ids []UserID, query string, scan func(*sql.Rows) error) error {
	ctx, cancel := db.bound() // nobody's own: several wait for it
	defer cancel()
	args := make([]any, 0, 2*maxGathered)
	for _, id := range ids {
		args = append(args, id.Domain, id.JID)
	}
	with, args := db.dialect.keyed([]string{"domain", "jid"}, len(ids), args)
	return db.query(ctx, scan, with+query, args...)
}
