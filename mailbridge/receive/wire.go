package receive

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Bounds of a connection. RFC 5321 §4.5.3.2 asks for five minutes.
const (
	commandTime   = 5 * time.Minute  // for a whole command line, however slowly it comes
	blockTime     = 5 * time.Minute  // for something more of a mail
	mailTime      = 30 * time.Minute // for a whole mail
	progressTime  = 30 * time.Minute // without a mail that was taken
	handshakeTime = time.Minute
	writeTime     = time.Minute

	maxCommand  = 2048 // bytes of a line; RFC 5321 §4.5.3.1.4 has 512, extensions add to it
	maxCommands = 200  // without a mail that was taken
	maxErrors   = 20   // of a connection
	maxOutput   = 8 << 10
)

// wire is the connection of a peer as go-smtp has it. It hands over one command at a time, so it knows each before the library does:
//
//   - What the library has no way for it does itself: STARTTLS, XFORWARD, <postmaster> without a domain.
//   - It knows where a mail begins (the library says 354) and ends, by the same rule as the library, so that no line of a mail is a command.
//   - Each line and each mail has its time as a whole; a peer that sends a byte now and then gains nothing.
//   - Answers leave once the peer has to be waited for, so those to many commands that came at once leave at once (RFC 2920 §3.2).
//
// The library reads it from one goroutine at a time; others may Close and stop it.
type wire struct {
	net.Conn // the socket, or TLS on it
	server   *Server
	door     *door
	in       *bufio.Reader
	peer     Peer
	forward  forward // what a trusted peer says of its own

	line     []byte // the command as it came, for who wants to know more of it than the library tells
	rest     []byte // of the line that is handed over
	inData   bool
	state    dataState
	received int64 // bytes of the mail that is coming
	begun    time.Time
	broken   error     // what ended the mail that was coming, and the connection with it
	progress time.Time // when a mail was taken, or the connection made
	commands int

	mu      sync.Mutex
	out     []byte
	faults  int
	mute    bool // the library greets again after STARTTLS, the peer must not hear of it
	waiting bool // for a command
	stopped bool // the server ends
	bye     bool // what is written last is written
	closed  bool
	given   bool // the socket has gone to the wire that speaks TLS
}

const goingDown = "421 4.3.2 The server is going down, try again later\r\n"

func newWire(s *Server, conn net.Conn, p Peer) *wire {
	return &wire{Conn: conn, server: s, in: bufio.NewReaderSize(conn, 2*maxCommand), peer: p, progress: time.Now()}
}

// Read implements net.Conn for the library.
func (w *wire) Read(b []byte) (int, error) {
	if w.inData {
		return w.readData(b)
	}
	if len(w.rest) == 0 {
		if err := w.command(); err != nil {
			return 0, err
		}
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// command reads the next command that is for the library into rest.
func (w *wire) command() error {
	for {
		line, err := w.readLine()
		if err != nil {
			return err
		}
		if w.commands++; w.commands > maxCommands && !w.peer.Trusted {
			return w.end("421 4.7.0 Too many commands without a message\r\n")
		}
		verb, arg := cut(line)
		switch verb {
		case "STARTTLS":
			if arg == "" && w.server.options.TLS != nil && w.peer.TLS == nil {
				return w.startTLS()
			}
		case "XFORWARD":
			if w.peer.Trusted {
				w.answer(w.forward.read(arg))
				continue
			}
		case "BDAT":
			// It is not offered, and what comes behind it would be read as commands.
			return w.end("502 5.5.1 BDAT is not offered\r\n")
		case "EHLO", "LHLO":
			w.peer.extended = true
		case "HELO":
			w.peer.extended = false
		case "RCPT":
			line = withDomain(line, w.server.rules.Load().Postmaster)
		}
		w.line, w.rest = line, append(line, '\r', '\n')
		return nil
	}
}

// readLine reads a command without its end. A line with what no command has is empty, which the library refuses.
func (w *wire) readLine() ([]byte, error) {
	now := time.Now()
	until := now.Add(commandTime)
	if limit := w.progress.Add(progressTime); limit.Before(until) {
		until = limit
	}
	if err := w.wait(until); err != nil {
		return nil, err
	}
	line, err := w.in.ReadSlice('\n')
	if !w.waited() {
		return nil, w.end(goingDown)
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxCommand:
		return nil, w.end("500 5.5.6 The line is too long\r\n")
	case err != nil:
		return nil, err
	}
	line = bytes.TrimRight(line, "\r\n")
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil
		}
	}
	return bytes.Clone(line), nil
}

// wait begins to wait for a command, and flushes what was answered.
func (w *wire) wait(until time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.in.Buffered() == 0 {
		w.flush()
	}
	switch {
	case w.bye:
		return io.EOF
	case w.stopped:
		w.say([]byte(goingDown))
		return io.EOF
	}
	w.waiting = true
	return w.Conn.SetReadDeadline(until)
}

func (w *wire) waited() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	return !w.stopped
}

// stop has the connection end after the mail that is just coming. Safe to call from any goroutine.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.waiting {
		_ = w.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// cut splits a command into its verb in upper case and the rest.
func cut(line []byte) (verb, arg string) {
	verb, arg, _ = strings.Cut(string(line), " ")
	return strings.ToUpper(verb), strings.TrimSpace(arg)
}

// startTLS makes the connection anew with TLS and gives it to the library as another one (RFC 3207 §4.2: what was before is forgotten).
func (w *wire) startTLS() error {
	if w.in.Buffered() > 0 {
		// What was sent in the clear must not be taken for what is said under TLS (CVE-2011-0411).
		return w.end("503 5.5.1 Nothing may follow STARTTLS\r\n")
	}
	w.answer("220 2.0.0 Go ahead with TLS\r\n")
	w.mu.Lock()
	w.flush()
	w.mu.Unlock()
	conn := tls.Server(w.Conn, w.server.options.TLS)
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	if err := conn.Handshake(); err != nil {
		w.server.log.Debug("a peer failed to begin TLS", "error", err)
		return io.EOF
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	p, state := w.peer, conn.ConnectionState()
	p.TLS, p.extended = &state, false
	next := newWire(w.server, conn, p)
	next.forward, next.mute, next.progress = w.forward, true, w.progress
	next.door = w.door
	w.server.replace(w, next)
	return io.EOF
}

// answer says something to the peer past the library.
func (w *wire) answer(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say([]byte(line))
}

// end says the last thing on the connection.
func (w *wire) end(line string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say([]byte(line))
	w.flush()
	w.bye = true
	return io.EOF
}

// Write implements net.Conn for the library, which writes whole lines.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mute {
		w.mute = false
		return len(b), nil
	}
	w.say(b)
	if len(w.out) > maxOutput {
		w.flush()
	}
	return len(b), nil
}

// say queues lines of answers; the caller holds mu.
func (w *wire) say(b []byte) {
	for line := range bytes.Lines(b) {
		if w.bye {
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("250-CHUNKING")):
			// RFC 3030 is not offered: it is a second way to say where a mail ends.
			if w.server.options.TLS != nil && w.peer.TLS == nil {
				w.out = append(w.out, "250-STARTTLS\r\n"...)
			}
			if w.peer.Trusted {
				w.out = append(w.out, "250-XFORWARD NAME ADDR PORT PROTO HELO SOURCE\r\n"...)
			}
			continue
		case string(line) == "250 SIZE\r\n": // the library knows no limit
			line = fmt.Appendf(nil, "250 SIZE %d\r\n", w.server.rules.Load().Limits.Size)
		case bytes.HasPrefix(line, []byte("354 ")):
			w.inData, w.state, w.received, w.begun = true, beginLine, 0, time.Now()
		case bytes.HasPrefix(line, []byte("421 ")):
			w.out = append(w.out, line...)
			w.flush()
			w.bye = true
			return
		case len(line) > 4 && line[3] == ' ' && (line[0] == '4' || line[0] == '5'):
			w.faults++
		}
		w.out = append(w.out, line...)
		if w.faults >= maxErrors && !w.peer.Trusted {
			w.out = append(w.out, "421 4.7.0 Too many errors\r\n"...)
			w.flush()
			w.bye = true
		}
	}
}

// flush sends what is queued; the caller holds mu. What cannot be sent is lost with the connection, which the next read finds out.
func (w *wire) flush() {
	if len(w.out) == 0 || w.bye || w.given {
		return
	}
	_ = w.Conn.SetWriteDeadline(time.Now().Add(writeTime))
	_, _ = w.Conn.Write(w.out)
	w.out = w.out[:0]
}

// taken says that a mail was taken: the peer is one that has business here.
func (w *wire) taken() {
	w.progress, w.commands = time.Now(), 0
}

// Close implements net.Conn. The socket stays open for the wire that has taken it.
func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.given {
		return nil
	}
	w.flush()
	err := w.Conn.Close()
	w.server.left(w)
	return err
}
