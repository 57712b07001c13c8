package c2s

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"passerelle/component/stanza"
)

// The namespaces of a negotiation.
const (
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSession = "urn:ietf:params:xml:ns:xmpp-session"
	nsBinding = "urn:xmpp:sasl-cb:0"
)

// wire is a connection with a stream on it.
type wire struct {
	conn   net.Conn
	tls    *tls.Conn // nil where it is not encrypted
	left   int       // bytes that the server may still send
	ahead  *bufio.Reader
	reader *stanza.Reader
	b      stanza.Builder // what is to be written next
	closed bool
}

func newWire(conn net.Conn) *wire {
	w := &wire{conn: conn, left: maxSession}
	w.ahead = bufio.NewReaderSize(w, maxHeader)
	return w
}

// Read reads what the server sends, up to what it may in all.
func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errTooMuch
	}
	n, err := w.conn.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// bind has everything on the connection end with ctx, and at its deadline, until stop is called.
func (w *wire) bind(ctx context.Context) (stop func()) {
	deadline, _ := ctx.Deadline() // the zero time is none
	_ = w.conn.SetDeadline(deadline)
	undo := context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { undo() }
}

// secure goes on inside of TLS.
func (w *wire) secure(conn *tls.Conn) {
	w.conn, w.tls = conn, conn
	w.ahead.Reset(w)
	w.reader = nil
}

// buffered is how many bytes came that nobody has read.
func (w *wire) buffered() int {
	n := w.ahead.Buffered()
	if w.reader != nil {
		n += w.reader.Buffered()
	}
	return n
}

// features are what a server offers at the beginning of a stream (RFC 6120 §4.3.2).
type features struct {
	startTLS   bool
	mechanisms []string
	bindings   []string // kinds of channel bindings (XEP-0440); nil where it does not say
	bind       bool
	session    bool // it insists on a session (RFC 3921 §3)
}

// Bounds of lists in features.
const maxListed = 32

// open begins a stream, anew where there is one, with stanzas of up to limit bytes, and reads what the server offers on it.
func (w *wire) open(domain string, limit int) (*features, error) {
	if w.reader != nil && w.reader.Buffered() > 0 {
		return nil, fault(Garbled, "there is something between two streams")
	}
	w.b.Reset()
	w.b.Raw([]byte("<?xml version='1.0'?><stream:stream xmlns='" + stanza.NSClient + "' xmlns:stream='" + stanza.NSStreams +
		"' version='1.0' xml:lang='en' to='" + string(stanza.AppendEscapedAttr(nil, domain)) + "'>"))
	if err := w.flush(); err != nil {
		return nil, err
	}
	if err := readHeader(w.ahead); err != nil {
		return nil, err
	}
	w.reader = stanza.NewClientReader(w.ahead, stanza.Limits{Bytes: limit})
	s, err := w.next()
	if err != nil {
		return nil, err
	}
	defer s.Release()
	if !s.Root.Is(stanza.NSStreams, "features") {
		return nil, fault(Garbled, "a stream begins with <%.50s/>", s.Root.Name)
	}
	return readFeatures(s.Root), nil
}

// readFeatures reads what a server offers.
func readFeatures(root *stanza.Element) *features {
	f := new(features)
	for e := range root.Children() {
		switch {
		case e.Is(nsTLS, "starttls"):
			f.startTLS = true
		case e.Is(nsSASL, "mechanisms"):
			for m := range e.Children() {
				if m.Is(nsSASL, "mechanism") && len(f.mechanisms) < maxListed {
					f.mechanisms = append(f.mechanisms, strings.TrimSpace(m.Text()))
				}
			}
		case e.Is(nsBinding, "sasl-channel-binding"):
			f.bindings = []string{}
			for m := range e.Children() {
				if m.Is(nsBinding, "channel-binding") && len(f.bindings) < maxListed {
					f.bindings = append(f.bindings, m.Attr("type"))
				}
			}
		case e.Is(nsBind, "bind"):
			f.bind = true
		case e.Is(nsSession, "session"):
			f.session = e.Child(nsSession, "optional") == nil
		}
	}
	return f
}

// readHeader reads a stream header (RFC 6120 §4.7), and what may stand before it.
func readHeader(r *bufio.Reader) error {
	tag, err := readTag(r)
	if err == nil && strings.HasPrefix(tag, "<?xml") {
		tag, err = readTag(r)
	}
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(strings.TrimRight(tag[1:], "/>"), " ")
	name = strings.TrimSpace(name)
	if i := strings.IndexAny(name, "\t\r\n"); i >= 0 {
		name = name[:i]
	}
	// The header is a start tag of which the rest of the stream is the content: with an end it can be read as a stanza is.
	s, err := stanza.Parse([]byte(tag+"</"+name+">"), stanza.NSClient, stanza.Limits{Bytes: 2 * maxHeader})
	if err != nil {
		return &Error{Reason: Garbled, Err: fmt.Errorf("read the stream header: %w", err)}
	}
	if !s.Root.Is(stanza.NSStreams, "stream") {
		return fault(Garbled, "what it begins is no stream")
	}
	return nil
}

// readTag reads a tag with the white space before it.
func readTag(r *bufio.Reader) (string, error) {
	var tag []byte
	var quote byte
	for n := 0; n < maxHeader; n++ {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		switch {
		case len(tag) == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			continue
		case len(tag) == 0 && c != '<':
			return "", fault(Garbled, "it does not speak XML")
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>':
			return string(append(tag, c)), nil
		}
		tag = append(tag, c)
	}
	return "", fault(Garbled, "its stream header is larger than %d bytes", maxHeader)
}

// flush writes what was built.
func (w *wire) flush() error {
	_, err := w.conn.Write(w.b.Bytes())
	w.b.Reset()
	return err
}

// next is the next element of the stream; one that breaks a limit is an error.
func (w *wire) next() (*stanza.Stanza, error) { return w.reader.Next() }

// exchange writes what was built and reads the next element.
func (w *wire) exchange() (*stanza.Stanza, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	return w.next()
}

// close ends the stream (RFC 6120 §4.4) and the connection.
func (w *wire) close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	_ = w.conn.SetDeadline(time.Now().Add(closeTime))
	w.b.Reset()
	// Everything that matters was answered before. Nobody waits for the server's end: ejabberd takes a tenth of a second for that.
	_, err := io.WriteString(w.conn, "</stream:stream>")
	return errors.Join(err, w.conn.Close())
}
