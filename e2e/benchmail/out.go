package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"passerelle/e2e/benchrig"
)

// senders is how many users send mail.
const senders = 50

// out has users send mail, each to somebody else, and measures how fast smtp-sink gets it. What they say is held back for a while, since
// more might follow; that is not counted.
func (b *bench) out(ctx context.Context, s *site) error {
	var all bytes.Buffer
	for i := range b.mails {
		fmt.Fprintf(&all, `<message type="chat" id="m%[1]d" from="user%[2]d@localhost/bench" to="to%[1]d\40sink.test@%[3]s"><body>Mail %[1]d, which says something.</body></message>`, i, i%senders, domain)
	}
	s.sink.reset()
	used := benchrig.NewUsed(s.Gateway)
	s.XMPP.Say(all.String())
	first, last, err := s.sink.await(ctx, b.mails)
	if err != nil {
		return err
	}
	fmt.Printf("\nOut, through a smarthost (smtp-sink): %s mails/s, DKIM-signed twice; processor a mail: %s.\n", rate(b.mails, last.Sub(first)), used.Each(b.mails))
	return nil
}

// counter reads what smtp-sink -c prints, which is how many sessions, commands QUIT and mails it has had.
type counter struct {
	mu          sync.Mutex
	rest        []byte
	n           int
	first, last time.Time
	more        chan struct{}
}

func newCounter() *counter { return &counter{more: make(chan struct{}, 1)} }

// Write takes output of smtp-sink, whose counters are between carriage returns.
func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, p...)
	for {
		i := bytes.IndexAny(c.rest, "\r\n")
		if i < 0 {
			break
		}
		fields := strings.Fields(string(c.rest[:i]))
		c.rest = c.rest[i+1:]
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.Atoi(strings.TrimLeft(fields[len(fields)-1], "mesg="))
		if err != nil || n <= c.n {
			continue
		}
		if c.n == 0 {
			c.first = time.Now()
		}
		c.n, c.last = n, time.Now()
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = 0
}

// await waits for n mails, and says when the first and the last of them came.
func (c *counter) await(ctx context.Context, n int) (first, last time.Time, err error) {
	late := time.After(3 * time.Minute)
	for {
		c.mu.Lock()
		got, first, last := c.n, c.first, c.last
		c.mu.Unlock()
		if got >= n {
			return first, last, nil
		}
		select {
		case <-c.more:
		case <-late:
			return first, last, fmt.Errorf("smtp-sink got %d of %d mails", got, n)
		case <-ctx.Done():
			return first, last, ctx.Err()
		}
	}
}
