package component

import (
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// The outbox is what users are told by networks that store and forward: a network was told that a letter was taken, so it must reach the XMPP
// server whatever happens to either process. Deliver writes the stanza down in the transaction that takes the letter; the sender
// (outbox_send.go) sends what is written down in that order, and the clerk (outbox_clerk.go) forgets what the server has.
//
// XEP-0114 acknowledges nothing, but servers take the stanzas of a stream in their order. So a ping that follows stanzas is a barrier: when
// its answer comes they were routed, and those that could not be have come back as errors. What was sent and not answered for when the
// stream is lost is sent again, under the same id. So that this is one message of each user at the most, his next one goes out when the server has
// answered, and how far it has answered is noted where the death of this process does not undo it (store.Answered). What goes out together is what
// was committed one after the other, so that one number says how far that is: whoever comes behind somebody's second message waits with it.

// Limits of the outbox.
const (
	maxFlight     = 100              // stanzas that share a barrier
	maxFlightSize = 1 << 20          // bytes of them, beside the first
	barrierAnswer = 30 * time.Second // after which another one is set
	// routedWait is how long a server other than Prosody has for what it has routed: ejabberd stores messages beside the traffic.
	routedWait = 10 * time.Second
	knowWait   = 10 * time.Second // for a server to say what it is
	// maxReturnable bounds the letters of which an error is known to be for them: those that were sent last.
	maxReturnable = 1 << 15
	// maxReturned bounds the letters that came back and wait for the database. With more nothing is sent.
	maxReturned = 1000
	// maxRefusal is how much of a server's words an error has, in bytes.
	maxRefusal = 512

	clerkWait      = 20 * time.Millisecond  // between two writes of the clerk, beside others' who wait for the disk as well
	clerkLinger    = 250 * time.Millisecond // that what a server has waits for more of it, to be deleted together
	outboxAgain    = time.Second            // between tries of the database, doubling up to
	maxOutboxAgain = time.Minute
	returnTries    = 3 // of a transport that fails to take a letter back
)

// outbox is that of one gateway. It is safe to use from any goroutine.
type outbox struct {
	g    *Gateway
	wake chan struct{} // something was committed; capacity 1
	work chan struct{} // there is something for the clerk; capacity 1
	seed maphash.Seed

	mu       sync.Mutex
	letters  map[uint64]sentLetter // by key
	order    []uint64              // keys of letters, a ring once it is full
	oldest   int                   // in order
	returned []returnedLetter
	giving   int                  // letters that came back and that the clerk has taken and not given back yet
	settled  []settled            // ascending
	doubt    []settled            // ascending, behind settled: the server had taken it, and may have been started anew before it was stored
	handed   store.OutgoingNumber // all up to it are the clerk's
	maybe    store.OutgoingNumber // the last one that a server may have
	noted    store.Answered
	ready    ready

	// noting is held while it is noted, for which a disk may have to be waited for, and taken before mu: who reads from the stream waits for no disk.
	noting  sync.Mutex
	unnoted bool // it could not be, and that was said
}

// sentLetter is a letter that was sent.
type sentLetter struct {
	number store.OutgoingNumber
	user   string // who said it, where it was not said to who sends an error
}

// returnedLetter is a letter that came back.
type returnedLetter struct {
	number store.OutgoingNumber
	user   transports.Address
	transports.Returned
	tries int // of the transport
}

// settled says that the server has all stanzas up to one at a time, and when it said so, see store.Answered.
type settled struct {
	last store.OutgoingNumber
	due  time.Time
	at   time.Duration
	up   uptime
}

func newOutbox(g *Gateway) *outbox {
	return &outbox{
		g: g, wake: make(chan struct{}, 1), work: make(chan struct{}, 1), seed: maphash.MakeSeed(),
		letters: make(map[uint64]sentLetter),
	}
}

// begin finds out what an earlier process may have sent.
func (o *outbox) begin(ctx context.Context) error {
	last, err := o.g.opt.Store.LastOutgoing(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.maybe = last
	if err == nil {
		o.ready.known = true
		o.ready.skip(last)
	}
	o.noted = o.g.opt.Store.Answered(o.g.opt.Domain)
	if o.noted.Stored > 0 {
		o.settled = []settled{{last: o.noted.Stored, due: now()}}
		poke(o.work)
	}
	if o.noted.Routed > o.noted.Stored {
		o.doubt = []settled{{last: o.noted.Routed, due: now().Add(o.g.opt.Timing.Routed), at: o.noted.At, up: uptime{o.noted.Up, o.noted.Within}}}
	}
	return err
}

// poke tells somebody that there is something.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // he knows
	}
}

// expect notes that a letter is being sent, so that an error is known to be for it.
func (o *outbox) expect(s *store.Outgoing) {
	if s.Letter == "" {
		return
	}
	k, sent := o.key(cmp.Or(s.Back, s.JID), s.Letter), sentLetter{number: s.Number}
	if s.Back != "" {
		sent.user = s.JID
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) < maxReturnable {
		o.order = append(o.order, k)
	} else {
		delete(o.letters, o.order[o.oldest])
		o.order[o.oldest] = k
		o.oldest = (o.oldest + 1) % maxReturnable
	}
	o.letters[k] = sent
}

// key is what an error brings of a letter: whom it was for, and its id.
func (o *outbox) key(jid, letter string) uint64 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	_, _ = h.WriteString(jid)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(letter)
	return h.Sum64()
}

// bounced takes an error that came back, and reports whether it is for a letter. The server sends it in the user's name, from his bare
// JID (RFC 6121 §8.5.2): what a client of his sends is none. It runs on the reader's goroutine.
func (o *outbox) bounced(from transports.Address, e *stanza.Element) bool {
	if o == nil || !from.IsBare() {
		return false
	}
	id := e.Attr("id")
	k := o.key(from.String(), id)
	o.mu.Lock()
	sent, ok := o.letters[k]
	if ok {
		delete(o.letters, k)
		user := from
		if a, err := transports.ParseAddress(sent.user); err == nil {
			user = a
		}
		o.returned = append(o.returned, returnedLetter{number: sent.number, user: user, Returned: transports.Returned{ID: id, Err: readRefusal(e)}})
	}
	o.mu.Unlock()
	if ok {
		o.g.metrics.returned.Inc()
		poke(o.work)
	}
	return ok
}

// settle notes that the server has all stanzas up to one, for sure once some time is over.
func (o *outbox) settle(s settled, after time.Duration) {
	s.due = now().Add(after)
	o.mu.Lock()
	if n := len(o.settled); n > 0 && after <= 0 && !o.settled[n-1].due.After(s.due) {
		o.settled[n-1] = s
	} else {
		o.settled = append(o.settled, s)
	}
	o.mu.Unlock()
	o.note()
	poke(o.work)
}

// note has the next process know how far the server is.
func (o *outbox) note() {
	o.noting.Lock()
	defer o.noting.Unlock()
	said, news := o.answered()
	if !news {
		return
	}
	err := o.g.opt.Store.NoteAnswered(o.g.opt.Domain, said)
	if err != nil && !o.unnoted {
		o.g.log.Warn("what the XMPP server has cannot be noted: where this process is killed users may get letters twice", "error", err)
	}
	o.unnoted = err != nil
}

// answered is how far the server is, and whether that is to be noted. What came back and is not written down may not be taken for what is with its
// user.
func (o *outbox) answered() (said store.Answered, news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.returned)+o.giving > 0 {
		return said, false
	}
	t := now()
	said = store.Answered{Stored: o.handed, Routed: o.handed}
	for _, s := range o.settled {
		if s.due.After(t) {
			break
		}
		said.Stored = s.last
	}
	for _, list := range [][]settled{o.settled, o.doubt} {
		if n := len(list); n > 0 {
			last := list[n-1]
			said.Routed, said.At, said.Up, said.Within = last.last, last.at, last.up.since, last.up.within
		}
	}
	news = said != o.noted
	o.noted = said
	return said, news
}

// gave notes how many letters the clerk still has to give back.
func (o *outbox) gave(left int) {
	o.mu.Lock()
	o.giving = left
	o.mu.Unlock()
	o.note()
}

// waits reports whether the server has routed something and is given time to store it.
func (o *outbox) waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.settled) > 0
}

// hasten gives it no more time.
func (o *outbox) hasten() {
	o.mu.Lock()
	for i := range o.settled {
		o.settled[i].due = now()
	}
	o.mu.Unlock()
	poke(o.work)
}

// lost notes that a stream was lost: a server that has ended may not have what it has routed but not stored. Last is what was sent last.
func (o *outbox) lost(last store.OutgoingNumber) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := now()
	for i, s := range o.settled {
		if s.due.After(t) {
			o.doubt = append(o.settled[i:len(o.settled):len(o.settled)], o.doubt...)
			o.settled = o.settled[:i]
			break
		}
	}
	o.maybe = max(o.maybe, last)
}

// doubts reports whether it matters since when the server is running.
func (o *outbox) doubts() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.doubt) > 0
}

// resume is where a new stream begins: behind a number, and up to which one stanzas may be there already. What a server had taken that was not
// started since, it has.
func (o *outbox) resume(up uptime) (after, maybe store.OutgoingNumber) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.doubt {
		if !up.sameAs(s.up, s.at) {
			break
		}
		o.settled = append(o.settled, s)
	}
	o.doubt = nil
	poke(o.work)
	after = o.handed
	if n := len(o.settled); n > 0 {
		after = o.settled[n-1].last
	}
	return after, o.maybe
}

// full reports whether too much came back to send more.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.returned) >= maxReturned
}
