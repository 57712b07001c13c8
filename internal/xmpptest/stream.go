package xmpptest

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Limits of a component's stream.
const (
	handshakeTime = 30 * time.Second // until a connection that does not authenticate itself is closed
	closeTime     = 2 * time.Second  // for the peer's end tag after ours
	maxStanza     = 512 << 10        // bytes; Prosody's component_stanza_size_limit
)

// errTooLarge ends the reading of a stanza over maxStanza.
var errTooLarge = errors.New("stanza too large")

// stream is one connection of a component (XEP-0114).
type stream struct {
	server *Server
	conn   net.Conn
	out    *queue[string]
	gate   *gate
	domain string // written once, before the stream is authenticated

	written chan struct{} // closed when the writer has ended
}

func newStream(s *Server, conn net.Conn) *stream {
	return &stream{server: s, conn: conn, out: newQueue[string](), gate: newGate(), written: make(chan struct{})}
}

// drop breaks the connection with a reset. What the gate holds up was never read.
func (st *stream) drop() {
	if tcp, ok := st.conn.(*net.TCPConn); ok {
		// This and Close fail only on a connection that is broken already.
		_ = tcp.SetLinger(0)
	}
	_ = st.conn.Close()
	st.out.close()
	st.gate.wreck()
}

// end sends what waits and the end tag; then nothing of what the component sends is taken any more.
func (st *stream) end() {
	st.out.close("</stream:stream>")
	st.gate.release()
}

// fail ends the stream with an error, as end does.
func (st *stream) fail(condition, text string) {
	reason, words := element(nsStreams, condition), element(nsStreams, "text")
	words.Nodes = []Node{{Text: text}}
	st.out.close("<stream:error>"+reason.XML(NSClient)+words.XML(NSClient)+"</stream:error>", "</stream:stream>")
	st.gate.release()
}

// write sends what is in the queue. After the queue's end it closes its half of the connection, so that the component can read
// what was sent last even while it is sending itself.
func (st *stream) write() {
	defer close(st.written)
	for {
		s, err := st.out.take(context.Background()) // ended by closing the queue
		if err != nil {
			break
		}
		if _, err := io.WriteString(st.conn, s); err != nil {
			st.drop()
			return
		}
	}
	// All of this fails only on a connection that is broken already.
	if tcp, ok := st.conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = st.conn.SetReadDeadline(time.Now().Add(closeTime))
}

// read is the life of the connection: stream header, handshake, stanzas, and what comes after the end.
func (st *stream) read() {
	st.serve()
	st.server.leave(st)
	st.out.close()
	// A close with unread data would reset the connection and take our last words with it.
	_, _ = io.Copy(io.Discard, st.conn)
	<-st.written
	_ = st.conn.Close() // it may be closed already
	st.server.closed(st)
}

func (st *stream) serve() {
	limited := &limitReader{r: st.conn, gate: st.gate}
	d := xml.NewDecoder(limited)
	if err := st.conn.SetReadDeadline(time.Now().Add(handshakeTime)); err != nil {
		return
	}
	limited.left = maxStanza
	id, ok := st.readHeader(d)
	if !ok || !st.readHandshake(d, id) {
		return
	}
	for {
		limited.left = maxStanza
		from := d.InputOffset()
		e, err := next(d)
		if err == nil && d.InputOffset()-from > maxStanza {
			err = errTooLarge
		}
		if !st.ok(err) || !st.handle(e) {
			return
		}
	}
}

// ok deals with an error of reading: the peer's end tag is answered, bad XML is refused, and a broken connection is over.
func (st *stream) ok(err error) bool {
	var syntax *xml.SyntaxError
	switch {
	case err == nil:
		return true
	case errors.Is(err, io.EOF):
		st.server.endStream(st)
	case errors.Is(err, errTooLarge):
		// Prosody's parser gives up and says so.
		st.server.streamError(st, "not-well-formed", "stanza too large")
	case errors.Is(err, errRestricted):
		st.server.streamError(st, "restricted-xml", err.Error()) // RFC 6120 §11.1
	case errors.As(err, &syntax) && syntax.Msg != "unexpected EOF":
		st.server.streamError(st, "not-well-formed", err.Error())
	}
	return false
}

// readHeader reads <stream:stream to='domain'> (XEP-0114 §3) and answers it.
func (st *stream) readHeader(d *xml.Decoder) (id string, ok bool) {
	var start xml.StartElement
	for {
		token, err := d.Token()
		if err != nil {
			return "", st.ok(err)
		}
		var ok bool
		if start, ok = token.(xml.StartElement); ok {
			break
		}
	}
	header := Element{Name: start.Name, Attr: start.Attr}
	st.domain = header.Get("to")
	id = rand.Text()
	open := &strings.Builder{}
	open.WriteString("<?xml version='1.0'?><stream:stream xmlns:stream='" + nsStream + "' xmlns='" + nsComponent + "'")
	writeAttr(open, "id", id)
	writeAttr(open, "from", st.domain)
	open.WriteByte('>')
	if st.out.put(open.String()) != nil {
		return "", false
	}
	// encoding/xml resolves prefixes, so the default namespace is seen in the declaration only.
	if start.Name != (xml.Name{Space: nsStream, Local: "stream"}) || header.Get("xmlns") != nsComponent {
		st.server.streamError(st, "invalid-namespace", "")
		return "", false
	}
	if _, ok := st.server.secrets[st.domain]; !ok {
		st.server.streamError(st, "host-unknown", st.domain+" does not match any configured external components")
		return "", false
	}
	return id, true
}

// readHandshake reads <handshake>SHA-1 of stream id and secret</handshake> (XEP-0114 §3).
func (st *stream) readHandshake(d *xml.Decoder, id string) bool {
	e, err := next(d)
	if !st.ok(err) {
		return false
	}
	sum := sha1.Sum([]byte(id + st.server.secrets[st.domain]))
	if e.Name.Local != "handshake" || !strings.EqualFold(strings.TrimSpace(e.Text()), hex.EncodeToString(sum[:])) {
		st.server.streamError(st, "not-authorized", "Given token does not match calculated token")
		return false
	}
	if st.conn.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	if !st.server.join(st) {
		st.server.streamError(st, "conflict", "Component already connected")
		return false
	}
	return true
}

// handle checks a stanza's addresses and routes it. It returns false if that ended the stream.
func (st *stream) handle(e *Element) bool {
	if e.Name.Space == nsStream && e.Name.Local == "error" {
		st.server.endStream(st)
		return false
	}
	e = e.in(nsComponent, NSClient)
	switch {
	case e.Name.Space != NSClient || e.Name.Local != "message" && e.Name.Local != "presence" && e.Name.Local != "iq":
		st.server.streamError(st, "unsupported-stanza-type", e.Name.Local) // RFC 6120 §4.9.3.24
		return false
	case e.Get("from") == "" || e.Get("to") == "":
		// Prosody would help itself, ejabberd closes the stream.
		st.server.streamError(st, "improper-addressing", e.XML(NSClient))
		return false
	case domainOf(e.Get("from")) != st.domain:
		st.server.streamError(st, "invalid-from", e.Get("from")+" is not in domain "+st.domain)
		return false
	}
	if !st.server.isLink(st) {
		return false // the server ended the stream meanwhile
	}
	st.server.route(e)
	return true
}

// limitReader reads through the gate, and at most left bytes, which is set anew for each stanza.
type limitReader struct {
	r    io.Reader
	gate *gate
	left int
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	n, err := l.r.Read(p)
	l.left -= n
	if !l.gate.pass() {
		return 0, net.ErrClosed
	}
	return n, err
}

// gate holds up the reader while it is shut.
type gate struct {
	mu       sync.Mutex
	way      chan struct{} // closed while the gate is open
	released bool          // open for ever
	broken   bool          // and what was held up is lost
}

func newGate() *gate {
	g := &gate{way: make(chan struct{})}
	close(g.way)
	return g
}

// pass waits until the gate is open, and reports whether what it held up meanwhile may go on.
func (g *gate) pass() bool {
	g.mu.Lock()
	way := g.way
	g.mu.Unlock()
	select {
	case <-way:
		return true
	default:
	}
	<-way
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.broken
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.way:
		if !g.released {
			g.way = make(chan struct{})
		}
	default: // it is shut
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.way: // it is open
	default:
		close(g.way)
	}
}

// release opens the gate for ever.
func (g *gate) release() {
	g.mu.Lock()
	g.released = true
	g.mu.Unlock()
	g.open()
}

// wreck opens the gate for ever, and what it holds up is lost.
func (g *gate) wreck() {
	g.mu.Lock()
	g.broken = true
	g.mu.Unlock()
	g.release()
}
