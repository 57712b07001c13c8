package ircbridge

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Network is an IRC network that the operator configured.
type Network struct {
	ID        string         // its name in addresses: a host name, or any word of the same characters, in lower case
	Name      string         // for people; the ID where it is empty
	Addresses []string       // "host:port", tried in turn; where there is none the ID is the host and the port is 6697
	Plain     bool           // without TLS
	RootCAs   *x509.CertPool // whom to trust; the system's where it is nil
	Password  string         // of the server (PASS), for users who set none of their own
	WebIRC    string         // the password that it trusts the gateway by, see Identity; empty where it does not
	Services  string         // the server that its services are on, see services.go; empty where they say so themselves

	configured bool

	// Of a network that the operator did not configure, as a user has set it up:
	host       string // where it is
	pin        string // the fingerprint of a certificate that is trusted, empty for none
	unverified bool   // any certificate is trusted
	strict     bool   // it is reached with TLS since it asked for that, see sts.go
	vouched    bool   // somebody whom everybody trusts has signed that it is the host; set by the handshake
}

// Options are what a Transport is made of.
type Options struct {
	Name     string    // of the gateway, for people
	Networks []Network // in the operator's order
	Open     bool      // users may name other servers, as far as Reach goes; they are reached over TLS
	Fixed    string    // the ID of the only network, which addresses leave out; empty for any number
	Reach    Reach

	// Burst lines are sent at once, Rate lines a second from then on. A Burst of zero means no limit at all, a Rate of zero means 1.
	// A user may set another Burst on a network, UserBurst at most where there is a limit.
	Burst, UserBurst int
	Rate             float64

	Identity Identity

	// ConnectRate is how many connections a second are made to one network at most, of all users; zero means no limit.
	ConnectRate float64

	Version  string   // answers CTCP VERSION
	Settings Settings // nil: users cannot configure anything

	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: nothing is registered

	// Dial makes connections in place of the system's dialer and its guard; nil means the latter.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Transport serves the virtual domain of the IRC networks. Its methods are safe to call from any goroutine.
type Transport struct {
	opt       Options // as New was given them; what may change is asked of rules
	current   atomic.Pointer[rules]
	log       *slog.Logger
	metrics   *metrics
	buffers   lineBuffers
	sheets    sync.Pool // of *sheet, of writers
	people    people
	gates     gates
	outages   outages
	sleepers  sleepers
	isupports isupports

	mu          sync.Mutex
	closed      bool
	sessions    map[sessionKey]*session
	leaving     map[sessionKey]<-chan struct{} // closed sessions whose connection is still saying good-bye
	paces       map[sessionKey]pace
	errands     map[sessionKey]context.CancelFunc
	errandsDone errandTimes
	sweepAt     int            // number of paces at which the old ones are looked for
	running     sync.WaitGroup // every goroutine of every session, and those that go on after a rest
}

type sessionKey struct {
	user    transports.Address // bare
	network string
}

var _ transports.Transport = (*Transport)(nil)

// New makes the transport. It fails when the options make no sense.
func New(opt Options) (*Transport, error) {
	if err := opt.Check(); err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(opt.Metrics)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		opt:      opt,
		log:      opt.Log,
		metrics:  m,
		sessions: make(map[sessionKey]*session),
		leaving:  make(map[sessionKey]<-chan struct{}),
	}
	t.buffers.tooLong = func() { m.dropped.WithLabelValues(dropTooLong).Inc() }
	t.change(newRules(opt))
	return t, nil
}

// calledInChat is what the gateway is called where the operator calls it nothing else.
const calledInChat = "IRC gateway"

// Describe says what the domain is.
func (t *Transport) Describe() transports.Description {
	fixed := t.opt.Fixed != ""
	d := transports.Description{
		Kind:  "irc",
		Name:  cmp.Or(t.rules().Name, calledInChat),
		Rooms: true,
		Fixed: t.opt.Fixed,
		Prompt: transports.Prompt{
			Description: "Write a channel or a nick, and its network, for instance “#linux libera”.",
			Label:       "Channel or nick",
			Room: transports.RoomPrompt{
				Title:       "Join a channel",
				Description: "Write a channel and its network, for instance “#linux libera”.",
				Label:       "Channel and network",
				Search:      "Find channels",
			},
		},
	}
	for _, n := range t.rules().Networks {
		d.Networks = append(d.Networks, transports.Network{ID: n.ID, Name: t.rules().byID[n.ID].Name})
	}
	if fixed {
		d.Prompt = transports.Prompt{
			Description: "Write a channel or a nick.", Label: "Channel or nick",
			Room: transports.RoomPrompt{Title: "Join a channel", Description: "Write a channel, for instance “#linux”.", Label: "Channel", Search: "Find channels"},
		}
		d.Hints = append(d.Hints, "“join #channel” brings you into a channel, “leave #channel” takes you out for good.")
		d.Hints = append(d.Hints, "“channels WORD” finds channels, “status” says where you are.")
		if t.opt.Settings != nil {
			d.Hints = append(d.Hints, "“login” logs you in to your account, “configure” sets your nick and more.")
		}
		d.Hints = append(d.Hints, "Without me, join the room #channel@DOMAIN, and write to nick@DOMAIN.")
		return d
	}
	d.Hints = append(d.Hints, "“join #channel NETWORK” brings you into a channel, “leave #channel NETWORK” takes you out for good.")
	d.Hints = append(d.Hints, "“channels WORD NETWORK” finds channels, “status” says where you are.")
	if t.opt.Settings != nil {
		d.Hints = append(d.Hints, "“login NETWORK” logs you in to your account, “configure NETWORK” sets your nick and more.")
	}
	d.Hints = append(d.Hints, "Without me, join the room #channel%network@DOMAIN, and write to nick%network@DOMAIN.")
	if t.rules().Open {
		d.Hints = append(d.Hints, "The network may be any public IRC server with TLS, such as irc.libera.chat.")
	}
	return d
}

// Parse says what a local part stands for, see Naming.
func (t *Transport) Parse(local string) (transports.Target, error) {
	target, err := t.naming().Parse(local)
	if err != nil {
		return transports.Target{}, err
	}
	if _, err := t.network("", target.Network); err != nil {
		return transports.Target{}, err
	}
	return target, nil
}

// Format is the inverse of Parse.
func (t *Transport) Format(target transports.Target) string { return t.naming().Format(target) }

// naming does not change while the transport is there: addresses are in contact lists.
func (t *Transport) naming() Naming { return Naming{Fixed: t.opt.Fixed} }

// network finds a network that the operator configured, or makes one of what a user named where that is allowed.
func (t *Transport) network(lang, id string) (*Network, error) {
	if n := t.rules().byID[id]; n != nil {
		return n, nil
	}
	if !t.rules().Open {
		return nil, transports.NewError(transports.NotFound, text.Say(lang, "This gateway does not connect to %q.", id), nil)
	}
	if !t.rules().Reach.names(id) {
		return nil, transports.NewError(transports.Denied, text.Say(lang, "The operator of this gateway does not let it connect to %q.", id), nil)
	}
	return &Network{ID: id, Name: id, Addresses: t.rules().Reach.addresses(id, nil)}, nil
}

// Open makes the session of a user on a network. There is one at a time for each pair of them. The session lives until Close
// or until it says that it is over; ctx is not kept.
func (t *Transport) Open(_ context.Context, user transports.Address, network string, host transports.Host) (transports.Session, error) {
	if !validNetwork(network) {
		return nil, badAddress("This is no name of an IRC network.")
	}
	n, err := t.network("", network)
	if err != nil {
		return nil, err
	}
	s := newSession(t, n, user.Bare(), host)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		s.life.end()
		return nil, refused(transports.Offline, "The gateway is shutting down.")
	}
	if t.sessions[s.key()] != nil {
		s.life.end()
		return nil, refused(transports.Conflict, "You are connected to %s already.", n.Name)
	}
	s.previous = t.leaving[s.key()]
	t.sessions[s.key()] = s
	return s, nil
}

// forget drops a session that is over or closed, so that the user may open another. Leaves says that it has still to hang up.
func (t *Transport) forget(s *session, leaves bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sessions[s.key()] == s {
		delete(t.sessions, s.key())
		if leaves {
			s.left = make(chan struct{})
			t.leaving[s.key()] = s.left
		}
	}
}

// hasLeft notes that nothing of a session is connected any more.
func (t *Transport) hasLeft(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.left == nil {
		return // it was not closed before its end
	}
	close(s.left)
	if t.leaving[s.key()] == s.left {
		delete(t.leaving, s.key())
	}
}

// open are the sessions of the moment; the caller holds mu.
func (t *Transport) open() []*session { return slices.Collect(maps.Values(t.sessions)) }

// Shutdown closes every session with the reason and waits until all of them have left their networks, or until ctx ends.
// It may be called more than once.
func (t *Transport) Shutdown(ctx context.Context, reason string) error {
	t.mu.Lock()
	t.closed = true
	open := t.open()
	for _, cancel := range t.errands {
		cancel()
	}
	t.mu.Unlock()
	for _, s := range open {
		s.Close(reason)
	}
	done := make(chan struct{})
	go func() { // ends with the last session, which the context cannot hasten
		t.running.Wait()
		t.sleepers.close()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for irc sessions to end: %w", context.Cause(ctx))
	}
}

// Waits of a session.
const (
	registrationTimeout = 60 * time.Second  // from the first line to 001
	loginTimeout        = 30 * time.Second  // from asking for SASL to its end
	motdTimeout         = 10 * time.Second  // from 001 to the end of the message of the day, which some servers never send
	silenceTimeout      = 120 * time.Second // until we ask whether the server is there
	spokeTimeout        = 30 * time.Second  // the same where we said something and heard nothing since
	pongTimeout         = 60 * time.Second  // and how long it may take to answer
	writeTimeout        = 10 * time.Second
	lastWordsTimeout    = time.Second      // from a failed write to the end of reading
	joinTimeout         = 30 * time.Second // from JOIN to the end of NAMES
	requestTimeout      = 60 * time.Second // for everything else that the network should answer
	bouncerTimeout      = 5 * time.Second  // for what is said to a user's own line where nothing tells when that is all
	idleTimeout         = 60 * time.Second // with no channel and nothing to do
	quitTimeout         = 2 * time.Second
	lateTimeout         = time.Second      // to read what waits after a deadline that passed while we did not read
	stableTime          = 60 * time.Second // a connection that lasted that long starts the back-off anew
	minRetry            = time.Second
	maxRetry            = 300 * time.Second
	joinAgainAfter      = 10 * time.Second // a user's Join may cut a back-off short that often
	freeAttempts        = 2                // a user's sessions that may follow each other at once
	throttledAttempts   = 7                // the back-off of a network that counts connections begins at 128 s: they count within a minute
)
