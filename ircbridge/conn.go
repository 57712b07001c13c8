package ircbridge

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"passerelle/transports"
)

// Bounds of what waits to be written.
const (
	maxQueue   = 200 // lines that wait, and sent ones whose echo is missing; then Busy
	maxAnswers = 20  // lines that wait before strangers get no answer
	maxUrgent  = 64  // answers to PING and lines of the registration; then they are dropped
	maxRecent  = 16  // targets of the last messages, for errors that come late
)

// conn is one connection to a network. The session's mutex guards all of it but nc, raw, and what is the session's goroutine's alone.
type conn struct {
	nc    net.Conn
	raw   syscall.RawConn // of what lies under nc; nil where that is no socket
	lines *lineReader     // the session's goroutine alone
	alarm *time.Timer     // rouses the session at the deadline; nil while it has a goroutine
	to    *Network        // as the user has set it up

	// What is yes or no, and what counts little, stands together: there are many connections.
	resting     bool // nothing was heard for a while, see rest.go; the session's goroutine alone
	dead        bool // nothing more is written
	nickTaken   bool // by somebody else, whence it is wished for
	capsEnded   bool
	registered  bool // 001 came
	ready       bool // the greeting is over
	showsClient bool // people on the network may ask which client the user has
	preAway     bool // it was said before we were let in that the user is away
	bouncer     bool // what we are connected to keeps the user in his channels
	talks       bool // something was said to somebody alone
	late        bool // the deadline of reading passed while we did not read
	barred      bool // it ends because it may not be any more
	writing     bool // a writer is at work
	nickTries   uint8
	labelled    uint32
	fences      uint32

	// Registration.
	asked    string // the nick that was tried first
	caps     caps
	strict   strict
	login    *login   // nil where the user has none
	after    []string // lines of the user's own that are sent once the greeting is over
	told     []string // whom they said something
	over     []string // labels of requests that were refused, see label.go
	greeting []byte

	// What the network is like.
	isup            *isupport          // shared by connections, so it is replaced and never changed
	ident, hostname string             // of ourselves, as others see them; empty while unknown
	realName        string             // that it was told
	account         string             // that we are logged in to; empty for none
	me              *transports.Person // who we are by all that, see self; nil while nobody asked

	// Writing.
	urgent   []string
	queue    []outLine
	inflight []*sentPart // written, not echoed or confirmed yet
	recent   []recentSend
	burst    int // lines at once, zero for any number
	tokens   float64
	tokensAt time.Time
	wake     chan struct{} // rouses the writer while it waits for a token; nil while it does not
	written  chan struct{} // closed at the end of the writer; nil where nobody waits for that
	typing   []ownTyping
	typers   []typer
	unsure   int // messages that were written, and shown as said, since the network was last heard
	wish     wish
	refusing string // the fence of a change that was refused, until its answer comes

	// Times.
	begun    time.Time
	readyBy  time.Time // when the greeting counts as over
	since    time.Time // online
	heard    time.Time // the last line
	restBy   time.Time // when the connection is to rest unless something is heard; zero while it does
	spoke    time.Time // the first message since then; zero for none
	pinged   time.Time // zero unless an answer is awaited
	lastUse  time.Time
	nextCTCP time.Time // when requests of strangers would be answered again if they came one by one
	nextTold time.Time // the same for whom others invite
	nextWho  time.Time // zero before the first one
	deadline time.Time // of reading

	elsewhere []string // channels that it is in and that the user did not join here

	batches  []*batch // that are open, oldest first
	gathered int      // bytes of their lines
	given    []string // ids of those that were given up, oldest first
	private  *privatePast
	marks    map[string]mark   // how far conversations are read, by folded name
	batchID  uint64            // of the last batch of ours
	awayTold map[string]string // what the user was told of whom he wrote to, by folded nick
	fault    *cause            // why the connection ends
	broken   error             // of writing
	words    string            // of ERROR
	notLetIn string            // why the user is not let in, said before that
}

func newConn(nc net.Conn, to *Network, buffers *lineBuffers, burst int) *conn {
	now := time.Now()
	return &conn{
		nc: nc, raw: socket(nc), to: to, lines: newLineReader(nc, buffers), isup: &plainISupport,
		burst: burst, tokens: float64(burst), tokensAt: now, begun: now, heard: now, lastUse: now,
	}
}

// interrupt wakes the session's goroutine out of reading.
func (c *conn) interrupt() { c.expireAt(time.Unix(1, 0)) }

// expireAt sets until when reading may take. An error means that the connection is gone, which reading will tell.
func (c *conn) expireAt(t time.Time) {
	c.deadline = t
	if c.alarm != nil {
		c.alarm.Reset(time.Until(t))
		return
	}
	_ = c.nc.SetReadDeadline(t)
}

// refuse ends the connection because of what the network said; the first reason counts.
func (c *conn) refuse(err *transports.Error, final bool) {
	if c.fault == nil {
		c.fault = &cause{err: err, final: final}
	}
}

// bar ends the connection because it may not be any more.
func (c *conn) bar(err *transports.Error) {
	c.barred = true
	c.refuse(err, true)
	c.interrupt()
}

// lastWords keeps what a server says before it closes the connection.
func (c *conn) lastWords(text string) {
	if c.words = text; c.notLetIn != "" {
		c.words = c.notLetIn + " (" + text + ")"
	}
}

// lost is why a connection on which reading failed with err is gone.
func (c *conn) lost(n *Network, err error) *cause {
	switch {
	case c.fault != nil:
		return c.fault
	case c.words != "":
		return n.turnedOut(c.words, err)
	case c.notLetIn != "":
		return n.turnedOut(c.notLetIn, err)
	case !c.registered:
		return n.hungUp(err)
	default:
		return &cause{err: refused(transports.Offline, "The connection to %s was lost.", n.Name).Because(err)}
	}
}

// prefixLen is the length of what the network puts in front of our lines for others, ":nick!user@host ", guessed high while
// it is not known.
func (c *conn) prefixLen(nick string) int {
	const longestUser, longestHost = 11, 63 // RFC 2812 §2.3.1 for the latter
	user, host := len(c.ident), len(c.hostname)
	if user == 0 {
		user = cmp.Or(c.isup.userLen, longestUser)
	}
	if host == 0 {
		host = cmp.Or(c.isup.hostLen, longestHost)
	}
	return len(":!@ ") + len(nick) + user + host
}

// answerPing queues a PONG; a flood of PINGs loses some of them.
func (c *conn) answerPing(token string) {
	if len(c.urgent) < maxUrgent {
		c.urgent = append(c.urgent, "PONG :"+oneLine(token, 400))
	}
}

// full reports whether n more lines are too many.
func (c *conn) full(n int) bool { return len(c.queue)+len(c.inflight)+n > maxQueue }

// enqueue puts lines behind those that wait. Whoever does so for the user checked full before.
func (c *conn) enqueue(lines ...outLine) { c.queue = append(c.queue, lines...) }

// answer queues a line that the network or a stranger provoked, and reports whether it did: their lines must not take the place
// of the user's.
func (c *conn) answer(text string) bool {
	if len(c.queue) >= maxAnswers {
		return false
	}
	c.enqueue(outLine{text: text})
	return true
}

// sentPart is a part of a Send: a line on its way to the network.
type sentPart struct {
	ref      transports.Ref
	part, of int
	to       transports.Target
	name     string // of the target, in the line
	body     string
	spans    []transports.Span
	action   bool
	batch    bool // of several lines
	label    string
	fence    string    // where there is no echo: the PING behind it, whose answer says that nothing was wrong with it
	by       time.Time // when the echo or that answer is overdue
}

// message is what the host is told once the part is written, where the network does not echo.
func (p *sentPart) message(from *transports.Person, at time.Time) transports.Message {
	m := transports.Message{
		Ref: p.ref, Part: p.part, Of: p.of, From: from, Body: p.body, Spans: p.spans, Action: p.action, Time: at, Unplaced: true,
	}
	if p.to.Kind == transports.TargetRoom {
		m.Room = p.to
	} else {
		m.To = p.to
		m.Services = isServices(p.to.ID)
	}
	return m
}

// recentSend remembers whom a Send went to, for the error that the network may answer with.
type recentSend struct {
	name   string
	batch  bool
	ref    transports.Ref
	failed bool
}

// remember notes a part that is being written.
func (c *conn) remember(p *sentPart) {
	if n := len(c.recent); n > 0 && c.recent[n-1].ref == p.ref && c.recent[n-1].name == p.name {
		return
	}
	if len(c.recent) == maxRecent {
		copy(c.recent, c.recent[1:])
		c.recent = c.recent[:maxRecent-1]
	}
	c.recent = append(c.recent, recentSend{name: p.name, ref: p.ref, batch: p.batch})
}

// failSend finds the Send that the network refuses: the one with the label, else the first that awaits its echo from that
// target, else the last one that went there. What is left of it is dropped. Known says that it was told before.
func (c *conn) failSend(name, label string) (ref transports.Ref, found, known bool) {
	for _, p := range c.inflight {
		if label != "" && p.label == label || label == "" && c.isup.casemap.equal(p.name, name) {
			c.dropSend(p.ref)
			return p.ref, true, false
		}
	}
	for i := len(c.recent) - 1; i >= 0; i-- {
		if r := &c.recent[i]; c.isup.casemap.equal(r.name, name) {
			if r.failed {
				return 0, false, true
			}
			c.dropSend(r.ref)
			r.failed = true
			return r.ref, true, false
		}
	}
	return 0, false, false
}

// failed reports whether a Send that was written of late was refused.
func (c *conn) failed(ref transports.Ref) bool {
	return slices.ContainsFunc(c.recent, func(r recentSend) bool { return r.ref == ref && r.failed })
}

// dropSend forgets the parts of a Send.
func (c *conn) dropSend(ref transports.Ref) {
	queue := c.queue[:0]
	for _, line := range c.queue {
		if line.part == nil || line.part.ref != ref {
			queue = append(queue, line)
		}
	}
	clear(c.queue[len(queue):])
	c.queue = queue
	var inflight []*sentPart
	for _, p := range c.inflight {
		if p.ref != ref {
			inflight = append(inflight, p)
		}
	}
	c.inflight = inflight
	for i := range c.recent {
		if c.recent[i].ref == ref {
			c.recent[i].failed = true
		}
	}
}

// echoed ties a message of our own to the Send that it echoes (IRCv3 echo-message): by label; without one the first that says
// the same to the same target; else, since the network may have changed the text, the first to that target where there are no
// labels. One that nothing waits for was sent by another client of ours, through a bouncer.
func (c *conn) echoed(m transports.Message, label string) transports.Message {
	found := -1
	for i, p := range c.inflight {
		if label != "" {
			if p.label == label {
				found = i
				break
			}
			continue
		}
		if p.fence != "" || p.to != m.Room && p.to != m.To || p.action != m.Action {
			continue
		}
		if p.body == m.Body {
			found = i
			break
		}
		if found < 0 && p.label == "" {
			found = i
		}
	}
	if found < 0 {
		return m
	}
	p := c.inflight[found]
	c.inflight = slices.Concat(c.inflight[:found], c.inflight[found+1:])
	m.Ref, m.Part, m.Of = p.ref, p.part, p.of
	return m
}

// confirmed takes the part off that stands before a fence whose answer came; nil where there is none.
func (c *conn) confirmed(fence string) *sentPart {
	i := slices.IndexFunc(c.inflight, func(p *sentPart) bool { return p.fence != "" && p.fence == fence })
	if i < 0 {
		return nil
	}
	p := c.inflight[i]
	c.inflight = slices.Delete(c.inflight, i, i+1)
	return p
}

// nextFence makes the token of a PING that follows lines of which nothing is said when all is well: its answer says that they were
// read, and that what was wrong with them has been said.
func (c *conn) nextFence() string {
	c.fences++
	return "done-" + strconv.FormatUint(uint64(c.fences), 36)
}

// nextLabel makes the label of a line (IRCv3 labeled-response).
func (c *conn) nextLabel() string {
	c.labelled++
	return strconv.FormatUint(uint64(c.labelled), 36)
}

// appendLine writes a line with its ending, the last place where something could break out of it.
func appendLine(b []byte, line string) []byte {
	if strings.IndexByte(line, '\n') >= 0 || strings.IndexByte(line, '\r') >= 0 || strings.IndexByte(line, 0) >= 0 {
		line = strings.Map(func(r rune) rune {
			if r == '\r' || r == '\n' || r == 0 {
				return -1
			}
			return r
		}, line)
	}
	b = append(b, line...)
	return append(b, '\r', '\n')
}
