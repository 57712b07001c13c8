package receive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
)

// Limits of a mail.
const (
	maxHeader   = 256 << 10 // bytes of its header
	maxFields   = 1000
	maxReceived = 50       // servers that it went through (RFC 5321 §6.3)
	maxBodyLine = 1 << 20  // bytes of a line; RFC 5322 §2.1.1 has 998, which many do not keep
	inMemory    = 64 << 10 // bytes of what follows the header; what is more goes to a file
)

// Body is a mail. It is gone once the Backend's Accept has returned. Its methods are safe to call from any goroutine.
type Body struct {
	head []byte // the header with what was added, up to the body
	tail tail
	sum  [sha256.Size]byte
}

// Size is the length in bytes.
func (b *Body) Size() int64 { return int64(len(b.head)) + b.tail.size }

// Sum is the SHA-256 of the mail as it came, without what was added: the same each time that it comes.
func (b *Body) Sum() [sha256.Size]byte { return b.sum }

// Open reads the mail from its beginning.
func (b *Body) Open() io.ReadSeeker { return io.NewSectionReader(b, 0, b.Size()) }

// Header is the header with what was added, up to the empty line and with it where there is one.
func (b *Body) Header() []byte { return b.head }

// Bytes are the whole mail.
func (b *Body) Bytes() ([]byte, error) {
	all := make([]byte, b.Size())
	if _, err := b.ReadAt(all, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read a spooled mail: %w", err)
	}
	return all, nil
}

// ReadAt implements io.ReaderAt.
func (b *Body) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(b.head)) {
		n = copy(p, b.head[off:])
	}
	if n == len(p) {
		return n, nil
	}
	m, err := b.tail.ReadAt(p[n:], off+int64(n)-int64(len(b.head)))
	return n + m, err
}

// tail is what follows a header: in memory, or in a file without a name.
type tail struct {
	dir    string
	memory []byte
	file   *os.File
	size   int64
}

func (t *tail) Write(p []byte) (int, error) {
	if t.file == nil && t.size+int64(len(p)) > inMemory {
		f, err := os.CreateTemp(t.dir, "mail-*")
		if err != nil {
			return 0, err
		}
		t.file = f
		if err := os.Remove(f.Name()); err != nil { // nothing of it is left by a crash
			return 0, err
		}
		if _, err := f.Write(t.memory); err != nil {
			return 0, err
		}
		t.memory = nil
	}
	t.size += int64(len(p))
	if t.file != nil {
		return t.file.Write(p)
	}
	t.memory = append(t.memory, p...)
	return len(p), nil
}

func (t *tail) ReadAt(p []byte, off int64) (int, error) {
	if t.file != nil {
		return t.file.ReadAt(p, off)
	}
	return bytes.NewReader(t.memory).ReadAt(p, off)
}

func (t *tail) close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// collector takes a mail apart while it comes: its header, which it bounds, and the rest. Bare LF becomes CRLF, so that what stands in a mail
// is the same for everybody who reads it later.
type collector struct {
	head []byte
	tail tail
	hash hash.Hash
	// forgiving has NUL dropped and a lone CR made a line end: what a server of ours has taken already cannot be refused any more without
	// its telling somebody who may have nothing to do with it.
	forgiving bool

	limit    int64 // bytes of the mail
	size     int64 // so far
	out      []byte
	cr       bool // the last byte was one
	line     int  // bytes of the line so far
	begin    int  // of the line in head
	fields   int
	received int
	inBody   bool
}

func newCollector(dir string, limit int64, forgiving bool) *collector {
	return &collector{tail: tail{dir: dir}, hash: sha256.New(), limit: limit, forgiving: forgiving}
}

// Write takes the next bytes. Its error is an *smtp.SMTPError, or of the disk.
func (c *collector) Write(p []byte) (int, error) {
	if c.size += int64(len(p)); c.size > c.limit {
		return 0, errLarge
	}
	c.out = c.out[:0]
	for _, b := range p {
		if c.cr {
			c.cr = false
			if b != '\n' {
				if !c.forgiving {
					return 0, errBytes
				}
				if err := c.newline(); err != nil {
					return 0, err
				}
			}
		}
		switch b {
		case '\r':
			c.cr = true
			continue
		case '\n':
			if err := c.newline(); err != nil {
				return 0, err
			}
			continue
		case 0:
			if !c.forgiving {
				return 0, errBytes
			}
			continue
		}
		if c.line++; c.line > maxBodyLine {
			return 0, errLine
		}
		c.out = append(c.out, b)
	}
	return len(p), c.drain()
}

// newline ends a line.
func (c *collector) newline() error {
	c.out = append(c.out, '\r', '\n')
	c.line = 0
	if c.inBody {
		return nil
	}
	if err := c.drain(); err != nil {
		return err
	}
	line := c.head[c.begin:]
	c.begin = len(c.head)
	switch {
	case len(line) == 2:
		c.inBody = true
		return nil
	case line[0] == ' ' || line[0] == '\t':
		return nil
	case isField(line, "Received"):
		if c.received++; c.received >= maxReceived {
			return errLoop
		}
	}
	if c.fields++; c.fields > maxFields {
		return errHeader
	}
	return nil
}

// drain hands on what was taken.
func (c *collector) drain() error {
	_, _ = c.hash.Write(c.out) // never fails
	var err error
	if c.inBody {
		_, err = c.tail.Write(c.out)
	} else if c.head = append(c.head, c.out...); len(c.head) > maxHeader {
		err = errHeader
	}
	c.out = c.out[:0]
	return err
}

// end says that nothing more comes.
func (c *collector) end() error {
	c.out = c.out[:0]
	if c.cr {
		if !c.forgiving {
			return errBytes
		}
		if err := c.newline(); err != nil {
			return err
		}
	}
	return c.drain()
}

// body is what was collected.
func (c *collector) body() *Body {
	b := &Body{head: c.head, tail: c.tail}
	c.hash.Sum(b.sum[:0])
	return b
}
