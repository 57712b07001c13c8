package component

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	mcomponent "mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stream"

	"passerelle/component/stanza"
)

// Times of a stream.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 20 * time.Second
	writeTimeout     = 10 * time.Second // in which the server takes something of what is written
	closeTimeout     = 10 * time.Second
)

// readBuffer is what is read at once from the server.
const readBuffer = 64 << 10

// unsentBytes is how much the system takes of what we write before it sends it: with more everybody would wait for what one user asked for.
const unsentBytes = 32 << 10

// limitUnsent has the system take no more. It is Linux's option TCP_NOTSENT_LOWAT, which package syscall does not name; without it others
// wait for longer.
func limitUnsent(conn net.Conn) {
	const tcpNotsentLowat = 25
	tcp, ok := conn.(*net.TCPConn)
	if !ok || runtime.GOOS != "linux" {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, unsentBytes)
		})
	}
}

// keptBuffer is the largest write buffer that is kept while there is nothing to write.
const keptBuffer = 1 << 20

// negotiationConn lets mellium negotiate byte by byte: encoding/xml does not read ahead from an io.ByteReader, so that after the
// handshake the reader stands exactly behind it and the rest of the stream is ours.
type negotiationConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *negotiationConn) Read(p []byte) (int, error) { return c.r.Read(p) }
func (c *negotiationConn) ReadByte() (byte, error)    { return c.r.ReadByte() }

// xmlStream is one negotiated XEP-0114 stream.
type xmlStream struct {
	conn    net.Conn
	reader  *stanza.Reader
	heard   atomic.Int64 // when the server last said something, Unix nanoseconds
	closing atomic.Bool  // our end tag is sent
}

// dial opens a stream for a domain: TCP, stream header, handshake (XEP-0114 §3). Its errors are *connectError.
func dial(ctx context.Context, server, domain, secret string) (*xmlStream, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	d := net.Dialer{Timeout: dialTimeout} // TCP_NODELAY is Go's default
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, &connectError{reason: reasonUnreachable, err: err}
	}
	addr, err := jid.Parse(domain)
	if err != nil {
		return nil, errors.Join(&connectError{reason: reasonBadDomain, err: err}, conn.Close())
	}
	nc := &negotiationConn{Conn: conn, r: bufio.NewReaderSize(conn, readBuffer)}
	// A server that accepts and then says nothing must not hold us: mellium honours deadlines of the connection.
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(&connectError{reason: reasonUnreachable, err: err}, conn.Close())
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	_, err = mcomponent.NewSession(ctx, addr, []byte(secret), nc)
	stop()
	if err != nil {
		_ = conn.Close() // the negotiation's error is the one that matters
		return nil, negotiationError(err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(&connectError{reason: reasonUnreachable, err: err}, conn.Close())
	}
	limitUnsent(conn)
	s := &xmlStream{conn: conn}
	s.heard.Store(time.Now().UnixNano())
	s.reader = stanza.NewReader(&hearing{r: nc.r, s: s}, stanza.Limits{})
	return s, nil
}

// hearing notes when the server was last heard.
type hearing struct {
	r io.Reader
	s *xmlStream
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 {
		h.s.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// silence is how long the server said nothing.
func (s *xmlStream) silence() time.Duration {
	return time.Since(time.Unix(0, s.heard.Load()))
}

// write sends what q holds until the queue is closed and empty (then it ends the stream, RFC 6120 §4.4), or the link fails. It
// is the only writer of the connection.
func (s *xmlStream) write(ctx context.Context, q *sendQueue) error {
	var spare []byte
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for !q.empty() {
			runtime.Gosched() // who is about to say something does so first: one write for many costs little more than one for each
			full := q.take(spare)
			if err := s.writeAll(full); err != nil {
				return err
			}
			spare = full
		}
		if cap(spare) > keptBuffer {
			spare = nil
		}
		if q.rest() {
			return s.endStream()
		}
	}
}

// writeAll writes p for as long as the server takes something of it within each writeTimeout. One that is slow, as ejabberd is while it stores
// many messages for somebody, would get all of it anew from the next stream, and again not in time.
func (s *xmlStream) writeAll(p []byte) error {
	for {
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return fmt.Errorf("set write deadline: %w", err)
		}
		n, err := s.conn.Write(p)
		if err == nil {
			return nil
		}
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("write: %w", err)
		}
		p = p[n:]
	}
}

// endStream sends our end tag; the reader then reads to the server's.
func (s *xmlStream) endStream() error {
	s.closing.Store(true)
	if err := s.conn.SetDeadline(time.Now().Add(closeTimeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := io.WriteString(s.conn, "</stream:stream>"); err != nil {
		return fmt.Errorf("end stream: %w", err)
	}
	return nil
}

// run reads and writes until the stream ends; handle takes each stanza, refused takes each refusal. It returns nil after a clean
// end that we began, else why it ended.
func (s *xmlStream) run(ctx context.Context, q *sendQueue, handle func(*stanza.Stanza), refused func(*stanza.Refused)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.write(ctx, q); err != nil {
			cancel(err)
			_ = s.conn.Close() // wakes the reader; the write's error is told
		}
	})
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	err := s.read(handle, refused)
	stop()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(err)
	_ = s.conn.Close() // both ends are done with it
	wg.Wait()
	if s.closing.Load() && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *xmlStream) read(handle func(*stanza.Stanza), refused func(*stanza.Refused)) error {
	for {
		st, err := s.reader.Next()
		if err == nil {
			handle(st)
			continue
		}
		if r, ok := errors.AsType[*stanza.Refused](err); ok {
			refused(r)
			continue
		}
		return err
	}
}

// negotiationError says in words what the server's refusal means.
func negotiationError(err error) *connectError {
	if e, ok := errors.AsType[stream.Error](err); ok {
		switch e.Err {
		case "not-authorized":
			return &connectError{reason: reasonNotAuthorized, err: err}
		case "host-unknown":
			return &connectError{reason: reasonHostUnknown, err: err}
		case "conflict":
			return &connectError{reason: reasonConflict, err: err}
		}
	}
	return &connectError{reason: reasonRefused, err: err}
}
