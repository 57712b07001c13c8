package ircbridge

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is the longest line that is read, tags included. IRCv3 message-tags allows 8,191 bytes of tags before the 512 of
// RFC 2812 §2.3, LINELEN more of the latter.
const maxLine = 16 << 10

// idleBuffer is what a connection reads into that does not rest.
const idleBuffer = 256

// lineBuffers lends buffers to connections: small ones to those that do not rest, large ones while they are being talked to. Safe for any
// goroutine.
type lineBuffers struct {
	pool    sync.Pool // of the large ones
	small   sync.Pool
	tooLong func() // called for each line that was skipped
}

func (p *lineBuffers) take() *[maxLine]byte {
	if b, ok := p.pool.Get().(*[maxLine]byte); ok {
		return b
	}
	return new([maxLine]byte)
}

func (p *lineBuffers) give(b *[maxLine]byte) { p.pool.Put(b) }

func (p *lineBuffers) takeSmall() *[idleBuffer]byte {
	if b, ok := p.small.Get().(*[idleBuffer]byte); ok {
		return b
	}
	return new([idleBuffer]byte)
}

// lineReader cuts a stream into lines. It reads into a small buffer of its own and borrows a large one while that is not
// enough. Lines over maxLine are skipped up to their end and counted, blank ones are skipped (RFC 2812 §2.3.1).
type lineReader struct {
	src     io.Reader
	buffers *lineBuffers

	small    *[idleBuffer]byte // nil while the connection rests
	large    *[maxLine]byte    // nil while small is in use
	buf      []byte            // one of the two
	r, w     int               // buf[r:w] is read and not yet given out
	scanned  int               // buf[r:scanned] has no line feed
	skipping bool              // the line that is being read is too long
	filled   bool              // the last read filled the buffer, so there is more
}

func newLineReader(src io.Reader, buffers *lineBuffers) *lineReader {
	return &lineReader{src: src, buffers: buffers}
}

// next gives the next line without its ending; it is valid until the next call. After an error that is only a deadline, next
// may be called again and loses nothing.
func (l *lineReader) next() ([]byte, error) {
	if l.small == nil {
		l.small = l.buffers.takeSmall()
		l.buf = l.small[:]
	}
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:l.w], '\n'); i >= 0 {
			line := l.buf[l.r : l.scanned+i]
			l.r = l.scanned + i + 1
			l.scanned = l.r
			if l.skipping {
				l.skipping = false
				l.buffers.tooLong()
				continue
			}
			if line = bytes.Trim(line, "\r"); len(line) > 0 {
				return line, nil
			}
			continue
		}
		l.scanned = l.w
		l.makeRoom()
		n, err := l.src.Read(l.buf[l.w:])
		l.w += n
		l.filled = l.w == len(l.buf)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// makeRoom leaves at least one free byte at the end of the buffer.
func (l *lineReader) makeRoom() {
	if l.skipping {
		l.r = l.w // nothing of a line that is too long is kept
	}
	if l.r == l.w {
		l.r, l.w, l.scanned = 0, 0, 0
		if l.large != nil && !l.filled {
			l.release()
		}
	}
	if l.large == nil && l.filled {
		l.large = l.buffers.take()
		l.w = copy(l.large[:], l.buf[l.r:l.w])
		l.r, l.scanned = 0, l.w
		l.buf = l.large[:]
	}
	if l.r > 0 {
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r, l.scanned = 0, l.w
	}
	if l.w == len(l.buf) {
		l.skipping = true
		l.r, l.w, l.scanned = 0, 0, 0
	}
	l.filled = false
}

// release gives the large buffer back; what was not given out yet is lost.
func (l *lineReader) release() {
	if l.large != nil {
		l.buffers.give(l.large)
		l.large, l.buf = nil, l.small[:]
		l.r, l.w, l.scanned, l.filled = 0, 0, 0, false
	}
}

// rest gives all buffers back, unless there is something in them.
func (l *lineReader) rest() {
	if l.small != nil && l.large == nil && l.r == l.w {
		l.buffers.small.Put(l.small)
		l.small, l.buf = nil, nil
		l.r, l.w, l.scanned, l.filled = 0, 0, 0, false
	}
}
