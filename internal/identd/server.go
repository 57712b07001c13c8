package identd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of those who ask. Who is over them is hung up on.
const (
	maxAsking     = 256              // connections at a time
	maxFromOne    = 64               // from one address
	askingTime    = 10 * time.Second // of one connection
	findTime      = 3 * time.Second  // that a connection may take to be known
	acceptAgain   = 100 * time.Millisecond
	systemdListen = "systemd" // the listener is one that systemd hands over
)

// Options are what a Server is made of.
type Options struct {
	Listen string // host:port, or "systemd" for a socket that systemd hands over
	Table  *Table
	Log    *slog.Logger
}

// Server answers. Serve is called once; Addr is safe to call from any goroutine.
type Server struct {
	opt      Options
	listener net.Listener

	mu   sync.Mutex
	from map[netip.Addr]int // connections that are open
	all  int
}

// Listen opens the listener. Serve makes it answer.
func Listen(ctx context.Context, opt Options) (*Server, error) {
	l, err := listen(ctx, opt.Listen)
	if err != nil {
		return nil, err
	}
	return &Server{opt: opt, listener: l, from: make(map[netip.Addr]int)}, nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	if address != systemdListen {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: ports as low as this one are root's; enable passerelle.socket, and write systemd instead", err)
		}
		return l, err
	}
	// sd_listen_fds(3): the sockets start with descriptor 3, and are meant for us only if the number is ours.
	const firstFD = 3
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		return nil, errors.New("systemd has handed over no socket: enable passerelle.socket")
	}
	f := os.NewFile(firstFD, systemdListen)
	l, err := net.FileListener(f)
	return l, errors.Join(err, f.Close()) // the listener has a copy
}

// Addr is where the listener is.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() }) // Accept says so
	defer stop()
	for {
		nc, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				return nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve ident: %w", err)
		case err != nil: // no descriptors are left, for instance
			s.opt.Log.Warn("an ident question could not be taken", "error", err)
			select {
			case <-time.After(acceptAgain):
			case <-ctx.Done():
			}
			continue
		}
		peer, ok := s.enter(nc)
		if !ok {
			_ = nc.Close() // there is nobody to tell
			continue
		}
		asking.Go(func() {
			defer s.leave(peer)
			stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // the answer fails
			defer stop()
			s.answer(ctx, nc, peer)
		})
	}
}

// enter counts somebody who asks, and reports false where there are too many.
func (s *Server) enter(nc net.Conn) (netip.Addr, bool) {
	peer := addrPort(nc.RemoteAddr()).Addr()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !peer.IsValid() || s.all >= maxAsking || s.from[peer] >= maxFromOne {
		return peer, false
	}
	s.all++
	s.from[peer]++
	return peer, true
}

func (s *Server) leave(peer netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.from[peer]--; s.from[peer] == 0 {
		delete(s.from, peer)
	}
}

// answer takes one question and hangs up, as RFC 1413 §4 lets us. What is no question gets no answer.
func (s *Server) answer(ctx context.Context, nc net.Conn, peer netip.Addr) {
	defer func() { _ = nc.Close() }() // what there was to write is written
	_ = nc.SetDeadline(time.Now().Add(askingTime))
	line, err := bufio.NewReaderSize(io.LimitReader(nc, maxLine), maxLine).ReadString('\n')
	if err != nil {
		return
	}
	q, ok := parseQuery(strings.TrimRight(line, "\r\n"))
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	said := q.errorAnswer()
	// RFC 1413 §3: the question is about a connection between the two machines that talk here, and no other.
	user, known := s.opt.Table.find(ctx, addrPort(nc.LocalAddr()).Addr(), ends{q.ours, netip.AddrPortFrom(peer, q.theirs)})
	if known {
		said = q.userAnswer(user)
	}
	s.opt.Log.Debug("ident asked", "ours", q.ours, "theirs", q.theirs, "known", known)
	_, _ = io.WriteString(nc, said) // who asked may be gone
}
