package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"passerelle/component/avatar"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// Bounds of the two queues of a user, also in bytes. Stanzas are refused when theirs is full (the sender is told), network events wait (the network
// is told by TCP): with one queue for both, a flood in a channel would refuse its users' own stanzas.
const (
	maxStanzas     = 256
	maxStanzaBytes = 2 << 20 // one stanza may be larger and is taken where nothing else waits
	maxEvents      = 256
	maxEventBytes  = 8 << 20 // likewise
)

// flushBytes is how much output is collected before it is handed to the stream.
const flushBytes = 64 << 10

// pourFrom is how much output of one user goes to the stream in pieces, others' in between: the occupants of a room of some thousands.
const pourFrom = 512 << 10

// user is one person on one domain: a bare JID, with his clients, sessions and rooms. Its state belongs to one goroutine, which runs
// while a queue holds something and ends when both are empty, so that a user at rest costs no stack.
type user struct {
	g   *Gateway
	jid transports.Address // bare

	mu      sync.Mutex
	stanzas []inbound
	bytes   int // of stanzas
	events  []networkEvent
	weight  int      // of events
	posts   []func() // work from within the gateway; few, never refused
	running bool
	retired bool          // removed from the gateway's table
	space   chan struct{} // closed when an event was taken from a full queue; nil while nobody waits

	share  *keptShare // of the archive; nil before he has one
	viewer avatar.Viewer

	// What follows belongs to the running goroutine.
	denied        bool // may not use the gateway, see access.go
	absent        bool // has rooms to come back to, see stay.go
	moved         bool // a client came, went, or is away or back: whether he is away is to be found out, see away.go
	stopped       bool // with the gateway: nothing is begun any more
	readingCards  bool
	networks      networks
	restoring     map[restoring]struct{}           // clients on their way back after a restart
	executions    map[string]*execution            // commands that are being filled in, by session id
	chats         map[transports.Address]*chatForm // those that are filled in by chat, by the JID that is written to
	asks          map[transports.Address]asked     // what may be answered, by the JID that is written to
	awaited       int                              // work in the background
	begun         []begun                          // of it, what starts with the next flush
	pastes        int                              // uploads of long messages that run
	lastRef       transports.Ref
	lang          string                             // that his clients have last said that he reads
	searches      map[string]searched                // answers of networks to searches, for pages that follow
	asked         quota                              // searches
	listings      map[string]*listing                // rooms of networks, for pages that follow
	relations     *relations                         // nil until they are read
	relatedAt     time.Time                          // not to be read again before
	writes        int                                // on their way into the database
	quiet         chan struct{}                      // closed once there is none; nil while nobody waits
	removing      int                                // removals of his on their way
	blockWatchers map[transports.Address]*time.Timer // clients that have the list of blocked addresses, and for how long
	cards         []cardRequest                      // that wait, see postalcard.go
	forgets       int                                // how often he forgot something
	asksOf        *asksOf                            // what waits of contacts who publish, see pubsub.go; nil for nothing yet
	idleness      idleness
	shows         map[string]show // of his clients that are away, by resource
	invited       quota
	invitees      []invitee
	shown         quota     // presences of occupants that he asked for
	finds         quota     // of messages in the archive
	findAt        time.Time // not to be looked for before
	joins         quota     // of rooms
	enquiries     quota     // of people's clients
	saidAs        []string  // ids of messages in his name that have not come back, see inname.go
	displayed     displayed
	out           *muc.Out // of its tools, while the goroutine runs
	ctx           context.Context
}

// tools are what a user's goroutine works with: the memory of its output, and of each of its queues twice.
type tools struct {
	out     muc.Out
	stanzas [2][]inbound
	events  [2][]networkEvent
}

// allTools are those of users who rest.
var allTools = sync.Pool{New: func() any { return new(tools) }}

// networkEvent is an event with the session that it comes from.
type networkEvent struct {
	n *network
	e transports.Event
}

// newUser makes a user; the caller holds Gateway.mu.
func newUser(g *Gateway, jid transports.Address) *user {
	_, absent := g.absent[jid]
	return &user{g: g, jid: jid, ctx: context.Background(), denied: !g.access.admits(jid), absent: absent}
}

// offerResult is what became of a stanza that was offered to a user.
type offerResult uint8

const (
	offerTaken offerResult = iota
	offerFull              // refused, its sender is to be told
	offerGone              // the user is not in the table any more
)

// offer queues a stanza, and never waits.
func (u *user) offer(in inbound) offerResult {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return offerGone
	}
	size := in.st.Len()
	if len(u.stanzas) >= maxStanzas || len(u.stanzas) > 0 && u.bytes+size > maxStanzaBytes {
		return offerFull
	}
	u.start()
	u.stanzas, u.bytes = append(u.stanzas, in), u.bytes+size
	return offerTaken
}

// post queues work of the gateway itself for the user's goroutine. It reports false where the user is gone and the work is not done.
func (u *user) post(f func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.posts = append(u.posts, f)
	u.start()
	return true
}

// onUser posts work for the user of a bare JID. It reports false when the gateway stops, and the work is not done.
func (g *Gateway) onUser(jid transports.Address, f func(u *user)) bool {
	for {
		u, ok := g.user(jid)
		if !ok {
			return false
		}
		if u.post(func() { f(u) }) {
			return true
		}
		// The user was removed while we looked; look again.
	}
}

// peek has the user's goroutine look at something, and waits for it. The caller is on no user's goroutine.
func peek[T any](ctx context.Context, u *user, look func() T) (T, error) {
	seen := make(chan T, 1)
	var none T
	if !u.post(func() { seen <- look() }) {
		return none, errRetired
	}
	select {
	case v := <-seen:
		return v, nil
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// weightOf is about how many bytes an event holds, where that may be many.
func weightOf(e transports.Event) (bytes int) {
	const message, member = 256, 128
	missed := func(m *transports.Missed) {
		for i := range m.Messages {
			bytes += message + len(m.Messages[i].Body)
		}
	}
	switch e := e.(type) {
	case transports.Message:
		bytes = len(e.Body)
	case transports.Missed:
		missed(&e)
	case transports.Entered:
		if bytes = member * len(e.Members); e.Missed != nil {
			missed(e.Missed)
		}
	}
	return bytes
}

// emit queues an event and waits while the queue is full: that holds back the network's reader.
func (u *user) emit(ctx context.Context, ev networkEvent) error {
	weight := weightOf(ev.e)
	for {
		u.mu.Lock()
		if u.retired {
			u.mu.Unlock()
			return errRetired
		}
		if len(u.events) < maxEvents && (len(u.events) == 0 || u.weight+weight <= maxEventBytes) {
			u.start()
			u.events, u.weight = append(u.events, ev), u.weight+weight
			u.mu.Unlock()
			return nil
		}
		if u.space == nil {
			u.space = make(chan struct{})
		}
		space := u.space
		u.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errRetired = errors.New("the user is gone")

// start runs the goroutine where it does not run; the caller holds mu, and puts something into a queue before it lets go of it.
func (u *user) start() {
	if !u.running {
		u.running = true
		u.g.working.add()
		t := allTools.Get().(*tools)
		u.stanzas, u.events = t.stanzas[0], t.events[0]
		go u.run(t)
	}
}

// run works until there is nothing to do. Stanzas, events and posts take turns, each kind in its own order.
func (u *user) run(t *tools) {
	defer u.g.working.done()
	u.out = &t.out
	u.out.Reset()
	stanzasSpare, eventsSpare := t.stanzas[1], t.events[1]
	for {
		u.mu.Lock()
		if len(u.stanzas) == 0 && len(u.events) == 0 && len(u.posts) == 0 {
			t.stanzas, t.events = [2][]inbound{u.stanzas, stanzasSpare}, [2][]networkEvent{u.events, eventsSpare}
			u.rest(t)
			return
		}
		// All that waits is taken at once, so that the lock is held twice a batch and not twice an item.
		stanzas, events := u.stanzas, u.events
		u.stanzas, u.bytes = stanzasSpare, 0
		u.events, u.weight = eventsSpare, 0
		posts := u.posts
		u.posts = nil
		if u.space != nil {
			close(u.space)
			u.space = nil
		}
		u.mu.Unlock()

		for _, f := range posts {
			u.guard(f, nil)
		}
		for i, j := 0, 0; i < len(stanzas) || j < len(events); {
			if i < len(stanzas) {
				in := &stanzas[i]
				u.guard(func() { u.stanza(in) }, in.root())
				in.st.Release()
				i++
			}
			if j < len(events) {
				ev := events[j]
				u.guard(func() { u.event(ev) }, nil)
				j++
			}
			if u.out.Stanzas.Len() >= flushBytes {
				u.flush()
			}
		}
		u.flush()
		clear(stanzas)
		clear(events)
		stanzasSpare, eventsSpare = stanzas[:0], events[:0]
	}
}

// rest ends the goroutine; the caller holds mu, rest unlocks. A user without sessions is forgotten.
func (u *user) rest(t *tools) {
	u.running = false
	// The queues' memory goes with the goroutine: most users rest most of the time.
	u.stanzas, u.events, u.out = nil, nil, nil
	allTools.Put(t)
	idle := u.idle()
	u.mu.Unlock()
	if !idle {
		return
	}
	u.g.mu.Lock()
	defer u.g.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	// Since the lock was free something may have come in.
	if !u.running && len(u.stanzas) == 0 && len(u.events) == 0 && len(u.posts) == 0 && u.idle() {
		u.retired = true
		if u.g.users[u.jid] == u {
			delete(u.g.users, u.jid)
		}
	}
}

// idle reports whether nothing is worth remembering of the user.
func (u *user) idle() bool {
	return len(u.networks) == 0 && len(u.restoring) == 0 && len(u.executions) == 0 && len(u.asks) == 0 && len(u.searches) == 0 && len(u.listings) == 0 && len(u.blockWatchers) == 0 && u.awaited == 0
}

// guard runs a handler; a panic in it is logged, counted and answered, and harms nobody else. What the handler had written so
// far is dropped, since it may end in half a stanza.
func (u *user) guard(f func(), cause *stanza.Element) {
	mark := u.out.Stanzas.Len()
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		u.g.metrics.panics.Inc()
		u.g.log.Error("a handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		u.out.Stanzas.Truncate(mark)
		u.out.Requests = u.out.Requests[:0]
		if cause != nil {
			u.g.answerError(cause, transports.NewError(transports.Internal, "", nil))
		}
	}()
	f()
	u.perform()
}

// flush hands the output to the stream, and starts what has to come after it.
func (u *user) flush() {
	defer u.beginWork()
	if u.out.Stanzas.Len() == 0 {
		return
	}
	put := u.g.out.put
	if u.out.Stanzas.Len() >= pourFrom {
		put = u.g.out.pour
	}
	for piece := range u.out.Stanzas.Pieces() {
		if err := put(u.ctx, piece); err != nil {
			u.g.metrics.dropped.Inc()
			u.g.log.Warn("stanzas for a user were dropped", u.logID(), "bytes", len(piece), "error", err)
			break // without it the rest is of no use either
		}
		u.g.metrics.sent.Add(float64(len(piece)))
		if u.g.tracing() {
			u.g.traceOut(piece)
		}
	}
	u.out.Stanzas.Reset()
}

func (u *user) logID() slog.Attr {
	return u.g.opt.Identity(u.jid.String())
}

func (u *user) nextRef() transports.Ref {
	u.lastRef++
	return u.lastRef
}

// perform makes the requests that a handler asked for and records who entered or left. Refusals may write further stanzas, and
// leaving may make further requests, so it goes on until nothing is left.
func (u *user) perform() {
	defer u.tellAway()
	for len(u.out.Requests) > 0 || len(u.out.Changes) > 0 {
		requests, changes := u.out.Requests, u.out.Changes
		u.out.Requests, u.out.Changes = nil, nil
		for _, c := range changes {
			u.record(c)
		}
		for _, r := range requests {
			u.request(r)
		}
	}
}

// shutdown tells the user's clients that the gateway stops and closes his sessions. Mostly it is about to run again, in a newer version:
// where it remembers who is in which room, clients stay there as after a crash.
func (u *user) shutdown() {
	u.stopped = true
	for _, n := range u.networks {
		for _, r := range n.rooms {
			if u.g.opt.Store == nil {
				r.Shutdown(text.Say(u.lang, "The gateway is being stopped. Join again in a moment."), u.out)
				continue
			}
			r.Suspend(transports.NewError(transports.Offline, text.Say(u.lang, "The gateway is being restarted or stopped. As soon as it runs again you are back in this room."), nil), u.out)
		}
		n.close("gateway stopped")
	}
}

// sayInRooms shows something in every room that the user is in.
func (u *user) sayInRooms(said string) {
	for _, n := range u.networks {
		for _, r := range n.rooms {
			r.Say(said, u.out)
		}
	}
}

// after posts work once d has passed.
func (u *user) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { u.post(f) })
}
