package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/component/archive"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// What is said is kept in the archive beside the traffic, which never waits for the disk: a bounded queue leads to one goroutine that
// writes as many lines at once as wait. What does not fit is lost to the archive, which says so with a line of its own.

const (
	// fewReaders is for how many users and rooms what they may read is written down along with the lines. With more it is gathered
	// for readersWait.
	fewReaders  = 64
	readersWait = time.Second

	// keepAgain is how long the archiver waits after a write that failed, and keepTrying how long it tries to write the same lines.
	keepAgain  = time.Second
	keepTrying = 15 * time.Second
)

// archiver keeps what is said on one domain. Its exported side is safe to call from any goroutine; run is its goroutine.
type archiver struct {
	db      *store.DB
	domain  string
	log     *slog.Logger
	metrics *domainMetrics

	queue *keepQueue

	mu    sync.Mutex
	rooms map[keptKey]*keptRoom     // those that somebody listens to
	gaps  map[conversation]struct{} // in which lines are missing, and nothing says so yet; at most maxGaps

	builders sync.Pool // of *stanza.Builder

	ctx context.Context // how long it may write: set before the goroutine begins

	// Of the goroutine: who may read lines that are written, without its being written who may, and since when.
	pending []*hearer
	since   time.Time
	failing time.Time // since when lines cannot be written; zero while they can
}

// keptKey names a room: a local part, and whose word it is that this is the room (transports.Link.Origin). Sessions that do not hear it from the
// same network have nothing to do with each other.
type keptKey struct{ name, origin string }

// keptRoom is a room with all sessions that listen to it.
type keptRoom struct {
	keptKey
	users int // of it; under archiver.mu

	mu      sync.Mutex
	channel archive.Channel
	held    time.Time // until when its lines are held for others who missed them; zero for not

	// Of the archiver's goroutine: where the last lines of channel are in the database, the first of them being number first. A line
	// that could not be written is 0.
	first int64
	ids   []store.LineID
}

func newArchiver(db *store.DB, domain string, log *slog.Logger, metrics *domainMetrics, daily func() int) *archiver {
	return &archiver{
		db: db, domain: domain, log: log, metrics: metrics, rooms: map[keptKey]*keptRoom{}, queue: newKeepQueue(daily, log),
		gaps: map[conversation]struct{}{}, ctx: context.Background(),
	}
}

// room finds or makes a room, for one more who listens to it.
func (a *archiver) room(key keptKey) *keptRoom {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rooms[key]
	if r == nil {
		r = &keptRoom{keptKey: key, channel: archive.NewChannel(newID), first: 1}
		a.rooms[key] = r
	}
	r.users++
	return r
}

// offer queues an item, with its line where it is a new one of a room, and reports whether there was room. What the database would not take
// is not let in, since it would take what it shares a write with along.
func (a *archiver) offer(item keepItem, line *store.RoomLine) bool {
	if err := item.check(line); err != nil {
		a.metrics.archiveLost.Inc()
		a.log.Warn("a message is not for the archive", "error", err)
		return false
	}
	if !a.queue.add(item, line) {
		a.metrics.archiveLost.Inc()
		return false
	}
	return true
}

// sync waits until all that a user heard so far is written, so that he can read it.
func (a *archiver) sync(ctx context.Context, user store.UserID) error {
	return a.barrier(ctx, &barrier{user: user, done: make(chan struct{})})
}

// forget waits until nothing of what a user heard so far will be written any more.
func (a *archiver) forget(ctx context.Context, user store.UserID) error {
	return a.barrier(ctx, &barrier{user: user, forget: true, done: make(chan struct{})})
}

// errUnsettled says that what a user heard could not be written.
var errUnsettled = errors.New("what was heard cannot be written to the archive")

// cut waits until all that a user heard so far is written. Of what is written then, his sessions hear nothing any more: not what others
// heard before them, nor what a network plays again.
func (a *archiver) cut(ctx context.Context, user store.UserID, sessions []*hearer) error {
	b := &barrier{user: user, done: make(chan struct{}), then: func() {
		for _, h := range sessions {
			h.floor = h.room.last()
		}
	}}
	err := a.barrier(ctx, b)
	if err == nil && b.failed {
		err = errUnsettled
	}
	return err
}

func (a *archiver) barrier(ctx context.Context, b *barrier) error {
	a.queue.addBarrier(b)
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hearer is a user in a room, for the archive: it takes what the room shows him. It belongs to the user's goroutine, but for what is
// said otherwise.
type hearer struct {
	u    *user
	a    *archiver
	id   store.UserID
	room *keptRoom
	addr transports.Address // the room's bare JID, as Gateway.kept gives it
	deaf bool

	lost atomic.Bool // lines are missing in the archive, and nothing says so yet

	session archive.Session // under room.mu

	// Of the archiver's goroutine: lines that the user may read, of the database and of the transaction that is being made.
	seen, fresh archive.Spans
	floor       store.LineID // this line and those before it are forgotten
}

var _ muc.Archive = (*hearer)(nil)

// archive is what takes what is said in a room; nil where nothing is kept.
func (n *network) archive(room transports.Target, addr transports.Address) muc.Archive {
	a := n.u.g.archive
	if a == nil {
		return nil
	}
	if kept := n.u.g.address(room); kept != addr { // mostly they are one, and then one string is enough
		addr = kept
	}
	return &hearer{u: n.u, a: a, id: n.u.g.userID(n.u.jid), room: a.room(keptKey{addr.Local, n.link.Origin}), addr: addr}
}

// rehear has what is said in a room kept with what others hear there, where the network turns out to be another one than it was or seemed.
func (n *network) rehear(room *muc.Room) {
	was, ok := room.Archive().(*hearer)
	if !ok || was.room.origin == n.link.Origin {
		return
	}
	is := &hearer{u: was.u, a: was.a, id: was.id, room: was.a.room(keptKey{was.room.name, n.link.Origin}), addr: was.addr}
	is.lost.Store(was.lost.Load())
	deafen(room)
	room.KeepIn(is)
}

// listen notes that the user is in a room now, for the first time or again.
func listen(room *muc.Room) {
	if room == nil {
		return
	}
	if h, ok := room.Archive().(*hearer); ok {
		h.room.mu.Lock()
		defer h.room.mu.Unlock()
		h.room.channel.Enter(&h.session)
	}
}

// deafen notes that he is done with it. Doing so again changes nothing.
func deafen(room *muc.Room) {
	h, ok := room.Archive().(*hearer)
	if !ok || h.deaf {
		return
	}
	h.deaf = true
	h.leave()
	h.a.mu.Lock()
	defer h.a.mu.Unlock()
	if h.room.users--; h.room.users == 0 && h.a.rooms[h.room.keptKey] == h.room {
		delete(h.a.rooms, h.room.keptKey)
	}
}

// leave notes that he hears nothing more, as far as the archive is concerned.
func (h *hearer) leave() {
	h.room.mu.Lock()
	defer h.room.mu.Unlock()
	h.room.channel.Leave(&h.session)
}

// Keeps implements muc.Archive.
func (h *hearer) Keeps() bool { return h.u.keeps(h.addr) }

// lostText is what the archive says in place of lines that it could not keep.
const lostText = "Messages are missing here: the archive could not keep them."

// Keep implements muc.Archive.
func (h *hearer) Keep(k muc.Kept) string {
	if k.How == muc.KeepNot {
		return newID()
	}
	if k.Event.Clocked && h.u.forgot(h.addr.Local, k.Event.Time) {
		return newID()
	}
	if !h.u.keeps(h.addr) {
		h.leave() // nothing is remembered for who does not hear it; he enters again with the first line that he wants to be kept
		return newID()
	}
	if h.lost.Swap(false) {
		id := newID()
		line := h.line(id, "", "", now(), h.a.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", id).Attr("type", "groupchat").Start("body").Text(lostText).End().End()
		}))
		h.offer(keepItem{hearer: h, heard: true}, &line)
	}
	h.room.mu.Lock()
	defer h.room.mu.Unlock()
	if k.How == muc.KeepOwn {
		id := newID()
		line := h.line(id, k.Nick(), k.NetworkID(), k.Event.Time, h.message(&k, id))
		h.offer(keepItem{hearer: h, heard: true}, &line)
		return id
	}
	if k.How == muc.KeepPart && h.room.channel.Alone() {
		return "" // nobody else hears it
	}
	if held := h.room.held; !held.IsZero() && now().After(held) {
		h.room.channel.Release()
		h.room.held = time.Time{}
	}
	heard := h.room.channel.Hear(&h.session, archiveLine(&k))
	item := keepItem{hearer: h, number: heard.Number, heard: k.How == muc.KeepHeard}
	switch {
	case heard.New:
		line := h.line(heard.ID, k.Nick(), k.NetworkID(), k.Event.Time, h.message(&k, heard.ID))
		h.offer(item, &line)
	case item.heard:
		h.offer(item, nil)
	}
	return heard.ID
}

// Retract implements muc.Archive.
func (h *hearer) Retract(id, message string) {
	h.a.offer(keepItem{share: h.u.archiveShare(), retract: &store.Retraction{User: h.id, ID: id, Stanza: message}}, nil)
}

// Withdraw implements muc.Archive.
func (h *hearer) Withdraw(how muc.KeepHow, id string) {
	if how == muc.KeepHeard {
		h.room.mu.Lock()
		defer h.room.mu.Unlock()
		if !h.room.channel.Withdraw(id) {
			return
		}
	}
	h.a.offer(keepItem{refused: id}, nil)
}

func (h *hearer) offer(item keepItem, line *store.RoomLine) {
	item.share = h.u.archiveShare()
	if !h.a.offer(item, line) {
		h.lost.Store(true)
	}
}

func (h *hearer) line(id, nick, networkID string, at time.Time, xml string) store.RoomLine {
	if at.IsZero() {
		at = now()
	}
	return store.RoomLine{Domain: h.a.domain, Room: h.room.name, ID: id, Time: at, Nick: nick, Stanza: xml, NetworkID: networkID}
}

func (h *hearer) message(k *muc.Kept, id string) string {
	return h.a.render(func(b *stanza.Builder) { k.Append(b, id) })
}

// render writes a message as it is kept.
func (a *archiver) render(message func(*stanza.Builder)) string {
	b, _ := a.builders.Get().(*stanza.Builder)
	if b == nil {
		b = new(stanza.Builder)
	}
	defer a.builders.Put(b)
	b.Reset()
	message(b)
	return string(b.Bytes())
}

// archiveLine is a message as the sessions of a room hear it.
func archiveLine(k *muc.Kept) archive.Line {
	e := k.Event
	l := archive.Line{MsgID: e.ID, Text: e.Body, Loose: e.Unplaced}
	if e.From != nil {
		l.Nick = e.From.Nick
	}
	if e.Clocked {
		l.Time = e.Time
	}
	if bare := k.Bare(); bare != "" { // nothing but what it says of another one
		l.Text = "\x00r" + bare
	}
	switch { // what kind of message it is, in front, where no text of a network can have it
	case k.Subject():
		l.Text = "\x00s" + l.Text
	case e.Action:
		l.Text = "\x00a" + l.Text
	case e.Notice:
		l.Text = "\x00n" + l.Text
	}
	// A user may have a server of his own behind the name of a network. What that says must not become part of what others read.
	if e.ReplyTo != "" || len(e.Spans) > 0 {
		l.Text += "\x00" + e.ReplyTo + "\x00" + fmt.Sprint(e.Spans)
	}
	return l
}
