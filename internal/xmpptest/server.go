package xmpptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"passerelle/internal/realservers/freeport"
)

// Options say what the server is.
type Options struct {
	Host       string             // the domain of the users, "localhost" if empty
	Components map[string]string  // the domains of the components and their secrets
	Services   map[string]Service // the domains that the server itself answers for, besides its own
	// KickOld lets a second connection of a component replace the first, as Prosody's component_conflict_resolve does; otherwise
	// the second is refused.
	KickOld bool
}

// Server is an XMPP server that listens for components. Its methods are safe to call from any goroutine.
type Server struct {
	host    string
	secrets map[string]string
	kickOld bool
	addr    string

	services map[string]Service

	wg sync.WaitGroup // the accept loop and the goroutines of the streams

	mu       sync.Mutex
	since    time.Time    // see RunningSince
	listener net.Listener // nil while stopped
	streams  map[*stream]struct{}
	links    map[string]*stream // the authenticated ones, by domain
	changed  chan struct{}      // closed and replaced whenever links changes
	clients  map[string]*Client // by full JID
	answerAs string
	contacts map[string]map[string]string // subscriptions by user and contact; nil unless granted
	errors   []string
}

// Listen starts a server on a free port of the loopback interface. The caller stops it.
func Listen(o Options) (*Server, error) {
	if o.Host == "" {
		o.Host = "localhost"
	}
	l, err := freeport.Listen()
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s := &Server{
		host: o.Host, secrets: o.Components, kickOld: o.KickOld, services: o.Services, addr: l.Addr().String(),
		streams: make(map[*stream]struct{}), links: make(map[string]*stream),
		changed: make(chan struct{}), clients: make(map[string]*Client),
	}
	s.serve(l)
	return s, nil
}

// New starts a server that stops at the end of the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Addr is host and port for components. It stays the same after Stop and Start.
func (s *Server) Addr() string { return s.addr }

// Start listens again after Stop, on the same port.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return errors.New("start the server: it runs")
	}
	l, err := freeport.ListenAgain(s.addr)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	s.serve(l)
	return nil
}

// serve takes connections from a listener.
func (s *Server) serve(l net.Listener) {
	s.listener = l
	s.wg.Go(func() { s.accept(l) })
}

// Stop ends everything at once, as if the server were killed: streams break without a word, clients are gone, and nobody is told
// of it. It waits for all goroutines. Stopping twice is safe.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.listener != nil {
		// Closing a listener fails only if it is closed already.
		_ = s.listener.Close()
		s.listener = nil
	}
	for st := range s.streams {
		st.drop()
	}
	for full, c := range s.clients {
		c.inbox.close()
		delete(s.clients, full)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		s.mu.Lock()
		if s.listener != l {
			s.mu.Unlock()
			_ = conn.Close() // nobody was served on it
			return
		}
		st := newStream(s, conn)
		s.streams[st] = struct{}{}
		s.wg.Go(st.write)
		s.wg.Go(st.read)
		s.mu.Unlock()
	}
}

// join makes an authenticated stream the one of its domain. It returns false if there is another that stays.
func (s *Server) join(st *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.links[st.domain]; old != nil {
		if !s.kickOld {
			return false
		}
		s.streamErrorLocked(old, "conflict", "Replaced by a new connection")
	}
	// Under the lock, so that the handshake's answer comes before every stanza.
	_ = st.out.put("<handshake/>") // a stream that is gone already is forgotten by its reader
	s.links[st.domain] = st
	s.announce()
	return true
}

// leave takes the domain from a stream that is not read any more.
func (s *Server) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(st)
}

// closed forgets a stream whose connection is closed.
func (s *Server) closed(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
}

// announce wakes everybody who waits for a change of links.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// streamError ends a stream with an error (RFC 6120 §4.9) and remembers it.
func (s *Server) streamError(st *stream, condition, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streamErrorLocked(st, condition, text)
}

func (s *Server) streamErrorLocked(st *stream, condition, text string) {
	s.errors = append(s.errors, st.domain+": "+condition+": "+text)
	s.unlink(st)
	st.fail(condition, text)
}

// endStream ends a stream in order. Its domain is not connected from then on.
func (s *Server) endStream(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(st)
	st.end()
}

func (s *Server) unlink(st *stream) {
	if s.links[st.domain] == st {
		delete(s.links, st.domain)
		s.announce()
	}
}

func (s *Server) isLink(st *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[st.domain] == st
}

// StreamErrors are the errors that ended streams so far, as "domain: condition: text". A component that keeps the rules has none.
func (s *Server) StreamErrors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.errors)
}

// WaitConnected waits until the component of the domain is connected and authenticated.
func (s *Server) WaitConnected(ctx context.Context, domain string) error {
	return s.wait(ctx, domain, true)
}

// WaitDisconnected waits until the component of the domain is not connected.
func (s *Server) WaitDisconnected(ctx context.Context, domain string) error {
	return s.wait(ctx, domain, false)
}

func (s *Server) wait(ctx context.Context, domain string, connected bool) error {
	for {
		s.mu.Lock()
		_, ok := s.links[domain]
		changed := s.changed
		s.mu.Unlock()
		if ok == connected {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the component %s: %w", domain, context.Cause(ctx))
		}
	}
}

// AnswerAs makes the server answer the IQs that are addressed to it as if jid had: an answer that a component must not take.
// The empty string makes it answer as itself again.
func (s *Server) AnswerAs(jid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answerAs = jid
}

// link is the stream of a connected component.
func (s *Server) link(domain string) (*stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.links[domain]
	if !ok {
		return nil, fmt.Errorf("the component %s is not connected", domain)
	}
	return st, nil
}

// Drop breaks the component's connection without a word: the component sees a reset.
func (s *Server) Drop(domain string) error {
	st, err := s.link(domain)
	if err == nil {
		st.drop()
	}
	return err
}

// CloseStream ends the component's stream in order, with an end tag.
func (s *Server) CloseStream(domain string) error {
	st, err := s.link(domain)
	if err == nil {
		s.endStream(st)
	}
	return err
}

// Stall stops reading from the component until Resume: what it sends fills the buffers of the sockets.
func (s *Server) Stall(domain string) error {
	st, err := s.link(domain)
	if err == nil {
		st.gate.shut()
	}
	return err
}

// Resume reads from the component again.
func (s *Server) Resume(domain string) error {
	st, err := s.link(domain)
	if err == nil {
		st.gate.open()
	}
	return err
}

// SendRaw writes bytes into the component's stream as they are, after what was sent before.
func (s *Server) SendRaw(domain, raw string) error {
	st, err := s.link(domain)
	if err != nil {
		return err
	}
	return st.out.put(raw)
}
