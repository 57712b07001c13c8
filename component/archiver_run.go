package component

import (
	"context"
	"errors"
	"slices"
	"time"

	"passerelle/component/archive"
	"passerelle/store"
)

// run writes what is queued, until stop is closed and nothing waits. At the end of ctx nothing is written any more.
func (a *archiver) run(ctx context.Context, stop <-chan struct{}) {
	a.ctx = ctx
	timer := time.NewTimer(readersWait)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-a.queue.wake:
		case <-timer.C:
		case <-stop:
			for !a.drain() && a.ctx.Err() == nil {
				select {
				case <-time.After(keepAgain):
				case <-a.ctx.Done():
				}
			}
			a.giveUp()
			a.settle(store.UserID{})
			return
		}
		ok := a.drain() && a.settleDue()
		switch {
		case !ok:
			// What comes meanwhile waits in the queue, so a database that is in trouble is asked now and then, and the log says so as
			// often.
			select {
			case <-time.After(keepAgain):
			case <-stop: // it will be closed next time too
			}
			timer.Reset(0)
		case len(a.pending) > 0:
			timer.Reset(max(0, readersWait-time.Since(a.since)))
		}
	}
}

// drain writes what is queued, and reports false where something could not be written; it still waits then, unless it was given up.
func (a *archiver) drain() bool {
	for a.ctx.Err() == nil {
		b := a.queue.take()
		if b == nil {
			return true
		}
		if !a.process(b) {
			return false
		}
		a.queue.reuse(b)
		if !a.settleDue() {
			return false
		}
	}
	return false
}

// process writes a batch. It reports false where something could not be written.
func (a *archiver) process(b *keepBatch) bool {
	ok := true
	if len(b.items) > 0 {
		if a.keep(b) {
			a.failing = time.Time{}
		} else if a.tryAgain() {
			a.queue.putBack(b)
			return false
		} else {
			a.lose(b)
			ok = false
		}
	}
	barrier := b.barrier
	switch {
	case barrier == nil:
		return ok
	case barrier.forget:
		a.drop(barrier.user)
		a.forgetGaps(barrier.user)
	case !a.settle(barrier.user):
		barrier.failed, ok = true, false
	case barrier.then != nil:
		barrier.then()
	}
	close(barrier.done)
	return ok
}

// keep writes lines and, where they are few, who may read them, in one transaction.
func (a *archiver) keep(b *keepBatch) bool {
	var private []store.PrivateLine
	var refused []string
	var retracted []*store.Retraction
	for i := range b.items {
		switch item := &b.items[i]; {
		case item.refused != "":
			refused = append(refused, item.refused)
		case item.retract != nil:
			retracted = append(retracted, item.retract)
		case item.private != nil:
			private = append(private, *item.private)
		}
	}
	var ids []store.LineID
	var touched []*hearer
	settled := false
	err := a.db.Write(a.ctx, func(tx *store.Tx) (err error) {
		if ids, err = tx.AppendRoomLines(b.rooms); err != nil {
			return err
		}
		if _, err = tx.AppendPrivateLines(private); err != nil {
			return err
		}
		if err = tx.DeleteLines(refused); err != nil {
			return err
		}
		for _, r := range retracted {
			if err = tx.Retract(*r); err != nil {
				return err
			}
		}
		touched = place(b.items, ids)
		if len(a.pending)+len(touched) > fewReaders {
			return nil
		}
		settled = true
		return errors.Join(extend(tx, a.pending, seenSpans), extend(tx, touched, freshSpans))
	})
	if err != nil {
		a.log.Error("messages could not be written to the archive", "lines", b.lines, "error", err)
		if a.ctx.Err() == nil { // else it may be written yet, and nothing comes behind it
			unplace(b.items, touched)
		}
		return false
	}
	a.metrics.archived.Add(float64(b.lines))
	if settled {
		a.drop(store.UserID{})
	}
	for _, h := range touched {
		if !settled {
			a.gather(h)
		}
		h.fresh.Reset()
	}
	return true
}

// place notes where the new lines are, and which lines the users may read; it returns those who heard any.
func place(items []keepItem, ids []store.LineID) (touched []*hearer) {
	for i := range items {
		item := &items[i]
		h := item.hearer
		if h == nil { // it is private
			continue
		}
		var line store.LineID
		if item.room {
			line, ids = ids[0], ids[1:]
			if item.number != 0 {
				h.room.place(item.number, line)
			}
		} else if line = h.room.line(item.number); line == 0 {
			h.lost.Store(true)
		}
		if item.heard && line > h.floor {
			if len(h.fresh.Spans()) == 0 {
				touched = append(touched, h)
			}
			h.fresh.Add(int64(line))
		}
	}
	return touched
}

// unplace undoes place for lines that could not be written.
func unplace(items []keepItem, touched []*hearer) {
	for i := range items {
		if item := &items[i]; item.room && item.number != 0 {
			item.hearer.room.place(item.number, 0)
		}
	}
	for _, h := range touched {
		h.fresh.Reset()
	}
}

// tryAgain reports whether what could not be written just now is to be tried again. A database that is started again is back in
// time; one that is in trouble for longer takes what has just been said rather than nothing.
func (a *archiver) tryAgain() bool {
	if a.failing.IsZero() {
		a.failing = time.Now()
	}
	return time.Since(a.failing) < keepTrying
}

// lose gives items up. The archive says so with the next line of each who heard them.
func (a *archiver) lose(b *keepBatch) {
	for i := range b.items {
		item := &b.items[i]
		if item.room || item.private != nil {
			a.metrics.archiveLost.Inc()
		}
		if item.heard {
			item.hearer.lost.Store(true)
		}
		if item.private != nil {
			a.missing(conversationOf(item.private))
		}
	}
}

// giveUp gives up all that is queued.
func (a *archiver) giveUp() {
	for b := a.queue.take(); b != nil; b = a.queue.take() {
		a.lose(b)
		a.log.Error("messages are lost to the archive at the end", "items", len(b.items))
	}
}

// line is where a line of the channel is in the database; 0 if that is not known.
func (r *keptRoom) line(number int64) store.LineID {
	if i := number - r.first; i >= 0 && i < int64(len(r.ids)) {
		return r.ids[i]
	}
	return 0
}

// last is the newest line of the channel in the database, as far as that is known.
func (r *keptRoom) last() store.LineID {
	for _, line := range slices.Backward(r.ids) {
		if line != 0 {
			return line
		}
	}
	return 0
}

// place notes where a line is, 0 if it could not be written. New numbers come in ascending order; one that was left out could not.
func (r *keptRoom) place(number int64, line store.LineID) {
	if i := number - r.first; i >= 0 && i < int64(len(r.ids)) {
		r.ids[i] = line
		return
	}
	if number-r.first >= 3*keepPlaces { // a gap that leaves none of them
		r.ids, r.first = r.ids[:0], number-keepPlaces
	}
	for r.first+int64(len(r.ids)) < number {
		r.ids = append(r.ids, 0)
	}
	r.ids = append(r.ids, line)
	if n := len(r.ids) - keepPlaces; n >= keepPlaces { // many at a time
		r.ids = slices.Delete(r.ids, 0, n)
		r.first += int64(n)
	}
}

// keepPlaces is how many lines of a channel can be found at least: its window, and what a write that failed takes back.
const keepPlaces = archive.Window + maxKept

// gather notes that what a user heard of late is still to be written as what he may read.
func (a *archiver) gather(h *hearer) {
	if len(h.seen.Spans()) == 0 {
		if len(a.pending) == 0 {
			a.since = time.Now()
		}
		a.pending = append(a.pending, h)
	}
	for _, s := range h.fresh.Spans() {
		for n := s.From; n <= s.To; n++ {
			h.seen.Add(n)
		}
	}
}

// settleDue writes down what everybody may read, where it has waited for long enough.
func (a *archiver) settleDue() bool {
	return len(a.pending) == 0 || time.Since(a.since) < readersWait || a.settle(store.UserID{})
}

// settle writes down what a user may read, or what everybody may where user is zero.
func (a *archiver) settle(user store.UserID) bool {
	of := a.pending
	if user != (store.UserID{}) {
		of = nil
		for _, h := range a.pending {
			if h.id == user {
				of = append(of, h)
			}
		}
	}
	if len(of) == 0 {
		return true
	}
	if err := a.db.Write(a.ctx, func(tx *store.Tx) error { return extend(tx, of, seenSpans) }); err != nil {
		a.log.Error("what users may read of the archive could not be written", "error", err)
		return false
	}
	a.drop(user)
	return true
}

// drop forgets what a user may read, or what everybody may where user is zero: it is written, or shall not be.
func (a *archiver) drop(user store.UserID) {
	a.pending = slices.DeleteFunc(a.pending, func(h *hearer) bool {
		if user != (store.UserID{}) && h.id != user {
			return false
		}
		h.seen.Reset()
		return true
	})
}

// extend writes down the lines that users may read, of each the spans.
func extend(tx *store.Tx, of []*hearer, spans func(*hearer) []archive.Span) error {
	for _, h := range of {
		for _, s := range spans(h) {
			err := tx.ExtendSeen(h.id, h.room.name, store.LineID(s.From), store.LineID(s.To))
			if err != nil && !errors.Is(err, store.ErrNoSuchLine) { // somebody deleted them, and the others go on
				return err
			}
		}
	}
	return nil
}

func seenSpans(h *hearer) []archive.Span  { return h.seen.Spans() }
func freshSpans(h *hearer) []archive.Span { return h.fresh.Spans() }
