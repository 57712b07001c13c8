package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// scripted is a transport without a network: tests see each request and emit each event themselves.
type scripted struct {
	mu       sync.Mutex
	sessions map[string]*scriptedSession // by user and network
	opened   chan *scriptedSession
	onDo     func(s *scriptedSession, r transports.Request) error // nil takes everything
	commands []transports.Command
	features transports.Features
}

func newScripted() *scripted {
	return &scripted{sessions: map[string]*scriptedSession{}, opened: make(chan *scriptedSession, 64)}
}

func (s *scripted) Describe() transports.Description {
	return transports.Description{
		Kind: "irc", Name: "Test gateway", Rooms: true,
		Networks: []transports.Network{{ID: "irc.example", Name: "Example"}},
		Prompt:   transports.Prompt{Description: "Describe", Label: "Whom?", Room: transports.RoomPrompt{Title: "Join", Description: "Write a room.", Label: "Where?", Search: "Find"}},
		Hints:    []string{"Join #channel%irc.example@DOMAIN."},
	}
}

func (s *scripted) Parse(local string) (transports.Target, error) {
	i := strings.LastIndexByte(local, '%')
	switch {
	case i < 0 && strings.Contains(local, "."):
		return transports.Target{Kind: transports.TargetNetwork, Network: local}, nil
	case i <= 0:
		return transports.Target{}, transports.NewError(transports.NotFound, "There is no network called "+local+".", nil)
	case local[0] == '#':
		return transports.Target{Kind: transports.TargetRoom, Network: local[i+1:], ID: local[:i]}, nil
	}
	return transports.Target{Kind: transports.TargetContact, Network: local[i+1:], ID: local[:i]}, nil
}

func (s *scripted) Find(_, input string, _ transports.TargetKind) (transports.Target, error) {
	if strings.EqualFold(input, "Example") {
		input = "irc.example"
	}
	return s.Parse(strings.ReplaceAll(strings.TrimSpace(input), " ", "%"))
}

func (s *scripted) Format(t transports.Target) string {
	if t.Kind == transports.TargetNetwork {
		return t.Network
	}
	return t.ID + "%" + t.Network
}

func (s *scripted) Commands() []transports.Command { return s.commands }

func (s *scripted) Open(_ context.Context, user transports.Address, network string, host transports.Host) (transports.Session, error) {
	if network == "closed.example" {
		return nil, transports.NewError(transports.Policy, "closed.example is not open to everybody.", nil)
	}
	ss := &scriptedSession{t: s, user: user, network: network, host: host, requests: make(chan transports.Request, 4096)}
	ss.ctx, ss.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	s.sessions[user.Local+" "+network] = ss
	s.mu.Unlock()
	s.opened <- ss
	return ss, nil
}

type scriptedSession struct {
	t        *scripted
	user     transports.Address
	network  string
	host     transports.Host
	requests chan transports.Request
	ctx      context.Context
	cancel   context.CancelFunc
	onClose  func() // may emit the last events
}

func (s *scriptedSession) Do(_ context.Context, r transports.Request) error {
	if s.ctx.Err() != nil {
		return transports.NewError(transports.Offline, "The session is closed.", nil)
	}
	if s.t.onDo != nil {
		if err := s.t.onDo(s, r); err != nil {
			return err
		}
	}
	s.requests <- r
	return nil
}

func (s *scriptedSession) Features(transports.Target) transports.Features { return s.t.features }

func (s *scriptedSession) Close(string) {
	if s.onClose != nil {
		s.onClose()
	}
	s.cancel()
}

func (s *scriptedSession) emit(t *testing.T, e transports.Event) {
	t.Helper()
	if err := s.host.Emit(s.ctx, e); err != nil && s.ctx.Err() == nil {
		t.Errorf("emit %T: %v", e, err)
	}
}

// next waits for a request of the type that the caller expects.
func next[R transports.Request](t *testing.T, s *scriptedSession) R {
	t.Helper()
	select {
	case r := <-s.requests:
		want, ok := r.(R)
		if !ok {
			t.Fatalf("got the request %T %+v, want %T", r, r, want)
		}
		return want
	case <-time.After(testWait):
		var want R
		t.Fatalf("no %T came", want)
		panic("unreachable")
	}
}

// testWait is far more than anything takes that works.
const testWait = 30 * time.Second

// world is a gateway between a scripted transport and an in-process XMPP server.
type world struct {
	t         *testing.T
	xmpp      *xmpptest.Server
	transport *scripted
	gateway   *Gateway
	log       *logBuffer
	stop      func()
}

const testDomain = "irc.localhost"

// newWorld starts one. change may alter the options first.
func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, transport: newScripted(), log: newLogBuffer()}
	w.xmpp = xmpptest.New(t, xmpptest.Options{Components: map[string]string{testDomain: "s3cret"}})
	w.start(w.options(change))
	return w
}

// options are those of a gateway at the world's server.
func (w *world) options(change func(*Options)) Options {
	opt := Options{
		Domain: testDomain, Secret: "s3cret", Server: w.xmpp.Addr(), Version: "1.0-test", Transport: w.transport,
		Log:     slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: NewMetrics(prometheus.NewRegistry()),
		Timing: Timing{
			FirstWait: 5 * time.Millisecond, MaxWait: 20 * time.Millisecond, RefusedWait: 50 * time.Millisecond, RestoreWait: time.Millisecond,
			// Else it depends on the machine whether somebody is told that his network is slow, and what comes without the database.
			Slow: time.Hour, Recall: testWait, Relations: testWait, Peek: testWait,
		},
	}
	if change != nil {
		change(&opt)
	}
	return opt
}

// start runs a gateway until the test ends or w.stop is called.
func (w *world) start(opt Options) {
	w.t.Helper()
	g, err := New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.gateway = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("run: %v", err)
			}
		case <-time.After(2 * testWait):
			w.t.Error("the gateway does not stop")
		}
	})
	w.t.Cleanup(w.stop)
}

// connected waits until the gateway is connected.
func (w *world) connected() *world {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	if err := w.xmpp.WaitConnected(ctx, testDomain); err != nil {
		w.t.Fatalf("%v\nlog:\n%s", err, w.log.String())
	}
	for !w.gateway.shown.Load() && ctx.Err() == nil { // who comes into a contact list meanwhile would be told twice how he is
		runtime.Gosched()
	}
	return w
}

// client logs a client in.
func (w *world) client(full string) *person {
	w.t.Helper()
	c, err := w.xmpp.Client(full)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return &person{t: w.t, c: c, vars: xmpptest.Vars{}}
}

// session waits for the next session to be opened.
func (w *world) session() *scriptedSession {
	w.t.Helper()
	select {
	case s := <-w.transport.opened:
		return s
	case <-time.After(testWait):
		w.t.Fatal("no session was opened")
		panic("unreachable")
	}
}

// enter brings a client into #go beside bob and returns the session.
func (w *world) enter(p *person) *scriptedSession {
	w.t.Helper()
	p.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s := w.session()
	j := next[transports.Join](w.t, s)
	s.emit(w.t, entered(j))
	p.expect(`<presence from='#go%irc.example@irc.localhost/bob'/>`)
	p.expect(`<presence from='#go%irc.example@irc.localhost/alice'/>`)
	p.expect(`<message type='groupchat'><subject/></message>`)
	return s
}

func entered(j transports.Join) transports.Entered {
	return transports.Entered{Ref: j.Ref, Room: j.Room, Nick: j.Nick, Members: []transports.Member{
		{Person: &transports.Person{Nick: "bob"}}, {Person: &transports.Person{Nick: j.Nick}},
	}}
}

// person is a client with the words of a test.
type person struct {
	t    *testing.T
	c    *xmpptest.Client
	vars xmpptest.Vars
}

func (p *person) send(stanza string) {
	p.t.Helper()
	if err := p.c.Send(context.Background(), stanza); err != nil {
		p.t.Fatalf("send %s: %v", stanza, err)
	}
}

func (p *person) receive() *xmpptest.Element {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	e, err := p.c.Receive(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// expect compares the next stanza with a pattern.
func (p *person) expect(pattern string) *xmpptest.Element {
	p.t.Helper()
	e, err := p.match(pattern)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// match says why the next stanza is not what a pattern expects.
func (p *person) match(pattern string) (*xmpptest.Element, error) {
	p.t.Helper()
	e := p.receive()
	want, err := xmpptest.Parse(pattern)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := xmpptest.Match(want, e, p.vars); err != nil {
		return e, fmt.Errorf("%w\nwant: %s\ngot:\n%s", err, pattern, e)
	}
	return e, nil
}

// ask sends a request and expects its answer next.
func (p *person) ask(stanza, pattern string) *xmpptest.Element {
	p.t.Helper()
	p.send(stanza)
	return p.expect(pattern)
}

// alive shows that the gateway still answers this client, and that nothing else was on its way to it.
func (p *person) alive() {
	p.t.Helper()
	p.ask(`<iq type='get' id='alive' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='result' id='alive' from='irc.localhost'/>`)
}

// logBuffer collects a log.
type logBuffer struct {
	mu      sync.Mutex
	b       strings.Builder
	changed chan struct{} // closed and replaced at each line
}

func newLogBuffer() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logged waits until the log holds all of the texts, in this order.
func (w *world) logged(texts ...string) {
	w.t.Helper()
	timeout := time.After(testWait)
	for {
		w.log.mu.Lock()
		rest, changed := w.log.b.String(), w.log.changed
		w.log.mu.Unlock()
		missing := ""
		for _, text := range texts {
			_, after, ok := strings.Cut(rest, text)
			if !ok {
				missing = text
				break
			}
			rest = after
		}
		if missing == "" {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			w.t.Fatalf("the log does not say %q:\n%s", missing, w.log.String())
		}
	}
}

// openStore opens a database that lasts as long as the test.
func openStore(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Options{Path: path, Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var errScripted = errors.New("as the script says")
