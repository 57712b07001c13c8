package xmpptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// Raw is an XMPP server for one component that only moves bytes, for benchmarks in which the component is what is measured. It
// checks no secret.
type Raw struct {
	Addr  string
	Conns <-chan net.Conn // the component's connection, once its handshake is done
}

// NewRaw listens until the end of the test.
func NewRaw(t testing.TB) *Raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conns := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		// A component that does not come so far shows as a test that waits.
		if _, err := AcceptRaw(conn); err == nil {
			conns <- conn
		}
	}()
	return &Raw{Addr: l.Addr().String(), Conns: conns}
}

// AcceptRaw lets a component in that says it is one (XEP-0114 §3), and returns what it says then. It checks no secret.
func AcceptRaw(conn net.Conn) (*bufio.Reader, error) {
	r := bufio.NewReader(conn)
	if err := readPast(r, "<stream:stream"); err != nil {
		return nil, err
	}
	// An error of writing shows when reading.
	_, _ = io.WriteString(conn, "<?xml version='1.0'?><stream:stream xmlns='"+nsComponent+"' xmlns:stream='"+nsStream+"' id='1' from='raw'>")
	if err := readPast(r, "</handshake"); err != nil {
		return nil, err
	}
	_, err := io.WriteString(conn, "<handshake/>")
	return r, err
}

// CountMarks counts how often a mark stands in data. What is left over at the end may be the beginning of one, which belongs before what
// comes next.
func CountMarks(data, mark []byte) (n, left int) {
	left = min(len(mark)-1, len(data))
	if i := bytes.LastIndex(data, mark); i >= 0 {
		left = min(left, len(data)-i-len(mark))
	}
	return bytes.Count(data, mark), left
}

// readPast reads to the end of the tag that begins so.
func readPast(r *bufio.Reader, tag string) error {
	for s := ""; !strings.Contains(s, tag); {
		var err error
		if s, err = r.ReadString('>'); err != nil {
			return err
		}
	}
	return nil
}

// Counter reads a connection and counts how often a mark comes, such as "</message>".
type Counter struct {
	conn net.Conn
	mark []byte
	buf  []byte
	keep int
	seen int
}

// NewCounter counts from here on.
func NewCounter(conn net.Conn, mark string) *Counter {
	return &Counter{conn: conn, mark: []byte(mark), buf: make([]byte, 256<<10)}
}

// Until reads until n marks were seen in all.
func (c *Counter) Until(n int) error {
	for c.seen < n {
		k, err := c.conn.Read(c.buf[c.keep:])
		if err != nil {
			return fmt.Errorf("after %d of %d marks: %w", c.seen, n, err)
		}
		data := c.buf[:c.keep+k]
		n, left := CountMarks(data, c.mark)
		c.seen += n
		c.keep = copy(c.buf, data[len(data)-left:])
	}
	return nil
}
