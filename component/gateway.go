package component

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/component/avatar"
	"passerelle/component/stanza"
	"passerelle/internal/c2s"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Options are what a gateway is made of. Server is the host:port of the server's component port.
type Options struct {
	Domain    string
	Secret    string
	Server    string
	Version   string // of the program, for XEP-0092
	Transport transports.Transport
	Rules
	// LinkURL is where the pages of one-time links stand, without the token; empty where there are none.
	LinkURL string
	Store   *store.DB // remembers who was in which room; nil remembers nothing
	Archive bool      // keep what is said in Store, for users to read later; of letters their servers do
	Tidy    func()    // is told that something of the archive waits to be deleted; nil for nobody
	Log     *slog.Logger
	Metrics *Metrics
	// Identity renders a JID for the log; nil prints a placeholder, so that no identity is logged by mistake.
	Identity func(jid string) slog.Attr
	Timing   Timing
	// OccupantKey makes the opaque names of people in rooms (XEP-0421), which change with it; empty takes a random one.
	OccupantKey []byte
	Upload      UploadOptions
	// Logins log in as users who want to be followed so; nil where nobody is.
	Logins *c2s.Client
	// Scratch is a directory for files that have no name; empty for that of the system.
	Scratch string
	// Reconfigure reads the configuration of the whole program again, for administrators; nil where that cannot be.
	Reconfigure func() (Reconfigured, error)
}

// Timing are the waiting times of a gateway; zero fields take the defaults.
type Timing struct {
	FirstWait   time.Duration // between tries to connect, doubling up to MaxWait
	MaxWait     time.Duration
	RefusedWait time.Duration // after a refusal that only the operator can lift
	Silence     time.Duration // of the server until it is pinged
	PingTimeout time.Duration
	RestoreWait time.Duration // between telling a client that it is restored and joining for it
	ComeBack    time.Duration // until somebody who lost rooms that he stays in is brought back
	Slow        time.Duration // until somebody is told that he is being connected
	IdleCheck   time.Duration // between two looks for who is idle
	PostLinger  time.Duration // that a session of a Postal transport is kept without anything to do
	FillAgain   time.Duration // until it is asked again what came for somebody while the gateway was away
	VisitPoll   time.Duration // between visits as a user whose server does not push
	VisitPause  time.Duration // between those that pushes ask for
	VisitLater  time.Duration // until the first one after his server was asked to push
	VisitGiveUp time.Duration // of failures of visits until nobody tries any more
	KeptLate    time.Duration // until a server keeps what has come
	Routed      time.Duration // until a server other than Prosody has stored what it has routed
	Recall      time.Duration // that somebody waits for the database before a room has no history
	Relations   time.Duration // and before he cannot do what depends on it
	Peek        time.Duration // that a user's goroutine may take to say something of itself
}

func (t *Timing) setDefaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.FirstWait, firstWait)
	set(&t.MaxWait, maxWait)
	set(&t.RefusedWait, refusedWait)
	set(&t.Silence, 30*time.Second)
	set(&t.PingTimeout, 10*time.Second)
	set(&t.RestoreWait, 2*time.Second)
	set(&t.ComeBack, comeBackAfter)
	set(&t.IdleCheck, idleCheck)
	set(&t.Slow, slowAfter)
	set(&t.PostLinger, postLinger)
	set(&t.FillAgain, fillAgain)
	set(&t.VisitPoll, visitPoll)
	set(&t.VisitPause, visitPause)
	set(&t.VisitLater, visitLater)
	set(&t.VisitGiveUp, visitGiveUp)
	set(&t.KeptLate, keptLate)
	set(&t.Routed, routedWait)
	set(&t.Recall, recallWait)
	set(&t.Relations, relationsWait)
	set(&t.Peek, peekTime)
}

// Gateway serves one virtual domain: its stream, its users, its transport. Safe to call from any goroutine.
type Gateway struct {
	opt         Options
	domain      transports.Address
	bot         string            // JID of the help bot
	postal      transports.Postal // Options.Transport where it is one; else nil
	social      transports.Social // so is this
	current     atomic.Pointer[ruleset]
	changed     chan struct{} // what presences show is not what it was; capacity 1
	access      *access
	services    []service
	occupantIDs *occupantIDs
	commands    []transports.Command
	log         *slog.Logger
	metrics     *domainMetrics

	out      *sendQueue
	iqs      pendingIQs
	uploads  *uploads
	pictures *avatar.Fetcher
	exports  exports
	forgets  exports // of more than a command has time for, bounded in the same way
	grants   grants
	faces    avatar.Faces
	offered  offers
	addr     addressCache // of the reader goroutine alone

	mu       sync.Mutex
	users    map[transports.Address]*user
	absent   map[transports.Address]absence // who has rooms to come back to
	stopping bool
	working  workCount // user goroutines

	sessions      atomic.Int64 // on networks, of all users
	blockWatchers atomic.Int64 // clients that are told of changes of the list of blocked addresses, of all users
	connected     atomic.Bool
	shown         atomic.Bool    // since the start everybody was told of all that is there
	downSince     atomic.Int64   // Unix nanoseconds; 0 while the stream is up or was never up
	lastDown      atomic.Value   // a string: why there was no stream the last time, and what to do about it
	occupancy     chan *occupied // changes for the recorder
	archive       *archiver      // nil where nothing is kept
	people        *people
	outbox        *outbox    // nil where the network does not store and forward
	follow        *followers // nil where the transport brings nothing elsewhere
	feeds         *feeds     // nil where users publish nothing
	spare         budget
}

// New makes the gateway of a domain. Run makes it work.
func New(opt Options) (*Gateway, error) {
	domain, err := transports.ParseAddress(opt.Domain)
	if err != nil {
		return nil, fmt.Errorf("domain %q: %w", opt.Domain, err)
	}
	opt.Timing.setDefaults()
	if opt.Identity == nil {
		opt.Identity = func(string) slog.Attr { return slog.String("user", "…") }
	}
	if opt.Tidy == nil {
		opt.Tidy = func() {}
	}
	if len(opt.OccupantKey) == 0 {
		opt.OccupantKey = make([]byte, sha256.Size)
		rand.Read(opt.OccupantKey) // never fails
	}
	g := &Gateway{
		opt:         opt,
		domain:      domain,
		changed:     make(chan struct{}, 1),
		access:      newAccess(&opt.Rules),
		services:    serviceTable(),
		occupantIDs: newOccupantIDs(opt.OccupantKey),
		log:         opt.Log.With("domain", opt.Domain),
		metrics:     opt.Metrics.forDomain(opt.Domain),
		out:         newSendQueue(sendQueueBytes),
		users:       make(map[transports.Address]*user),
		absent:      make(map[transports.Address]absence),
		occupancy:   make(chan *occupied, occupancyQueue),
		people:      newPeople(),
		working:     workCount{zero: make(chan struct{}, 1)},
	}
	g.postal, _ = opt.Transport.(transports.Postal)
	g.social, _ = opt.Transport.(transports.Social)
	if opt.Archive && opt.Store != nil && g.postal == nil {
		g.archive = newArchiver(opt.Store, opt.Domain, g.log, g.metrics, func() int { return g.rules().ArchiveDaily })
	}
	if g.postal != nil && opt.Store != nil {
		g.outbox = newOutbox(g)
	}
	g.follow = newFollowers(g)
	g.feeds = newFeeds(g)
	g.bot = g.botAddress().String()
	g.pictures = avatar.NewFetcher(opt.Upload.HTTP, g.log)
	g.uploads = newUploads(opt.Upload, func() []string { return g.rules().OwnDomains })
	g.current.Store(g.newRuleset(opt.Rules))
	g.commands = g.commandsOf(opt.Transport)
	return g, nil
}

// Connected reports whether the stream is up, for readiness.
func (g *Gateway) Connected() bool { return g.connected.Load() }

// Domain is the virtual domain.
func (g *Gateway) Domain() string { return g.opt.Domain }

// Run connects, serves and connects again until ctx ends; then it tells everybody, closes the sessions and the stream cleanly and
// returns. It returns an error only for what no waiting mends.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.loadDenied(ctx); err != nil {
		return err
	}
	if g.outbox != nil {
		if err := g.outbox.begin(ctx); err != nil {
			return err
		}
	}
	if g.follow != nil {
		if err := g.follow.begin(ctx); err != nil {
			return err
		}
	}
	if g.feeds != nil {
		if err := g.feeds.begin(ctx); err != nil {
			return err
		}
	}
	// What users leave behind is written beyond the end of ctx, but a database that hangs does not hold up the end for long.
	writing, endWriting := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endWriting(nil)
	stopRecorder := make(chan struct{})
	var recorder sync.WaitGroup
	recorder.Go(func() { g.recordOccupancy(writing, stopRecorder) })
	if g.archive != nil {
		recorder.Go(func() { g.archive.run(writing, stopRecorder) })
	}
	if g.outbox != nil {
		recorder.Go(func() { g.outbox.clerk(writing, stopRecorder) })
	}
	if g.follow != nil {
		recorder.Go(func() { g.follow.write(writing, stopRecorder) })
		if g.follow.logins != nil {
			recorder.Go(func() { g.follow.logins.run(ctx) })
		}
	}
	recorder.Go(func() { g.watchIdle(ctx) })
	wait := backoff{first: g.opt.Timing.FirstWait, max: g.opt.Timing.MaxWait, refused: g.opt.Timing.RefusedWait}
	back, known := g.remembered(ctx)
	first := true
	for ctx.Err() == nil {
		err := g.serve(ctx, &wait, func() {
			g.up(first)
			if first {
				g.restore(back, known)
			}
			first = false
		}, func(ctx context.Context) {
			if g.tellComing(ctx, !g.shown.Load()) {
				g.shown.Store(true)
			}
			g.tellChanges(ctx)
		})
		if ctx.Err() != nil {
			break
		}
		d := wait.wait(err)
		g.logDown(err, d)
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	g.shutdown() // where no stream was up when ctx ended, the sessions are still to be closed
	if g.follow != nil {
		g.follow.end()
	}
	if g.feeds != nil {
		g.feeds.end()
	}
	close(stopRecorder)
	last := time.AfterFunc(lastWrites, func() { endWriting(errLastWrites) })
	recorder.Wait()
	last.Stop()
	g.uploads.close()
	g.pictures.Close()
	return nil
}

// serve connects once and serves the stream until it ends. It calls up once the stream stands, and tell beside the traffic.
func (g *Gateway) serve(ctx context.Context, wait *backoff, up func(), tell func(context.Context)) error {
	s, err := dial(ctx, g.opt.Server, g.opt.Domain, g.opt.Secret)
	if err != nil {
		return err
	}
	wait.reset()
	up()
	defer g.down()

	// The stream outlives ctx by the time that an orderly end takes.
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	watch, stopWatch := context.WithCancel(life)
	defer stopWatch()
	telling, stopTelling := context.WithCancel(ctx)
	defer stopTelling()
	wg.Go(func() { tell(telling) })
	wg.Go(func() {
		if err := g.watch(watch, s); err != nil {
			end(err)
		}
	})
	if g.follow != nil {
		wg.Go(func() { g.follow.resume(telling) })
	}
	if g.feeds != nil {
		wg.Go(func() { g.feeds.resume(telling) })
	}
	sent := make(chan struct{}) // nothing of the outbox is sent any more
	wg.Go(func() {
		defer close(sent)
		if g.outbox != nil {
			g.outbox.send(watch, ctx.Done())
		}
	})
	wg.Go(func() {
		select {
		case <-ctx.Done():
			g.shutdown()
			<-sent
			g.out.close()
		case <-watch.Done():
		}
	})
	return s.run(life, g.out, g.handle, g.refused)
}

// watch pings the server where it is silent, and returns an error when it does not answer. It asks the gateway's own domain: the
// question goes through the server's router and comes back, whatever the server's other hosts are called.
func (g *Gateway) watch(ctx context.Context, s *xmlStream) error {
	t := time.NewTicker(max(g.opt.Timing.Silence/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if s.silence() < g.opt.Timing.Silence {
			continue
		}
		if err := g.ping(ctx, g.domain, g.domain, g.opt.Timing.PingTimeout); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the XMPP server does not answer pings: %w", err)
		}
	}
}

func (g *Gateway) up(first bool) {
	g.connected.Store(true)
	g.out.setUp(true)
	g.metrics.up.Set(1)
	g.log.Info("connected to the XMPP server", "server", g.opt.Server)
	if !first {
		g.metrics.reconnects.Inc()
		g.tellGap()
	}
}

func (g *Gateway) down() {
	g.connected.Store(false)
	g.follow.nobodyKnown()
	g.feeds.nobodyKnown()
	g.downSince.Store(time.Now().UnixNano())
	g.out.setUp(false)
	g.metrics.up.Set(0)
}

// tellGap tells every client in a room that something may be missing. The messages find out as well which clients are gone:
// those of a server that was restarted come back as errors.
func (g *Gateway) tellGap() {
	d := time.Since(time.Unix(0, g.downSince.Load())).Round(time.Second)
	for _, u := range g.everybody() {
		u.post(func() {
			u.sayInRooms(text.Say(u.lang, "The link between this gateway and your XMPP server was down for %s. Messages of that time may be missing.", max(d, time.Second)))
		})
	}
}

func (g *Gateway) logDown(err error, again time.Duration) {
	attrs := []any{"again_in", again.Round(time.Millisecond)}
	if e, ok := errors.AsType[*connectError](err); ok {
		advice := e.advice(g.opt.Domain, g.opt.Server)
		g.lastDown.Store(advice)
		g.log.Error("no stream to the XMPP server: "+advice, append(attrs, "error", e.err)...)
		return
	}
	if e, ok := errors.AsType[*stanza.StreamError](err); ok {
		text := "the XMPP server ended the stream"
		if e.Condition == "conflict" {
			text = "another process has connected to the XMPP server as " + g.opt.Domain + " and took the place of this one: only one of them may run"
		}
		g.lastDown.Store(text)
		g.log.Error(text, append(attrs, "error", e)...)
		return
	}
	g.lastDown.Store("lost the stream to the XMPP server: " + err.Error())
	g.log.Error("lost the stream to the XMPP server", append(attrs, "error", err)...)
}

// met finds somebody who has something here at the moment, nil where he has nothing.
func (g *Gateway) met(jid transports.Address) *user {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.users[jid]
}

// everybody is a snapshot of the users.
func (g *Gateway) everybody() []*user {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*user, 0, len(g.users))
	for _, u := range g.users {
		all = append(all, u)
	}
	return all
}

// shutdown takes no new work, tells every client and closes every session. Safe to call twice.
func (g *Gateway) shutdown() {
	g.mu.Lock()
	g.stopping = true
	g.mu.Unlock()
	g.uploads.stop()
	g.exports.stop()
	g.forgets.stop()
	g.tellGoing()
	for _, u := range g.everybody() {
		u.post(u.shutdown)
	}
	// A user who is stuck must not hold up the end of the others.
	if !g.working.wait(shutdownWait) {
		g.log.Warn("some users did not finish in time")
	}
}

// Bounds of parts of an orderly end. TimeoutStopSec in deploy/passerelle.service is longer than all of them together, the 10 s that networks
// have and store's closeTime.
const (
	goingTime    = 5 * time.Second
	shutdownWait = 10 * time.Second
	lastWrites   = 10 * time.Second
)

var errLastWrites = errors.New("the database does not answer, and the gateway ends")

// workCount counts goroutines that come and go. Unlike a WaitGroup it may be waited for while it counts up from zero.
type workCount struct {
	n    atomic.Int64
	zero chan struct{} // capacity 1
}

func (w *workCount) add() { w.n.Add(1) }

func (w *workCount) done() {
	if w.n.Add(-1) == 0 {
		select {
		case w.zero <- struct{}{}:
		default: // whoever waits will look anyway
		}
	}
}

// wait reports whether nobody worked at some moment within d.
func (w *workCount) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for w.n.Load() != 0 {
		select {
		case <-w.zero:
		case <-timer.C:
			return false
		}
	}
	return true
}
