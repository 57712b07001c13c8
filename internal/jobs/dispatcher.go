package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"passerelle/store"
)

// How many jobs are tried at a time, unless the dispatcher says otherwise.
const (
	defaultInFlight = 64
	defaultWeb      = 512 // each of them has a connection and little more
	defaultPerSite  = 4
)

const (
	againAfter  = time.Second      // and longer and longer, when the database did not take what was to be noted
	keptFor     = 24 * time.Hour   // jobs that are over
	forgetEach  = 10 * time.Minute // those that were kept for so long
	againAtMost = 30 * time.Second
	unknownFor  = 10 * time.Minute  // until a job of an unknown kind is looked at again
	longAgo     = time.Duration(-1) // of a timer that is not set
)

// Dispatcher has jobs done. Its fields are set before Run is called.
type Dispatcher struct {
	Store *store.DB
	Kinds map[string]Kind // by name
	Log   *slog.Logger
	Now   func() time.Time // as the database has it; nil: time.Now

	// InFlight is how many jobs that lead somewhere are tried at a time, and how many that concern nobody else. Web is how many are that lead to a web
	// server (store.WebSite): they do little but wait for it, and have little in memory, or see to that themselves. PerSite is how many of one site
	// are. Zero takes the defaults, 64, 512 and 4.
	InFlight, Web, PerSite int
}

// result is what became of an attempt, on its way to the dispatcher's goroutine.
type result struct {
	job Job
	Outcome
	cut bool // it ended with the dispatcher
}

// run is a dispatcher at work. It belongs to the goroutine of Run.
type run struct {
	*Dispatcher
	attempts context.Context // of all attempts
	ends     chan result     // has room for all of them, so nobody waits to say what became of his
	workers  sync.WaitGroup
	pending  []result // what is to be noted

	lanes   map[string]bool // that are tried
	sites   map[string]int  // how many jobs of each are
	web     int             // how many of them lead to a web server
	skip    map[string]bool // lanes of which nobody could be told that they are late
	unknown map[string]bool // kinds of which it was said that they are unknown

	next, late, forget time.Time // when to look again; the zero Time: never
}

// Run has jobs done until ctx ends, and then waits for those that are being tried, which should end soon after it, and notes what became of
// them. The database is closed after that.
func (d *Dispatcher) Run(ctx context.Context) {
	r := &run{
		Dispatcher: &Dispatcher{Store: d.Store, Kinds: d.Kinds, Log: d.Log, Now: d.Now, InFlight: d.InFlight, Web: d.Web, PerSite: d.PerSite},
		attempts:   ctx,
		lanes:      map[string]bool{}, sites: map[string]int{}, skip: map[string]bool{}, unknown: map[string]bool{},
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.InFlight <= 0 {
		r.InFlight = defaultInFlight
	}
	if r.Web <= 0 {
		r.Web = defaultWeb
	}
	if r.PerSite <= 0 {
		r.PerSite = defaultPerSite
	}
	r.ends = make(chan result, 2*r.InFlight+r.Web)
	r.loop(ctx)
	r.workers.Wait()
	r.gather()
	for len(r.pending) > 0 {
		if err := r.note(nil); err != nil {
			// They are tried again at the next start, some of them for the second time.
			r.Log.Error("what became of jobs could not be noted", "jobs", len(r.pending), "error", err)
			return
		}
	}
}

func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	r.forget = r.Now()
	again := againAfter
	for {
		select {
		case <-ctx.Done():
			return
		case end := <-r.ends:
			r.pending = append(r.pending, end)
		case <-r.Store.JobsAdded():
		case <-timer.C:
		}
		r.gather()
		wait := again
		if err := r.round(ctx); err == nil {
			wait, again = r.wait(), againAfter
		} else if ctx.Err() == nil {
			r.Log.Error("jobs could not be taken; trying again", "error", err)
			again = min(2*again, againAtMost)
		}
		if wait == longAgo {
			timer.Stop()
		} else {
			timer.Reset(wait)
		}
	}
}

// gather takes what has ended meanwhile.
func (r *run) gather() {
	for {
		select {
		case end := <-r.ends:
			r.pending = append(r.pending, end)
		default:
			return
		}
	}
}

// wait is how long there is nothing to do.
func (r *run) wait() time.Duration {
	wait, now := longAgo, r.Now()
	for _, t := range []time.Time{r.next, r.late, r.forget} {
		if t.IsZero() {
			continue
		}
		if d := max(t.Sub(now), 0); wait == longAgo || d < wait {
			wait = d
		}
	}
	return wait
}

// round notes what has ended, takes what is due and starts it.
func (r *run) round(ctx context.Context) error {
	var turn store.JobTurn
	if err := r.note(&turn); err != nil {
		return err
	}
	for _, j := range turn.Jobs {
		r.begin(j)
	}
	r.next, r.late = turn.Next, turn.Late
	now := r.Now()
	if !r.late.IsZero() && !r.late.After(now) {
		if err := r.tellLate(ctx); err != nil {
			return err
		}
	}
	if !r.forget.After(now) {
		return r.forgetOld(ctx)
	}
	return nil
}

// claim says what there is room for.
func (r *run) claim() store.JobClaim {
	own := r.sites[""]
	return store.JobClaim{
		Own: r.InFlight - own, Free: r.InFlight - (len(r.lanes) - own - r.web), Web: r.Web - r.web, PerSite: r.PerSite, Sites: r.sites,
		Trying: func(lane string) bool { return r.lanes[lane] }, After: pause, SiteAfter: sitePause,
	}
}

// note writes down what has ended and, unless turn is nil, takes what is due. All of it is one transaction; where something in it fails,
// each end has one of its own.
func (r *run) note(turn *store.JobTurn) error {
	ends := r.pending
	for _, end := range ends {
		r.leave(end.job)
	}
	err := r.write(ends, turn)
	if err == nil {
		r.pending = r.pending[:0]
		return nil
	}
	for _, end := range ends {
		r.enter(end.job)
	}
	if len(ends) == 0 {
		return err
	}
	// It is one of them, or the database.
	var left []result
	var failed error
	for i, end := range ends {
		r.leave(end.job)
		bad := r.write(ends[i:i+1], nil)
		if bad == nil {
			continue
		}
		again := result{job: end.job, Outcome: Outcome{Err: bad}}
		if err := r.write([]result{again}, nil); err != nil {
			r.enter(end.job)
			left, failed = append(left, end), err
			continue
		}
		r.Log.Error("what became of a job could not be noted; it is tried again", "kind", end.job.Kind, "job", end.job.ID, "error", bad)
	}
	r.pending = left
	if failed == nil && turn != nil {
		failed = r.write(nil, turn)
	}
	return failed
}

// write is one transaction of note.
func (r *run) write(ends []result, turn *store.JobTurn) error {
	// Nobody gives up a write: what it takes would be taken by nobody.
	return r.Store.Write(context.Background(), func(tx *store.Tx) error {
		claim := store.JobClaim{After: pause, SiteAfter: sitePause}
		if turn != nil {
			claim = r.claim()
		}
		noted := make([]store.JobEnd, len(ends))
		for i := range ends {
			var err error
			if noted[i], err = r.end(tx, &ends[i]); err != nil {
				return err
			}
		}
		taken, err := tx.TurnJobs(noted, claim)
		if turn != nil {
			*turn = taken
		}
		return err
	})
}

// end tells whoever has to know what became of a job, and says what is to be noted.
func (r *run) end(tx *store.Tx, e *result) (store.JobEnd, error) {
	noted := store.JobEnd{Job: e.job, What: store.JobRetry}
	if e.Err != nil {
		noted.Error = e.Err.Error()
	}
	if e.Then != nil {
		if err := e.Then(tx); err != nil {
			return noted, fmt.Errorf("behind the attempt: %w", err)
		}
	}
	now := tx.Now()
	switch {
	case e.Verdict == Done:
		noted.What = store.JobDone
	case e.Verdict == Failed || !e.cut && !errors.Is(e.Err, errUnknown) && !now.Before(e.job.Expires):
		noted.What = store.JobFailed
		if err := r.gaveUp(tx, e.job, noted.Error); err != nil {
			return noted, err
		}
	case e.cut:
		noted.Next = now
	case e.Away && e.job.Site != "":
		noted.What = store.JobAway
		fallthrough
	default:
		if e.After > 0 {
			noted.Next = now.Add(e.After)
		}
	}
	return noted, nil
}

func (r *run) gaveUp(tx *store.Tx, j Job, last string) error {
	j.Error = last
	if k := r.Kinds[j.Kind]; k.GaveUp != nil {
		if err := k.GaveUp(tx, j); err != nil {
			return fmt.Errorf("say that a job failed: %w", err)
		}
	}
	return nil
}

// enter and leave keep what is being tried.
func (r *run) enter(j Job) {
	r.lanes[j.Lane] = true
	r.sites[j.Site]++
	if store.WebSite(j.Site) {
		r.web++
	}
}

func (r *run) leave(j Job) {
	delete(r.lanes, j.Lane)
	if store.WebSite(j.Site) {
		r.web--
	}
	if r.sites[j.Site]--; r.sites[j.Site] == 0 {
		delete(r.sites, j.Site)
	}
}

var errUnknown = errors.New("nobody here knows how to do it")

// begin tries a job.
func (r *run) begin(j Job) {
	r.enter(j)
	kind, known := r.Kinds[j.Kind]
	if !known {
		if !r.unknown[j.Kind] {
			r.unknown[j.Kind] = true
			r.Log.Error("there are jobs of a kind that this version does not know; they wait", "kind", j.Kind)
		}
		r.ends <- result{job: j, Outcome: Outcome{Err: errUnknown, After: unknownFor}}
		return
	}
	r.workers.Go(func() {
		ctx, cancel := context.WithTimeout(r.attempts, timeOf(kind))
		defer cancel()
		outcome := r.try(ctx, kind, j)
		r.ends <- result{job: j, Outcome: outcome, cut: outcome.Verdict == Retry && r.attempts.Err() != nil}
	})
}

func timeOf(k Kind) time.Duration {
	if k.Time > 0 {
		return k.Time
	}
	return defaultTime
}

// try calls Do and turns a panic into a Retry: a job may not end others.
func (r *run) try(ctx context.Context, kind Kind, j Job) (o Outcome) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("a job panicked; it is tried again", "kind", j.Kind, "job", j.ID, "panic", p, "stack", string(debug.Stack()))
			o = Outcome{Err: errors.New("it panicked")}
		}
	}()
	return kind.Do(ctx, j)
}
