package store

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var jobContract = []behaviour{
	{"jobs of a lane come one after the other", testJobLane},
	{"jobs that wait are moved and dropped", testJobMoved},
	{"sites have room for some lanes", testJobSites},
	{"a site that is away is tried alone", testJobAway},
	{"jobs have limits", testJobLimits},
}

// testClaim takes whatever is due.
func testClaim() JobClaim {
	return JobClaim{
		Own: 10, Free: 10, PerSite: 2, Sites: map[string]int{}, Trying: func(string) bool { return false },
		After: func(_ string, n int) time.Duration { return time.Duration(n) * time.Minute }, SiteAfter: func(n int) time.Duration { return time.Duration(n) * time.Hour },
	}
}

func turn(t *testing.T, db *DB, c JobClaim, ends ...JobEnd) JobTurn {
	t.Helper()
	var got JobTurn
	write(t, db, func(tx *Tx) (err error) { got, err = tx.TurnJobs(ends, c); return err })
	return got
}

func addJob(t *testing.T, db *DB, lane, site string) (id int64) {
	t.Helper()
	write(t, db, func(tx *Tx) (err error) {
		id, err = tx.AddJob(NewJob{Lane: lane, Site: site, Kind: "k", Payload: []byte(lane), Expires: testStart.Add(24 * time.Hour), Warn: testStart.Add(time.Hour)})
		return err
	})
	return id
}

func wantJobs(t *testing.T, got JobTurn, want ...string) {
	t.Helper()
	var names []string
	for _, j := range got.Jobs {
		names = append(names, fmt.Sprintf("%d %s at %q, %d", j.ID, j.Lane, j.Site, j.Attempts))
	}
	if !slices.Equal(names, want) {
		t.Errorf("taken are %q, want %q", names, want)
	}
}

func testJobLane(t *testing.T, db *DB, clock *testClock) {
	for range 3 {
		addJob(t, db, "a", "")
	}
	addJob(t, db, "b", "x")
	select {
	case <-db.JobsAdded():
	default:
		t.Error("there was no word of jobs")
	}
	got := turn(t, db, testClaim())
	wantJobs(t, got, `1 a at "", 1`, `4 b at "x", 1`)
	if string(got.Jobs[0].Payload) != "a" || !got.Jobs[0].Created.Equal(testStart) || got.Late != testStart.Add(time.Hour) || got.Next != testStart.Add(time.Minute) {
		t.Errorf("got %+v", got)
	}
	a, b := got.Jobs[0], got.Jobs[1]
	wantJobs(t, turn(t, db, testClaim()))
	// What nobody heard of comes again.
	clock.advance(time.Minute)
	wantJobs(t, turn(t, db, testClaim(), JobEnd{Job: b, What: JobDone}), `1 a at "", 2`)
	wantJobs(t, turn(t, db, testClaim(), JobEnd{Job: a, What: JobDone}), `2 a at "", 1`)
	a.ID = 2
	got = turn(t, db, testClaim(), JobEnd{Job: a, What: JobRetry, Error: "no\x00\xff", Next: clock.now.Add(time.Second)})
	wantJobs(t, got)
	clock.advance(time.Second)
	got = turn(t, db, testClaim())
	wantJobs(t, got, `2 a at "", 2`)
	if got.Jobs[0].Error != "no\uFFFD" {
		t.Errorf("the error came back as %q", got.Jobs[0].Error)
	}
	got = turn(t, db, testClaim(), JobEnd{Job: a, What: JobFailed, Error: "enough"})
	wantJobs(t, got, `3 a at "", 1`)
	turn(t, db, testClaim(), JobEnd{Job: got.Jobs[0], What: JobDone})
	if got := turn(t, db, testClaim()); len(got.Jobs) > 0 || !got.Next.IsZero() || !got.Late.IsZero() {
		t.Errorf("when all is done there is %+v", got)
	}
	ended, err := db.EndedJobs(t.Context(), "k", 10)
	if err != nil || len(ended) != 4 || ended[0].ID != 3 || ended[1].ID != 2 || !ended[1].Failed || ended[1].Error != "enough" || ended[0].Failed {
		t.Errorf("ended are %+v, %v", ended, err)
	}
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { _, err := tx.ForgetJobs(clock.now); return err })
	if ended, err := db.EndedJobs(t.Context(), "k", 10); err != nil || len(ended) > 0 {
		t.Errorf("ended are %+v, %v, want none any more", ended, err)
	}
	if id := addJob(t, db, "a", ""); id != 5 {
		t.Errorf("the next id is %d, want 5", id)
	}
}

func testJobMoved(t *testing.T, db *DB, clock *testClock) {
	move := func(id int64, by time.Duration) (ok bool) {
		write(t, db, func(tx *Tx) (err error) { ok, err = tx.MoveJob(id, clock.now.Add(by)); return err })
		return ok
	}
	drop := func(id int64) (ok bool) {
		write(t, db, func(tx *Tx) (err error) { ok, err = tx.DropJob(id); return err })
		return ok
	}
	first, second, third := addJob(t, db, "a", "x"), addJob(t, db, "a", "x"), addJob(t, db, "a", "y")
	if !move(first, time.Hour) {
		t.Error("a job that waits was not moved")
	}
	if got := turn(t, db, testClaim()); len(got.Jobs) > 0 || got.Next != clock.now.Add(time.Hour) {
		t.Errorf("a job that was moved away: %+v", got)
	}
	move(first, 0)
	got := turn(t, db, testClaim())
	wantJobs(t, got, `1 a at "x", 1`)
	if move(first, time.Hour) || drop(first) {
		t.Error("a job that is tried was moved or dropped")
	}
	if !move(third, time.Hour) || !drop(second) || drop(second) || move(second, 0) {
		t.Error("moving and dropping behind the head")
	}
	got = turn(t, db, testClaim(), JobEnd{Job: got.Jobs[0], What: JobDone})
	if len(got.Jobs) > 0 || got.Next != clock.now.Add(time.Hour) {
		t.Errorf("behind the head: %+v", got)
	}
	if !drop(third) {
		t.Error("the head was not dropped")
	}
	clock.advance(2 * time.Hour)
	if got := turn(t, db, testClaim()); len(got.Jobs) > 0 || !got.Next.IsZero() {
		t.Errorf("when all were dropped: %+v", got)
	}
}

func testJobSites(t *testing.T, db *DB, _ *testClock) {
	for _, lane := range []string{"x1", "x2", "x3", "y1", "y2", "z1"} {
		addJob(t, db, lane, lane[:1])
	}
	addJob(t, db, "own", "")
	c := testClaim()
	c.Free, c.Own = 3, 0
	got := turn(t, db, c)
	if len(got.Jobs) != 3 {
		t.Fatalf("got %+v, want three", got.Jobs)
	}
	c = testClaim()
	trying := map[string]bool{}
	for _, j := range got.Jobs {
		c.Sites[j.Site]++
		trying[j.Lane] = true
	}
	c.Trying = func(lane string) bool { return trying[lane] }
	got = turn(t, db, c)
	for _, j := range got.Jobs {
		c.Sites[j.Site]++
	}
	if c.Sites["x"] != 2 || c.Sites["y"] != 2 || c.Sites["z"] != 1 || c.Sites[""] != 1 {
		t.Errorf("of sites there are %v, want two of x and y, and what else there is", c.Sites)
	}
	wantJobs(t, turn(t, db, c))
}

func testJobAway(t *testing.T, db *DB, clock *testClock) {
	for i := range 4 {
		addJob(t, db, fmt.Sprint("x", i), "x")
	}
	got := turn(t, db, testClaim())
	if len(got.Jobs) != 2 {
		t.Fatalf("got %+v, want two", got.Jobs)
	}
	ends := []JobEnd{{Job: got.Jobs[0], What: JobAway, Error: "away"}, {Job: got.Jobs[1], What: JobAway, Error: "away"}}
	got = turn(t, db, testClaim(), ends...)
	if len(got.Jobs) > 0 || got.Next != clock.now.Add(time.Hour) {
		t.Fatalf("a site that is away: %+v", got)
	}
	addJob(t, db, "new", "x")
	wantJobs(t, turn(t, db, testClaim()))
	clock.advance(time.Hour)
	got = turn(t, db, testClaim())
	if len(got.Jobs) != 1 || got.Jobs[0].Attempts != 1 {
		t.Fatalf("to see whether it is back: %+v", got.Jobs)
	}
	got = turn(t, db, testClaim(), JobEnd{Job: got.Jobs[0], What: JobAway, Error: "away"})
	if len(got.Jobs) > 0 || got.Next != clock.now.Add(2*time.Hour) {
		t.Fatalf("away again: %+v", got)
	}
	clock.advance(2 * time.Hour)
	got = turn(t, db, testClaim())
	if len(got.Jobs) != 1 {
		t.Fatalf("to see whether it is back: %+v", got.Jobs)
	}
	got = turn(t, db, testClaim(), JobEnd{Job: got.Jobs[0], What: JobDone})
	if len(got.Jobs) != 2 {
		t.Errorf("a site that is back: %+v, want two", got.Jobs)
	}
}

func testJobLimits(t *testing.T, db *DB, _ *testClock) {
	long := func(n int) string { return string(make([]byte, n)) }
	for name, j := range map[string]NewJob{
		"no lane":      {Kind: "k", Expires: testStart},
		"no kind":      {Lane: "a", Expires: testStart},
		"no end":       {Lane: "a", Kind: "k"},
		"long lane":    {Lane: long(maxLane + 1), Kind: "k", Expires: testStart},
		"long payload": {Lane: "a", Kind: "k", Expires: testStart, Payload: make([]byte, maxPayload+1)},
	} {
		if err := db.Write(t.Context(), func(tx *Tx) error { _, err := tx.AddJob(j); return err }); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
