package store

import (
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// JobEnd is what became of an attempt.
type JobEnd struct {
	Job   Job
	What  JobOutcome
	Error string
	// Next is when it is tried again, or if it is JobAway, when its site is; zero: when the claim says.
	Next time.Time
}

// JobOutcome says what an attempt leads to.
type JobOutcome uint8

// The outcomes.
const (
	JobDone    JobOutcome = iota + 1
	JobFailed             // it is over as well
	JobExpired            // it is over without an attempt that would say anything of its site
	JobRetry
	JobAway // its site is away: all that leads there waits, and the attempt counts for the site alone
)

// JobClaim says what of the jobs that are due may be taken.
type JobClaim struct {
	Own     int            // how many without a site
	Free    int            // how many with one, but for a web server's
	Web     int            // how many with that of a web server
	PerSite int            // how many of one site at a time
	Sites   map[string]int // how many of a site are being tried
	// Trying reports whether a lane is being tried.
	Trying func(lane string) bool
	// After is when a job is tried again that was tried so often, SiteAfter when a site is that was found away so often.
	After     func(site string, attempts int) time.Duration
	SiteAfter func(failures int) time.Duration
}

// JobTurn is what a call of TurnJobs brought.
type JobTurn struct {
	Jobs []Job
	Next time.Time // when there may be more; zero: never. What waits for its site to have room is not counted.
	Late time.Time // when somebody has to be told that a job is late or over, see NextLateJob; zero: never
}

const (
	jobColumns = `j.id, j.lane, j.site, j.kind, j.payload, l.attempts, j.created, j.expires, l.error`
	headJobs   = `SELECT ` + jobColumns + ` FROM job_lanes l JOIN jobs j ON j.id = l.head `

	dueSites     = `SELECT site, failures FROM job_sites WHERE next_at <= $1 AND site <> '' AND site NOT LIKE '%://%' ORDER BY next_at LIMIT $2`
	dueWebSites  = `SELECT site, failures FROM job_sites WHERE next_at <= $1 AND site LIKE '%://%' ORDER BY next_at LIMIT $2`
	dueLanes     = headJobs + `WHERE l.site = $1 AND l.next_at <= $2 ORDER BY l.next_at LIMIT $3`
	claimLane    = `UPDATE job_lanes SET attempts = attempts + 1, next_at = $2 WHERE lane = $1`
	delayLane    = `UPDATE job_lanes SET next_at = $2 WHERE lane = $1`
	deleteJob    = `DELETE FROM jobs WHERE id = $1`
	logJob       = `INSERT INTO job_log (id, lane, site, kind, attempts, created, ended, failed, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	nextInLane   = `SELECT id, site, due, warn, expires FROM jobs WHERE lane = $1 AND id > $2 ORDER BY id LIMIT 1`
	deleteLane   = `DELETE FROM job_lanes WHERE lane = $1 AND head = $2`
	turnLane     = `UPDATE job_lanes SET head = $3, site = $4, attempts = 0, next_at = $5, told = $6, deadline = $7, error = '' WHERE lane = $1 AND head = $2`
	retryLane    = `UPDATE job_lanes SET attempts = attempts - $3, next_at = $4, error = $5 WHERE lane = $1 AND head = $2`
	closeSite    = `UPDATE job_sites SET closed = $2, failures = failures + 1 WHERE site = $1`
	siteFailures = `SELECT failures FROM job_sites WHERE site = $1 AND closed <= $2`
	openSite     = `UPDATE job_sites SET closed = 0, failures = 0 WHERE site = $1 AND failures > 0`
	firstLane    = `SELECT next_at FROM job_lanes WHERE site = $1 ORDER BY next_at LIMIT 1`
	settleSite   = `UPDATE job_sites SET next_at = CASE WHEN closed > $2 THEN closed ELSE $2 END WHERE site = $1`
	enterSite    = `INSERT INTO job_sites (site, next_at, closed, failures) VALUES ($1, $2, 0, 0) ON CONFLICT (site) DO NOTHING`
	deleteSite   = `DELETE FROM job_sites WHERE site = $1`
	nextSite     = `SELECT next_at FROM job_sites WHERE next_at > $1 ORDER BY next_at LIMIT 1`
	nextLate     = `SELECT deadline FROM job_lanes ORDER BY deadline LIMIT 1`
)

// jobStatements are those that every job costs.
var jobStatements = []string{
	insertJob, insertLane, hastenSite, dueSites, dueWebSites, dueLanes, claimLane, deleteJob, logJob, nextInLane, deleteLane, turnLane, retryLane,
	findLane, openSite, firstLane, settleSite, enterSite, deleteSite, nextSite, nextLate,
}

// TurnJobs notes what became of attempts, and takes jobs that are due. When each is tried again is written before it is tried: whatever
// happens to who tries it, that is when it comes again.
func (tx *Tx) TurnJobs(ends []JobEnd, c JobClaim) (t JobTurn, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("note and take jobs: %w", err)
		}
	}()
	touched := map[string]bool{}
	for i := range ends {
		if err := tx.endJob(&ends[i], &c, touched); err != nil {
			return t, err
		}
	}
	if err := tx.settleSites(touched); err != nil {
		return t, err
	}
	if t.Jobs, err = tx.claimJobs(c); err != nil {
		return t, err
	}
	err = tx.query(func(r *sql.Rows) error { return scanTime(r, &t.Next) }, nextSite, tx.now)
	if err == nil {
		err = tx.query(func(r *sql.Rows) error { return scanTime(r, &t.Late) }, nextLate)
	}
	return t, err
}

// scanTime reads a time, of which the zero Time stands for never.
func scanTime(r *sql.Rows, t *time.Time) error {
	var ms int64
	err := r.Scan(&ms)
	if ms < never {
		*t = fromMillis(ms)
	}
	return err
}

func (tx *Tx) endJob(e *JobEnd, c *JobClaim, touched map[string]bool) error {
	j := &e.Job
	touched[j.Site] = true
	if e.What == JobDone || e.What == JobFailed || e.What == JobExpired {
		failed := 1
		if e.What == JobDone {
			failed = 0
		}
		gone, err := tx.count(deleteJob, j.ID)
		if err == nil && gone > 0 {
			err = tx.exec(logJob, j.ID, j.Lane, j.Site, j.Kind, j.Attempts, millis(j.Created), tx.now, failed, cutError(e.Error))
		}
		if err == nil {
			err = tx.advance(j.Lane, j.ID, touched)
		}
		if err == nil && e.What != JobExpired {
			err = tx.exec(openSite, j.Site)
		}
		return err
	}
	next, uncounted := e.Next, 0
	if e.What == JobAway {
		next, uncounted = tx.Now(), 1
		if err := tx.siteAway(e, c); err != nil {
			return err
		}
	} else {
		if err := tx.exec(openSite, j.Site); err != nil {
			return err
		}
		if next.IsZero() {
			next = tx.Now().Add(c.After(j.Site, j.Attempts))
		}
		if expires := j.Expires; tx.Now().Before(expires) && expires.Before(next) {
			next = expires // for the last time
		}
	}
	return tx.exec(retryLane, j.Lane, j.ID, uncounted, millis(next), cutError(e.Error))
}

// siteAway notes that a site was found away, once for all who were there together.
func (tx *Tx) siteAway(e *JobEnd, c *JobClaim) error {
	failures := -1
	err := tx.query(func(r *sql.Rows) error { return r.Scan(&failures) }, siteFailures, e.Job.Site, tx.now)
	if err != nil || failures < 0 {
		return err
	}
	next := e.Next
	if next.IsZero() {
		next = tx.Now().Add(c.SiteAfter(failures + 1))
	}
	return tx.exec(closeSite, e.Job.Site, millis(next))
}

// cutError is an error as a row takes it.
func cutError(s string) string { return cleanText(s[:min(len(s), maxJobError)]) }

// triedBy is by when a job that becomes the head of its lane is tried at least once, so that nobody hears that it is late or over before.
const triedBy = 10 * time.Minute

// advance makes the next job of a lane its head, or removes the lane.
func (tx *Tx) advance(lane string, head int64, touched map[string]bool) error {
	var id, due, warn, expires int64
	var site string
	err := tx.query(func(r *sql.Rows) error { return r.Scan(&id, &site, &due, &warn, &expires) }, nextInLane, lane, head)
	switch {
	case err != nil:
		return err
	case id == 0:
		return tx.exec(deleteLane, lane, head)
	}
	due = max(due, tx.now)
	told, deadline := lateness(warn, expires, due+triedBy.Milliseconds())
	touched[site] = true
	return tx.exec(turnLane, lane, head, id, site, due, told, deadline)
}

// settleSites notes when the first lane of each site is due, and forgets sites without lanes.
func (tx *Tx) settleSites(touched map[string]bool) error {
	for site := range touched {
		first := never
		err := tx.query(func(r *sql.Rows) error { return r.Scan(&first) }, firstLane, site)
		if err != nil {
			return err
		}
		if first == never {
			if err := tx.exec(deleteSite, site); err != nil {
				return err
			}
			continue
		}
		n, err := tx.count(settleSite, site, first)
		if err == nil && n == 0 { // the head of a lane leads elsewhere than the one before
			err = tx.exec(enterSite, site, first)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) claimJobs(c JobClaim) ([]Job, error) {
	var all []Job
	touched := map[string]bool{}
	if c.Own > 0 {
		var err error
		if all, err = tx.claimLanes("", c.Own, c, touched); err != nil {
			return nil, err
		}
	}
	for _, kind := range []struct {
		due  string
		free int
	}{{dueSites, c.Free}, {dueWebSites, c.Web}} {
		if kind.free <= 0 {
			continue
		}
		taken, err := tx.claimSites(kind.due, kind.free, c, touched)
		if err != nil {
			return nil, err
		}
		all = append(all, taken...)
	}
	return all, tx.settleSites(touched)
}

// WebSite reports whether a site is a web server: it is the origin of a URL then.
func WebSite(site string) bool { return strings.Contains(site, "://") }

// claimSites takes what is due at sites of a kind.
func (tx *Tx) claimSites(due string, free int, c JobClaim, touched map[string]bool) (all []Job, err error) {
	type site struct {
		name     string
		failures int
	}
	var sites []site
	// Sites that have no room are passed over. There are no more of them than sites that are being tried.
	err = tx.query(func(r *sql.Rows) error {
		var s site
		err := r.Scan(&s.name, &s.failures)
		sites = append(sites, s)
		return err
	}, due, tx.now, free+len(c.Sites))
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		perSite := c.PerSite
		if s.failures > 0 {
			perSite = 1 // to see whether it is back
		}
		limit := min(free, perSite-c.Sites[s.name])
		if limit <= 0 {
			continue
		}
		taken, err := tx.claimLanes(s.name, limit, c, touched)
		if err != nil {
			return nil, err
		}
		free -= len(taken)
		all = append(all, taken...)
	}
	return all, nil
}

// claimLanes takes the heads of lanes of a site that are due.
func (tx *Tx) claimLanes(site string, limit int, c JobClaim, touched map[string]bool) ([]Job, error) {
	var due []Job
	err := tx.query(func(r *sql.Rows) error {
		j, err := scanJob(r)
		due = append(due, j)
		return err
	}, dueLanes, site, tx.now, limit+c.Sites[site])
	if err != nil {
		return nil, err
	}
	var taken []Job
	for _, j := range due {
		touched[site] = true
		if c.Trying(j.Lane) { // for longer than its next attempt should have taken to come
			if err := tx.exec(delayLane, j.Lane, tx.now+c.After(j.Site, 1).Milliseconds()); err != nil {
				return nil, err
			}
			continue
		}
		if len(taken) == limit {
			continue
		}
		j.Attempts++
		if err := tx.exec(claimLane, j.Lane, tx.now+c.After(j.Site, j.Attempts).Milliseconds()); err != nil {
			return nil, err
		}
		taken = append(taken, j)
	}
	return taken, nil
}

func scanJob(r *sql.Rows) (Job, error) {
	var j Job
	var created, expires int64
	err := r.Scan(&j.ID, &j.Lane, &j.Site, &j.Kind, &j.Payload, &j.Attempts, &created, &expires, &j.Error)
	j.Created, j.Expires = fromMillis(created), fromMillis(expires)
	return j, err
}

// LateJob is a job of which somebody has to be told that it is late or, if that was said, that it is over.
type LateJob struct {
	Job
	Over bool
}

const (
	selectLate = `SELECT ` + jobColumns + `, s.failures FROM job_lanes l JOIN jobs j ON j.id = l.head JOIN job_sites s ON s.site = l.site
		WHERE l.deadline <= $1 ORDER BY l.deadline LIMIT 1`
	postponeLate = `UPDATE job_lanes SET deadline = $2 WHERE lane = $1`
	tellLate     = `UPDATE job_lanes SET told = 1, deadline = $2 WHERE lane = $1`
)

// maxLate is how many jobs one call of NextLateJob looks at.
const maxLate = 64

// NextLateJob returns a job that is late or over, where there is one. Of one that is late it notes that it was said, one that is over the
// caller has to end. What is being tried, or was never tried although its site is there, is looked at again in some minutes.
func (tx *Tx) NextLateJob(trying func(lane string) bool) (late LateJob, found bool, err error) {
	for range maxLate {
		var created, expires, failures int64
		late, found = LateJob{}, false
		err = tx.query(func(r *sql.Rows) error {
			found = true
			return r.Scan(&late.ID, &late.Lane, &late.Site, &late.Kind, &late.Payload, &late.Attempts, &created, &expires, &late.Error, &failures)
		}, selectLate, tx.now)
		if err != nil || !found {
			break
		}
		late.Created, late.Expires, late.Over = fromMillis(created), fromMillis(expires), expires <= tx.now
		if trying(late.Lane) || late.Attempts == 0 && failures == 0 {
			if err = tx.exec(postponeLate, late.Lane, tx.now+triedBy.Milliseconds()); err != nil {
				break
			}
			continue
		}
		if !late.Over {
			err = tx.exec(tellLate, late.Lane, expires)
		}
		return late, true, err
	}
	if err != nil {
		err = fmt.Errorf("look for jobs that are late: %w", err)
	}
	return LateJob{}, false, err
}
