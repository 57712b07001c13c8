package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
)

// Options are how a Server receives.
type Options struct {
	Hostname string // what it calls itself: to peers, in Received, and as whose results it writes (RFC 8601)
	Backend  Backend
	TLS      *tls.Config  // nil for no STARTTLS
	Judge    *judge.Judge // nil for no judging
	Spool    string       // where large mails are while they come; the system's folder for temporary files if empty
	Log      *slog.Logger
	Rules    Rules
}

// Rules are what may change while a Server runs.
type Rules struct {
	Postmaster address.Mailbox // who RCPT TO:<postmaster> is; the zero Mailbox has it refused
	Trusted    []netip.Prefix  // where servers of ours are
	// Results are the names under which servers of ours write what they found (Authentication-Results). It counts where they hand the mail over
	// themselves; they must take away what strangers wrote under that name.
	Results []string
	Milter  *Milter // nil for none
	Limits  Limits
}

// Server receives mail. Its methods are safe to call from any goroutine.
type Server struct {
	options Options // but for what Rules has
	rules   atomic.Pointer[Rules]
	gate    *gate
	log     *slog.Logger
	buffers sync.Pool // of *[]byte, to read mails

	ctx    context.Context // ends when what is being done has no more time
	cancel context.CancelFunc

	mu      sync.Mutex
	running []*door
	wires   map[*wire]bool
	stopped bool
}

// New makes a server that receives nothing yet.
func New(o Options) (*Server, error) {
	if o.Hostname == "" || o.Backend == nil || o.Log == nil {
		return nil, errors.New("receive mail: Hostname, Backend and Log must be set")
	}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		o.TLS.MinVersion = max(o.TLS.MinVersion, tls.VersionTLS12)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		options: o, log: o.Log, gate: newGate(Limits{}, time.Now),
		ctx: ctx, cancel: cancel, wires: make(map[*wire]bool),
		buffers: sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }},
	}
	s.Reload(o.Rules)
	return s, nil
}

// Reload has other rules hold from the next connection, mail or recipient on.
func (s *Server) Reload(r Rules) {
	r.Limits = r.Limits.filled()
	s.rules.Store(&r)
	s.gate.set(r.Limits)
}

// ServeSMTP takes mail of everybody who connects to the listener, until Close. It returns nil then.
func (s *Server) ServeSMTP(l net.Listener) error { return s.serve(l, false) }

// ServeLMTP takes mail of servers of ours (RFC 2033), until Close: of this machine, and those that are trusted. Others are sent away.
func (s *Server) ServeLMTP(l net.Listener) error { return s.serve(l, true) }

func (s *Server) serve(l net.Listener, lmtp bool) error {
	d := &door{Listener: l, server: s, lmtp: lmtp, ready: make(chan *wire), done: make(chan struct{})}
	d.smtp = smtp.NewServer(s)
	d.smtp.LMTP = lmtp
	d.smtp.Domain = s.options.Hostname
	// What may change while connections are open is not told to the library: the sessions have the limits, and wire those of commands.
	d.smtp.MaxMessageBytes, d.smtp.MaxRecipients, d.smtp.MaxLineLength = 0, 0, 0
	d.smtp.EnableSMTPUTF8 = true
	d.smtp.EnableDSN = true
	d.smtp.ErrorLog = quiet{s.log}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return l.Close()
	}
	s.running = append(s.running, d)
	s.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(d.accept)
	err := d.smtp.Serve(d)
	_ = d.Close()
	wg.Wait()
	return err
}

// Close stops to listen, and waits for what is being received until ctx ends; then it is broken off.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	doors := slices.Clone(s.running)
	wires := slices.Collect(maps.Keys(s.wires))
	s.mu.Unlock()
	for _, w := range wires {
		w.stop()
	}
	var errs []error
	for _, d := range doors {
		if err := d.smtp.Shutdown(ctx); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.cancel()
	s.mu.Lock()
	wires = slices.Collect(maps.Keys(s.wires))
	s.mu.Unlock()
	for _, w := range wires {
		_ = w.Conn.Close() // broken off
	}
	return errors.Join(errs...)
}

// enter counts a connection, unless there are too many or the server ends.
func (s *Server) enter(w *wire) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || !s.gate.enter(w.peer) {
		return false
	}
	s.wires[w] = true
	return true
}

// replace has the library go on with a connection that has begun TLS; w does not own the socket any more. Where the
// server ends w keeps it.
func (s *Server) replace(w, next *wire) {
	s.mu.Lock()
	if s.stopped || !s.wires[w] {
		s.mu.Unlock()
		return
	}
	delete(s.wires, w)
	s.wires[next] = true
	s.mu.Unlock()
	w.mu.Lock()
	w.given = true
	w.mu.Unlock()
	if !w.door.hand(next) {
		_ = next.Close()
	}
}

// left forgets a connection that is closed.
func (s *Server) left(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wires[w] {
		delete(s.wires, w)
		s.gate.leave(w.peer)
	}
}

// trusted reports whether a server of ours is there.
func (s *Server) trusted(a netip.Addr) bool {
	if !a.IsValid() {
		return true // a socket of this machine
	}
	return slices.ContainsFunc(s.rules.Load().Trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// quiet has the library write to our log, where what peers do is no error.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) {
	if strings.HasPrefix(format, "panic") {
		q.log.Error("the connection of a mail server broke by a fault of ours", "said", fmt.Sprintf(format, v...))
		return
	}
	q.log.Debug("the connection of a mail server ended", "said", fmt.Sprintf(format, v...))
}

func (q quiet) Println(v ...any) {
	q.log.Debug("the connection of a mail server ended", "said", fmt.Sprint(v...))
}

// door is a listener as the library has it: beside new connections it hands out those that have begun TLS.
type door struct {
	net.Listener
	server *Server
	lmtp   bool
	smtp   *smtp.Server
	ready  chan *wire
	once   sync.Once
	done   chan struct{}
}

// accept lets connections in until the listener is closed.
func (d *door) accept() {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			d.server.log.Warn("a mail server cannot be let in", "error", err)
			select {
			case <-time.After(acceptPause): // there are no file descriptors left, mostly
				continue
			case <-d.done:
				return
			}
		}
		d.let(conn)
	}
}

const acceptPause = 100 * time.Millisecond

func (d *door) let(conn net.Conn) {
	addr := remote(conn)
	// LMTP is spoken by servers of ours alone, and this machine is one.
	trusted := d.server.trusted(addr) || d.lmtp && addr.IsLoopback()
	w := newWire(d.server, conn, Peer{Addr: addr, Trusted: trusted, LMTP: d.lmtp})
	w.door = d
	said := "421 4.7.0 Too many connections, try again later\r\n"
	if d.lmtp && !w.peer.Trusted {
		d.server.log.Warn("a server that is not trusted was sent away from LMTP", "address", addr)
		said = "554 5.7.1 This is not for you\r\n"
	} else if d.server.enter(w) {
		if !d.hand(w) {
			_ = w.Close()
		}
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, said) // it is sent away either way
	_ = conn.Close()
}

// hand gives a connection to the library.
func (d *door) hand(w *wire) bool {
	select {
	case d.ready <- w:
		return true
	case <-d.done:
		return false
	}
}

// Accept implements net.Listener for the library.
func (d *door) Accept() (net.Conn, error) {
	select {
	case w := <-d.ready:
		return w, nil
	case <-d.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; closing twice is safe.
func (d *door) Close() error {
	d.once.Do(func() { close(d.done) })
	return d.Listener.Close()
}

// remote is the address of who connected, the zero Addr on a socket of this machine.
func remote(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
