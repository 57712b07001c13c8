package ircbridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"time"

	"passerelle/transports"
)

// run is the session's goroutine: it connects, reads, and connects again, until there is nothing left to do.
func (s *session) run() {
	if err, ok := s.takeTurn(); err != nil {
		s.turnedAway(err)
		s.flush()
	} else if ok && s.connections(nil) {
		return
	}
	s.end()
}

// end is the last that the session does.
func (s *session) end() {
	s.mu.Lock()
	s.setPhase(phaseOver)
	s.mu.Unlock()
	s.life.end()
	s.t.hasLeft(s)
}

// connections is one connection after the other, c the first of them where there is one already. It reports true where another goroutine
// goes on, as the session's.
func (s *session) connections(c *conn) (goesOn bool) {
	for {
		var why *cause
		if c == nil {
			c, why = s.connect()
		}
		if why == nil {
			if why = s.serve(c); why == nil {
				s.rest(c)
				return true
			}
			s.hangUp(c, why)
			s.strictAgain(c)
			if s.upgraded(c, why) {
				c = nil
				continue
			}
		}
		retry := s.disconnected(c, why)
		s.flush()
		if retry == 0 || !s.pause(retry) {
			return false
		}
		c = nil
	}
}

// connect makes a connection and begins to register.
func (s *session) connect() (*conn, *cause) {
	// No child of the session's context, which would keep what it takes to have children for as long as the session lives.
	ctx, abort := context.WithCancel(context.Background())
	defer abort()
	s.mu.Lock()
	s.setPhase(phaseConnecting)
	s.lastTry = time.Now()
	if s.abort = abort; s.closed {
		abort()
	}
	s.mu.Unlock()
	known, err := s.t.network("", s.net.ID) // as it is by now
	if err != nil {
		return nil, &cause{err: transports.AsError(err), final: true}
	}
	set, encodings, err := s.settings(ctx)
	if err != nil {
		return nil, &cause{err: refused(transports.Internal, "Your settings cannot be read now.").Because(err)}
	}
	kept := readPolicy(set[settingSTS])
	set = s.withStrict(set)
	n, why := s.t.asSet(known, set)
	if why != nil {
		return nil, why
	}
	login, why := newLogin(n, set)
	if why != nil {
		return nil, why
	}
	shown, why := certificates(n, set)
	if why != nil {
		return nil, why
	}
	nc, why := s.dial(ctx, n, shown)
	if why != nil {
		return nil, why
	}
	c := newConn(nc, n, &s.t.buffers, s.t.burst(set))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort = nil
	s.conn, s.charsets = c, s.readCharsets(set, encodings)
	if s.closed {
		c.interrupt()
		return c, nil
	}
	if why := s.barred(c); why != nil { // the operator has changed his mind meanwhile
		c.bar(why)
	}
	s.hinted = s.hinted || set[settingHinted] != ""
	c.login, c.after = login, afterConnect(set)
	c.strict.kept = kept
	c.showsClient = set[SettingShowClient] == "true"
	s.register(c, set)
	s.wakeBy(c, c.begun.Add(registrationTimeout))
	return c, nil
}

func closedMeanwhile() *cause { return &cause{err: refused(transports.Gone, "Closed."), final: true} }

// settings are what the user configured for the network, and the encodings that he set anywhere, by name and scope. The store is asked here,
// where nobody waits for the session.
func (s *session) settings(ctx context.Context) (set map[string]string, encodings map[string]map[string]string, err error) {
	switch {
	case s.tried != nil:
		return maps.Clone(s.tried), nil, nil
	case s.t.opt.Settings == nil:
		return nil, nil, nil
	}
	set, encodings, err = s.t.opt.Settings.LoadWith(ctx, s.user, Scope(s.net.ID), SettingEncodingIn, SettingEncodingOut)
	if err != nil {
		return nil, nil, fmt.Errorf("load settings: %w", err)
	}
	return set, encodings, nil
}

// serve reads until the connection is of no use any more, and says why; nil where it rests.
func (s *session) serve(c *conn) *cause {
	for {
		line, err := c.next()
		why := s.step(c, line, err)
		if why == nil {
			why = s.respond(c)
		}
		s.keepStrict(c, "")
		s.flush()
		if why != nil || c.resting {
			return why
		}
	}
}

// step takes a line, or the error instead of one.
func (s *session) step(c *conn, line []byte, err error) *cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return closedMeanwhile()
	case err == nil:
		s.t.metrics.in.Inc()
		c.heard = time.Now()
		c.pinged, c.spoke, c.unsure = time.Time{}, time.Time{}, 0
		c.late = false
		if c.restBy.IsZero() && c.mayRest() {
			c.restBy = c.heard.Add(restAfter)
			s.wakeBy(c, c.restBy)
		}
		text := decode(line, s.decode)
		if s.tracing() {
			s.trace("received", text)
		}
		s.handle(c, text)
		return c.fault
	case errors.Is(err, os.ErrDeadlineExceeded):
		if c.broken != nil || c.fault != nil {
			return c.lost(s.net, c.broken)
		}
		now := time.Now()
		if !c.late && now.Sub(c.deadline) > lateTimeout {
			// The host kept us from reading: what the network said meanwhile is heard before it is blamed for silence.
			c.late = true
			c.expireAt(now.Add(lateTimeout))
			return nil
		}
		c.late = false
		return s.expire(c, now)
	default:
		return c.lost(s.net, fmt.Errorf("read from irc network: %w", err))
	}
}

// expire does what is due, and sets the deadline of reading to what is due next.
func (s *session) expire(c *conn, now time.Time) *cause {
	silent := func(text string) *cause { return &cause{err: refused(transports.Offline, text, s.net.Name)} }
	next := c.heard.Add(silenceTimeout)
	switch {
	case !c.pinged.IsZero():
		next = c.pinged.Add(pongTimeout)
	case !c.spoke.IsZero() && c.spoke.Add(spokeTimeout).Before(next):
		next = c.spoke.Add(spokeTimeout)
	}
	// due reports whether t has come; if not, the session wakes for it.
	due := func(t time.Time) bool {
		if t.IsZero() {
			return false
		}
		if !t.After(now) {
			return true
		}
		if t.Before(next) {
			next = t
		}
		return false
	}
	if l := c.login; l.pending() && due(l.by) {
		if s.giveUpLogin(c, silent("%s does not answer the login: try again later.").err, false); c.fault != nil {
			return c.fault
		}
	}
	if !c.registered && due(c.begun.Add(registrationTimeout)) {
		return silent("%s answers, but does not let anybody in.")
	}
	if !c.restBy.IsZero() {
		c.restBy = c.heard.Add(restAfter)
		if due(c.restBy) {
			c.resting, c.restBy = true, time.Time{}
		}
	}
	if due(next) {
		if !c.pinged.IsZero() {
			return silent("The connection to %s was lost: it does not answer.")
		}
		c.pinged = now
		c.urgent = append(c.urgent, "PING :"+s.nick) // RFC 2812 §3.7.2
		s.startWriter(c)
		next = now.Add(pongTimeout)
	}
	if c.registered && !c.ready && due(c.readyBy) {
		s.ready(c)
	}
	for _, r := range s.rooms { // removeRoom leaves the slice that is walked over alone
		if r.enter != nil && due(r.enter.by) {
			if r.enter.named {
				s.enter(c, r)
			} else {
				s.joinTimedOut(c, r)
			}
		}
		if due(r.again) {
			s.rejoin(c, r)
		}
		if due(r.syncAt) {
			s.sync(c, r)
		}
	}
	for i := 0; i < len(s.pending); {
		p := s.pending[i]
		if !due(p.by) {
			i++
			continue
		}
		s.pending = slices.Delete(s.pending, i, i+1)
		switch {
		case p.raw != nil && p.raw.open: // what there is of the answer
			s.post(p.raw.answer)
		case p.kind == requestEnquire:
			s.post(transports.Done{Ref: p.ref, Err: refused(transports.Offline, "%s does not answer: not every client does.", p.nick)})
		case p.ref != 0:
			s.post(transports.Done{Ref: p.ref, Err: silent("%s did not answer.").err})
		}
	}
	s.expirePast(c, due)
	if s.list != nil && due(s.list.by) {
		s.listFailed(silent("%s did not list its channels in time.").err)
	}
	for len(c.inflight) > 0 && due(c.inflight[0].by) {
		ref := c.inflight[0].ref
		c.dropSend(ref)
		if ref != 0 {
			s.post(transports.Done{Ref: ref, Err: silent("%s did not confirm the message: it may be lost.").err})
		}
	}
	if due(c.wish.next) {
		s.regain(c)
		due(c.wish.next)
	}
	if s.watching != nil && due(s.watching.nextPoll) {
		s.poll(c)
		due(s.watching.nextPoll)
	}
	if c.ready && due(s.awayDue()) {
		s.tellAway(c, now)
		due(s.awayDue())
	}
	if due(c.typingDue()) {
		s.tellTyping(c, now)
		due(c.typingDue())
	}
	if due(c.typersDue()) {
		s.showTyping(c, now)
		due(c.typersDue())
	}
	if !c.can(capAwayNotify) && due(c.nextWho) {
		s.askWhoAgain(c)
		due(c.nextWho)
	}
	if s.idle(c) && due(c.lastUse.Add(c.idleTimeout())) {
		return &cause{err: refused(transports.Gone, "Left %s, since you are in none of its channels.", s.net.Name), final: true}
	}
	c.expireAt(next)
	return nil
}

// idle reports whether there is no reason to be connected.
func (s *session) idle(c *conn) bool {
	for _, r := range s.rooms {
		if r.state != roomLeaving {
			return false
		}
	}
	return c.ready && len(s.pending) == 0 && s.list == nil && len(c.queue) == 0 && len(c.inflight) == 0
}

// idleTimeout is how long there has to be no reason to be connected.
func (c *conn) idleTimeout() time.Duration {
	if c.talks {
		return talkTimeout
	}
	return idleTimeout
}

// wakeBy sees to it that expire runs at t at the latest.
func (s *session) wakeBy(c *conn, t time.Time) {
	if !s.closed && c == s.conn && (c.deadline.IsZero() || t.Before(c.deadline)) {
		c.expireAt(t)
	}
}

// hangUp ends a connection: with QUIT where it is the session that ends it, and within quitTimeout.
func (s *session) hangUp(c *conn, why *cause) {
	s.mu.Lock()
	c.dead = true
	deadline := time.Now().Add(quitTimeout)
	_ = c.nc.SetDeadline(deadline) // an error shows when writing
	reason, polite := s.reason, s.closed || why.err.Kind == transports.Gone
	if c.barred && !s.closed {
		reason, polite = "the gateway may not connect here any more", true
	}
	var written chan struct{}
	if c.writing {
		written = make(chan struct{})
		c.written = written
		c.hurry()
	}
	s.mu.Unlock()
	if written != nil {
		<-written // it sees dead, or its write runs into the deadline
	}
	if polite {
		s.quit(c, reason)
	}
	// Closing TLS politely may take five seconds on a stalled connection; QUIT said all there is to say.
	nc := c.nc
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	if err := nc.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("close irc connection", "network", s.net.ID, "error", err)
	}
	c.lines.release()
}

// maxFarewell bounds what is read after QUIT.
const maxFarewell = 1 << 20

// quit says good-bye, with what the flood limit lets through at once before it, and waits for the network to close.
func (s *session) quit(c *conn, reason string) {
	s.mu.Lock()
	var buf []byte
	for {
		lines, _ := s.take(c, nil, time.Now())
		if len(lines) == 0 {
			break
		}
		buf = s.appendLines(buf, lines)
	}
	s.mu.Unlock()
	s.mu.Lock()
	quit := s.encode("QUIT :" + oneLine(reason, maxSetting)) // RFC 2812 §3.1.7
	s.mu.Unlock()
	if s.tracing() {
		s.trace("sent", quit)
	}
	buf = appendLine(buf, quit)
	if _, err := c.nc.Write(buf); err != nil {
		return
	}
	// Closing at once with something left to read would reset the connection, and the network might never see the QUIT. But
	// one that goes on talking is not listened to for long.
	if _, err := io.CopyN(io.Discard, c.nc, maxFarewell); err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("irc network did not close after quit", "network", s.net.ID, "error", err)
	}
}

// disconnected tells everybody who waits that the link is down, and says in how long to try again, or zero for never.
func (s *session) disconnected(c *conn, why *cause) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && (c == nil || !c.ready) {
		s.t.metrics.connects.WithLabelValues(s.net.label(), result(why)).Inc()
		if c != nil && (why.err.Kind == transports.Full || why.err.Kind == transports.Offline) {
			s.t.gates.turnedAway(s.gate, s.user)
		}
	}
	s.failAll(c, why.err)
	s.conn = nil
	if s.watching != nil {
		s.watching.byNick, s.watching.nextPoll = nil, time.Time{}
	}
	keep := s.rooms[:0:0]
	for _, r := range s.rooms {
		if r.entered || r.lasting {
			r.state, r.enter, r.catch, r.parts, r.again, r.rejoins, r.syncAt, r.syncs = roomLost, nil, nil, 0, time.Time{}, 0, time.Time{}, 0
			keep = append(keep, r)
		}
	}
	s.rooms = keep
	retry := s.backOff(c, why)
	if s.closed || why.final || len(keep) == 0 {
		s.post(transports.State{Err: why.err})
		s.over()
		s.log.Debug("irc session over", "network", s.net.ID, "reason", why.err.Text)
		return 0
	}
	s.hurry = make(chan struct{}, 1)
	s.post(transports.State{Err: c.doubt(why.err), Retry: retry})
	s.setPhase(phaseWaiting)
	s.log.Debug("irc session lost its link", "network", s.net.ID, "retry", retry, "reason", why.err.Text)
	return retry
}

// doubt adds to why a connection is gone what may have gone with it: on a network without echo a message counts as said once it is written, and
// a dead line takes what is written for minutes.
func (c *conn) doubt(why *transports.Error) *transports.Error {
	if c == nil || c.unsure == 0 {
		return why
	}
	if c.unsure > 1 {
		return refused(why.Kind, "%s Your last %d messages may not have arrived.", why, c.unsure).Because(why.Err)
	}
	return refused(why.Kind, "%s What you said last may not have arrived.", why).Because(why.Err)
}

// over ends the session before the host is told, who may open another one at once. Nothing is posted behind this.
func (s *session) over() {
	s.setPhase(phaseOver)
	s.t.forget(s, false)
}

// backOff is how long to wait for the next attempt, whether this session makes it or the user's next one.
func (s *session) backOff(c *conn, why *cause) time.Duration {
	stable := c != nil && c.ready && time.Since(c.since) >= stableTime
	if stable {
		s.attempts = 0
	}
	// Who was turned away is turned away again, and counted.
	if s.patient = c != nil && !c.barred && (why.patient || why.err.Kind == transports.Full || why.err.Kind == transports.Denied); s.patient {
		s.attempts = max(s.attempts, throttledAttempts)
	}
	now := time.Now()
	if stable && s.closed {
		s.t.notePace(s, now, nil) // he may come back at once
		return 0
	}
	retry := backoff(s.attempts)
	if why.unreachable {
		retry = jitter(probeAfter(s.attempts))
	}
	s.attempts++
	s.nextTry = now.Add(retry)
	next := s.nextTry
	if !s.patient {
		next = now
		if n := s.attempts - freeAttempts; n > 0 {
			next = now.Add(backoff(n - 1))
		}
	}
	s.t.notePace(s, next, why.err)
	return retry
}

// failAll answers every request that waits with the error, each once.
func (s *session) failAll(c *conn, err *transports.Error) {
	failed := make(map[transports.Ref]bool)
	fail := func(ref transports.Ref) {
		if ref != 0 && !failed[ref] {
			failed[ref] = true
			s.post(transports.Done{Ref: ref, Err: err})
		}
	}
	if c != nil {
		for _, p := range c.inflight {
			fail(p.ref)
		}
		for _, line := range c.queue {
			if line.part != nil {
				fail(line.part.ref)
			}
		}
	}
	for _, p := range s.pending {
		fail(p.ref)
	}
	s.pending = nil
	for _, q := range s.takeUnsent() {
		fail(q.Ref)
	}
	for _, r := range s.rooms {
		if r.enter != nil {
			for _, ref := range r.enter.refs {
				fail(ref)
			}
		}
	}
	s.listFailed(err)
}

// backoff is 1, 2, 4 … 300 s, a fifth more or less: a thousand users of a network must not come back in the same second.
func backoff(attempt int) time.Duration {
	d := maxRetry
	if attempt < 9 {
		d = min(maxRetry, minRetry<<attempt)
	}
	return jitter(d)
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// pause waits for the next attempt, or until somebody else reaches a network that could not be reached; false when the session is closed
// meanwhile.
func (s *session) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	s.mu.Lock()
	hurry, reached := s.hurry, s.t.outages.over(s.addresses)
	s.mu.Unlock()
	select {
	case <-timer.C:
	case <-reached:
	case <-hurry:
		s.mu.Lock()
		s.eager = true
		s.mu.Unlock()
	case <-s.life.Done():
		return false
	}
	return true
}

// hurryUp ends the pause before the next attempt.
func (s *session) hurryUp() {
	select {
	case s.hurry <- struct{}{}:
	default: // it was asked already
	}
}

// label is the network's name in metrics.
func (n *Network) label() string {
	if n.configured {
		return n.ID
	}
	return otherNetwork
}

// result is the word for a failed attempt in metrics.
func result(why *cause) string {
	switch why.err.Kind {
	case transports.NoServer:
		return "no_server"
	case transports.Offline:
		return "offline"
	default:
		return "refused"
	}
}
