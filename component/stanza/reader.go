package stanza

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Reader splits a stream, from behind the stream header on, into stanzas. It is not safe for concurrent use, but the stanzas that
// it gives may be used and released anywhere.
//
// Its buffer holds what it read ahead and the one stanza that is not complete yet, at most Limits.Bytes of it; what is larger is
// read past without being kept.
type Reader struct {
	src  io.Reader
	ns   string // the default namespace of the stream
	lim  Limits
	pool *sync.Pool // of *Stanza

	buf     []byte
	start   int   // of what is still needed: in a stanza its beginning
	scanned int   // up to where split has seen the stanza
	end     int   // of what was read
	pending error // came from src with the last bytes

	inside bool // in a stanza
	split  splitter
	excess *Refused // in a stanza that is read past: what will be said of it

	err error // that ended the stream
}

const (
	bufferSize = 32 << 10 // the size of the buffer unless a stanza needs more
	minRead    = 4 << 10  // the room to read into where a stanza is at its limit
	emptyReads = 100      // how often in a row src may return nothing, like that of bufio
)

// NewReader makes a Reader of the bytes behind a component's stream header.
func NewReader(r io.Reader, lim Limits) *Reader { return newReader(r, NSComponent, lim) }

// NewClientReader makes a Reader of the bytes behind a client's stream header.
func NewClientReader(r io.Reader, lim Limits) *Reader { return newReader(r, NSClient, lim) }

func newReader(r io.Reader, ns string, lim Limits) *Reader {
	pool := new(sync.Pool)
	pool.New = func() any { return &Stanza{pool: pool} }
	return &Reader{src: r, ns: ns, lim: lim.orDefault(), pool: pool, buf: make([]byte, bufferSize)}
}

// Buffered is how many bytes behind the last stanza were read already.
func (r *Reader) Buffered() int { return r.end - r.start }

// Next gives the next stanza, whose Root may be in any namespace. It reads from the source only when it has no whole stanza.
//
// The error is a *Refused where a stanza is refused; Next can be called again then and gives what follows. It is a *StreamError for
// <stream:error/>, io.EOF behind </stream:stream>, and io.ErrUnexpectedEOF where the bytes just end. What can be nothing between
// stanzas ends the stream too. An error of the source other than io.EOF, such as a deadline, is returned wrapped and loses nothing.
func (r *Reader) Next() (*Stanza, error) {
	for r.err == nil {
		ready, err := r.advance()
		if err != nil {
			r.err = err
			break
		}
		if ready {
			return r.take()
		}
		if err := r.fill(); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read stream: %w", err)
			}
			r.err = io.ErrUnexpectedEOF
		}
	}
	return nil, r.err
}

// advance goes on in what was read. ready means that a whole stanza ends at r.scanned.
func (r *Reader) advance() (ready bool, err error) {
	if !r.inside {
		if r.inside, err = r.between(); !r.inside {
			return false, err
		}
		r.split = splitter{}
	}
	n, done := r.split.scan(r.buf[r.scanned:r.end])
	r.scanned += n
	if r.excess == nil {
		r.excess = r.tooLarge()
	}
	if r.excess != nil {
		r.start = r.scanned
	}
	return done, nil
}

// tooLarge refuses the stanza once it is known to be too large and its head was either read or is too large itself. What it says
// depends on the stanza alone, not on how the bytes came in.
func (r *Reader) tooLarge() *Refused {
	if r.split.headEnd > maxHead || r.split.headEnd == 0 && r.split.size > maxHead {
		return overLimit(fmt.Sprintf("The start tag is larger than %d bytes.", maxHead))
	}
	if r.split.headEnd == 0 || r.split.size <= r.lim.Bytes {
		return nil
	}
	ref := refuseBytes(r.lim.Bytes)
	ref.readHead(r.buf[r.start : r.start+r.split.headEnd])
	return ref
}

// take gives the stanza that ends at r.scanned.
func (r *Reader) take() (*Stanza, error) {
	frame := r.buf[r.start:r.scanned]
	r.start, r.inside = r.scanned, false
	if ref := r.excess; ref != nil {
		r.excess = nil
		return nil, ref
	}
	s, _ := r.pool.Get().(*Stanza)
	if ref := s.parse(frame, r.ns, &r.lim); ref != nil {
		s.reset()
		r.pool.Put(s)
		ref.readHead(frame)
		return nil, ref
	}
	if s.Root.Is(NSStreams, "error") {
		err := streamError(s.Root)
		s.Release()
		return nil, err
	}
	return s, nil
}

const (
	// streamEnd is the end tag of the stream, as servers write it, up to where white space may stand.
	streamEnd = "</stream:stream"
	// maxEndSpace is how much of that there may be, so that it is not looked through again and again.
	maxEndSpace = 64
)

// Faults between stanzas. The server wrote them itself, so it is not one that we can talk to.
var (
	errText     = errors.New("text between stanzas")
	errMarkup   = errors.New("a comment, processing instruction or declaration between stanzas")
	errUnopened = errors.New("an end tag without its start tag")
)

// between looks for the next stanza and skips the white space before it, which keeps connections alive (RFC 6120 §4.6.1). found
// means that it begins at r.start; otherwise more has to be read.
func (r *Reader) between() (found bool, err error) {
	for r.start < r.end && isSpace(r.buf[r.start]) {
		r.start++
	}
	r.scanned = r.start
	p := r.buf[r.start:r.end]
	switch {
	case len(p) == 0:
		return false, nil
	case p[0] != '<':
		return false, errText
	case len(p) == 1:
		return false, nil
	case p[1] == '!' || p[1] == '?':
		// RFC 6120 §11.1.
		return false, errMarkup
	case p[1] != '/':
		return true, nil
	}
	// RFC 6120 §4.4: the end of the stream.
	n := min(len(p), len(streamEnd))
	if string(p[:n]) != streamEnd[:n] {
		return false, errUnopened
	}
	for i, c := range p[n:] {
		switch {
		case c == '>':
			return false, io.EOF
		case !isSpace(c) || i == maxEndSpace:
			return false, errUnopened
		}
	}
	return false, nil
}

// fill reads more behind what there is, and makes room for it first.
func (r *Reader) fill() error {
	if err := r.pending; err != nil {
		if !errors.Is(err, io.EOF) {
			r.pending = nil
		}
		return err
	}
	r.room()
	for range emptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			r.pending = err
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// room makes room to read into. It moves what is needed to the front, lets the buffer grow up to what a stanza may have, and gives
// the memory back once nothing is needed any more.
func (r *Reader) room() {
	if r.start == r.end {
		r.start, r.scanned, r.end = 0, 0, 0
		if len(r.buf) > bufferSize {
			r.buf = make([]byte, bufferSize)
		}
		return
	}
	if len(r.buf)-r.end >= minRead {
		return
	}
	buf := r.buf
	// What is complete or read past has left the buffer, so it is a single stanza that fills it.
	if size := min(2*len(buf), r.maxBuffer()); r.end-r.start > len(buf)/2 && size > len(buf) {
		buf = make([]byte, size)
	}
	n := copy(buf, r.buf[r.start:r.end])
	r.buf, r.start, r.scanned, r.end = buf, 0, r.scanned-r.start, n
}

// maxBuffer is how large the buffer may become.
func (r *Reader) maxBuffer() int { return max(bufferSize, max(r.lim.Bytes, maxHead)+minRead) }
