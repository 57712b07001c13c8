package component

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/component/copies"
	"passerelle/component/lane"
	"passerelle/store"
	"passerelle/transports"
)

// Learning of what users get elsewhere, for a transport that brings it to them in another way (transports.Redirecting). How is a matter of each way
// (follower): a module of ours on their server (follow_module.go), pushes (follow_push.go), an address of ours that stands for them
// (follow_alias.go). What is learnt of a user is taken in his lane (package lane), one after the other, so that it is known up to where
// everything is (store.Followed): what came after that is asked for once the gateway or its stream is back.

// follower is a way to learn of what users get. What it is asked for one user it is asked in his lane, but for speak and offer.
type follower interface {
	// offer is what the way has for a user. Its Way is WayNone where his server does not allow it.
	offer(ctx context.Context, user transports.Address, lang string) (transports.Offer, error)
	// follow begins it at the user's server, or has it done otherwise; f is how it is to be, and what else is to be remembered is changed in it.
	follow(ctx context.Context, f *store.Followed, password string) error
	// unfollow ends it at the user's server.
	unfollow(ctx context.Context, f *store.Followed) error
	// fill brings what came since f.Reached, and moves that. It is called after each start and each time when the stream is back, and finds out
	// whether the way is there still: an error that is not temporary says that it is lost.
	fill(ctx context.Context, f *store.Followed) error
	// pushed takes a push for the user. Its error is what the server is told.
	pushed(ctx context.Context, f *store.Followed, found copies.Found) error
	// marks are what a user has read.
	marks(ctx context.Context, f *store.Followed) ([]transports.ReadMark, error)
	// speak has a user say something, in the transaction; ok is false where this way cannot.
	speak(tx *store.Tx, user transports.Address, s *transports.Speech) (ok bool, err error)
}

var _ transports.Follower = (*Gateway)(nil)

// Limits of following.
const (
	followWait = 20 * time.Second // for a server to answer
	maxFills   = 8                // users at a time of whom something is asked for that they got before
	fillAgain  = 5 * time.Second  // until that is tried again
	fillTries  = 4                // of a way that seems to be lost, before it is given up
	followPage = 500
)

// followers are those whom the gateway follows. Safe to use from any goroutine.
type followers struct {
	g      *Gateway
	to     transports.Redirecting
	ways   map[transports.Way]follower
	logins *logins // nil where nobody is logged in
	lanes  lane.Lanes
	fills  chan struct{} // one for each fill that runs

	mu       sync.Mutex
	ctx      context.Context // of the errands; nil while nothing runs
	users    map[transports.Address]*followed
	nodes    map[string]transports.Address
	features map[string]knownFeatures         // of servers
	told     map[transports.Address]time.Time // whose servers were told that nothing is wanted of them
	reached  map[transports.Address]store.Followed
	wake     chan struct{} // something is to be written; capacity 1
}

// followed is somebody who is followed.
type followed struct {
	row     store.Followed      // changed in his lane, under mu
	clients map[string]struct{} // that could get messages, by resource; under mu
	seen    bool                // his presence was heard of since the stream is up; under mu
	behind  atomic.Bool         // something may have come since row.Reached that is not taken
	waiting atomic.Bool         // for a fill
	failed  int                 // fills, one after the other; of his lane
	taken   taken               // of his lane
}

// newFollowers is nil for a transport that brings nothing elsewhere.
func newFollowers(g *Gateway) *followers {
	to, ok := g.opt.Transport.(transports.Redirecting)
	if !ok || g.opt.Store == nil {
		return nil
	}
	fs := &followers{
		g: g, to: to, users: make(map[transports.Address]*followed), nodes: make(map[string]transports.Address),
		features: make(map[string]knownFeatures), told: make(map[transports.Address]time.Time), reached: make(map[transports.Address]store.Followed),
		fills: make(chan struct{}, maxFills), wake: make(chan struct{}, 1),
	}
	fs.lanes.Guard = func(do func()) { g.guardErrand("something that a user got elsewhere is lost", do) }
	fs.ways = map[transports.Way]follower{
		transports.WayModule: moduleWay{fs}, transports.WayPush: pushWay{fs}, transports.WayAlias: aliasWay{fs},
	}
	if c := g.opt.Logins; c != nil {
		fs.logins = newLogins(fs, c)
		fs.ways[transports.WayLogin] = fs.logins
	}
	return fs
}

// begin reads who is followed.
func (fs *followers) begin(ctx context.Context) error {
	after := ""
	for {
		page, err := fs.g.opt.Store.FollowedAfter(ctx, fs.g.opt.Domain, after, followPage)
		if err != nil {
			return err
		}
		fs.mu.Lock()
		fs.ctx = ctx
		for _, row := range page {
			after = row.JID
			if user, err := transports.ParseAddress(row.JID); err == nil {
				f := &followed{row: row}
				f.behind.Store(true)
				fs.users[user] = f
				fs.nodes[row.Node] = user
			}
		}
		fs.mu.Unlock()
		if len(page) < followPage {
			return nil
		}
	}
}

// end waits for what is being done.
func (fs *followers) end() { fs.lanes.End() }

// of is how somebody is followed just now.
func (fs *followers) of(user transports.Address) (row store.Followed, ok bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, ok := fs.users[user.Bare()]
	if !ok {
		return row, false
	}
	return f.row, true
}

// followedBy are those who are followed by a way.
func (fs *followers) followedBy(w transports.Way) []transports.Address {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var all []transports.Address
	for user, f := range fs.users {
		if transports.Way(f.row.Way) == w {
			all = append(all, user)
		}
	}
	return all
}

// get is somebody who is followed, nil where he is not.
func (fs *followers) get(user transports.Address) *followed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.users[user.Bare()]
}

// set is how somebody is followed from now on, if he is. It returns him.
func (fs *followers) set(user transports.Address, row store.Followed) *followed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if row.Way == int(transports.WayNone) {
		delete(fs.users, user)
		delete(fs.reached, user)
		return nil
	}
	f := fs.users[user]
	if f == nil {
		f = &followed{}
		fs.users[user] = f
	}
	f.row = row
	fs.nodes[row.Node] = user
	return f
}

// inLane does something of a user, in his lane, and waits for it.
func (fs *followers) inLane(ctx context.Context, user transports.Address, do func(ctx context.Context) error) error {
	if fs == nil {
		return transports.NewError(transports.Unsupported, "", errNoOutbox)
	}
	fs.mu.Lock()
	life := fs.ctx
	fs.mu.Unlock()
	return fs.lanes.Wait(ctx, life, user.Bare(), func(ctx context.Context) (err error) {
		defer fs.g.mendPanic(&err)
		return do(ctx)
	})
}
