package xmpptest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Client is a user's client. It is there, able to send and receive, from Server.Client until Close. Its methods are safe to call
// from any goroutine, but only one may receive at a time.
type Client struct {
	server *Server
	jid    string
	inbox  *queue[*Element]

	mu       sync.Mutex
	directed map[string]bool // whom it has sent presence to (RFC 6121 §4.6)
}

// Client makes a client that is logged in with a full JID. Its domain is usually the server's; another one stands for a user of a
// remote server.
func (s *Server) Client(full string) (*Client, error) {
	domain := domainOf(full)
	_, isComponent := s.secrets[domain]
	if bare, resource, _ := strings.Cut(full, "/"); resource == "" || !strings.Contains(bare, "@") || isComponent {
		return nil, fmt.Errorf("log in as %s: not the full JID of a user", full)
	}
	c := &Client{server: s, jid: fold(full), inbox: newQueue[*Element](), directed: make(map[string]bool)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil, fmt.Errorf("log in as %s: %w", full, ErrClosed)
	}
	if s.clients[c.jid] != nil {
		return nil, fmt.Errorf("log in as %s: there is such a client", full)
	}
	s.clients[c.jid] = c
	return c, nil
}

// JID is the full JID.
func (c *Client) JID() string { return c.jid }

// Send sends one stanza, given as XML. Its from attribute becomes the client's JID. The stanza is with its receiver, in the order
// of sending, when Send returns.
func (c *Client) Send(_ context.Context, stanza string) error {
	e, err := Parse(stanza)
	if err != nil {
		return err
	}
	c.server.mu.Lock()
	gone := c.server.clients[c.jid] != c
	c.server.mu.Unlock()
	if gone {
		return fmt.Errorf("send as %s: %w", c.jid, ErrClosed)
	}
	e = e.with("from", c.jid)
	to := e.Get("to")
	if to == "" {
		// RFC 6121 §8.1: such an IQ or message is for the account itself; presence is for contacts, of which there are none.
		switch e.Name.Local {
		case "iq":
			c.server.toAccount(c, e)
		case "message":
			c.server.route(e.with("to", bareOf(c.jid)))
		}
		return nil
	}
	if e.Name.Local == "presence" {
		c.mu.Lock()
		switch e.Get("type") {
		case "":
			c.directed[to] = true
		case "unavailable":
			delete(c.directed, to)
		}
		c.mu.Unlock()
	}
	c.server.route(e)
	return nil
}

// Receive returns the next stanza for the client, in the order in which they came, and waits for it until ctx ends.
func (c *Client) Receive(ctx context.Context) (*Element, error) {
	e, err := c.inbox.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("receive as %s: %w", c.jid, err)
	}
	return e, nil
}

// Close logs the client out: everybody whom it had sent presence to receives that it is unavailable (RFC 6121 §4.6.3). Closing
// twice is safe.
func (c *Client) Close() error {
	c.server.mu.Lock()
	there := c.server.clients[c.jid] == c
	if there {
		delete(c.server.clients, c.jid)
	}
	c.server.mu.Unlock()
	c.inbox.close()
	if !there {
		return nil
	}
	c.mu.Lock()
	directed := slices.Sorted(maps.Keys(c.directed))
	c.mu.Unlock()
	for _, to := range directed {
		c.server.route(element(NSClient, "presence", "type", "unavailable", "from", c.jid, "to", to))
	}
	return nil
}

// deliver puts a stanza into the inbox. For a client that has just gone it is lost, as on the way to a real one.
func (c *Client) deliver(e *Element) {
	_ = c.inbox.put(e)
}
