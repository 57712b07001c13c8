package ircbridge

import (
	"context"
	"errors"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// An errand is something that a user has done on a network beside his session: a login is tried, a certificate made known, an account
// registered. It has connections of its own, under a nick that nobody knows, so that whatever comes of it the session goes on as it was, and
// what is set changes only once it is known to work.

// Bounds of errands.
const (
	maxErrands    = 32 // of all users at a time; with one more the user is told to come later
	maxErrandsOf  = 3  // of one user, on as many networks: each waits for what may never answer
	errandsAtOnce = 10 // of a user on a network within errandsWithin: each connects, and may try a password
	errandsWithin = 10 * time.Minute
	errandTimeout = 5 * time.Minute // with the time that it waits for its turn to connect
	maxHeardLines = 500             // that an errand has not looked at yet; further ones are lost, and it runs into its timeout
	answerTimeout = 30 * time.Second
)

// errand begins one, of which a user has one on a network at a time.
func (t *Transport) errand(user transports.Address, n *Network, do func(ctx context.Context) (then func())) *transports.Error {
	key := sessionKey{user.Bare(), n.ID}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return refused(transports.Offline, "The gateway is shutting down.")
	case t.errands[key] != nil:
		return refused(transports.Busy, "The last thing that you asked for on %s is still being done: wait until you are told what came of it.", n.Name)
	case t.errandsOf(user) >= maxErrandsOf:
		return refused(transports.Busy, "The last things that you asked for on other networks are still being done: wait until you are told what came of them.")
	case len(t.errands) >= maxErrands:
		return refused(transports.Busy, "Others are being logged in at the moment: try again in a minute.")
	}
	if wait := t.errandsDone.wait(key, time.Now()); wait > 0 {
		return refused(transports.Policy, "You have tried that often on %s: try again in %d s.", n.Name, int(wait.Seconds())+1)
	}
	if t.errands == nil {
		t.errands = make(map[sessionKey]context.CancelFunc)
	}
	ctx, cancel := context.WithTimeout(context.Background(), errandTimeout)
	t.errands[key] = cancel
	t.running.Go(func() {
		then := do(ctx)
		cancel()
		t.mu.Lock()
		delete(t.errands, key)
		t.mu.Unlock()
		then() // who is told what came of it may begin the next one at once
	})
	return nil
}

// errandsOf is how many a user has. It is called with mu held.
func (t *Transport) errandsOf(user transports.Address) (n int) {
	for key := range t.errands {
		if key.user == user.Bare() {
			n++
		}
	}
	return n
}

// errandTimes is when the last errands of users began.
type errandTimes map[sessionKey][]time.Time

// wait notes that one begins, or says in how long it may.
func (e *errandTimes) wait(key sessionKey, now time.Time) time.Duration {
	if *e == nil {
		*e = make(errandTimes)
	}
	for k, times := range *e { // at most errandsAtOnce of each of those who did something lately
		if now.Sub(times[len(times)-1]) > errandsWithin {
			delete(*e, k)
		}
	}
	times := (*e)[key]
	if len(times) == errandsAtOnce {
		if wait := errandsWithin - now.Sub(times[0]); wait > 0 {
			return wait
		}
		times = times[1:]
	}
	(*e)[key] = append(times, now)
	return 0
}

// visit is one connection of an errand. It belongs to the errand's goroutine.
type visit struct {
	s      *session
	lines  chan *girc.Event // what the network says
	online chan struct{}    // it let us in, logged in where a login is set
	over   chan struct{}    // closed at the end of the connection
	why    *cause           // of it, once over

	borrowed bool // it is the session of the user, which goes on
}

// visit connects with settings in place of those that the user has, and waits until he is let in. Whoever gets a visit closes it.
func (t *Transport) visit(ctx context.Context, user transports.Address, n *Network, set map[string]string) (*visit, *transports.Error) {
	v := &visit{lines: make(chan *girc.Event, maxHeardLines), online: make(chan struct{}, 1), over: make(chan struct{})}
	v.s = newSession(t, n, user.Bare(), v)
	v.s.tried, v.s.wanted, v.s.eager = set, alternateNick(sanitizeNick(user.Local, maxNickName), maxNickTries, 0), true
	v.s.overhears = v.overhear
	t.running.Go(func() {
		defer close(v.over)
		defer v.s.life.end()
		c, why := v.s.connect()
		if why == nil {
			for why == nil { // it does not matter that nothing comes for a while
				why = v.s.serve(c)
			}
			v.s.hangUp(c, why)
		}
		v.s.mu.Lock()
		v.s.setPhase(phaseOver)
		v.s.mu.Unlock()
		v.why = why
	})
	select {
	case <-v.online:
		return v, nil
	case <-v.over:
		return v, v.why.err
	case <-ctx.Done():
		return v, refused(transports.Offline, "%s did not let you in in time.", n.Name)
	}
}

// Emit implements transports.Host: of what happens on a visit, only that the network let us in is of interest.
func (v *visit) Emit(_ context.Context, e transports.Event) error {
	if state, ok := e.(transports.State); ok && state.Online {
		select {
		case v.online <- struct{}{}:
		default:
		}
	}
	return nil
}

// overhear takes what the network says. It never waits.
func (v *visit) overhear(e *girc.Event) {
	select {
	case v.lines <- e:
	default:
	}
}

// close says good-bye, and waits until the connection is gone. It may be called twice.
func (v *visit) close() {
	if v.borrowed {
		v.s.mu.Lock()
		v.s.overhears = nil
		v.s.mu.Unlock()
		return
	}
	v.s.Close("done")
	<-v.over
}

// say sends a line.
func (v *visit) say(line string) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if c := v.s.conn; c != nil {
		c.enqueue(outLine{text: line})
		v.s.startWriter(c)
	}
}

// errSilent is a network, or services, that do not answer.
var errSilent = errors.New("no answer")

// hear passes over what the network says until done is content. What it says within answerTimeout has to do.
func (v *visit) hear(ctx context.Context, done func(e *girc.Event) bool) *transports.Error {
	timer := time.NewTimer(answerTimeout)
	defer timer.Stop()
	for {
		select {
		case e := <-v.lines:
			if done(e) {
				return nil
			}
		case <-v.over:
			for { // what it said before
				select {
				case e := <-v.lines:
					if done(e) {
						return nil
					}
					continue
				default:
				}
				return v.why.err
			}
		case <-timer.C:
			return refused(transports.Offline, "%s did not answer.", v.s.net.Name).Because(errSilent)
		case <-ctx.Done():
			return refused(transports.Offline, "%s did not answer in time.", v.s.net.Name).Because(context.Cause(ctx))
		}
	}
}

// self is how the network knows the visitor: by that nick, and logged in to that account.
func (v *visit) self() (nick, account string) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if c := v.s.conn; c != nil {
		account = c.account
	}
	return v.s.nick, account
}

// login is that of the visit, nil where it did not get so far.
func (v *visit) login() *login {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.s.conn == nil {
		return nil
	}
	return v.s.conn.login
}
