// Package ircd is an IRC server for tests, in the test's own process: a small real one (Server) with channels, ranks and
// IRCv3 capabilities, and a way to play a server by hand, line by line (Script and Peer).
//
// It follows RFC 2812 and IRCv3 as far as the tests of bridges need it. It has accounts, but no operators, no services and no
// flood limits, and it is never part of the product.
package ircd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what a Server is made of; the zero value is a plain-text server without capabilities.
type Options struct {
	Name     string      // "irc.test" where empty
	TLS      *tls.Config // nil for plain text
	Caps     []string    // that are offered: echo-message, labeled-response, server-time, message-tags, batch, multi-prefix …
	Password string      // that PASS must give
	NickLen  int         // 20 where zero
	Monitor  int         // nicks that a client may MONITOR; 0 means that there is no such command

	History *History // what is kept of what was said; nil for nothing

	Accounts map[string]string // passwords by account
	SASL     []string          // mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, EXTERNAL by the certificate's common name
}

// Server is a small IRC server. Its methods are safe to call from any goroutine.
type Server struct {
	opt Options

	mu       sync.Mutex
	addr     string
	listener net.Listener
	clients  map[*client]bool // connected
	nicks    map[string]*client
	channels map[string]*channel
	stalled  chan struct{} // nil, or closed when the stall ends
	stopped  bool
	refusals int
	said     map[string]said // by id
	held     map[string]bool // nicks, see hold.go
	work     sync.WaitGroup
}

// sendQueue is how many lines wait for a client before it is cut off.
const sendQueue = 4096

// client is somebody connected.
type client struct {
	s    *Server
	conn net.Conn
	out  chan string
	gone chan struct{} // closed once, when the client is removed

	// The server's mutex guards the rest.
	nick, user, real string
	password         string
	caps             map[string]bool
	negotiating      bool
	registered       bool
	removed          bool
	label            string            // of the command that is being answered
	tags             string            // of it, that are passed on
	lineTags         map[string]string // all of it
	batches          int
	batch            *clientBatch // that it is sending
	sasl             *exchange
	account          string
	mechanism        string // that he logged in by
	away             string // what he said of it; empty while he is there
	monitors         map[string]bool
	twin             *client // of which it is another client, see twin.go
}

// channel is a channel, its ranks as mode letters by member.
type channel struct {
	name    string
	topic   string
	topicBy string
	topicAt time.Time
	members map[*client]string
	order   []*client
	key     string
	limit   int
	flags   string // modes without a parameter
	bans    []ban
	invited map[*client]bool
}

// New makes a server that is not listening yet.
func New(opt Options) *Server {
	if opt.Name == "" {
		opt.Name = "irc.test"
	}
	if opt.NickLen == 0 {
		opt.NickLen = 20
	}
	return &Server{
		opt: opt, clients: make(map[*client]bool), nicks: make(map[string]*client), channels: make(map[string]*channel),
	}
}

// Start listens on a free loopback port, or after Stop on the same one again.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := s.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for irc: %w", err)
	}
	s.addr = l.Addr().String()
	if s.opt.TLS != nil {
		l = tls.NewListener(l, s.opt.TLS)
	}
	s.listener = l
	s.stopped = false
	s.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the listener was closed
			}
			s.Serve(conn)
		}
	})
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Stop closes the listener and every connection, and waits for their goroutines. Channels are forgotten.
func (s *Server) Stop() error {
	s.Unstall()
	s.mu.Lock()
	l := s.listener
	s.listener = nil
	s.stopped = true
	s.mu.Unlock()
	var err error
	if l != nil {
		err = l.Close()
	}
	s.DropAll()
	s.work.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close irc listener: %w", err)
	}
	return nil
}

// DropAll closes every connection without a word, as a cut cable does.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		s.remove(c, "Connection reset by peer")
	}
}

// Drop closes the connection of one client without a word, and reports whether there is one.
func (s *Server) Drop(nick string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.nicks[fold(nick)]
	if c != nil {
		s.remove(c, "Connection reset by peer")
	}
	return c != nil
}

// Stall makes the server read and answer nothing until Unstall.
func (s *Server) Stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled == nil {
		s.stalled = make(chan struct{})
	}
}

// Unstall ends a Stall.
func (s *Server) Unstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled != nil {
		close(s.stalled)
		s.stalled = nil
	}
}

// Inject sends a raw line to the client of that nick, and reports whether there is one.
func (s *Server) Inject(nick, line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.nicks[fold(nick)]
	if c != nil {
		c.send(line)
	}
	return c != nil
}

// Members are the nicks in a channel, in the order in which they joined.
func (s *Server) Members(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var nicks []string
	if ch := s.channels[fold(name)]; ch != nil {
		for _, c := range ch.order {
			nicks = append(nicks, c.nick)
		}
	}
	return nicks
}

// Login is the account that the client of that nick is logged in to, and the mechanism that it used; empty for none.
func (s *Server) Login(nick string) (account, mechanism string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.nicks[fold(nick)]; c != nil {
		return c.account, c.mechanism
	}
	return "", ""
}

// Refusals is how often somebody did not get into an account.
func (s *Server) Refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals
}

// Serve takes a connection, from whatever listener or pipe.
func (s *Server) Serve(conn net.Conn) {
	c := &client{
		s: s, conn: conn, out: make(chan string, sendQueue), gone: make(chan struct{}), nick: "*", caps: make(map[string]bool),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		_ = conn.Close() // it came in the same moment
		return
	}
	s.clients[c] = true
	s.work.Go(c.write)
	s.work.Go(c.read)
}

func (c *client) read() {
	r := bufio.NewReaderSize(c.conn, 1024)
	reason := "Connection closed"
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		c.s.mu.Lock()
		stalled := c.s.stalled
		c.s.mu.Unlock()
		if stalled != nil {
			select {
			case <-stalled:
			case <-c.gone:
			}
		}
		c.s.mu.Lock()
		quit := ""
		if !c.removed {
			quit = c.s.command(c, strings.TrimRight(line, "\r\n"))
		}
		c.s.mu.Unlock()
		if quit != "" {
			reason = quit
			break
		}
	}
	c.s.mu.Lock()
	c.s.remove(c, reason)
	c.s.mu.Unlock()
}

func (c *client) write() {
	defer c.conn.Close() //nolint:errcheck // nobody is left to be told
	for {
		select {
		case line := <-c.out:
			if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
				return
			}
		case <-c.gone:
			for { // what was said before the end still goes out
				select {
				case line := <-c.out:
					if err := c.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
						return
					}
					if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
						return
					}
				default:
					return
				}
			}
		}
	}
}

// send queues a line; a client who does not read is cut off. It is called with the mutex held, as everything below.
func (c *client) send(line string) {
	if c.caps["server-time"] && !strings.HasPrefix(line, "@") {
		line = "@time=" + timestamp() + " " + line
	}
	select {
	case c.out <- line:
	default:
		c.s.remove(c, "SendQ exceeded")
	}
}

func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// reply sends a line that answers the client's own command, under its label.
func (c *client) reply(line string) {
	if c.label != "" && c.caps["labeled-response"] {
		if tags, ok := strings.CutPrefix(line, "@"); ok {
			line = "@label=" + c.label + ";" + tags
		} else {
			line = "@label=" + c.label + " " + line
		}
		c.label = ""
	}
	c.send(line)
}

// numeric sends a numeric reply.
func (c *client) numeric(code, params string) {
	c.reply(":" + c.s.opt.Name + " " + code + " " + c.nick + " " + params)
}

func (c *client) mask() string {
	if c.twin != nil {
		return c.twin.mask()
	}
	return c.nick + "!~" + c.user + "@host.test"
}

// remove takes a client off the server and tells those who shared a channel with him.
func (s *Server) remove(c *client, reason string) {
	if c.removed {
		return
	}
	c.removed = true
	delete(s.clients, c)
	if s.nicks[fold(c.nick)] == c {
		delete(s.nicks, fold(c.nick))
		s.changed(c.nick)
	}
	peers := s.peers(c)
	for _, ch := range s.channels {
		s.leave(ch, c)
	}
	close(c.gone)
	if c.registered {
		for _, p := range peers {
			p.send(":" + c.mask() + " QUIT :" + reason)
		}
	}
	// A reader that waits for its client is woken; the writer closes when it has written what is left.
	if err := c.conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // it is closed already
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return
	}
}

// peers are those who share a channel with c, each once.
func (s *Server) peers(c *client) []*client {
	var peers []*client
	for _, ch := range s.channels {
		if _, in := ch.members[c]; !in {
			continue
		}
		for _, m := range ch.order {
			if m != c && !slices.Contains(peers, m) {
				peers = append(peers, m)
			}
		}
	}
	return peers
}

func (s *Server) leave(ch *channel, c *client) {
	delete(ch.members, c)
	delete(ch.invited, c)
	ch.order = slices.DeleteFunc(ch.order, func(m *client) bool { return m == c })
	if len(ch.members) == 0 {
		delete(s.channels, fold(ch.name))
	}
}

// fold is the casemapping of the server: rfc1459.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= '^' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
