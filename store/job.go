package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Jobs are what is to be done towards other networks, and outlive a crash. They wait in lanes: of a lane only the first job, its head, is
// tried, until it is over. Lanes lead to sites, of which each is tried by a few lanes at a time. So what is due is found by looking at sites
// and lanes, and takes no longer with however many jobs behind a head. What is tried when is decided by internal/jobs.

// NewJob is a job on its way into the database.
type NewJob struct {
	Lane    string // jobs of a lane are done one after the other, in the order in which they came
	Site    string // where it leads; empty for what concerns nobody else
	Kind    string // who does it
	Payload []byte // for who does it

	NotBefore time.Time // zero: at once
	Warn      time.Time // when it is late, of which its kind is told; zero: never
	Expires   time.Time // when it is given up; required
}

// Job is a job that is tried.
type Job struct {
	ID               int64 // unique for ever
	Lane, Site, Kind string
	Payload          []byte
	Attempts         int // with this one
	Created, Expires time.Time
	Error            string // what came of the last attempt; empty at the first
}

// Limits of a job, in bytes.
const (
	maxLane     = 2 * maxScope
	maxSite     = 512
	maxJobKind  = 64
	maxPayload  = 64 << 10
	maxJobError = 1 << 10
)

const (
	insertJob = `INSERT INTO jobs (id, lane, site, kind, payload, created, due, warn, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	// A lane that is there has a head, behind which the job waits.
	insertLane = `INSERT INTO job_lanes (lane, head, site, attempts, next_at, told, deadline, error) VALUES ($1, $2, $3, 0, $4, $5, $6, '')
		ON CONFLICT (lane) DO NOTHING`
	hastenSite = `INSERT INTO job_sites (site, next_at, closed, failures) VALUES ($1, $2, 0, 0) ON CONFLICT (site) DO UPDATE
		SET next_at = CASE WHEN excluded.next_at < job_sites.closed THEN job_sites.closed ELSE excluded.next_at END
		WHERE excluded.next_at < job_sites.next_at`
)

// never is a time that does not come.
const never = int64(1) << 62

// AddJob adds a job behind the others of its lane, and returns its id. See JobsAdded for who waits for jobs.
func (tx *Tx) AddJob(j NewJob) (id int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("add a job: %w", err)
		}
	}()
	due, warn, expires, err := j.check(tx.now)
	if err != nil {
		return 0, err
	}
	payload := j.Payload
	if payload == nil {
		payload = []byte{}
	}
	if id, err = tx.next(&tx.own.jobIDs); err != nil {
		return 0, err
	}
	if err := tx.exec(insertJob, id, j.Lane, j.Site, j.Kind, payload, tx.now, due, warn, expires); err != nil {
		return 0, err
	}
	told, deadline := lateness(warn, expires, 0)
	begun, err := tx.count(insertLane, j.Lane, id, j.Site, due, told, deadline)
	if err == nil && begun > 0 {
		err = tx.exec(hastenSite, j.Site, due)
	}
	if err != nil {
		return 0, err
	}
	if begun > 0 {
		tx.sayJobs()
	}
	return id, nil
}

// check finds faults of a job, and when it is due, late and over.
func (j *NewJob) check(now int64) (due, warn, expires int64, err error) {
	switch err := checkFields(field{"lane", j.Lane, maxLane}, field{"site", j.Site, maxSite}, field{"kind", j.Kind, maxJobKind}); {
	case err != nil:
		return 0, 0, 0, err
	case j.Lane == "" || j.Kind == "":
		return 0, 0, 0, errors.New("it has no lane or no kind")
	case len(j.Payload) > maxPayload:
		return 0, 0, 0, fmt.Errorf("the payload has %d bytes, more than %d", len(j.Payload), maxPayload)
	case j.Expires.IsZero():
		return 0, 0, 0, errors.New("it never expires")
	}
	due, warn, expires = now, never, millis(j.Expires)
	if !j.NotBefore.IsZero() {
		due = max(due, millis(j.NotBefore))
	}
	if !j.Warn.IsZero() {
		warn = millis(j.Warn)
	}
	return due, warn, expires, nil
}

var (
	jobInsert  = manyInsert{into: ` INTO jobs (id, lane, site, kind, payload, created, due, warn, expires) VALUES `, columns: 9}
	laneInsert = manyInsert{into: ` INTO job_lanes (lane, head, site, attempts, next_at, told, deadline, error) VALUES `, columns: 8, after: ` ON CONFLICT (lane) DO NOTHING`}
)

// AddJobs is AddJob for many: what goes to thousands would hold everybody up otherwise.
func (tx *Tx) AddJobs(all []NewJob) (err error) {
	defer wrap(&err, "add jobs")
	jobs, lanes := make([]any, 0, len(all)*jobInsert.columns), make([]any, 0, len(all)*laneInsert.columns)
	first := make(map[string]int64) // when the first of them is due at a site
	for i := range all {
		j := &all[i]
		due, warn, expires, err := j.check(tx.now)
		if err != nil {
			return err
		}
		id, err := tx.next(&tx.own.jobIDs)
		if err != nil {
			return err
		}
		payload := j.Payload
		if payload == nil {
			payload = []byte{}
		}
		told, deadline := lateness(warn, expires, 0)
		jobs = append(jobs, id, j.Lane, j.Site, j.Kind, payload, tx.now, due, warn, expires)
		lanes = append(lanes, j.Lane, id, j.Site, int64(0), due, told, deadline, "")
		if at, ok := first[j.Site]; !ok || due < at {
			first[j.Site] = due
		}
	}
	if err := tx.insertMany(jobInsert, jobs); err != nil {
		return err
	}
	if err := tx.insertMany(laneInsert, lanes); err != nil {
		return err
	}
	// Lanes that were there already are not hastened; looking at their sites once more costs nothing but that.
	for _, site := range slices.Sorted(maps.Keys(first)) {
		if err := tx.exec(hastenSite, site, first[site]); err != nil {
			return err
		}
	}
	tx.sayJobs()
	return nil
}

// sayJobs has there be word of jobs after the commit.
func (tx *Tx) sayJobs() {
	if tx.saidJobs {
		return
	}
	tx.saidJobs = true
	jobs := tx.jobs
	tx.OnCommit(func() {
		select {
		case jobs <- struct{}{}:
		default: // there is word already
		}
	})
}

// lateness is what a lane says of its head: whether it was said that it is late, or never will be, and when somebody has to be told that it
// is late or over. That is not before a time at which it has been tried.
func lateness(warn, expires, tried int64) (told, deadline int64) {
	if warn >= expires {
		return 1, max(expires, tried)
	}
	return 0, max(warn, tried)
}

// JobsWait reports whether there are jobs in a lane, or one of it is being tried.
func (tx *Tx) JobsWait(lane string) (wait bool, err error) {
	if err := tx.query(func(r *sql.Rows) error { wait = true; return r.Scan(new(int)) }, findLane, lane); err != nil {
		return false, fmt.Errorf("look for jobs: %w", err)
	}
	return wait, nil
}

const findLane = `SELECT 1 FROM job_lanes WHERE lane = $1`

// JobsAdded has a value when there may be more to do than before since the last one was taken. One goroutine may listen.
func (db *DB) JobsAdded() <-chan struct{} { return db.jobs }

// MoveJob has a job that waits begin at another time, and reports whether it could be: one that was tried already, or is over, stays as it
// is.
func (tx *Tx) MoveJob(id int64, notBefore time.Time) (moved bool, err error) {
	lane, site, waits, err := tx.waitingJob(id)
	due := max(tx.now, millis(notBefore))
	if err == nil && waits {
		err = tx.exec(`UPDATE jobs SET due = $2 WHERE id = $1`, id, due)
	}
	var head int64
	if err == nil && waits {
		head, err = tx.count(`UPDATE job_lanes SET next_at = $3 WHERE lane = $1 AND head = $2`, lane, id, due)
	}
	if err == nil && head > 0 {
		err = tx.settleSites(map[string]bool{site: true})
		tx.sayJobs()
	}
	if err != nil {
		return false, fmt.Errorf("move a job: %w", err)
	}
	return waits, nil
}

// DropJob removes a job that was not tried yet, and reports whether it could be.
func (tx *Tx) DropJob(id int64) (dropped bool, err error) {
	lane, site, waits, err := tx.waitingJob(id)
	if err == nil && waits {
		if err = tx.exec(`DELETE FROM jobs WHERE id = $1`, id); err == nil {
			sites := map[string]bool{site: true}
			if err = tx.advance(lane, id, sites); err == nil {
				err = tx.settleSites(sites)
				tx.sayJobs()
			}
		}
	}
	if err != nil {
		return false, fmt.Errorf("drop a job: %w", err)
	}
	return waits, nil
}

// waitingJob finds a job that was not tried yet.
func (tx *Tx) waitingJob(id int64) (lane, site string, waits bool, err error) {
	err = tx.query(func(r *sql.Rows) error {
		waits = true
		return r.Scan(&lane, &site)
	}, `SELECT j.lane, j.site FROM jobs j JOIN job_lanes l ON l.lane = j.lane WHERE j.id = $1 AND (l.head <> j.id OR l.attempts = 0)`, id)
	return lane, site, waits, err
}

// WaitingJob is the head of a lane, as an operator sees it.
type WaitingJob struct {
	Job
	Next   time.Time // when it is tried again
	Behind int64     // how many jobs wait behind it, at most MaxBehind
}

// MaxBehind is how many jobs behind a head are counted.
const MaxBehind = 1000

// WaitingJobs returns the heads of lanes of a kind, those that have waited longest first.
func (db *DB) WaitingJobs(ctx context.Context, kind string, limit int) ([]WaitingJob, error) {
	var all []WaitingJob
	err := db.query(ctx, func(r *sql.Rows) error {
		var j WaitingJob
		var created, expires, next int64
		err := r.Scan(&j.ID, &j.Lane, &j.Site, &j.Kind, &j.Payload, &j.Attempts, &created, &expires, &j.Error, &next, &j.Behind)
		j.Created, j.Expires, j.Next = fromMillis(created), fromMillis(expires), fromMillis(next)
		all = append(all, j)
		return err
	}, `SELECT `+jobColumns+`, l.next_at, (SELECT count(*) FROM (SELECT 1 FROM jobs b WHERE b.lane = l.lane AND b.id > l.head LIMIT $3) AS behind)
		FROM jobs j JOIN job_lanes l ON l.head = j.id AND l.lane = j.lane WHERE j.kind = $1 ORDER BY j.id LIMIT $2`, kind, limit, MaxBehind)
	if err != nil {
		return nil, fmt.Errorf("list the jobs: %w", err)
	}
	return all, nil
}

// EndedJob is a job that is over.
type EndedJob struct {
	Job    // without payload
	Ended  time.Time
	Failed bool
}

// EndedJobs returns jobs of a kind that were over in the last day, the last one first.
func (db *DB) EndedJobs(ctx context.Context, kind string, limit int) ([]EndedJob, error) {
	var all []EndedJob
	err := db.query(ctx, func(r *sql.Rows) error {
		var j EndedJob
		var created, ended, failed int64
		err := r.Scan(&j.ID, &j.Lane, &j.Site, &j.Kind, &j.Attempts, &created, &ended, &failed, &j.Error)
		j.Created, j.Ended, j.Failed = fromMillis(created), fromMillis(ended), failed != 0
		all = append(all, j)
		return err
	}, `SELECT id, lane, site, kind, attempts, created, ended, failed, error FROM job_log WHERE kind = $1 ORDER BY ended DESC, id DESC LIMIT $2`, kind, limit)
	if err != nil {
		return nil, fmt.Errorf("list the jobs that are over: %w", err)
	}
	return all, nil
}

// forgetJobs is how many jobs that are over are forgotten in one write.
const forgetJobs = 500

// ForgetJobs forgets jobs that were over by a time, and reports whether there may be more of them.
func (tx *Tx) ForgetJobs(by time.Time) (more bool, err error) {
	n, err := tx.count(`DELETE FROM job_log WHERE id IN (SELECT id FROM job_log WHERE ended <= $1 ORDER BY ended LIMIT $2)`, millis(by), forgetJobs)
	if err != nil {
		return false, fmt.Errorf("forget jobs: %w", err)
	}
	return n == forgetJobs, nil
}
