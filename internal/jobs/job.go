package jobs

import (
	"context"
	"time"

	"passerelle/store"
)

// Job is a job that is tried.
type Job = store.Job

// NewJob is a job on its way into the database. Its lane is unique among all kinds, so it begins with the kind's name.
type NewJob = store.NewJob

// When a job is late and when it is given up, unless it says otherwise.
const (
	lateAfter    = 4 * time.Hour
	expiresAfter = 5 * 24 * time.Hour
)

// Enqueue adds a job in the caller's transaction; it is tried once that is committed.
func Enqueue(tx *store.Tx, j NewJob) (id int64, err error) {
	from := tx.Now()
	if j.NotBefore.After(from) {
		from = j.NotBefore
	}
	if j.Expires.IsZero() {
		j.Expires = from.Add(expiresAfter)
	}
	if j.Warn.IsZero() {
		j.Warn = from.Add(lateAfter)
	}
	return tx.AddJob(j)
}

// Verdict is what an attempt led to.
type Verdict uint8

// The verdicts. The zero Verdict is Retry: who has not said that a job is done has not done it.
const (
	Retry Verdict = iota
	Done
	Failed
)

// Outcome is what became of an attempt.
type Outcome struct {
	Verdict Verdict
	Err     error // of Retry and Failed; its text is kept for a day, so it says nothing that anybody wrote
	// Away says of a Retry that the site as a whole is away: everything that leads there waits for it.
	Away bool
	// After is when a Retry should come, if it is not to come when it is due.
	After time.Duration
	// Then is called in the transaction that writes the outcome down, and again where that one failed. Where it returns an error each time
	// the outcome is a Retry.
	Then func(*store.Tx) error
}

// Kind is how jobs of a kind are done. Its functions are called from any goroutine.
type Kind struct {
	// Do tries a job, outside of any transaction. A panic is a Retry. ctx ends with Time, and with the dispatcher: what is cut short then is
	// a Retry that comes at once at the next start.
	Do func(ctx context.Context, j Job) Outcome
	// Late is called once for a job that waits for longer than it should, in the transaction that notes it. It may be nil.
	Late func(tx *store.Tx, j Job) error
	// GaveUp is called in the transaction that ends a job that failed: because Do says so, behind its Then, or because it expired. The
	// job's Error is the last one. It may be nil.
	GaveUp func(tx *store.Tx, j Job) error
	// Time is what an attempt may take; zero: 10 minutes.
	Time time.Duration
}

// defaultTime is how long an attempt takes at most.
const defaultTime = 10 * time.Minute
