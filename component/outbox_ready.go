package component

import "passerelle/store"

// Bounds of what is kept in memory of what was committed, until the sender takes it. What is over them he reads from the database.
const (
	readyRows  = 200
	readyBytes = 1 << 20
)

// ready is what was committed while there is a sender, so that he need not read it. It is guarded by the mutex of the outbox.
type ready struct {
	wanted bool             // there is a sender
	known  bool             // what there was before the first one that was added
	rows   []store.Outgoing // ascending
	bytes  int
	behind store.OutgoingNumber // once it is known, everything that was committed with a number above this one is in rows
}

// add takes what was committed.
func (r *ready) add(o *store.Outgoing) {
	if !r.wanted || len(r.rows) == readyRows || r.bytes+len(o.Stanza) > readyBytes {
		r.skip(o.Number)
		return
	}
	r.rows = append(r.rows, *o)
	r.bytes += len(o.Stanza)
}

// skip forgets what is not above a number.
func (r *ready) skip(n store.OutgoingNumber) {
	i := 0
	for ; i < len(r.rows) && r.rows[i].Number <= n; i++ {
		r.bytes -= len(r.rows[i].Stanza)
	}
	if r.rows = r.rows[i:]; len(r.rows) == 0 {
		r.rows = nil
	}
	r.behind = max(r.behind, n)
}

// take takes everything that was committed behind a number. It is not ok where the database has to be asked.
func (r *ready) take(at store.OutgoingNumber) (rows []store.Outgoing, ok bool) {
	if !r.known || at < r.behind {
		return nil, false
	}
	r.skip(at)
	rows = r.rows
	if n := len(rows); n > 0 {
		r.skip(rows[n-1].Number)
	}
	return rows, true
}

// committed tells the sender of something, on the goroutine of the committer and in the order of commits.
func (o *outbox) committed(row *store.Outgoing) {
	o.mu.Lock()
	o.ready.add(row)
	o.mu.Unlock()
	poke(o.wake)
}

// follow has what is committed kept for a sender, or for none.
func (o *outbox) follow(yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready.wanted = yes
	if n := len(o.ready.rows); !yes && n > 0 {
		o.ready.skip(o.ready.rows[n-1].Number)
	}
}

// next is what is to be sent behind a number. It is not ok where the database has to be asked.
func (o *outbox) next(at store.OutgoingNumber) ([]store.Outgoing, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ready.take(at)
}
