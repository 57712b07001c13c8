package component

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/component/avatar"
	"passerelle/component/lane"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// Learning of what users publish in nodes of their own (XEP-0163), for a transport that is Social. What comes twice is told once. The ways, with what was
// seen at servers as they are packaged:
//
//	                                          Prosody 0.12              ejabberd 23.01
//	presence both ways, caps with +notify     all; the last item when   items while the user is online, nothing of what is taken back; needs
//	(XEP-0163 §4.3.3)                         a client comes            mod_muc, or mod_caps crashes
//	explicit subscription (XEP-0060 §6.1)     all, of a node that the   nothing, unless the operator has set presence_based_delivery to false
//	                                          gateway may read          (docs/social.md): then all, also what is taken back
//	reading the node                          what it may read: one item of a node that nobody has set up otherwise
//	that a full node has dropped an item      is not told               is told as if the user had taken it back, where notify_retract is set
//	contact list by leave (XEP-0356)          works: nobody is asked    fails (processone/ejabberd #3942): the user is asked
//	publishing by leave                       works                     not granted
//	node for those whom the user names        refused                   shown to who was subscribed before; it is not told
//
// A node is read whenever the stream is back, a client of the user's comes, he lets the gateway see his presence, or somebody asks; servers show one that
// is not open only to whom the user lets see it. An event may lack what was published (XEP-0472 §5.1): it is asked for. That something was taken back is
// known from events alone, since nodes keep few items. All of one user is done in his lane, see package lane.

// feedServed are the features by which the gateway is told of what users publish.
var feedServed = [...]string{transports.NodeFeed + "+notify", nsNick + "+notify", nodeVCard4 + "+notify", avatar.NSMetadata + "+notify"}

// Limits of watching.
const (
	maxFeeds     = 50_000
	feedPage     = 500              // users that are read at a time
	feedFills    = 8                // users at a time whose nodes are read
	feedPause    = time.Minute      // between two times that a user's node is read because a client of his has come
	feedCheck    = 6 * time.Hour    // between two times that all are read while nothing happens
	feedWait     = 20 * time.Second // for a server to answer
	maxFeedAgain = time.Hour        // until something that did not work is done again
	maxWithdrawn = 256              // items of a user that are taken back and could not be told yet
	maxFetched   = 64               // items of a user that came without a payload and are to be asked for
)

// due is what is to be done about a user.
type due uint8

const (
	dueAsk       due = 1 << iota // whether the gateway may see his presence
	dueSubscribe                 // to his node
	dueItems                     // are to be read
	dueProfile                   // is to be read
	dueAll       = dueSubscribe | dueItems | dueProfile
)

// feeds are the users who are watched. Its methods are safe to call from any goroutine.
type feeds struct {
	g     *Gateway
	to    transports.Social
	lanes lane.Lanes
	fills chan struct{} // one for each fill that runs
	// anybody is an address of ours that nobody lets see anything. What it may read, everybody may.
	anybody transports.Address

	mu    sync.Mutex
	ctx   context.Context // of the errands; nil while nothing runs
	link  context.Context // ends with the stream; nil before there is one
	users map[transports.Address]*feed
	told  map[transports.Address]time.Time // who are not watched and were told so
}

// feed is a user who is watched.
type feed struct {
	waiting atomic.Bool // for a fill

	// Under mu.
	due       due
	clients   map[string]struct{} // those that know that the gateway is there
	looked    time.Time           // when his node was read last
	withdrawn []string            // items that are to be told
	asked     []string            // items that are to be asked for
	newest    string              // the item that an event told of last
	newestAt  time.Time           // when
	profiled  bool                // what he tells of himself was read
	failed    int                 // fills, one after the other

	// Of his lane.
	taken   takenItems
	own     taken                // items that Publish has made
	there   map[string]struct{}  // items that were in his node when it was read last; nil before it was
	whole   bool                 // these were all
	fresh   map[string]time.Time // items that came and were not, and when; at most maxFetched
	profile feedProfile
}

var _ transports.Feeds = (*Gateway)(nil)

// newFeeds is nil for a transport that is not Social.
func newFeeds(g *Gateway) *feeds {
	to, ok := g.opt.Transport.(transports.Social)
	if !ok {
		return nil
	}
	fs := &feeds{
		g: g, to: to, fills: make(chan struct{}, feedFills),
		anybody: transports.Address{Local: "anybody-" + strings.ToLower(rand.Text()), Domain: g.domain.Domain},
		users:   make(map[transports.Address]*feed), told: make(map[transports.Address]time.Time),
	}
	fs.lanes.Guard = func(do func()) { g.guardErrand("something that a user published is lost", do) }
	return fs
}

// begin reads who is watched.
func (fs *feeds) begin(ctx context.Context) error {
	var after transports.Address
	for {
		page, err := fs.to.Watching(ctx, after, feedPage)
		if err != nil {
			return err
		}
		fs.mu.Lock()
		fs.ctx = ctx
		for _, after = range page {
			fs.add(after.Bare(), dueAll)
		}
		fs.mu.Unlock()
		if len(page) < feedPage {
			return nil
		}
	}
}

// end waits for what is being done.
func (fs *feeds) end() { fs.lanes.End() }

// life ends with the gateway.
func (fs *feeds) life() context.Context {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.ctx == nil {
		return context.Background()
	}
	return fs.ctx
}

// add has somebody watched, and reports whether there is room. The caller holds mu.
func (fs *feeds) add(user transports.Address, d due) bool {
	f := fs.users[user]
	if f == nil {
		if len(fs.users) >= maxFeeds {
			return false
		}
		f = &feed{}
		fs.users[user] = f
	}
	f.due |= d
	return true
}

// get is somebody who is watched, nil where he is not.
func (fs *feeds) get(user transports.Address) *feed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.users[user.Bare()]
}

// inLane does something of a user, in his lane, and waits for it.
func (fs *feeds) inLane(ctx context.Context, user transports.Address, do func(ctx context.Context) error) error {
	return fs.lanes.Wait(ctx, fs.life(), user, func(ctx context.Context) (err error) {
		defer fs.g.mendPanic(&err)
		return do(ctx)
	})
}

// errNoFeeds says that nobody is watched here.
func errNoFeeds() *transports.Error { return transports.NewError(transports.Unsupported, "", nil) }

// Watch implements transports.Feeds. It waits for nothing: it is done once the stream is up.
func (g *Gateway) Watch(_ context.Context, user transports.Address) error {
	user = user.Bare()
	if g.feeds == nil || user.Local == "" || user.Domain == g.domain.Domain {
		return errNoFeeds()
	}
	g.feeds.mu.Lock()
	ok := g.feeds.add(user, dueAsk|dueAll)
	g.feeds.mu.Unlock()
	if !ok {
		return transports.NewError(transports.Full, "", nil)
	}
	g.feeds.fillSoon(user)
	return nil
}

// Unwatch implements transports.Feeds. From now on nothing that he publishes is read.
func (g *Gateway) Unwatch(_ context.Context, user transports.Address) {
	if g.feeds == nil {
		return
	}
	user = user.Bare()
	g.feeds.mu.Lock()
	_, watched := g.feeds.users[user]
	delete(g.feeds.users, user)
	g.feeds.mu.Unlock()
	if watched {
		g.feeds.lanes.Post(user, 0, func() { g.feeds.leave(user) })
	}
}

// CatchUp implements transports.Feeds.
func (g *Gateway) CatchUp(ctx context.Context, user transports.Address) error {
	user = user.Bare()
	if g.feeds == nil {
		return errNoFeeds()
	}
	return g.feeds.inLane(ctx, user, func(ctx context.Context) error {
		f := g.feeds.get(user)
		if f == nil {
			return errNoFeeds()
		}
		err := g.feeds.look(ctx, user, f, dueSubscribe|dueItems)
		if e := transports.AsError(err); e != nil && e.Kind == transports.Denied {
			g.feeds.askPresence(ctx, user)
		}
		return err
	})
}

// leave takes back what has a user's server tell of him (XEP-0060 §6.2, RFC 6121 §3.3).
func (fs *feeds) leave(user transports.Address) {
	if fs.get(user) != nil { // by now he is watched again
		return
	}
	if err := fs.ask(fs.life(), "set", fs.g.domain, user, func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubSub).Start("unsubscribe").Attr("node", transports.NodeFeed).JID("jid", fs.g.domain).End().End()
	}, nil); err != nil {
		fs.g.log.Debug("a user's node was not unsubscribed from", fs.g.opt.Identity(user.String()), "error", err)
	}
	if fs.get(user) == nil {
		fs.sayPresence(user, "unsubscribe")
	}
}

// unwanted tells the server of somebody who is not watched that nothing is wanted of him, now and then: it was not told, or did not hear it.
func (fs *feeds) unwanted(user transports.Address) {
	fs.mu.Lock()
	last, told := fs.told[user]
	if told = told && now().Sub(last) < knowServer; !told {
		remember(fs.told, maxServers, user, now())
	}
	fs.mu.Unlock()
	if !told {
		// One after the other of a server's.
		fs.lanes.Post(transports.Address{Domain: user.Domain}, 0, func() { fs.leave(user) })
	}
}

// sayPresence sends a presence of a type to somebody.
func (fs *feeds) sayPresence(to transports.Address, typ string) {
	var b stanza.Builder
	b.Start("presence").JID("from", fs.g.domain).JID("to", to).Attr("type", typ)
	if typ == "subscribe" { // RFC 6121 §3.1.1: why, for who is asked
		b.Start("status").Text(text.Say("", "To learn of what you publish.")).End()
		appendNick(&b, fs.g.about().Name)
	}
	b.End()
	fs.g.offer(&b)
}

// askPresence has the gateway see a user's presence: by his server's leave, else he is asked.
func (fs *feeds) askPresence(ctx context.Context, user transports.Address) {
	g := fs.g
	if list, err := g.contactList(ctx, user); err == nil {
		sees := func(subscription string) bool { return subscription == "both" || subscription == "from" }
		if sees(list[g.domain]) {
			fs.sayPresence(user, "probe")
			return
		}
		// ejabberd 23.01 grants this and fails (processone/ejabberd #3942).
		if err := g.changeRoster(ctx, user, func(b *stanza.Builder) {
			b.Start("item").JID("jid", g.domain).Attr("name", g.about().Name).Attr("subscription", "both").End()
		}); err == nil {
			fs.sayPresence(user, "probe")
			return
		}
	}
	fs.sayPresence(user, "subscribe")
}

// ask asks a user's server for something. Where the stream is lost there is no answer at once.
func (fs *feeds) ask(ctx context.Context, typ string, from, user transports.Address, payload func(*stanza.Builder), read func(*stanza.Element)) error {
	fs.mu.Lock()
	link := fs.link
	fs.mu.Unlock()
	if link == nil {
		return errNoStream
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(link, func() { cancel(errNoStream) })()
	return fs.g.ask(ctx, typ, from, user, feedWait, payload, read)
}
