package ircbridge

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is the longest line that is read, tags included. IRCv3 message-tags allows 8,191 bytes of tags before the 512 of
// RFC 2812 §2.3, LINELEN more of the latter.
const maxLine = 16 << 10

// bufferSizes are those of the buffers that connections read into: the first is enough for one who is talked to now and then, the second
// for what networks greet with, and the last for the longest line.
var bufferSizes = [...]int{512, 4 << 10, maxLine}

// lineBuffers lends buffers to connections that do not rest. Safe for any goroutine.
type lineBuffers struct {
	pools   [len(bufferSizes)]sync.Pool
	tooLong func() // called for each line that was skipped
}

// lineBuffer is a buffer of one of the bufferSizes.
type lineBuffer struct {
	bytes []byte
	size  int // which of them
}

func (p *lineBuffers) take(size int) *lineBuffer {
	if b, ok := p.pools[size].Get().(*lineBuffer); ok {
		return b
	}
	return &lineBuffer{bytes: make([]byte, bufferSizes[size]), size: size}
}

func (p *lineBuffers) give(b *lineBuffer) { p.pools[b.size].Put(b) }

// lineReader cuts a stream into lines. It reads into a small buffer and borrows larger ones while that is not enough. Lines over maxLine are
// skipped up to their end and counted, blank ones are skipped (RFC 2812 §2.3.1).
type lineReader struct {
	src     io.Reader
	buffers *lineBuffers

	lent     *lineBuffer // nil while the connection rests
	buf      []byte      // its bytes
	r, w     int         // buf[r:w] is read and not yet given out
	scanned  int         // buf[r:scanned] has no line feed
	skipping bool        // the line that is being read is too long
	filled   bool        // the last read filled the buffer, so there is more
}

func newLineReader(src io.Reader, buffers *lineBuffers) *lineReader {
	return &lineReader{src: src, buffers: buffers}
}

// next gives the next line without its ending; it is valid until the next call. After an error that is only a deadline, next
// may be called again and loses nothing.
func (l *lineReader) next() ([]byte, error) {
	if l.lent == nil {
		l.borrow(0)
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
		if l.lent.size > 0 && !l.filled {
			l.borrow(0)
		}
	}
	if l.filled && l.lent.size < len(bufferSizes)-1 {
		l.borrow(l.lent.size + 1)
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

// borrow takes a buffer of a size in place of the one that is lent, with what is in that.
func (l *lineReader) borrow(size int) {
	b := l.buffers.take(size)
	n := copy(b.bytes, l.buf[l.r:l.w])
	l.release()
	l.lent, l.buf, l.w, l.scanned = b, b.bytes, n, n
}

// release gives the buffer back; what was not given out yet is lost.
func (l *lineReader) release() {
	if l.lent != nil {
		l.buffers.give(l.lent)
	}
	l.lent, l.buf, l.r, l.w, l.scanned, l.filled = nil, nil, 0, 0, 0, false
}

// rest gives the buffer back, unless there is something in it.
func (l *lineReader) rest() {
	if l.r == l.w {
		l.release()
	}
}
