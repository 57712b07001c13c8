package component

import (
	"container/heap"
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/internal/c2s"
	"passerelle/store"
	"passerelle/transports"
)

// Following by login: the gateway is a client of the user's for a moment, without presence, reads what came since it was there last and leaves
// (follow_visit.go). It comes when the user's server pushes (XEP-0357), when somebody wants to know, and where a server does not push every few
// minutes. Nobody is kept logged in.

// Times and bounds of visits.
const (
	visitPoll    = 5 * time.Minute  // between visits where the server does not push
	visitCheck   = time.Hour        // and where it does: whether it still would
	visitLater   = time.Minute      // after asking it to: ejabberd does not push what comes while the session that asked is there
	visitPause   = 30 * time.Second // between visits that pushes ask for
	visitSoon    = time.Second      // after a push: more may follow, and the archive is written after it
	visitTime    = 3 * time.Minute  // for a visit
	visitFresh   = 5 * time.Second  // for which a visit has told who wants to know everything
	maxVisitWait = time.Hour        // between tries where one fails
	visitGiveUp  = 48 * time.Hour   // of failures until the way is lost

	maxVisits       = 16  // at a time
	maxServerVisits = 4   // to one server at a time
	keptTold        = 200 // marks that are kept for who wants to know the same a moment later
	visitsPerSecond = 20  // after a start, or a gap: they do not all come at once
)

// logins are the users whom a gateway visits. Safe to call from any goroutine.
type logins struct {
	fs     *followers
	client *c2s.Client
	work   chan struct{} // something changed for the scheduler; capacity 1
	seed   maphash.Seed

	mu      sync.Mutex
	guests  map[transports.Address]*guest
	queue   guestQueue
	busy    int
	servers map[string]*visited
	over    bool
}

// visited is a server at which visits are.
type visited struct {
	busy int
	held []*guest // who are due and wait for one of them to end
}

// guest is a user who is visited. What a visit needs is its own while it runs.
type guest struct {
	user transports.Address

	// Of the scheduler, guarded by its mu.
	due     time.Time
	place   int // in its queue; -1 for none
	held    bool
	busy    bool
	gone    bool           // he is followed so no more
	pushed  bool           // his server has pushed since the last visit began
	again   bool           // it is to be asked again to push
	wanted  []chan<- visit // by whom, of a visit that is still to begin
	serving []chan<- visit // and of the one that runs
	began   time.Time      // the last visit
	told    time.Time      // and when it was made that told this; zero where that is not kept
	last    visit

	// Of the visit.
	row      store.Followed
	alerted  bool // a push is why it is made
	register bool // his server is asked to push
	pushes   bool // it does, as far as is known
	confirm  bool // the next visit looks for what came while it was asked
	fails    int
	failing  time.Time // since when
	marks    map[uint64]uint64
}

// visit is what a visit has told.
type visit struct {
	marks []transports.ReadMark
	more  bool // there is more than one takes
	err   error
}

// guestQueue is who is visited when, a heap.
type guestQueue []*guest

func (q guestQueue) Len() int           { return len(q) }
func (q guestQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q guestQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *guestQueue) Push(x any) {
	n := x.(*guest)
	n.place = len(*q)
	*q = append(*q, n)
}

func (q *guestQueue) Pop() any {
	old := *q
	n := old[len(old)-1]
	old[len(old)-1] = nil
	n.place = -1
	*q = old[:len(old)-1]
	return n
}

func newLogins(fs *followers, client *c2s.Client) *logins {
	return &logins{
		fs: fs, client: client, work: make(chan struct{}, 1), seed: maphash.MakeSeed(), guests: make(map[transports.Address]*guest), servers: make(map[string]*visited),
	}
}

// begin has a user visited, or as he is followed from now on; the first time after some time.
func (l *logins) begin(user transports.Address, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(user)
	n := &guest{user: user, register: true, place: -1}
	l.guests[user] = n
	l.schedule(n, after)
}

// end has a user visited no more. A visit that is there may still be for some moments: then over tells when it has ended, else it is nil.
func (l *logins) end(user transports.Address) (over <-chan visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.guests[user]; n != nil && n.busy {
		c := make(chan visit, 1)
		n.serving, over = append(n.serving, c), c
	}
	l.remove(user)
	return over
}

// remove is end while mu is held.
func (l *logins) remove(user transports.Address) {
	n := l.guests[user]
	if n == nil {
		return
	}
	delete(l.guests, user)
	n.gone = true
	if n.place >= 0 {
		heap.Remove(&l.queue, n.place)
	}
	if !n.busy {
		n.tell(visit{err: errNotFollowed})
	}
}

// tell says what a visit has told to who waits for one.
func (n *guest) tell(v visit) {
	for _, c := range n.wanted {
		c <- v // it has room
	}
	n.wanted = nil
}

// schedule has a visit after some time, or sooner where one is due sooner. It is called while mu is held.
func (l *logins) schedule(n *guest, after time.Duration) {
	due := time.Now().Add(after)
	switch {
	case n.gone || n.held:
		return
	case n.busy:
		if n.due.IsZero() || due.Before(n.due) {
			n.due = due // when it has ended
		}
		return
	case n.place < 0:
		n.due = due
		heap.Push(&l.queue, n)
	case due.Before(n.due):
		n.due = due
		heap.Fix(&l.queue, n.place)
	}
	poke(l.work)
}

// alert takes a push of a user's server: something came for him.
func (l *logins) alert(user transports.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.guests[user]; n != nil {
		n.pushed = true
		l.schedule(n, max(visitSoon, time.Until(n.began.Add(l.fs.g.opt.Timing.VisitPause))))
	}
}

// said has what a user says brought out.
func (l *logins) said(user transports.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.guests[user]; n != nil {
		l.schedule(n, 0)
	}
}

// gap is told that pushes may have been lost, and with them what servers know of us: ejabberd forgets whom to push to at the first push that
// does not arrive. It is so after each start, too.
func (l *logins) gap() {
	followed := l.fs.followedBy(transports.WayLogin)
	l.mu.Lock()
	defer l.mu.Unlock()
	spread := time.Second + time.Duration(len(followed))*time.Second/visitsPerSecond
	for _, user := range followed {
		n := l.guests[user]
		if n == nil {
			n = &guest{user: user, place: -1}
			l.guests[user] = n
		}
		n.again = true
		l.schedule(n, rand.N(spread))
	}
}

// now visits a user, or takes what a visit has told that began a moment ago.
func (l *logins) now(ctx context.Context, user transports.Address) (visit, error) {
	answer := make(chan visit, 1)
	l.mu.Lock()
	n := l.guests[user]
	if row, ok := l.fs.of(user); n == nil && ok && transports.Way(row.Way) == transports.WayLogin && !l.over {
		n = &guest{user: user, register: true, place: -1} // there was no stream yet by which his server could push
		l.guests[user] = n
	}
	switch {
	case n == nil:
		l.mu.Unlock()
		return visit{}, errNotFollowed
	case !n.busy && time.Since(n.told) < min(visitFresh, l.fs.g.opt.Timing.VisitPause):
		defer l.mu.Unlock()
		return n.last, nil
	}
	n.wanted = append(n.wanted, answer)
	l.schedule(n, 0)
	l.mu.Unlock()
	select {
	case v := <-answer:
		return v, v.err
	case <-ctx.Done():
		return visit{}, context.Cause(ctx) // the answer has room to come
	}
}

// run visits until ctx ends, and returns when the last visit has ended.
func (l *logins) run(ctx context.Context) {
	var visits sync.WaitGroup
	defer visits.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for {
			n, wait := l.take()
			if n == nil {
				timer.Reset(wait)
				break
			}
			visits.Go(func() {
				v, next := l.visit(ctx, n)
				l.done(n, v, next)
			})
		}
		select {
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			l.over = true
			for user := range l.guests {
				l.remove(user)
			}
			return
		case <-timer.C:
		case <-l.work:
		}
	}
}

// take is who is visited next, or how long nobody is.
func (l *logins) take() (*guest, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy < maxVisits && len(l.queue) > 0 {
		n := l.queue[0]
		if wait := time.Until(n.due); wait > 0 {
			return nil, wait
		}
		heap.Pop(&l.queue)
		s := l.servers[n.user.Domain]
		if s == nil {
			s = &visited{}
			l.servers[n.user.Domain] = s
		}
		if s.busy == maxServerVisits {
			n.held = true
			s.held = append(s.held, n)
			continue
		}
		s.busy++
		l.busy++
		n.busy, n.began, n.due = true, time.Now(), time.Time{}
		n.serving, n.wanted = n.wanted, nil
		n.register, n.again = n.register || n.again, false
		n.alerted, n.pushed = n.pushed, false
		return n, 0
	}
	return nil, visitCheck
}

// done takes what a visit has told, and sees to the next one.
func (l *logins) done(n *guest, v visit, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
	s := l.servers[n.user.Domain]
	s.busy--
	for len(s.held) > 0 {
		first := s.held[0]
		s.held, first.held = s.held[1:], false
		if !first.gone {
			l.schedule(first, 0)
			break
		}
	}
	if s.busy == 0 && len(s.held) == 0 {
		delete(l.servers, n.user.Domain)
	}
	n.busy, n.last, n.told = false, visit{}, time.Time{}
	if v.err == nil && !v.more && len(v.marks) <= keptTold {
		n.last, n.told = v, n.began
	}
	for _, c := range n.serving {
		c <- v // it has room
	}
	n.serving = nil
	poke(l.work)
	if n.gone {
		n.tell(visit{err: errNotFollowed})
		return
	}
	if len(n.wanted) > 0 { // by who came while the visit had read already
		next = 0
	}
	if !n.due.IsZero() {
		next = min(next, time.Until(n.due))
	}
	n.due = time.Time{}
	l.schedule(n, next)
}
