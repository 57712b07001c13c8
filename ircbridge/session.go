package ircbridge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// phase is where a session stands.
type phase uint8

const (
	phaseIdle       phase = iota // nothing needed a connection yet
	phaseConnecting              // until the network's greeting is read
	phaseOnline
	phaseWaiting // for the next attempt to connect
	phaseOver
)

// Bounds of what one session keeps.
const (
	maxRooms       = 200
	maxRequests    = 100 // that wait for the network's answer
	maxUndelivered = 500 // events that a user made and that the host has not taken; then Busy
)

// session is one user on one IRC network.
//
// Everything below mu is guarded by it; it is held for moments only, never while anything waits. emitMu is held while an event
// is with the host, so that events leave in the order in which they were posted; it is taken before mu, never after.
type session struct {
	t    *Transport
	net  *Network
	user transports.Address
	host transports.Host
	log  *slog.Logger
	life life // ends with the session
	// previous is closed once the user's last session on the network has left it: before that his nick is still in use there.
	previous <-chan struct{}

	emitMu sync.Mutex

	mu        sync.Mutex
	phase     phase
	closed    bool
	flushing  bool               // flushAll is running
	eager     bool               // somebody waits for the next attempt
	hinted    bool               // the user was told of a password that he wrote
	greeted   bool               // what the network greets with was shown
	queued    bool               // the user was told that he waits for his turn
	patient   bool               // the network turned us away and counts: no Join cuts the back-off short
	reason    string             // that Close gave
	abort     context.CancelFunc // of the connection that is being made, else nil
	hurry     chan struct{}      // a Join asks to end the back-off now; nil before the first one
	out       []transports.Event // posted, not yet emitted
	wanted    string             // the nick to register with
	nick      string             // the nick that the network knows us by
	charsets  *charsets
	rooms     []*room
	pending   []pending
	list      *listing
	unsent    *unsent // nil while nothing is
	watching  *watch  // nil while nobody is watched
	away      *away   // nil while the user never was
	conn      *conn   // nil while there is none
	attempts  int     // since the last stable connection
	proven    proven
	greetings []greetingEnd // what came behind it
	strict    strictPolicy  // that the network asked for without TLS
	// gate and addresses are those of the last attempt.
	gate, addresses string
	lastTry         time.Time
	nextTry         time.Time
	// Of a visit, see errand.go: the settings that are tried, and who hears every line. It is called with mu held.
	tried     map[string]string
	overhears func(e *girc.Event)
	left      chan struct{} // closed once nothing is connected any more; nil where nobody could wait for it
}

var _ transports.Session = (*session)(nil)

func newSession(t *Transport, n *Network, user transports.Address, host transports.Host) *session {
	return &session{
		t: t, net: n, user: user, host: host,
		log: t.log,
	}
}

// life is the context that ends with a session. One of the standard library would cost each session three objects; this one is asked
// for its channel only by who has to wait.
type life struct {
	mu    sync.Mutex
	ended bool
	done  chan struct{} // nil while nobody waits
}

var _ context.Context = (*life)(nil)

func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.done != nil {
		close(l.done)
	}
	l.ended = true
}

// Done implements context.Context, as do the others.
func (l *life) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.ended {
			close(l.done)
		}
	}
	return l.done
}

func (l *life) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return context.Canceled
	}
	return nil
}

func (l *life) Deadline() (t time.Time, ok bool) { return time.Time{}, false }

func (l *life) Value(any) any { return nil }

func (s *session) key() sessionKey { return sessionKey{s.user, s.net.ID} }

// Do hands a request over. It never waits for the network.
func (s *session) Do(_ context.Context, r transports.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.phase == phaseOver {
		return refused(transports.Offline, "The connection to %s has ended.", s.net.Name)
	}
	if len(s.out) >= maxUndelivered {
		return s.busy()
	}
	if s.conn != nil {
		s.conn.lastUse = time.Now()
	}
	// The helpers return *Error; a nil one must not become a non-nil error.
	posted := len(s.out)
	if err := s.do(r); err != nil {
		return err
	}
	if len(s.out) > posted {
		s.flushLater()
	}
	return nil
}

// flushLater flushes without waiting for the host, who may be waiting for Do. The session is not closed.
func (s *session) flushLater() {
	if !s.flushing {
		s.flushing = true
		s.t.running.Go(s.flushAll)
	}
}

// do is Do without the frame around it.
func (s *session) do(r transports.Request) *transports.Error {
	switch r := r.(type) {
	case transports.Join:
		return s.join(r)
	case transports.CatchUp:
		return s.catchUp(r)
	case transports.MarkRead:
		return s.markRead(r)
	case transports.Leave:
		return s.leave(r)
	case transports.Send:
		return s.send(r)
	case transports.Type:
		return s.setTyping(r)
	case transports.React:
		return s.react(r)
	case transports.Redact:
		return s.redact(r)
	case transports.SetSubject:
		return s.setSubject(r)
	case transports.SetNick:
		return s.setNick(r)
	case transports.Moderate:
		return s.moderate(r)
	case transports.Inspect:
		return s.inspect(r)
	case transports.Configure:
		return s.configure(r)
	case transports.Invite:
		return s.invite(r)
	case transports.SetAway:
		return s.setOwnAway(r)
	case transports.Watch:
		return s.watch(r)
	case transports.Enquire:
		return s.enquire(r)
	case transports.Tell:
		return s.tellClient(r)
	case transports.Raw:
		return s.raw(r)
	case transports.List:
		return s.listRooms(r)
	}
	return refused(transports.Unsupported, "IRC cannot do this.")
}

// Close ends the session: what the flood limit lets through at once still goes out, then QUIT with the reason. No event is
// emitted after it returned, so it must not be called from within Emit. It is safe to call twice.
func (s *session) Close(reason string) {
	s.mu.Lock()
	s.closeLocked(reason)
	s.mu.Unlock()
	s.emitMu.Lock() // waits for an Emit that is under way: its context has ended
	defer s.emitMu.Unlock()
}

func (s *session) closeLocked(reason string) {
	if s.closed {
		return
	}
	s.closed = true
	s.reason = reason
	s.out = nil
	s.takeUnsent()
	s.life.end()
	if s.abort != nil {
		s.abort()
	}
	if s.conn != nil {
		s.conn.interrupt()
	}
	if s.phase == phaseIdle { // it never ran
		s.setPhase(phaseOver)
	}
	s.t.forget(s, s.phase != phaseOver)
}

// post puts events behind those that the host has not taken yet. Whoever posts sees to it that flush is called.
func (s *session) post(e ...transports.Event) {
	if !s.closed && s.phase != phaseOver {
		s.out = append(s.out, e...)
	}
}

// flush hands posted events to the host, in order. It is called without mu, and blocks as long as the host does.
func (s *session) flush() {
	s.emitMu.Lock()
	defer s.emitMu.Unlock()
	for {
		s.mu.Lock()
		if s.closed || len(s.out) == 0 {
			s.mu.Unlock()
			return
		}
		e := s.out[0]
		s.out[0] = nil
		s.out = s.out[1:]
		if len(s.out) == 0 {
			s.out = nil
		}
		s.mu.Unlock()
		if err := s.host.Emit(&s.life, e); err != nil {
			s.mu.Lock()
			s.closeLocked("the gateway has no use for this connection any more")
			s.mu.Unlock()
			return
		}
	}
}

// flushAll flushes until nothing is left, for a Do that posted something.
func (s *session) flushAll() {
	for {
		s.flush()
		s.mu.Lock()
		if s.closed || len(s.out) == 0 {
			s.flushing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// setPhase moves the session and its gauges on.
func (s *session) setPhase(p phase) {
	if name := s.phase.String(); name != "" {
		s.t.metrics.sessions.WithLabelValues(name).Dec()
	}
	s.phase = p
	if name := p.String(); name != "" {
		s.t.metrics.sessions.WithLabelValues(name).Inc()
	}
}

// String is the label in metrics; phases that are not counted have none.
func (p phase) String() string {
	switch p {
	case phaseConnecting:
		return "connecting"
	case phaseOnline:
		return "online"
	case phaseWaiting:
		return "waiting"
	}
	return ""
}

// busy is the answer where a bounded queue is full.
func (s *session) busy() *transports.Error {
	return refused(transports.Busy, "Too much is waiting to be sent to %s: try again in a moment.", s.net.Name)
}

// offline says why nothing can be sent now.
func (s *session) offline() *transports.Error {
	switch s.phase {
	case phaseConnecting:
		return refused(transports.Offline, "You are not connected to %s yet: connecting.", s.net.Name)
	case phaseWaiting:
		return refused(transports.Offline, "You are not connected to %s: reconnecting in %d s.", s.net.Name,
			max(1, int(time.Until(s.nextTry).Round(time.Second).Seconds())))
	case phaseIdle:
		return refused(transports.Offline, "You are not connected to %s: join a channel first.", s.net.Name)
	}
	return refused(transports.Offline, "You are not connected to %s.", s.net.Name)
}

// lookup finds the room that the network calls name, among those that the user is in or entering.
func (s *session) lookup(name string) *room {
	var m casemap
	if s.conn != nil {
		m = s.conn.isup.casemap
	}
	for _, r := range s.rooms {
		if m.equal(r.name, name) {
			return r
		}
	}
	return nil
}

// room finds a room by the target that requests and events name it by.
func (s *session) room(t transports.Target) *room {
	for _, r := range s.rooms {
		if r.target == t {
			return r
		}
	}
	return nil
}

// removeRoom forgets a room.
func (s *session) removeRoom(gone *room) {
	for i, r := range s.rooms {
		if r == gone {
			s.rooms = append(s.rooms[:i:i], s.rooms[i+1:]...)
			break
		}
	}
	if c := s.conn; c != nil && len(s.rooms) == 0 {
		c.lastUse = time.Now()
		s.wakeBy(c, c.lastUse.Add(idleTimeout))
	}
}
