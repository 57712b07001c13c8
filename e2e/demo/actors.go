package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"passerelle/e2e/client"
	"passerelle/internal/xmpptest"
)

// arrival is how long a line may take from one side to the other. The IRC server and the gateway take milliseconds; a busy machine
// may take longer.
const arrival = 15 * time.Second

// xmppActor is somebody with an XMPP client.
type xmppActor struct{ c *client.Client }

func (a *xmppActor) send(ctx context.Context, stanza string) error { return a.c.Send(ctx, stanza) }

// expect passes over stanzas until one matches the pattern.
func (a *xmppActor) expect(ctx context.Context, pattern string) (*xmpptest.Element, error) {
	want, err := xmpptest.Parse(pattern)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	var seen []string
	for {
		e, err := a.c.Receive(ctx)
		if err != nil {
			return nil, fmt.Errorf("XMPP: this did not arrive:\n%s\nbut only:\n%s", want, strings.Join(seen, "\n"))
		}
		if xmpptest.Match(want, e, nil) == nil {
			return e, nil
		}
		seen = append(seen, e.String())
	}
}

// ircActor is somebody with an IRC client.
type ircActor struct {
	conn  net.Conn
	lines chan string // closed when the connection ends
}

// dialIRC connects and registers.
func dialIRC(ctx context.Context, addr, nick string) (*ircActor, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("IRC: %w", err)
	}
	a := &ircActor{conn: conn, lines: make(chan string, 1024)}
	go func() {
		defer close(a.lines)
		for s := bufio.NewScanner(conn); s.Scan(); {
			line := s.Text()
			if rest, ok := strings.CutPrefix(line, "PING "); ok {
				if a.send("PONG "+rest) != nil {
					return
				}
				continue
			}
			a.lines <- line
		}
	}()
	if err := a.send("NICK "+nick, "USER "+nick+" 0 * :"+nick); err != nil {
		return nil, err
	}
	if _, err := a.expect(ctx, " 001 "); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *ircActor) send(lines ...string) error {
	if _, err := fmt.Fprint(a.conn, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		return fmt.Errorf("IRC: %w", err)
	}
	return nil
}

// expect passes over lines until one has all of the parts in it.
func (a *ircActor) expect(ctx context.Context, parts ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	var seen []string
	for {
		select {
		case line, ok := <-a.lines:
			if !ok {
				return "", fmt.Errorf("IRC: the connection ended before this arrived: %q", parts)
			}
			all := true
			for _, p := range parts {
				all = all && strings.Contains(line, p)
			}
			if all {
				return line, nil
			}
			seen = append(seen, line)
		case <-ctx.Done():
			return "", fmt.Errorf("IRC: this did not arrive: %q, but only:\n%s", parts, strings.Join(seen, "\n"))
		}
	}
}

// host greets whoever joins, and answers what is said to him alone.
func (a *ircActor) host(line string) error {
	from, rest, _ := strings.Cut(strings.TrimPrefix(line, ":"), " ")
	nick, _, isPerson := strings.Cut(from, "!")
	switch {
	case !isPerson || nick == "robert":
		return nil
	case strings.HasPrefix(rest, "JOIN "):
		return a.send("PRIVMSG " + channel + " :Hello " + nick + ", this is robert, with an IRC client.")
	case strings.HasPrefix(rest, "PRIVMSG robert :"):
		return a.send("PRIVMSG " + nick + " :I hear you.")
	default:
		return nil
	}
}

func (a *ircActor) close() { _ = a.conn.Close() } // everything was said by then
