package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"passerelle/e2e/benchrig"
	"passerelle/internal/xmpptest"
)

// xmppServer takes one component and moves bytes. What comes is counted, not understood.
type xmppServer struct {
	*benchrig.Link

	mu     sync.Mutex
	mark   []byte
	seen   int
	more   chan struct{}        // closed when seen grows or the stream ends; nil while nobody waits
	each   func(message []byte) // is called for every message, where it is set
	failed error
}

func newXMPPServer() (*xmppServer, error) {
	k, err := benchrig.NewLink()
	if err != nil {
		return nil, err
	}
	x := &xmppServer{Link: k, mark: []byte("</message>")}
	go k.Serve(x.read)
	return x, nil
}

// read counts marks until the stream ends.
func (x *xmppServer) read(r io.Reader) {
	buf := make([]byte, 1<<20)
	keep := 0
	for {
		n, err := r.Read(buf[keep:])
		data := buf[:keep+n]
		x.mu.Lock()
		var rest int // bytes that belong to what is not complete
		if x.each != nil {
			rest = x.messages(data)
		} else {
			var n int
			n, rest = xmpptest.CountMarks(data, x.mark)
			x.seen += n
		}
		x.failed = err
		if x.more != nil {
			close(x.more)
			x.more = nil
		}
		x.mu.Unlock()
		if err != nil {
			return
		}
		keep = copy(buf, data[len(data)-min(rest, len(buf)/2):])
	}
}

// messages hands over those that are complete and returns how many bytes are left.
func (x *xmppServer) messages(data []byte) (rest int) {
	end := []byte("</message>")
	for {
		i := bytes.Index(data, end)
		if i < 0 {
			return len(data)
		}
		x.seen++
		x.each(data[:i])
		data = data[i+len(end):]
	}
}

// expect counts a mark from here on; with each, messages, which are handed over.
func (x *xmppServer) expect(mark string, each func([]byte)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mark, x.seen, x.each = []byte(mark), 0, each
}

// errSilent says that nothing came for a while.
var errSilent = errors.New("nothing came")

// wait waits until n marks have come. It fails where nothing comes for a minute.
func (x *xmppServer) wait(ctx context.Context, n int) error { return x.waitWhile(ctx, n, time.Minute) }

// waitWhile waits until n marks have come, or nothing comes for a while.
func (x *xmppServer) waitWhile(ctx context.Context, n int, patience time.Duration) error {
	for {
		x.mu.Lock()
		seen, failed := x.seen, x.failed
		if x.more == nil {
			x.more = make(chan struct{})
		}
		more := x.more
		x.mu.Unlock()
		switch {
		case seen >= n:
			return nil
		case failed != nil:
			return fmt.Errorf("after %d of %d %s: %w", seen, n, x.mark, failed)
		}
		timer := time.NewTimer(patience)
		select {
		case <-more:
			timer.Stop()
		case <-timer.C:
			return fmt.Errorf("after %d of %d %s for %s: %w", seen, n, x.mark, patience, errSilent)
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// send writes stanzas in the background: a gateway that writes while it is written to must not be waited for. Who waits for the
// answers sees an error.
func (x *xmppServer) send(stanzas string) {
	go func() { _, _ = io.WriteString(x.Conn, stanzas) }()
}
