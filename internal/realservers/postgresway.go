package realservers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// PostgresWay is a way to a PostgreSQL server on which something can happen to what it carries, at a moment that the end of a process
// hits only now and then. Its methods are safe to call from any goroutine.
type PostgresWay struct {
	URL string // of the database, by this way

	server string // socket
	dir    string

	mu       sync.Mutex
	closed   bool
	next     PostgresFault
	hanging  chan struct{} // closed when it carries again; nil while it does
	happened chan struct{} // capacity 1
	conns    map[net.Conn]struct{}
	listener net.Listener
	work     sync.WaitGroup
}

// PostgresFault is what happens to a commit.
type PostgresFault uint8

// The faults.
const (
	PostgresFine    PostgresFault = iota
	PostgresNoAsk                 // the connection breaks before the server is asked for it
	PostgresNoReply               // the server makes it, and the connection breaks before it says so
)

// NewPostgresWay makes a way to a server, until Close.
func NewPostgresWay(p *Postgres) (*PostgresWay, error) {
	dir, err := os.MkdirTemp("", "postgresway-")
	if err != nil {
		return nil, fmt.Errorf("make a way to postgres: %w", err)
	}
	const socket = ".s.PGSQL.5432"
	w := &PostgresWay{
		URL:    "postgresql:///postgres?" + url.Values{"host": {dir}, "user": {"passerelle"}}.Encode(),
		server: filepath.Join(p.dir, socket), dir: dir, happened: make(chan struct{}, 1), conns: make(map[net.Conn]struct{}),
	}
	if w.listener, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		return nil, errors.Join(fmt.Errorf("make a way to postgres: %w", err), os.RemoveAll(dir))
	}
	w.work.Go(func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return // it was closed
			}
			w.work.Go(func() { w.carry(conn) })
		}
	})
	return w, nil
}

// Next has something happen to the next commit. Await tells when.
func (w *PostgresWay) Next(f PostgresFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = f
}

// Await waits until something has happened to a commit.
func (w *PostgresWay) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("there was no commit"))
	defer cancel()
	select {
	case <-w.happened:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Hang has the way carry nothing, without anybody being told, until Mend.
func (w *PostgresWay) Hang() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hanging == nil {
		w.hanging = make(chan struct{})
	}
}

// Mend has it carry everything again.
func (w *PostgresWay) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hanging != nil {
		close(w.hanging)
		w.hanging = nil
	}
}

// Close ends the way and all connections.
func (w *PostgresWay) Close() error {
	err := w.listener.Close()
	w.Mend()
	w.mu.Lock()
	w.closed = true
	for conn := range w.conns {
		_ = conn.Close() // as somebody cuts a cable
	}
	w.mu.Unlock()
	w.work.Wait()
	return errors.Join(err, os.RemoveAll(w.dir))
}

// carry carries one connection.
func (w *PostgresWay) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", w.server)
	if err != nil {
		return // the server is gone
	}
	defer server.Close()
	w.mu.Lock()
	closed := w.closed
	w.conns[client], w.conns[server] = struct{}{}, struct{}{}
	w.mu.Unlock()
	if closed {
		return
	}
	defer func() {
		w.mu.Lock()
		delete(w.conns, client)
		delete(w.conns, server)
		w.mu.Unlock()
	}()
	var mute atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			w.wait()
			if mute.Load() {
				w.tell()
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	defer func() {
		_ = server.Close()
		<-over
	}()
	for first := true; ; first = false {
		message, err := readFrontend(client, first)
		if err != nil {
			return
		}
		w.wait()
		fault := w.fault(message)
		if fault == PostgresNoAsk {
			w.tell()
			return
		}
		mute.Store(fault == PostgresNoReply) // who asks waits for the answer first
		if _, err := server.Write(message); err != nil {
			return
		}
		if fault == PostgresNoReply {
			<-over // the server has answered, and the connection breaks
			return
		}
	}
}

// wait waits while the way hangs.
func (w *PostgresWay) wait() {
	w.mu.Lock()
	hanging := w.hanging
	w.mu.Unlock()
	if hanging != nil {
		<-hanging
	}
}

func (w *PostgresWay) fault(message []byte) PostgresFault {
	if message[0] != 'Q' || !strings.HasPrefix(string(message[5:]), "commit\x00") {
		return PostgresFine
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.next
	w.next = PostgresFine
	return f
}

func (w *PostgresWay) tell() {
	select {
	case w.happened <- struct{}{}:
	default:
	}
}

// readFrontend reads a message of the client: its type, but for the first one, its length, and the rest.
func readFrontend(r io.Reader, first bool) ([]byte, error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	if n < 0 || n > 64<<20 {
		return nil, errors.New("this is no message of PostgreSQL")
	}
	message := append(head, make([]byte, n)...)
	_, err := io.ReadFull(r, message[len(head):])
	return message, err
}
